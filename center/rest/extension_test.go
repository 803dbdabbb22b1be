package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// TestExtensionReadsAnswers: an extension's worker may call a workstation's routes from its own origin, and nobody else
// may, nor it anything else.
func TestExtensionReadsAnswers(t *testing.T) {
	h := newHouse(t)
	const extension = "chrome-extension://eaiabablbilcpegihlomhlbcehmbdodf"
	preflight := func(path, origin string) http.Header {
		return h.send(http.MethodOptions, path, "", header("Origin", origin), header("Access-Control-Request-Method", "DELETE"),
			header("Access-Control-Request-Headers", "authorization")).Header
	}
	self := postern.WorkstationAPIPath + "/self"
	for path, origins := range map[string]map[string]string{
		self:                           {extension: extension, "https://evil.example": "", "null": "", "https://chrome-extension.example": ""},
		postern.PhoneAPIPath + "/self": {extension: ""},
		"/api/v1/integrations":         {extension: ""},
	} {
		for origin, want := range origins {
			if got := preflight(path, origin).Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("preflight of %s from %s allows %q, want %q", path, origin, got, want)
			}
		}
	}
	allowed := preflight(self, extension)
	if !strings.Contains(allowed.Get("Access-Control-Allow-Methods"), "DELETE") || !strings.Contains(allowed.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %v", allowed)
	}
	answer := h.send(http.MethodGet, self, "", header("Origin", extension))
	wantStatus(t, answer, http.StatusUnauthorized) // and the extension can read why
	if got := answer.Header.Get("Access-Control-Allow-Origin"); got != extension {
		t.Errorf("the answer may be read by %q", got)
	}
	if got := answer.Header.Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("credentials are allowed: %q", got)
	}
}
