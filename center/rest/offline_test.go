package rest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/offline"
)

type offlines struct{ *domain }

var (
	anOffline  = postern.OfflineSignIn{Pairing: "qrvM3e7_ABEiM0RVZneImQ", State: postern.OfflineActive}
	anAnswer   = postern.OfflineAnswer{State: postern.OfflineAsked, BatchID: make([]byte, 16)}
	aRecovery  = postern.Recovery{ID: "rcv_1", State: postern.RecoveryReady}
	secretCode = "4711081500"
)

func (d offlines) Settings(_ context.Context, id postern.IntegrationID) (postern.WorkstationSettings, error) {
	return postern.DefaultWorkstationSettings(), d.call("Settings", id)
}

func (d offlines) SetSettings(_ context.Context, _ postern.IntegrationID, in postern.WorkstationSettings) (postern.WorkstationSettings, error) {
	return in, d.call("SetSettings", in)
}

func (d offlines) OfUser(_ context.Context, id postern.UserID) ([]postern.OfflineSignIn, error) {
	return []postern.OfflineSignIn{anOffline}, d.call("OfUser", id)
}

func (d offlines) OfWorkstation(_ context.Context, id postern.WorkstationID) ([]postern.OfflineSignIn, error) {
	return nil, d.call("OfWorkstation", id)
}

func (d offlines) End(_ context.Context, by postern.DeviceID, _ postern.PairingID, note string) (postern.OfflineSignIn, error) {
	return anOffline, d.call("End by "+string(by), note)
}

func (d offlines) Recover(_ context.Context, _ postern.PairingID, in postern.RecoveryInput) (postern.Recovery, error) {
	return aRecovery, d.call("Recover", in.Note)
}

func (d offlines) Recoveries(_ context.Context, q offline.RecoveryQuery) ([]postern.Recovery, error) {
	return []postern.Recovery{aRecovery}, d.call("Recoveries", q)
}

func (d offlines) Recovery(_ context.Context, id postern.RecoveryID) (postern.Recovery, error) {
	return aRecovery, d.call("Recovery", id)
}

func (d offlines) Approve(_ context.Context, _ postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error) {
	return aRecovery, d.call("Approve", in.Note)
}

func (d offlines) Reject(_ context.Context, _ postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error) {
	return aRecovery, d.call("Reject", in.Note)
}

func (d offlines) Withdraw(_ context.Context, _ postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error) {
	return aRecovery, d.call("Withdraw", in.Note)
}

func (d offlines) Code(_ context.Context, id postern.RecoveryID) (postern.RecoveryCode, error) {
	return postern.RecoveryCode{Recovery: aRecovery, Code: secretCode}, d.call("Code", id)
}

func (d offlines) Look(_ context.Context, w postern.Workstation, _ postern.PairingID) (postern.OfflineAnswer, error) {
	return anAnswer, d.call("Look", w.ID)
}

func (d offlines) Ask(_ context.Context, w postern.Workstation, _ postern.PairingID, _ postern.OfflineRequest) (postern.OfflineAnswer, error) {
	return anAnswer, d.call("Ask", w.ID)
}

func (d offlines) Options(_ context.Context, w postern.Workstation, _ postern.PairingID) (postern.OfflineOptions, error) {
	return postern.OfflineOptions{PublicKey: json.RawMessage(`{}`)}, d.call("Options", w.ID)
}

func (d offlines) Submit(_ context.Context, w postern.Workstation, _ postern.PairingID, _ postern.OfflineCredential) (postern.OfflineAnswer, error) {
	return anAnswer, d.call("Submit", w.ID)
}

func (d offlines) Report(_ context.Context, w postern.Workstation, _ postern.PairingID, _ postern.OfflineReport) (postern.OfflineAnswer, error) {
	return anAnswer, d.call("Report", w.ID)
}

func (d offlines) Consent(_ context.Context, p postern.Phone, _ postern.PairingID, _ postern.OfflineConsent) (postern.OfflineAnswer, error) {
	return anAnswer, d.call("Consent", p.ID)
}

func (d offlines) EndOwn(_ context.Context, by postern.DeviceID, _ postern.PairingID) (postern.OfflineAnswer, error) {
	return anAnswer, d.call("EndOwn", by)
}

const (
	offlineRequest    = `{"batch_id":"AAECAwQFBgcICQoLDA0ODw","length":8,"codes":20,"expires_at":"2026-12-01T09:00:00Z","seal":"tpm"}`
	offlineCredential = `{"credential_id":"AQID","client_data_json":"e30","attestation_object":"oA"}`
	offlineReport     = `{"batch_id":"AAECAwQFBgcICQoLDA0ODw","codes_left":19,"expires_at":"2026-12-01T09:00:00Z"}`
	offlineEvents     = `{"batch_id":"AAECAwQFBgcICQoLDA0ODw","codes_left":19,"expires_at":"2026-12-01T09:00:00Z","events":[{"number":1,"at":"2026-11-23T08:00:00Z","kind":"signed_in"}]}`
)

func TestOfflineRoutesOfDevices(t *testing.T) {
	h := newHouse(t)
	for _, try := range []struct {
		root         string
		sign         with
		method, path string
		body         string
		status       int
		call         string
		by           any
	}{
		{postern.WorkstationAPIPath, signedAtWork(), http.MethodGet, "", "", http.StatusOK, "Look", postern.WorkstationID("wks_1")},
		{postern.WorkstationAPIPath, signedAtWork(), http.MethodPost, "", offlineRequest, http.StatusAccepted, "Ask", postern.WorkstationID("wks_1")},
		{postern.WorkstationAPIPath, signedAtWork(), http.MethodPost, "/options", "", http.StatusOK, "Options", postern.WorkstationID("wks_1")},
		{postern.WorkstationAPIPath, signedAtWork(), http.MethodPost, "/credential", offlineCredential, http.StatusAccepted, "Submit", postern.WorkstationID("wks_1")},
		{postern.WorkstationAPIPath, signedAtWork(), http.MethodPut, "/report", offlineReport, http.StatusOK, "Report", postern.WorkstationID("wks_1")},
		{postern.WorkstationAPIPath, signedAtWork(), http.MethodDelete, "", "", http.StatusAccepted, "EndOwn", postern.DeviceID("wks_1")},
		{postern.PhoneAPIPath, signed(), http.MethodPut, "", `{"batch_id":"AAECAwQFBgcICQoLDA0ODw"}`, http.StatusAccepted, "Consent", postern.PhoneID("phn_1")},
		{postern.PhoneAPIPath, signed(), http.MethodDelete, "", "", http.StatusAccepted, "EndOwn", postern.DeviceID("phn_1")},
	} {
		h.domain.calls = nil
		wantStatus(t, h.send(try.method, try.root+"/pairings/abc/offline"+try.path, try.body, try.sign), try.status)
		if calls := h.domain.called(); !slices.Equal(calls, []string{try.call}) || h.domain.last != try.by {
			t.Errorf("%s %s%s called %v with %v", try.method, try.root, try.path, calls, h.domain.last)
		}
	}
	for field, body := range map[string]string{
		"batch_id": strings.Replace(offlineRequest, "AAEC", "AA+C", 1),
		"seal":     strings.Replace(offlineRequest, "tpm", "glue", 1),
	} {
		wantProblem(t, h.send(http.MethodPost, postern.WorkstationAPIPath+"/pairings/abc/offline", body, signedAtWork()), postern.CodeInvalid, field)
	}
}

// TestReportsOfEventsAreLimited: each reaches the audit trail. Reports without events are not counted.
func TestReportsOfEventsAreLimited(t *testing.T) {
	h := newHouse(t)
	const path = postern.WorkstationAPIPath + "/pairings/abc/offline/report"
	for range 60 {
		wantStatus(t, h.send(http.MethodPut, path, offlineEvents, signedAtWork()), http.StatusOK)
	}
	wantProblem(t, h.send(http.MethodPut, path, offlineEvents, signedAtWork()), postern.CodeTooMany, "")
	wantStatus(t, h.send(http.MethodPut, path, offlineReport, signedAtWork()), http.StatusOK)
}

func TestRecoveryRoutes(t *testing.T) {
	h := newHouse(t)
	desk := bearer(h.token(postern.RoleHelpDesk.Permissions()...))
	const note = `{"note":"The phone was lost."}`
	for _, try := range []struct {
		method, path, body string
		status             int
		call               string
	}{
		{http.MethodPost, "/api/v1/pairings/abc/recovery", note, http.StatusCreated, "Recover"},
		{http.MethodGet, "/api/v1/recoveries?state=ready", "", http.StatusOK, "Recoveries"},
		{http.MethodGet, "/api/v1/recoveries/rcv_1", "", http.StatusOK, "Recovery"},
		{http.MethodPost, "/api/v1/recoveries/rcv_1/approve", note, http.StatusOK, "Approve"},
		{http.MethodPost, "/api/v1/recoveries/rcv_1/reject", note, http.StatusOK, "Reject"},
		{http.MethodPost, "/api/v1/recoveries/rcv_1/withdraw", note, http.StatusOK, "Withdraw"},
		{http.MethodPost, "/api/v1/recoveries/rcv_1/code", "", http.StatusOK, "Code"},
		{http.MethodDelete, "/api/v1/pairings/abc/offline", note, http.StatusAccepted, "End by "},
	} {
		h.domain.calls = nil
		body := wantStatus(t, h.send(try.method, try.path, try.body, desk), try.status)
		if calls := h.domain.called(); !slices.Equal(calls, []string{try.call}) {
			t.Errorf("%s %s called %v", try.method, try.path, calls)
		}
		if (try.call == "Code") != strings.Contains(body, secretCode) {
			t.Errorf("%s %s answered %s", try.method, try.path, body)
		}
	}
	wantProblem(t, h.send(http.MethodPost, "/api/v1/pairings/abc/recovery", `{"note":""}`, desk), postern.CodeInvalid, "note")
	wantProblem(t, h.send(http.MethodGet, "/api/v1/recoveries?state=open", "", desk), postern.CodeInvalid, "state")
	auditor := bearer(h.token(postern.RoleAuditor.Permissions()...))
	wantProblem(t, h.send(http.MethodPost, "/api/v1/recoveries/rcv_1/code", "", auditor), postern.CodeForbidden, "")
	wantProblem(t, h.send(http.MethodPut, "/api/v1/integrations/int_1/workstation-settings", "{}", desk), postern.CodeForbidden, "")
	if strings.Contains(h.log.String(), secretCode) {
		t.Error("the log holds a recovery code")
	}
}
