package rest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/device"
)

const workstationEnrolment = `{"name":"DESKTOP-7","kind":"agent","software":"postern-agent 1.0","os":"Windows 11","join_state":"entra","identity_key":"AQID","link_key":"AQID","proof":"AQID"}`

func signedAtWork() with { return header("Authorization", "Postern-Workstation good") }

func (d phones) EnrolWorkstation(_ context.Context, in postern.WorkstationEnrolment) (postern.Workstation, bool, error) {
	return postern.Workstation{ID: "wks_1", Name: in.Name}, d.created, d.call("EnrolWorkstation", in)
}

func (d phones) AuthenticateWorkstation(_ context.Context, r device.SignedRequest) (postern.Workstation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signed = r
	if r.Proof != "good" {
		return postern.Workstation{}, postern.Errorf(postern.CodeWorkstationProof, "")
	}
	return postern.Workstation{ID: "wks_1", Name: "DESKTOP-7"}, nil
}

func (d phones) WorkstationSelf(_ context.Context, w postern.Workstation) (postern.WorkstationSelf, error) {
	return postern.WorkstationSelf{Workstation: w}, d.call("WorkstationSelf", w.ID)
}

func (d phones) UpdateWorkstation(_ context.Context, id postern.WorkstationID, in postern.WorkstationUpdate) (postern.Workstation, error) {
	return postern.Workstation{ID: id, Name: in.Name}, d.call("UpdateWorkstation", in)
}

func (d phones) SetLinkKey(_ context.Context, id postern.PhoneID, key []byte) (postern.Phone, error) {
	return postern.Phone{ID: id}, d.call("SetLinkKey", key)
}

func (d phones) OpenPairing(_ context.Context, _ postern.WorkstationID, id postern.PairingID) (postern.PairingAnswer, error) {
	return postern.PairingAnswer{Pairing: postern.Pairing{ID: id}}, d.call("OpenPairing", id)
}

func (d phones) JoinPairing(_ context.Context, _ postern.PhoneID, id postern.PairingID) (postern.PairingAnswer, error) {
	return postern.PairingAnswer{Pairing: postern.Pairing{ID: id}, LinkKey: []byte{1, 2, 3}}, d.call("JoinPairing", id)
}

func (d phones) ConfirmPairing(_ context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error) {
	return postern.Pairing{ID: id}, d.call("ConfirmPairing", by)
}

func (d phones) EndPairing(_ context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error) {
	return postern.Pairing{ID: id}, d.call("EndPairing", by)
}

func (d phones) AnswerPairing(_ context.Context, p postern.Pairing) (postern.PairingAnswer, error) {
	return postern.PairingAnswer{Pairing: p}, d.fail
}

func (d phones) PairedPhones(_ context.Context, w postern.Workstation) ([]postern.PairedPhone, error) {
	return []postern.PairedPhone{}, d.call("PairedPhones", w.ID)
}

func (d phones) PairedWorkstations(_ context.Context, p postern.Phone) ([]postern.PairedWorkstation, error) {
	return []postern.PairedWorkstation{}, d.call("PairedWorkstations", p.ID)
}

func TestWorkstationRoutes(t *testing.T) {
	h := newHouse(t)
	const update = `{"name":"DESKTOP-8","software":"postern-agent 1.1","os":"Windows 11","join_state":"entra"}`
	for _, try := range []struct {
		method, path, body string
		status             int
		calls              []string
		last               any
	}{
		{http.MethodGet, "/self", "", http.StatusOK, []string{"WorkstationSelf"}, postern.WorkstationID("wks_1")},
		{http.MethodPut, "/self", update, http.StatusOK, []string{"UpdateWorkstation", "WorkstationSelf"}, postern.WorkstationID("wks_1")},
		{http.MethodDelete, "/self", "", http.StatusAccepted, []string{"RevokeWorkstation"}, postern.WorkstationID("wks_1")},
		{http.MethodGet, "/pairings", "", http.StatusOK, []string{"PairedPhones"}, postern.WorkstationID("wks_1")},
		{http.MethodPut, "/pairings/abc", "", http.StatusOK, []string{"OpenPairing"}, postern.PairingID("abc")},
		{http.MethodPost, "/pairings/abc/confirmation", "", http.StatusOK, []string{"ConfirmPairing"}, postern.DeviceID("wks_1")},
		{http.MethodDelete, "/pairings/abc", "", http.StatusAccepted, []string{"EndPairing"}, postern.DeviceID("wks_1")},
	} {
		h.domain.calls = nil
		wantStatus(t, h.send(try.method, postern.WorkstationAPIPath+try.path, try.body, signedAtWork()), try.status)
		if calls := h.domain.called(); !slices.Equal(calls, try.calls) || h.domain.last != try.last {
			t.Errorf("%s %s called %v with %v", try.method, try.path, calls, h.domain.last)
		}
	}
	if !strings.Contains(h.log.String(), "actor=wks_1") {
		t.Error("the access log does not name the workstation")
	}
}

func TestPairingRoutesOfPhones(t *testing.T) {
	h := newHouse(t)
	for _, try := range []struct {
		method, path, body string
		status             int
		calls              []string
	}{
		{http.MethodPut, "/self/link-key", `{"link_key":"AQID"}`, http.StatusOK, []string{"SetLinkKey", "Self"}},
		{http.MethodGet, "/pairings", "", http.StatusOK, []string{"PairedWorkstations"}},
		{http.MethodPut, "/pairings/abc", "", http.StatusOK, []string{"JoinPairing"}},
		{http.MethodPost, "/pairings/abc/confirmation", "", http.StatusOK, []string{"ConfirmPairing"}},
		{http.MethodDelete, "/pairings/abc", "", http.StatusAccepted, []string{"EndPairing"}},
	} {
		h.domain.calls = nil
		body := wantStatus(t, h.send(try.method, postern.PhoneAPIPath+try.path, try.body, signed()), try.status)
		if calls := h.domain.called(); !slices.Equal(calls, try.calls) {
			t.Errorf("%s %s called %v", try.method, try.path, calls)
		}
		if try.calls[0] == "JoinPairing" && !strings.Contains(body, `"link_key":"AQID"`) {
			t.Errorf("a phone that joins is not told the link key: %s", body)
		}
		if len(try.calls) == 1 && strings.Contains(try.calls[0], "ePairing") && h.domain.last != postern.DeviceID("phn_1") {
			t.Errorf("%s was for %v", try.calls[0], h.domain.last)
		}
	}
}

func TestEnrolWorkstation(t *testing.T) {
	h := newHouse(t)
	h.domain.created = true
	var self postern.WorkstationSelf
	body := wantStatus(t, h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment), http.StatusCreated)
	if err := json.Unmarshal([]byte(body), &self); err != nil || self.Workstation.ID != "wks_1" {
		t.Fatalf("%v: %s", err, body)
	}
	h.domain.created = false
	// The browser extension enrols from an origin of its own, without a signature in the header.
	foreign := []with{header("Origin", "chrome-extension://gghddbkpbjkclacoehlkbnaplbnaplkp"), header("Sec-Fetch-Site", "cross-site")}
	wantStatus(t, h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment, foreign...), http.StatusOK)
	wantProblem(t, h.send(http.MethodPost, "/workstation/v1/enrolments", strings.Replace(workstationEnrolment, `"agent"`, `"toaster"`, 1)), postern.CodeInvalid, "kind")
}

// TestArrivalsAreLimitedPerAddress: also those that succeed.
func TestArrivalsAreLimitedPerAddress(t *testing.T) {
	h := newHouse(t)
	for range 60 {
		wantStatus(t, h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment), http.StatusOK)
	}
	answer := h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("not told when to try again")
	}
	wantProblem(t, answer, postern.CodeTooMany, "")
	elsewhere := func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" }
	wantStatus(t, h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment, elsewhere), http.StatusOK)
}

// TestNewcomersAreLimitedPerAddress: no one address takes all the places of those that wait for their first pairing, however
// slowly it goes about it. Known workstations come through.
func TestNewcomersAreLimitedPerAddress(t *testing.T) {
	h := newHouse(t)
	h.domain.created = true
	enrolled := 0
	for range 3000 {
		h.ahead.Add(int64(2 * time.Second))
		if h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment).StatusCode == http.StatusCreated {
			enrolled++
		}
	}
	if enrolled < 2000 || enrolled > 2200 {
		t.Errorf("%d of 3000 came in within two hours", enrolled)
	}
	elsewhere := func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" }
	wantStatus(t, h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment, elsewhere), http.StatusCreated)
	h.ahead.Add(int64(24 * time.Hour))
	wantStatus(t, h.send(http.MethodPost, "/workstation/v1/enrolments", workstationEnrolment), http.StatusCreated)
}

func TestWorkstationsAreLimited(t *testing.T) {
	h := newHouse(t)
	limited := 0
	for range 300 {
		if h.send(http.MethodGet, "/workstation/v1/self", "", signedAtWork()).StatusCode == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 50 || limited > 61 {
		t.Fatalf("%d of 300 requests at once were refused", limited)
	}
}

func TestWorkstationBodiesAreBounded(t *testing.T) {
	h := newHouse(t)
	body := `{"name":"` + strings.Repeat("a", 64<<10) + `"}`
	wantProblem(t, h.send(http.MethodPut, "/workstation/v1/self", body, signedAtWork()), postern.CodeTooLarge, "")
}
