package inventory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/export"
)

// Export writes everybody with their passkeys, ordered by object id, a page of users at a time. CSV has one row for each
// passkey and, of a user without one, a row whose columns of the passkey are empty. Every export is an entry of the trail.
func (s *Service) Export(ctx context.Context, id postern.IntegrationID, format string, to io.Writer) error {
	out := bufio.NewWriterSize(to, 64<<10)
	var write func(u postern.InventoryUser)
	var failed error
	var end string
	switch format {
	case postern.InventoryCSV:
		writeCSV(out, csvColumns)
		write = func(u postern.InventoryUser) { exportCSV(out, u) }
	case postern.InventoryJSON:
		separator := "["
		end = "]\n"
		write = func(u postern.InventoryUser) {
			line, err := json.Marshal(u)
			if err != nil {
				failed = fmt.Errorf("inventory: export: %w", err)
			}
			out.WriteString(separator + "\n") //nolint:errcheck // the writer keeps its first error until Flush
			out.Write(line)                   //nolint:errcheck // the writer keeps its first error until Flush
			separator = ","
		}
	case postern.InventoryLines:
		out.WriteString("---\n") //nolint:errcheck // the writer keeps its first error until Flush
		write = func(u postern.InventoryUser) { exportLines(out, u) }
	default:
		return postern.FieldErrorf("format", "There is no format %q.", format).WithNext("Use csv, json or lines.")
	}
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Audit.Record(ctx, event(audit.InventoryTaken, i, audit.InventoryTaken.Text, map[string]string{"format": format})); err != nil {
		return err
	}
	n := 0
	for u, err := range s.Each(ctx, id) {
		if err != nil {
			return err
		}
		if write(u); failed != nil {
			return failed
		}
		n++
	}
	if format == postern.InventoryJSON && n == 0 {
		end = "[]\n"
	}
	out.WriteString(end) //nolint:errcheck // the writer keeps its first error until Flush
	return out.Flush()
}

func exportLines(out *bufio.Writer, u postern.InventoryUser) {
	if len(u.Passkeys) == 0 {
		fmt.Fprintf(out, "User object ID %s has no Passkey\n", u.ObjectID)
	}
	for _, k := range u.Passkeys {
		fmt.Fprintf(out, "- User object ID %s has a Passkey with AAGUID %s of Model type '%s'\n", u.ObjectID, oneLine(k.AAGUID), oneLine(k.Model))
	}
	out.WriteString("===\n") //nolint:errcheck // the writer keeps its first error until Flush
}

// oneLine keeps a text from outside within its line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

var csvColumns = []string{
	"object_id", "upn", "display_name", "account", "guest", "privileged", "looked_at", "methods",
	"passkey", "aaguid", "model", "model_name", "attested", "synced", "created_at", "last_used_at", "used_with_postern_at", "managed", "phone", "workstation", "method_id",
}

func exportCSV(out *bufio.Writer, u postern.InventoryUser) {
	account := "disabled"
	if u.Enabled {
		account = "enabled"
	}
	user := []string{
		u.ObjectID, u.UPN, u.DisplayName, account, strconv.FormatBool(u.Guest), strconv.FormatBool(u.Privileged), moment(u.LookedAt), strings.Join(u.Methods, " "),
	}
	if len(u.Passkeys) == 0 {
		writeCSV(out, append(user, make([]string, len(csvColumns)-len(user))...))
	}
	for _, k := range u.Passkeys {
		writeCSV(out, append(user[:len(user):len(user)],
			k.Name, k.AAGUID, k.Model, k.ModelName, strconv.FormatBool(k.Attested), strconv.FormatBool(k.Synced), moment(&k.CreatedAt),
			moment(k.LastUsedAt), moment(k.UsedWithPosternAt), strconv.FormatBool(k.Managed()), k.PhoneName, k.WorkstationName, k.MethodID))
	}
}

func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func writeCSV(out *bufio.Writer, row []string) {
	var line bytes.Buffer
	w := csv.NewWriter(&line)
	w.UseCRLF = true
	cells := make([]string, len(row))
	for n, cell := range row {
		cells[n] = export.Harmless(cell)
	}
	_ = w.Write(cells) // a buffer does not fail
	w.Flush()
	out.Write(line.Bytes()) //nolint:errcheck // the writer keeps its first error until Flush
}
