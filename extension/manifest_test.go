package extension

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestManifestLetsNobodyIn: no page and no other extension can speak to this one, open or frame its pages, or run beside
// them, and it asks for no more than it needs. Listeners for other extensions would need no word in the manifest, so the
// scripts are searched for them too.
func TestManifestLetsNobodyIn(t *testing.T) {
	text, err := os.ReadFile("web/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]json.RawMessage
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	for _, door := range []string{"externally_connectable", "web_accessible_resources", "content_scripts", "host_permissions", "optional_host_permissions", "optional_permissions", "sandbox"} {
		if _, open := manifest[door]; open {
			t.Errorf("the manifest has %s", door)
		}
	}
	var permissions []string
	if err := json.Unmarshal(manifest["permissions"], &permissions); err != nil {
		t.Fatal(err)
	}
	slices.Sort(permissions)
	if !slices.Equal(permissions, []string{"alarms", "storage", "webAuthenticationProxy"}) {
		t.Errorf("it asks for %v", permissions)
	}
	var policies map[string]string
	if err := json.Unmarshal(manifest["content_security_policy"], &policies); err != nil {
		t.Fatal(err)
	}
	policy := policies["extension_pages"]
	for _, part := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy of its pages lacks %s", part)
		}
	}
	scripts, err := os.ReadDir("web")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		if !strings.HasSuffix(script.Name(), ".js") {
			continue
		}
		code, err := os.ReadFile("web/" + script.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, sink := range []string{"onConnectExternal", "onMessageExternal", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "addEventListener('message'"} {
			if strings.Contains(string(code), sink) {
				t.Errorf("%s has %s", script.Name(), sink)
			}
		}
	}
}
