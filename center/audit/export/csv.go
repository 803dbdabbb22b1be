package export

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
)

// CSV after RFC 4180: CRLF, a header, quotes where needed. The columns never change their order; new ones come last.
var csvColumns = []string{
	"sequence", "id", "at", "code", "name", "outcome", "actor_kind", "actor_id", "actor_name", "actor_addr",
	"integration_id", "target", "target_name", "error_code", "message", "fields", "previous", "hash",
}

func csvHeader() []byte { return csvRow(csvColumns) }

func encodeCSV(_ Source, e postern.AuditEvent) []byte {
	fields := ""
	if len(e.Fields) > 0 {
		fields = string(marshal(e.Fields))
	}
	row := []string{
		strconv.FormatInt(e.Sequence, 10), string(e.ID), e.At.UTC().Format(time.RFC3339Nano), e.Code, e.Name, outcome(e),
		e.Actor.Kind, e.Actor.ID, e.Actor.Name, e.Actor.Addr, string(e.IntegrationID), e.Target, e.TargetName,
		string(e.ErrorCode), e.Message, fields, e.Previous, e.Hash,
	}
	for n, cell := range row {
		row[n] = Harmless(cell)
	}
	return csvRow(row)
}

func csvRow(row []string) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write(row) // a buffer takes everything, and there is no such thing as a cell that cannot be written
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Harmless keeps a spreadsheet from taking a cell for a formula: names and reasons come from outside. Such a cell gets an
// apostrophe in front, which spreadsheets do not show. So does one that begins with an apostrophe, so that the one that was
// put there can be told: a cell that begins with an apostrophe always has exactly one too many.
func Harmless(cell string) string {
	if cell == "" {
		return cell
	}
	// Carriage returns would be lost: readers of CSV take them for a part of the line's end.
	cell = strings.ReplaceAll(cell, "\r", "\n")
	if strings.ContainsAny(cell[:1], "=+-@\t\n|%'") || strings.HasPrefix(cell, "\uFF1D") || strings.HasPrefix(cell, "\uFF0B") ||
		strings.HasPrefix(cell, "\uFF0D") || strings.HasPrefix(cell, "\uFF20") {
		return "'" + cell
	}
	return cell
}

func outcome(e postern.AuditEvent) string {
	if e.Success {
		return postern.OutcomeSuccess
	}
	return postern.OutcomeFailure
}
