package model_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

// begin is when every sequence begins.
var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// tenantsOfServer is how many sequences share an emulator, each with a tenant of its own: making its keys takes longer
// than many sequences do.
const tenantsOfServer = 90

// lab is what sequences share, one after the other: an emulator, its clock, and a migrated database to copy.
type lab struct {
	folder   string
	template []byte
	server   *entrasim.Server
	sink     *sink
	tenants  int
	now      time.Time
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{folder: t.TempDir(), now: begin}
	if memory, err := os.MkdirTemp("/dev/shm", "postern-model-"); err == nil {
		l.folder = memory // thousands of small commits: a disk would be waited for at each
		t.Cleanup(func() { _ = os.RemoveAll(memory) })
	}
	path := filepath.Join(l.folder, "template.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{Now: l.clock})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Migrate(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	l.sink = newSink(t, l.clock)
	if l.template, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) clock() time.Time { return l.now }

// tenant makes a tenant without users for the next sequence, at the beginning of time, with a healthy service.
func (l *lab) tenant() (tenantID, clientID, secret, domain string, err error) {
	l.now = begin
	if l.server == nil || l.tenants == tenantsOfServer {
		l.server, l.tenants = &entrasim.Server{Now: l.clock, Users: -1}, 0
	}
	l.tenants++
	domain = fmt.Sprintf("t%d.onmicrosoft.com", l.tenants)
	if err := l.server.SetLevers(healthy()); err != nil {
		return "", "", "", "", err
	}
	var made struct {
		TenantID     string `json:"tenant_id"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	err = l.control(context.Background(), http.MethodPost, "tenants", map[string]any{"domain": domain, "users": -1}, &made)
	return made.TenantID, made.ClientID, made.ClientSecret, domain, err
}

func healthy() entrasim.Levers {
	return entrasim.Levers{ThrottleScale: 1, TokenLifetime: entrasim.Duration(100_000 * time.Hour)} // the clock jumps
}

// control calls the emulator's control interface.
func (l *lab) control(ctx context.Context, method, path string, in, out any) error {
	return exchange(ctx, l.server, method, "https://localhost/_entrasim/"+path, "", in, out)
}

// refused is an answer of the emulator that is not 2xx.
type refused struct {
	status int
	body   string
}

func (r refused) Error() string { return fmt.Sprintf("%d %s", r.status, r.body) }

func refusedWith(err error, status int) bool {
	var r refused
	return errors.As(err, &r) && r.status == status
}

// exchange is one request to the emulator, past everything that is under test.
func exchange(ctx context.Context, h http.Handler, method, target, token string, in, out any) error {
	var body io.Reader = http.NoBody
	kind := "application/json"
	switch v := in.(type) {
	case nil:
	case url.Values:
		body, kind = strings.NewReader(v.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req := httptest.NewRequestWithContext(ctx, method, target, body)
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code >= 300 {
		return refused{w.Code, w.Body.String()}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(w.Body.Bytes(), out)
}
