package bulk

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/postern/postern"
)

// entry is one user as the input names them.
type entry struct {
	given        string
	validMinutes int

	objectID, upn string // when the input's source knows them
}

// maxGiven bounds a name. A user principal name has 113 characters at most; the rest is room for mistakes to be shown.
const maxGiven = 320

// parseCSV reads users from a CSV file as spreadsheets write them: commas, semicolons or tabs; with a byte order mark or
// without; UTF-8, or the UTF-16 of "Unicode text"; quoted or not. With a header the column named user, or one of its
// other names, holds the user; without one the first column does. Everything wrong is told with its row and column.
func parseCSV(text string) ([]entry, error) {
	if len(text) > postern.MaxBulkCSV {
		return nil, csvErrorf("The file is larger than %d MB.", postern.MaxBulkCSV>>20)
	}
	text, err := decodeText(text)
	if err != nil {
		return nil, err
	}
	text, separator := separatorOf(text)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = separator, -1, true, true
	var entries []entry
	userColumn, minutesColumn := 0, -1
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed(err)
		}
		line, _ := r.FieldPos(0)
		if first {
			if u, m, ok := header(record); ok {
				userColumn, minutesColumn = u, m
				continue
			}
			if len(record) > 1 {
				minutesColumn = 1
			}
		}
		if blank(record) {
			continue
		}
		if len(entries) == postern.MaxBulkRows {
			return nil, csvErrorf("The file has more than %d rows.", postern.MaxBulkRows)
		}
		e, err := entryOf(record, userColumn, minutesColumn, line)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, csvErrorf("The file names nobody.")
	}
	return entries, nil
}

// decodeText brings a file into UTF-8 without a byte order mark.
func decodeText(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		big := text[0] == 0xfe
		units := make([]uint16, 0, len(text)/2)
		for i := 2; i+1 < len(text); i += 2 {
			low, high := uint16(text[i]), uint16(text[i+1])
			if big {
				low, high = high, low
			}
			units = append(units, high<<8|low)
		}
		text = string(utf16.Decode(units))
	default:
		text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	}
	if !utf8.ValidString(text) {
		return "", csvErrorf("The file is not UTF-8 text.").WithNext("Save it as “CSV UTF-8” and send it again.")
	}
	if strings.ContainsRune(text, 0) {
		return "", csvErrorf("The file is not text.").WithNext("Save the sheet as CSV and send it again.")
	}
	return text, nil
}

// separatorOf tells what separates the columns: what Excel declares in a line sep=; of its own, or else the one of the
// usual three that the first line has most of.
func separatorOf(text string) (rest string, separator rune) {
	first, after, _ := strings.Cut(text, "\n")
	declared := strings.ToLower(strings.TrimRight(first, "\r"))
	if len(declared) == 5 && strings.HasPrefix(declared, "sep=") && strings.Contains(",;\t", declared[4:]) {
		return after, rune(declared[4])
	}
	separator = ','
	for _, other := range []rune{';', '\t'} {
		if strings.Count(first, string(other)) > strings.Count(first, string(separator)) {
			separator = other
		}
	}
	return text, separator
}

var (
	userNames    = []string{"user", "upn", "user principal name", "userprincipalname", "user_principal_name", "object_id", "object id", "objectid", "id", "username", "user name"}
	minutesNames = []string{"valid_minutes", "valid minutes", "validminutes"}
)

// header finds the columns, if the record is a header.
func header(record []string) (user, minutes int, ok bool) {
	user, minutes = -1, -1
	for _, name := range userNames { // the more exact name wins over the vaguer one
		for n, cell := range record {
			if user < 0 && strings.EqualFold(strings.TrimSpace(cell), name) {
				user = n
			}
		}
	}
	for n, cell := range record {
		for _, name := range minutesNames {
			if strings.EqualFold(strings.TrimSpace(cell), name) {
				minutes = n
			}
		}
	}
	return user, minutes, user >= 0
}

func blank(record []string) bool {
	for _, cell := range record {
		if strings.TrimSpace(cell) != "" {
			return false
		}
	}
	return true
}

func entryOf(record []string, userColumn, minutesColumn, line int) (entry, error) {
	var e entry
	if userColumn < len(record) {
		e.given = strings.TrimSpace(record[userColumn])
	}
	if e.given == "" {
		return e, csvErrorf("Row %d, column %d: the user is missing.", line, userColumn+1)
	}
	if err := checkName(e.given); err != nil {
		return e, csvErrorf("Row %d, column %d: %s", line, userColumn+1, err)
	}
	if minutesColumn < 0 || minutesColumn >= len(record) {
		return e, nil
	}
	cell := strings.TrimSpace(record[minutesColumn])
	if cell == "" {
		return e, nil
	}
	minutes, err := strconv.Atoi(cell)
	if err != nil || minutes < 1 || minutes > maxValidMinutes {
		return e, csvErrorf("Row %d, column %d: valid_minutes must be a number from 1 to %d.", line, minutesColumn+1, maxValidMinutes)
	}
	e.validMinutes = minutes
	return e, nil
}

// checkName refuses what no user can be called, with a sentence.
func checkName(name string) error {
	if len(name) > maxGiven {
		return fmt.Errorf("the user's name is longer than %d characters", maxGiven)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			return errors.New("the user's name holds a control character")
		}
	}
	return nil
}

func malformed(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return csvErrorf("Row %d, column %d: %s.", parse.Line, parse.Column, parse.Err)
	}
	return csvErrorf("The file cannot be read as CSV.")
}

func csvErrorf(format string, args ...any) *postern.Error {
	return postern.FieldErrorf("csv", format, args...).WithNext("Correct the file and send it again.")
}

// writeCSV writes records so that spreadsheets show them as text: a cell that begins like a formula gets an apostrophe
// before it (OWASP, CSV injection), and lines end as RFC 4180 has it.
func writeCSV(w io.Writer, records func(write func(cells ...string) error) error) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	err := records(func(cells ...string) error {
		for n, cell := range cells {
			cells[n] = harmless(cell)
		}
		return out.Write(cells)
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
