package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/center/store/conformance"
)

// archive returns the backup of a store without its first and last line, which tell of the moment.
func archive(t *testing.T, s *store.Store) (whole, body string) {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteBackup(context.WithoutCancel(t.Context()), &b); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	return b.String(), strings.Join(lines[1:len(lines)-2], "")
}

// bare opens a database without migrating it.
func bare(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestBackupCarriesEverythingToEitherDatabase(t *testing.T) {
	for from, fromURL := range dialects {
		source := open(t, fromURL(t))
		conformance.Populate(t, source)
		path := filepath.Join(t.TempDir(), "postern.backup")
		if err := source.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file may be read by others: %v, %v", info.Mode(), err)
		}
		_, want := archive(t, source)
		for to, toURL := range dialects {
			t.Run(from+" to "+to, func(t *testing.T) {
				for _, migrated := range []bool{true, false} {
					target := bare(t, toURL(t))
					if migrated {
						if err := target.Migrate(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					if err := target.Restore(t.Context(), path); err != nil {
						t.Fatal(err)
					}
					_, got := archive(t, target)
					// The tables' columns may stand in another order, but here both come from the same migrations.
					if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
						t.Fatal(diff)
					}
					if err := target.Restore(t.Context(), path); !postern.IsCode(err, postern.CodeConflict) {
						t.Errorf("restoring into a database that is full: %v", err)
					}
				}
			})
		}
	}
}

// TestRestoredJobsRun restores jobs into the other kind of database, where one is due at once.
func TestRestoredJobsRun(t *testing.T) {
	for from, to := range map[string]string{"sqlite": "postgres", "postgres": "sqlite"} {
		t.Run(from+" to "+to, func(t *testing.T) {
			source := open(t, dialects[from](t))
			conformance.Populate(t, source)
			whole, _ := archive(t, source)
			target := bare(t, dialects[to](t))
			if err := target.ReadBackup(t.Context(), strings.NewReader(whole)); err != nil {
				t.Fatal(err)
			}
			ran := make(chan int, 2)
			var registry job.Registry
			job.Handle(&registry, job.Rules{}, func(_ context.Context, p ping) error { ran <- p.N; return nil }, nil)
			runner, err := job.NewRunner(job.Options{Database: target, Dialect: to, Registry: &registry})
			if err != nil {
				t.Fatal(err)
			}
			// The other one waits, and equal ones are still one.
			if err := runner.Enqueue(t.Context(), ping{2}, job.Bulk(), job.After(1e13)); err != nil {
				t.Fatal(err)
			}
			counts, err := runner.Stats(t.Context())
			if err != nil || len(counts) != 1 || counts[0].Jobs != 2 {
				t.Fatalf("%+v, %v", counts, err)
			}
			if err := runner.Start(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
			if n := <-ran; n != 1 {
				t.Errorf("job %d ran", n)
			}
			if err := runner.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
		})
	}
}

type ping struct {
	N int `json:"n"`
}

func (ping) Kind() string { return "conformance.ping" }

// resealed gives an archive the end that fits its lines.
func resealed(lines []string) string {
	body := strings.Join(lines[:len(lines)-2], "")
	rows := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "[") {
			rows++
		}
	}
	sum := sha256.Sum256([]byte(body))
	return body + fmt.Sprintf(`{"end":true,"rows":%d,"sha256":"%s"}`+"\n", rows, hex.EncodeToString(sum[:]))
}

// TestRestoreTakesOlderArchives restores an archive that was taken before there were security keys: everything in it is
// of phones.
func TestRestoreTakesOlderArchives(t *testing.T) {
	older, err := os.ReadFile("testdata/schema-2.backup")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(older), "\n")
	for _, schema := range []string{"1", "2"} { // the second migration left these tables alone
		lines[0] = regexp.MustCompile(`"schema":\d+`).ReplaceAllString(lines[0], `"schema":`+schema)
		for dialect, url := range dialects {
			t.Run("schema "+schema+" to "+dialect, func(t *testing.T) {
				target := bare(t, url(t))
				if err := target.ReadBackup(t.Context(), strings.NewReader(resealed(lines))); err != nil {
					t.Fatal(err)
				}
				users, err := target.Users(t.Context(), lifecycle.UserQuery{})
				if err != nil {
					t.Fatal(err)
				}
				provisionings, passkeys := 0, 0
				for _, u := range users {
					ofUser, err := target.ProvisioningsOfUser(t.Context(), u.ID)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range ofUser {
						provisionings++
						if r.Carrier != postern.CarrierPhone || r.PhoneID == "" || len(r.ChallengeHash) == 0 || r.Seen == 0 {
							t.Errorf("%+v", r)
						}
					}
					keys, err := target.PasskeysOfUser(t.Context(), u.ID)
					if err != nil {
						t.Fatal(err)
					}
					for _, k := range keys {
						passkeys++
						if k.Carrier != postern.CarrierPhone || k.PhoneID == "" || k.Problem == "" {
							t.Errorf("%+v", k)
						}
					}
				}
				if provisionings != 6 || passkeys != 6 {
					t.Errorf("%d provisionings and %d passkeys", provisionings, passkeys)
				}
			})
		}
	}
}

// TestRestoreTakesArchivesWithoutWorkstations restores an archive that was taken before there were any: its phones have
// no link key.
func TestRestoreTakesArchivesWithoutWorkstations(t *testing.T) {
	older, err := os.ReadFile("testdata/schema-3.backup")
	if err != nil {
		t.Fatal(err)
	}
	for dialect, url := range dialects {
		t.Run(dialect, func(t *testing.T) {
			target := bare(t, url(t))
			if err := target.ReadBackup(t.Context(), bytes.NewReader(older)); err != nil {
				t.Fatal(err)
			}
			users, err := target.Users(t.Context(), lifecycle.UserQuery{})
			if err != nil {
				t.Fatal(err)
			}
			phones := 0
			for _, u := range users {
				ofUser, err := target.Phones(t.Context(), u.ID)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range ofUser {
					phones++
					if p.LinkKey != nil {
						t.Errorf("phone %s has a link key", p.ID)
					}
					if list, err := target.PairingsOfPhone(t.Context(), p.ID); err != nil || len(list) != 0 {
						t.Errorf("%+v, %v", list, err)
					}
				}
			}
			if phones != 8 {
				t.Errorf("%d phones", phones)
			}
		})
	}
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	source := open(t, sqliteURL(t))
	conformance.Populate(t, source)
	whole, _ := archive(t, source)
	lines := strings.SplitAfter(whole, "\n")
	with := func(change func(lines []string) []string) string {
		return strings.Join(change(slices.Clone(lines)), "")
	}
	cases := map[string]string{
		"nothing":          "",
		"something else":   "PK\x03\x04",
		"no end":           with(func(l []string) []string { return l[:len(l)-2] }),
		"half":             whole[:len(whole)/2],
		"a row less":       with(func(l []string) []string { return slices.Delete(l, 2, 3) }),
		"a row twice":      with(func(l []string) []string { return slices.Insert(l, 2, l[2]) }),
		"changed":          strings.Replace(whole, "App 01", "App 91", 1),
		"a table less":     resealed(slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return strings.HasPrefix(s, `{"table":"jobs"`) })),
		"unknown column":   resealed(strings.SplitAfter(strings.Replace(whole, `"object_id"`, `"x; DROP TABLE users"`, 1), "\n")),
		"another format":   strings.Replace(whole, "postern-backup", "postern-backdrop", 1),
		"newer schema":     regexp.MustCompile(`"schema":\d+`).ReplaceAllString(whole, `"schema":9999`),
		"no schema":        regexp.MustCompile(`"schema":\d+`).ReplaceAllString(whole, `"schema":0`),
		"empty line":       strings.Replace(whole, "\n", "\n\n", 1),
		"endless line":     lines[0] + `["` + strings.Repeat("x", 17<<20),
		"a wrong type":     resealed(slices.Insert(slices.Clone(lines), 2, "[7,7]\n")),
		"row before table": lines[0] + "[1]\n",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			target := bare(t, sqliteURL(t))
			if err := target.ReadBackup(t.Context(), strings.NewReader(text)); !postern.IsCode(err, postern.CodeInvalid) {
				t.Fatalf("answer %v", err)
			}
			if err := target.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if all, err := target.Integrations(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("something was restored all the same: %v, %v", all, err)
			}
		})
	}
}

// TestEveryTableIsInTheArchiveOrLeftOutOnPurpose fails when a migration adds a table that backups would forget.
func TestEveryTableIsInTheArchiveOrLeftOutOnPurpose(t *testing.T) {
	s := open(t, sqliteURL(t))
	whole, _ := archive(t, s)
	known := slices.Clone(store.UnarchivedTables)
	for line := range strings.Lines(whole) {
		var table struct{ Table string }
		if json.Unmarshal([]byte(line), &table) == nil {
			known = append(known, table.Table)
		}
	}
	rows, err := s.DB().Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "river_") && name != "goose_db_version" {
			t.Errorf("table %s is neither in the archive nor left out on purpose", name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func FuzzReadBackup(f *testing.F) {
	f.Add("")
	f.Add(`{"format":"postern-backup","version":1,"schema":2}` + "\n" + `{"table":"settings","columns":["name","value"]}` + "\n" + `["a",{"base64":"AA=="}]` + "\n")
	path := filepath.Join(f.TempDir(), "postern.db")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.ReadBackup(t.Context(), strings.NewReader(text)); err == nil {
			t.Fatalf("an archive was taken that has no right end: %q", text)
		}
	})
}
