package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/bench/core"
)

const (
	verifiedEntries = 10_000
	bareTrail       = "bare_events" // a table like that of the trail
)

// measureAudit times recording one entry in a transaction of its own, against inserting the same row into a table of the
// same shape; and verifying the chain of many, against reading their rows.
func measureAudit(ctx context.Context) (figures []figure, err error) {
	w, err := openWorld(ctx, 20, 1, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	trail, db := w.center.Trail, w.center.Store.DB()
	entry := postern.AuditEvent{
		Code: audit.PasskeyRevoked.Code, Name: audit.PasskeyRevoked.Name, Success: true, IntegrationID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration),
		Target: string(postern.NewID[postern.PasskeyID](postern.PrefixPasskey)), TargetName: "Ada's phone", Message: "Entra no longer lists the passkey.",
		Fields: map[string]string{"reason": string(postern.RevocationRequested), "method": strings.Repeat("m", 40)},
	}
	record := func() error { return trail.Record(ctx, entry) }
	if err := record(); err != nil {
		return nil, err
	}
	insert, err := bareInsert(ctx, db)
	if err != nil {
		return nil, err
	}
	pair, err := core.Compare("record", "inserting the same row into a table of the same shape", record, insert)
	if err != nil {
		return nil, err
	}
	figures = figuresOf("audit", pair)
	if err := w.center.Store.Atomically(ctx, func(ctx context.Context) error {
		for range verifiedEntries {
			if err := trail.Record(ctx, entry); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return figures, err
	}
	var ours, bare []float64
	for range starts {
		begin := time.Now()
		v, err := trail.Verify(ctx)
		if err == nil && !v.OK {
			err = errors.New(v.Message)
		}
		if err != nil {
			return figures, err
		}
		ours = append(ours, float64(v.Entries)/time.Since(begin).Seconds())
		begin = time.Now()
		n, err := readRows(ctx, db)
		if err != nil {
			return figures, err
		}
		bare = append(bare, float64(n)/time.Since(begin).Seconds())
	}
	return append(figures, figure{Name: "audit.verify.rate", Value: middle(ours), Unit: "entries/s", Baseline: middle(bare), Against: "reading the same rows"}), nil
}

// bareInsert makes a table like that of the trail, and gives what inserts the first entry into it once more.
func bareInsert(ctx context.Context, db *sql.DB) (func() error, error) {
	var shape []string
	if err := eachRow(ctx, db, "SELECT sql FROM sqlite_master WHERE tbl_name = 'audit_events' AND sql IS NOT NULL", func(row []any) {
		shape = append(shape, strings.ReplaceAll(fmt.Sprint(row[0]), "audit_events", bareTrail))
	}); err != nil {
		return nil, err
	}
	for _, statement := range shape {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	var first []any
	if err := eachRow(ctx, db, "SELECT * FROM audit_events WHERE sequence = 1", func(row []any) { first = row }); err != nil {
		return nil, err
	}
	statement := "INSERT INTO " + bareTrail + " VALUES (?" + strings.Repeat(", ?", len(first)-1) + ")"
	sequence := int64(0)
	return func() error {
		sequence++
		row := append([]any{sequence}, first[1:]...)
		_, err := db.ExecContext(ctx, statement, row...)
		return err
	}, nil
}

func readRows(ctx context.Context, db *sql.DB) (n int, err error) {
	err = eachRow(ctx, db, "SELECT * FROM audit_events ORDER BY sequence", func([]any) { n++ })
	return n, err
}

// eachRow gives the values of every row of an answer.
func eachRow(ctx context.Context, db *sql.DB, question string, do func(row []any)) error {
	rows, err := db.QueryContext(ctx, question)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		row, into := make([]any, len(names)), make([]any, len(names))
		for n := range row {
			into[n] = &row[n]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		do(row)
	}
	return rows.Err()
}
