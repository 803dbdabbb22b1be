package rest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
)

const enrolment = `{"code":"ABCD","name":"Pixel","platform":"Android","assurance":"gated","identity_key":"AQID_-","seal_key":"AQID","proof":"AQID"}`

// TestSignatureCoversWhatWasSent: the service sees the method, the path with its query, and the very bytes of the body.
func TestSignatureCoversWhatWasSent(t *testing.T) {
	h := newHouse(t)
	body := "{ \"reason\" :\t\"no\\u0020thanks\" }\n"
	wantStatus(t, h.send(http.MethodPost, "/phone/v1/provisionings/prv%5f1/decline", body, signed()), http.StatusOK)
	got := h.domain.signed
	if got.Method != http.MethodPost || got.Path != "/phone/v1/provisionings/prv%5f1/decline" || string(got.Body) != body {
		t.Fatalf("signed: %+v", got)
	}
	if h.domain.last != "no thanks" {
		t.Fatalf("the service was told %q", h.domain.last)
	}
	wantStatus(t, h.send(http.MethodGet, "/phone/v1/provisionings?wait=0", "", signed()), http.StatusOK)
	if got := h.domain.signed; got.Path != "/phone/v1/provisionings?wait=0" || len(got.Body) != 0 {
		t.Fatalf("signed: %+v", got)
	}
}

func TestPhoneRoutes(t *testing.T) {
	h := newHouse(t)
	h.domain.self.Passkeys = []postern.Passkey{{ID: "pky_1", PhoneID: "phn_1"}, {ID: "pky_2", PhoneID: "phn_2"}}
	for _, try := range []struct {
		method, path, body string
		status             int
		calls              []string
	}{
		{http.MethodGet, "/self", "", http.StatusOK, []string{"Self"}},
		{http.MethodDelete, "/self", "", http.StatusAccepted, []string{"RevokePhone"}},
		{http.MethodPost, "/provisionings", "", http.StatusOK, []string{"BeginOwn", "ForPhone"}},
		{http.MethodGet, "/provisionings", "", http.StatusOK, []string{"WaitOffered"}},
		{http.MethodGet, "/provisionings/prv_1?wait=3&version=2", "", http.StatusOK, []string{"WaitChange"}},
		{http.MethodPost, "/provisionings/prv_1/attestation", `{"public_key":"AQID","proof":"AQID"}`, http.StatusOK, []string{"Attest"}},
		{http.MethodPost, "/provisionings/prv_1/credential", `{"id":"AQID","client_data_json":"AQID","attestation_object":"_-8"}`, http.StatusAccepted, []string{"Submit"}},
		{http.MethodPost, "/provisionings/prv_1/decline", `{}`, http.StatusOK, []string{"Decline"}},
		{http.MethodDelete, "/passkeys/pky_1", "", http.StatusAccepted, []string{"Self", "RevokePasskey"}},
		{http.MethodDelete, "/passkeys/pky_2", "", http.StatusNotFound, []string{"Self"}}, // of another phone
		{http.MethodDelete, "/passkeys/pky_3", "", http.StatusNotFound, []string{"Self"}},
	} {
		h.domain.calls = nil
		wantStatus(t, h.send(try.method, postern.PhoneAPIPath+try.path, try.body, signed()), try.status)
		if calls := h.domain.called(); !slices.Equal(calls, try.calls) {
			t.Errorf("%s %s called %v", try.method, try.path, calls)
		}
	}
	h.domain.created = true
	wantStatus(t, h.send(http.MethodPost, "/phone/v1/provisionings", "", signed()), http.StatusCreated)
	if list := wantStatus(t, h.send(http.MethodGet, "/phone/v1/provisionings", "", signed()), http.StatusOK); strings.TrimSpace(list) != "[]" {
		t.Errorf("no provisionings are %s", list)
	}
}

func TestEnrol(t *testing.T) {
	h := newHouse(t)
	var self postern.PhoneSelf
	body := wantStatus(t, h.send(http.MethodPost, "/phone/v1/enrolments", strings.Replace(enrolment, "AQID_-", "AQID_-8", 1)), http.StatusCreated)
	if err := json.Unmarshal([]byte(body), &self); err != nil || self.Phone.ID != "phn_1" {
		t.Fatalf("%v: %s", err, body)
	}
	wantProblem(t, h.send(http.MethodPost, "/phone/v1/enrolments", strings.Replace(enrolment, "AQID_-", "AQ+D", 1)), postern.CodeInvalid, "identity_key")
}

func TestEnrolmentsAreLimitedPerAddress(t *testing.T) {
	h := newHouse(t)
	h.domain.fail = postern.Errorf(postern.CodeInvitationInvalid, "")
	body := strings.Replace(enrolment, "AQID_-", "AQID", 1)
	for range 30 {
		wantProblem(t, h.send(http.MethodPost, "/phone/v1/enrolments", body), postern.CodeInvitationInvalid, "")
	}
	answer := h.send(http.MethodPost, "/phone/v1/enrolments", body)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("not told when to try again")
	}
	wantProblem(t, answer, postern.CodeTooMany, "")
	if calls := h.domain.called(); len(calls) != 30 {
		t.Errorf("%d attempts reached the service", len(calls))
	}
	elsewhere := func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" }
	wantProblem(t, h.send(http.MethodPost, "/phone/v1/enrolments", body, elsewhere), postern.CodeInvitationInvalid, "")
}

func TestPhoneBodiesAreBounded(t *testing.T) {
	h := newHouse(t)
	body := `{"reason":"` + strings.Repeat("a", 64<<10) + `"}`
	wantProblem(t, h.send(http.MethodPost, "/phone/v1/provisionings/prv_1/decline", body, signed()), postern.CodeTooLarge, "")
}

func TestWaitsAreBounded(t *testing.T) {
	h := newHouse(t)
	wantStatus(t, h.send(http.MethodGet, "/phone/v1/provisionings?wait=3600", "", signed()), http.StatusOK)
	if h.domain.last != postern.PhoneWaitMax {
		t.Fatalf("waits %v", h.domain.last)
	}
	h.domain.entered, h.domain.waits = make(chan struct{}), make(chan struct{})
	answers := make(chan int)
	for range 4 {
		go func() { answers <- h.send(http.MethodGet, "/phone/v1/provisionings?wait=25", "", signed()).StatusCode }()
	}
	for range 4 {
		<-h.domain.entered
	}
	wantProblem(t, h.send(http.MethodGet, "/phone/v1/provisionings?wait=25", "", signed()), postern.CodeTooMany, "")
	wantStatus(t, h.send(http.MethodGet, "/phone/v1/self", "", signed()), http.StatusOK)
	close(h.domain.waits)
	for range 4 {
		if status := <-answers; status != http.StatusOK {
			t.Fatalf("a poll was answered %d", status)
		}
	}
	h.domain.waits = nil
	wantStatus(t, h.send(http.MethodGet, "/phone/v1/provisionings?wait=25", "", signed()), http.StatusOK)
}

func TestPhonesAreLimited(t *testing.T) {
	h := newHouse(t)
	limited := 0
	for range 300 {
		if h.send(http.MethodGet, "/phone/v1/self", "", signed()).StatusCode == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 50 || limited > 61 {
		t.Fatalf("%d of 300 requests at once were refused", limited)
	}
}

// TestRefusedProofsAreTold: the trail tells of a device that cannot prove itself, once for an address, and of nothing that
// is no refused proof.
func TestRefusedProofsAreTold(t *testing.T) {
	h := newHouse(t)
	told := func() (codes []string) {
		h.domain.mu.Lock()
		defer h.domain.mu.Unlock()
		for _, e := range h.domain.trail {
			codes = append(codes, e.Code+" "+string(e.ErrorCode))
		}
		h.domain.trail = nil
		return codes
	}
	for range 3 {
		wantStatus(t, h.send(http.MethodGet, "/phone/v1/self", "", header("Authorization", postern.PhoneAuthScheme+" forged")), http.StatusUnauthorized)
		wantStatus(t, h.send(http.MethodGet, "/workstation/v1/self", ""), http.StatusUnauthorized)
	}
	if got := told(); !slices.Equal(got, []string{"PHN003W phone_proof_invalid", "WKS005W workstation_proof_invalid"}) {
		t.Fatalf("the trail was told %q", got)
	}
	wantStatus(t, h.send(http.MethodGet, "/phone/v1/provisionings/nowhere/at/all", "", signed()), http.StatusNotFound)
	if got := told(); len(got) > 0 {
		t.Fatalf("the trail was told %q", got)
	}
}
