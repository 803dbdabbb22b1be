package testpg_test

import (
	"database/sql"
	"testing"

	"github.com/postern/postern/internal/testpg"
)

func TestURLGivesSeparateDatabases(t *testing.T) {
	names := map[string]bool{}
	for range 2 {
		db, err := sql.Open("pgx", testpg.URL(t))
		if err != nil {
			t.Fatal(err)
		}
		var name string
		err = db.QueryRow("SELECT current_database()").Scan(&name)
		if closed := db.Close(); err != nil || closed != nil {
			t.Fatal(err, closed)
		}
		names[name] = true
	}
	if len(names) != 2 {
		t.Fatalf("databases %v, want two", names)
	}
}
