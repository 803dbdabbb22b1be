package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern/postern"
)

// operations walks the document.
func operations(spec *huma.OpenAPI, visit func(method, path string, op *huma.Operation)) {
	for path, item := range spec.Paths {
		for method, op := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
			http.MethodPatch: item.Patch, http.MethodHead: item.Head, http.MethodOptions: item.Options,
		} {
			if op != nil {
				visit(method, path, op)
			}
		}
	}
}

// TestEveryOperationHoldsItsPermission walks the whole document: nobody, a wrong token, and a token with every
// permission but the one needed are refused before anything else is looked at; that one alone is enough.
func TestEveryOperationHoldsItsPermission(t *testing.T) {
	h := newHouse(t)
	without := make(map[postern.Permission]string)
	alone := make(map[postern.Permission]string)
	for _, p := range postern.Permissions {
		without[p], alone[p] = h.token(allBut(p)...), h.token(p)
	}
	held := 0
	operations(h.api.OpenAPI(), func(method, path string, op *huma.Operation) {
		needs, _ := op.Extensions["x-postern-permission"].(string)
		url := strings.NewReplacer("{id}", "x_1", "{code}", "invalid").Replace(path)
		if needs == "none" || needs == "phone" || needs == "workstation" {
			return
		}
		held++
		wantProblem(t, h.send(method, url, ""), postern.CodeUnauthenticated, "")
		if needs == "any" {
			return
		}
		p := postern.Permission(needs)
		if !slices.Contains(postern.Permissions, p) {
			t.Errorf("%s needs %q, which is no permission", op.OperationID, needs)
			return
		}
		wantProblem(t, h.send(method, url, "{", bearer(without[p])), postern.CodeForbidden, "")
		if status := h.send(method, url, "", bearer(alone[p])).StatusCode; status == http.StatusUnauthorized || status == http.StatusForbidden {
			t.Errorf("%s answers %d to a token with %s", op.OperationID, status, p)
		}
		documented := false
		for _, requirement := range op.Security {
			for _, scopes := range requirement {
				documented = documented || slices.Contains(scopes, needs)
			}
		}
		if !documented {
			t.Errorf("%s does not document that it needs %s", op.OperationID, needs)
		}
	})
	if held < 40 {
		t.Fatalf("only %d operations were tried", held)
	}
}

// TestEveryDeviceOperationIsSigned does the same for devices: an administrator's token is not a signature, nor is that of
// a device of the other kind.
func TestEveryDeviceOperationIsSigned(t *testing.T) {
	for _, kind := range []struct {
		needs, root, scheme, other string
		code                       postern.Code
		newcomers                  []string // operations of who is not enrolled yet
	}{
		{"phone", postern.PhoneAPIPath, postern.PhoneAuthScheme, postern.WorkstationAuthScheme, postern.CodePhoneProof, []string{"enrol-phone", "get-sign-in-offer", "begin-sign-in-enrolment"}},
		{"workstation", postern.WorkstationAPIPath, postern.WorkstationAuthScheme, postern.PhoneAuthScheme, postern.CodeWorkstationProof, []string{"enrol-workstation"}},
	} {
		h := newHouse(t)
		token := h.token(postern.Permissions...)
		operations(h.api.OpenAPI(), func(method, path string, op *huma.Operation) {
			needs, _ := op.Extensions["x-postern-permission"].(string)
			if (needs == kind.needs) != (strings.HasPrefix(path, kind.root) && !slices.Contains(kind.newcomers, op.OperationID)) {
				t.Errorf("%s %s is for %s", method, path, needs)
			}
			if needs != kind.needs {
				return
			}
			url := strings.ReplaceAll(path, "{id}", "x_1")
			for _, authorization := range []string{"", "Bearer " + token, kind.scheme + " bad", kind.scheme, kind.other + " good"} {
				answer := h.send(method, url, "", header("Authorization", authorization))
				if got := answer.Header.Get("WWW-Authenticate"); got != kind.scheme {
					t.Errorf("%s asks for %q", op.OperationID, got)
				}
				wantProblem(t, answer, kind.code, "")
			}
		})
		if calls := h.domain.called(); len(calls) > 0 {
			t.Fatalf("reached without a signature: %v", calls)
		}
	}
}

// TestOnlyTheseAreOpen keeps the list of what anybody may call a decision.
func TestOnlyTheseAreOpen(t *testing.T) {
	h := newHouse(t)
	var open []string
	operations(h.api.OpenAPI(), func(_, _ string, op *huma.Operation) {
		if op.Extensions["x-postern-permission"] == "none" {
			open = append(open, op.OperationID)
		}
	})
	slices.Sort(open)
	want := []string{
		"begin-sign-in-enrolment", "enrol-phone", "enrol-workstation", "get-error-code", "get-sign-in-offer", "list-audit-codes", "list-error-codes",
	}
	if !slices.Equal(open, want) {
		t.Fatalf("open to anybody: %v, want %v", open, want)
	}
}
