package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Times are Unix milliseconds in the database.

func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func optionalMillis(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: true}
}

func fromOptionalMillis(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := fromMillis(ms.Int64)
	return &t
}

// optionalText keeps an identifier of nothing out of a column that refers to another table.
func optionalText[T ~string](id T) sql.NullString {
	return sql.NullString{String: string(id), Valid: id != ""}
}

// blob keeps nil out of columns that are NOT NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// fromBlob reads an empty byte string as nil, on both databases.
func fromBlob(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// convert turns rows into values.
func convert[Row, T any](rows []Row, err error, kind string, one func(Row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, failure(err, kind)
	}
	all := make([]T, 0, len(rows))
	for _, row := range rows {
		t, err := one(row)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func toJSON(kind string, v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("store: %s: %w", kind, err)
	}
	return string(data), nil
}

func fromJSON(kind, data string, v any) error {
	if err := json.Unmarshal([]byte(data), v); err != nil {
		return fmt.Errorf("store: %s: a stored value cannot be read: %w", kind, err)
	}
	return nil
}
