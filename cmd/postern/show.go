package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// table is what people see of a list.
type table struct {
	header []string
	rows   [][]string
	empty  string // said instead of a table without rows
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) show(std cli.Streams) error {
	if len(t.rows) == 0 {
		fmt.Fprintln(std.Err, t.empty)
		return nil
	}
	w := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			row[i] = cli.Clean(cell)
		}
		for len(row) > 0 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// showList prints a list: the API's JSON, or one row an item.
func showList[T any](std cli.Streams, asJSON bool, items []T, t table, row func(T) []string) error {
	if asJSON {
		if items == nil {
			items = []T{}
		}
		return cli.JSON(std.Out, postern.Page[T]{Items: items})
	}
	for _, item := range items {
		t.add(row(item)...)
	}
	return t.show(std)
}

// field is a line of what people see of one thing.
type field struct{ name, value string }

// showFields prints one thing. Fields without a value are left out.
func showFields(std cli.Streams, asJSON bool, v any, fields ...field) error {
	if asJSON {
		return cli.JSON(std.Out, v)
	}
	w := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", f.name, cli.Clean(f.value))
		}
	}
	return w.Flush()
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

func whenever(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return when(*t)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func join[T ~string](items []T) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = string(item)
	}
	return strings.Join(parts, ", ")
}

// sure is the consent to what cannot be undone.
type sure struct {
	Yes bool `help:"Do it without asking." short:"y"`
}

var errNotDone = postern.Errorf(postern.CodeInvalid, "Nothing was done.").WithNext("Give --yes to do it without being asked.")

// ask asks a person at a terminal before something is destroyed. Where there is no terminal, --yes is needed.
func (s sure) ask(std cli.Streams, question string) error {
	if s.Yes {
		return nil
	}
	if !atTerminal(std.In) {
		return errNotDone
	}
	return confirm(std, question)
}

// askPerson asks a person at a terminal too, but a script that revokes something means it: nobody should lose a minute
// over a flag when a phone is lost.
func (s sure) askPerson(std cli.Streams, question string) error {
	if s.Yes || !atTerminal(std.In) {
		return nil
	}
	return confirm(std, question)
}

func atTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

func confirm(std cli.Streams, question string) error {
	fmt.Fprintf(std.Err, "%s Type yes: ", question)
	line, err := bufio.NewReader(std.In).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return errNotDone
	}
	return nil
}
