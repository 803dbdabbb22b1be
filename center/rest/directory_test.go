package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

type directories struct{ *domain }

func (d directories) List(_ context.Context, q directory.Query) ([]postern.DirectoryEntry, error) {
	return make([]postern.DirectoryEntry, min(3, q.Limit)), d.call("List", q)
}

func (d directories) Status(_ context.Context, id postern.IntegrationID) (postern.DirectoryStatus, error) {
	return postern.DirectoryStatus{State: postern.DirectoryNever}, d.call("Status", id)
}

func (d directories) Ask(_ context.Context, _ postern.IntegrationID, in postern.DirectorySyncInput) (postern.DirectoryStatus, error) {
	return postern.DirectoryStatus{State: postern.DirectoryNever}, d.call("Ask", in)
}

func (d directories) Confirm(_ context.Context, id postern.IntegrationID) (postern.DirectoryStatus, error) {
	return postern.DirectoryStatus{State: postern.DirectoryCurrent}, d.call("Confirm", id)
}

// TestDirectoryFilters sends every filter and looks at what reaches the mirror: a filter that is absent must not become
// one that is false.
func TestDirectoryFilters(t *testing.T) {
	h := newHouse(t)
	token := bearer(h.token(postern.PermUsersRead))
	get := func(query string) directory.Query {
		t.Helper()
		if answer := h.send("GET", "/api/v1/integrations/int_1/directory/users"+query, "", token); answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", query, answer.StatusCode)
		}
		h.domain.mu.Lock()
		defer h.domain.mu.Unlock()
		q, ok := h.domain.last.(directory.Query)
		if !ok {
			t.Fatalf("%s asked the mirror nothing", query)
		}
		return q
	}
	if q := get(""); q.Guest != nil || q.Privileged != nil || q.Account != "" || q.IntegrationID != "int_1" || q.Limit != 101 {
		t.Errorf("without filters: %+v", q)
	}
	q := get("?search=ada&account=disabled&guest=false&privileged=true&phase=none&group=g1&page=20&limit=10")
	if q.Search != "ada" || q.Account != postern.AccountDisabled || q.Guest == nil || *q.Guest || q.Privileged == nil || !*q.Privileged ||
		q.Phase != postern.PhaseNone || q.Group != "g1" || q.Offset != 20 || q.Limit != 11 {
		t.Errorf("with all filters: %+v", q)
	}
	for field, bad := range map[string]string{"account": "deleted", "guest": "maybe", "phase": "x", "limit": "501", "group": strings.Repeat("x", 65)} {
		wantProblem(t, h.send("GET", "/api/v1/integrations/int_1/directory/users?"+field+"="+bad, "", token), postern.CodeInvalid, field)
	}
}
