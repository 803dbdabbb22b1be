package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
)

// theOptions are creation options with a challenge that nobody but the client may see.
const theOptions = `{"rp":{"id":"login.microsoft.com"},"challenge":"Y2hhbGxlbmdl"}`

func TestSecurityKeySteps(t *testing.T) {
	h := newHouse(t)
	token := bearer(h.token(postern.PermPasskeysProvision))
	begin := "/api/v1/integrations/int_1/security-keys"
	for created, want := range map[bool]int{true: http.StatusCreated, false: http.StatusOK} {
		h.domain.created = created
		if got := h.send(http.MethodPost, begin, `{"user":"ada@contoso.com"}`, token).StatusCode; got != want {
			t.Errorf("begin answers %d, want %d", got, want)
		}
		if diff := cmp.Diff(any(postern.SecurityKeyInput{User: "ada@contoso.com"}), h.domain.last); diff != "" {
			t.Error(diff)
		}
	}
	wantProblem(t, h.send(http.MethodPost, begin, `{"user":""}`, token), postern.CodeInvalid, "user")

	answer := h.send(http.MethodPost, "/api/v1/provisionings/prv_1/options", "", token)
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var options postern.SecurityKeyOptions
	if err := json.Unmarshal(body, &options); err != nil || string(options.PublicKey) != theOptions {
		t.Errorf("%s, %v", body, err)
	}
	if answer.Header.Get("Cache-Control") != "no-store" {
		t.Error("a cache may keep the challenge")
	}
	if strings.Contains(h.log.String(), "Y2hhbGxlbmdl") {
		t.Error("the log has the challenge")
	}

	credential := `{"id":"AQ","client_data_json":"e30","attestation_object":"oA"}`
	if got := h.send(http.MethodPost, "/api/v1/provisionings/prv_1/credential", credential, token).StatusCode; got != http.StatusAccepted {
		t.Errorf("submitting answers %d", got)
	}
	want := postern.CredentialSubmission{ID: []byte{1}, ClientDataJSON: []byte("{}"), AttestationObject: []byte{0xa0}}
	if diff := cmp.Diff(any(want), h.domain.last); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(h.domain.called(), "SubmitSecurityKey") {
		t.Error(h.domain.called())
	}
}

func TestSecurityKeyRefusals(t *testing.T) {
	h := newHouse(t)
	token := bearer(h.token(postern.PermPasskeysProvision))
	for path, codes := range map[string][]postern.Code{
		"/api/v1/integrations/int_1/security-keys": {
			postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodePrivilegedUser, postern.CodeEntraUserNotFound,
		},
		"/api/v1/provisionings/prv_1/options":    {postern.CodeProvisioningTaken, postern.CodeEntraThrottled, postern.CodeEntraPasskeyOff},
		"/api/v1/provisionings/prv_1/credential": {postern.CodeProvisioningTaken, postern.CodeChallengeExpired, postern.CodeCredentialRefused},
	} {
		for _, code := range codes {
			h.domain.fail = postern.Errorf(code, "")
			body := map[bool]string{true: `{"user":"ada@contoso.com"}`, false: `{"id":"AQ","client_data_json":"e30","attestation_object":"oA"}`}[strings.HasSuffix(path, "keys")]
			if strings.HasSuffix(path, "options") {
				body = ""
			}
			wantProblem(t, h.send(http.MethodPost, path, body, token), code, "")
		}
	}
}
