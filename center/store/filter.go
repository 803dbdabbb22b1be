package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// filter builds the end of a SELECT with only the conditions that were asked for. Column names and orders come from this
// package; everything else is bound.
type filter struct {
	conditions []string
	args       []any
	tail       string
}

// The bounds of every list.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func bounded(limit int) int32 {
	if limit <= 0 {
		return defaultLimit
	}
	return int32(min(limit, maxLimit)) //nolint:gosec // at most maxLimit
}

func (f *filter) bind(v any) string {
	f.args = append(f.args, v)
	return "$" + strconv.Itoa(len(f.args))
}

func (f *filter) where(condition string) { f.conditions = append(f.conditions, condition) }

// equal restricts column to value, unless value is empty.
func (f *filter) equal(column, value string) {
	if value != "" {
		f.where(column + " = " + f.bind(value))
	}
}

// contains restricts column to texts with part in them, unless part is empty.
func (f *filter) contains(column, part string) {
	if part == "" {
		return
	}
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(part)
	f.where(column + " LIKE " + f.bind("%"+escaped+"%") + ` ESCAPE '\'`)
}

// page orders and cuts.
func (f *filter) page(order string, offset, limit int) {
	f.tail = " ORDER BY " + order + " LIMIT " + f.bind(int64(bounded(limit)))
	if offset > 0 {
		f.tail += " OFFSET " + f.bind(int64(offset))
	}
}

// list runs the SELECT that f completes.
func (s *Store) list(ctx context.Context, selection string, f filter) (*sql.Rows, error) {
	text := selection
	if len(f.conditions) > 0 {
		text += " WHERE " + strings.Join(f.conditions, " AND ")
	}
	text += f.tail
	if t := s.transaction(ctx); t != nil {
		return t.tx.QueryContext(ctx, text, f.args...)
	}
	return s.reader.QueryContext(ctx, text, f.args...)
}
