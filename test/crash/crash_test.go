package crash_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/testpg"
)

// empty makes the scene that every story begins from: an integration that is enabled and has its groups.
func empty(t *testing.T, database string) *scene {
	t.Helper()
	s := &scene{folder: t.TempDir(), database: database}
	data := filepath.Join(s.folder, "data")
	tenant, err := entrasim.Listen(t.Context(), entrasim.Config{
		Users: 20, StateFile: filepath.Join(s.folder, "tenant.json"), CAFile: filepath.Join(s.folder, "ca.pem"),
	})
	must(t, err)
	s.person = tenant.Users[0]
	c, err := config(address, data, database, tenant.GraphURL, tenant.CAFile)
	must(t, err)
	must(t, os.MkdirAll(data, 0o700))
	o, err := center.New(t.Context(), c, center.Options{})
	must(t, err)
	token, err := o.Auth.CreateToken(t.Context(), postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 300})
	must(t, err)
	s.token = token.Value
	owner := postern.Administrator{ID: postern.NewID[postern.AdministratorID](postern.PrefixAdministrator), Version: 1, Name: "Ada", Role: postern.RoleOwner, CreatedAt: time.Now().UTC()}
	must(t, o.Store.CreateAdministrator(t.Context(), owner))
	token, err = o.Auth.CreateToken(auth.Identity{
		Actor: postern.Actor{Kind: postern.ActorAdministrator, ID: string(owner.ID), Name: owner.Name}, Administrator: owner.ID, Permissions: postern.Permissions,
	}.Enter(t.Context()), postern.APITokenInput{Name: "Ada's", Scopes: postern.Permissions, ValidDays: 300})
	must(t, err)
	s.owner = token.Value
	must(t, o.Close())
	must(t, tenant.Shutdown(t.Context()))

	w := s.play(t, 0)
	w.start()
	i, err := w.admin.AddIntegration(w.ctx, postern.IntegrationInput{
		ApplicationName: application, TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret, AllowLowAssurance: true,
	})
	must(t, err)
	w.integration = i.ID
	w.tell(step{"the groups", func(ctx context.Context, w *run) error {
		i, err := w.admin.Integration(ctx, w.integration)
		if err == nil && (len(i.Groups) != 3 || slices.ContainsFunc(i.Groups, func(g postern.PhaseGroup) bool { return g.ID == "" })) {
			err = fmt.Errorf("the groups are %+v", i.Groups)
		}
		if err == nil && i.State != postern.StateEnabled {
			_, err = w.admin.SetIntegrationState(ctx, i.ID, postern.StateInput{Version: i.Version, State: postern.StateEnabled})
		}
		return err
	}})
	return w.freeze()
}

// TestKilledAnywhere kills the control center at every point of every story.
func TestKilledAnywhere(t *testing.T) {
	began := empty(t, "")
	for _, s := range slices.Concat(stories(), policyStories(), setupStories(), rotationStories(), offlineStories()) {
		t.Run(s.name, func(t *testing.T) { tryAll(t, began, s, s.labels) })
	}
}

// TestKilledAnywhereOnPostgreSQL does so for one story where another database has to keep what was committed.
func TestKilledAnywhereOnPostgreSQL(t *testing.T) {
	began := empty(t, testpg.URL(t))
	for _, s := range stories() {
		if s.name == "revocation of a phone" {
			tryAll(t, began, s, s.labels)
		}
	}
}

func tryAll(t *testing.T, began *scene, s story, labels []string) {
	t.Helper()
	start := time.Now()
	w := began.begin(t, s)
	s.before(w)
	before := w.freeze()

	w = before.begin(t, s)
	w.record()
	w.tell(s.tell...)
	found := w.recorded(s.skip, labels)
	w.until("agreement without a death", func(ctx context.Context) error { return w.agrees(ctx, s) })
	left := w.leaves(s)
	w.kill()
	if missing := unknown(labels, found); missing != "" {
		t.Errorf("%s has points that are not in its table. Add, in their places:\n%s", s.name, missing)
	}
	t.Run("points", func(t *testing.T) {
		for _, label := range slices.Concat(labels, lastOfMany(found)) {
			t.Run(label, func(t *testing.T) {
				t.Parallel()
				w := before.begin(t, s)
				w.die(label)
				w.tell(s.tell...)
				// How often a job looks depends on the moment, so only a point that comes at all has to come.
				if w.deaths != 1 && slices.Contains(labels, label) {
					t.Fatalf("never came to the point «%s»", label)
				}
				w.end(s, left)
			})
		}
		for _, path := range s.lost {
			t.Run("lost answer to "+path, func(t *testing.T) {
				t.Parallel()
				w := before.begin(t, s)
				fault, err := w.tenant.Server.AddFault(entrasim.Fault{Method: http.MethodPost, Path: path, Drop: "after", Count: 1})
				must(t, err)
				l := w.tenant.Server.Levers()
				l.PolicyDelay = entrasim.Duration(40 * time.Second)
				must(t, w.tenant.Server.SetLevers(l))
				w.tell(s.tell...)
				if !slices.ContainsFunc(w.tenant.Server.Faults(), func(f entrasim.Fault) bool { return f.ID == fault && f.Hits == 1 }) {
					t.Fatal("the request never came")
				}
				w.end(s, left)
			})
		}
	})
	t.Logf("%s: %d points in %s", s.name, len(found), time.Since(start).Round(time.Second))
}

// begin plays a story in a scene, and starts the control center.
func (s *scene) begin(t *testing.T, story story) *run {
	t.Helper()
	w := s.play(t, story.late)
	if story.world != nil {
		story.world(w)
	}
	w.start()
	return w
}

// end waits until a story has ended as it should, with what a run without a death leaves.
func (w *run) end(s story, left string) {
	w.t.Helper()
	w.until("agreement", func(ctx context.Context) error { return w.agrees(ctx, s) })
	w.until("the end of the jobs", w.quiet)
	if now := w.leaves(s); now != left {
		w.t.Errorf("%sEntra is left with\n%s\nand without a death with\n%s", w.where(), now, left)
	}
}

// leaves says what a story left at Entra, as far as it has to be the same each time.
func (w *run) leaves(s story) string {
	w.t.Helper()
	if s.left == nil {
		return ""
	}
	text, err := s.left(w.t.Context(), w)
	must(w.t, err)
	return text
}

// first is the label without how often it came.
func first(label string) string {
	for _, mark := range []string{", again", ", time "} {
		label, _, _ = strings.Cut(label, mark)
	}
	return label
}

// unknown gives, as lines of source, the points that were found and are not in the table.
func unknown(table, found []string) string {
	var lines strings.Builder
	for _, label := range found {
		if first(label) == label && !slices.Contains(table, label) {
			fmt.Fprintf(&lines, "\t%q,\n", label)
		}
	}
	return lines.String()
}

// lastOfMany gives, of points that came more than once, the last time.
func lastOfMany(found []string) []string {
	last := make(map[string]string)
	var order []string
	for _, label := range found {
		if f := first(label); f != label {
			if last[f] == "" {
				order = append(order, f)
			}
			last[f] = label
		}
	}
	out := make([]string, len(order))
	for n, f := range order {
		out[n] = last[f]
	}
	return out
}

// copyDatabase makes another database of PostgreSQL with the content of one, until the end of the test.
func copyDatabase(t *testing.T, from string) string {
	t.Helper()
	u, err := url.Parse(from)
	must(t, err)
	name := strings.TrimPrefix(u.Path, "/")
	copied := "copy_" + strings.ToLower(rand.Text()) // PostgreSQL cuts names at 63 bytes, so none is made of another
	server := *u
	server.Path = "/postgres"
	db, err := sql.Open("pgx", server.String())
	must(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+copied+" TEMPLATE "+name)
	must(t, err)
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + copied + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	u.Path = "/" + copied
	return u.String()
}
