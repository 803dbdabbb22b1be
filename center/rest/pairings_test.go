package rest_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

func (d phones) UserPairings(_ context.Context, id postern.UserID) ([]postern.UserPairing, error) {
	return nil, d.call("UserPairings", id)
}

func (d passkeys) Claim(_ context.Context, _ postern.PhoneID, in postern.SelfServicePasskey) error {
	return d.call("Claim "+in.RPID, in)
}

func (d passkeys) NoteUse(_ context.Context, phone postern.PhoneID, id postern.PasskeyID, in postern.PasskeyUse) error {
	return d.call(strings.Join([]string{"NoteUse", string(phone), string(id), in.UsedAt.Format(time.RFC3339)}, " "), in)
}

func TestEndPairingAsAdministrator(t *testing.T) {
	h := newHouse(t)
	look, revoke := h.token(postern.PermUsersRead), h.token(postern.PermPasskeysRevoke)
	if list := wantStatus(t, h.send(http.MethodGet, "/api/v1/users/usr_1/pairings", "", bearer(look)), http.StatusOK); !strings.Contains(list, `"items":[]`) {
		t.Errorf("no pairings are %s", list)
	}
	h.domain.calls = nil
	wantStatus(t, h.send(http.MethodDelete, "/api/v1/pairings/AAAAAAAAAAAAAAAAAAAAAA", "", bearer(revoke)), http.StatusOK)
	if calls := h.domain.called(); !slices.Equal(calls, []string{"EndPairing"}) {
		t.Errorf("called %v", calls)
	}
	wantProblem(t, h.send(http.MethodDelete, "/api/v1/pairings/AAAAAAAAAAAAAAAAAAAAAA", "", bearer(look)), postern.CodeForbidden, "")
}

func TestTellOwnPasskeyUse(t *testing.T) {
	h := newHouse(t)
	const path, told = "/phone/v1/passkeys/pky_1/use", `{"used_at":"2026-03-01T09:00:00Z"}`
	if body := wantStatus(t, h.send(http.MethodPut, path, told, signed()), http.StatusNoContent); body != "" {
		t.Errorf("answered %q", body)
	}
	if calls := h.domain.called(); !slices.Equal(calls, []string{"NoteUse phn_1 pky_1 2026-03-01T09:00:00Z"}) {
		t.Errorf("called %v", calls)
	}
	wantProblem(t, h.send(http.MethodPut, path, told), postern.CodePhoneProof, "")
	wantProblem(t, h.send(http.MethodPut, path, `{"used_at":"yesterday"}`, signed()), postern.CodeInvalid, "used_at")
	wantProblem(t, h.send(http.MethodPut, path, `{}`, signed()), postern.CodeInvalid, "used_at")
	wantProblem(t, h.send(http.MethodPut, path, `{"used_at":"2026-03-01T09:00:00Z","rp_id":"example.com"}`, signed()), postern.CodeInvalid, "rp_id")
	if calls := h.domain.called(); len(calls) != 1 {
		t.Errorf("called %v", calls)
	}
}

func TestTellOwnPasskey(t *testing.T) {
	h := newHouse(t)
	told := `{"credential_id":"AQIDBAUGBwgJCgsMDQ4PEA","rp_id":"login.microsoft.com"}`
	if body := wantStatus(t, h.send(http.MethodPost, "/phone/v1/passkeys", told, signed()), http.StatusAccepted); !strings.Contains(body, `"phn_1"`) {
		t.Errorf("the answer is not the phone's own view: %s", body)
	}
	if calls := h.domain.called(); !slices.Equal(calls, []string{"Claim login.microsoft.com", "Self"}) {
		t.Errorf("called %v", calls)
	}
	wantProblem(t, h.send(http.MethodPost, "/phone/v1/passkeys", told), postern.CodePhoneProof, "")
	wantProblem(t, h.send(http.MethodPost, "/phone/v1/passkeys", strings.Replace(told, "AQID", "AQ+D", 1), signed()), postern.CodeInvalid, "credential_id")
}
