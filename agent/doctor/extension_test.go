package doctor

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestExtensionID: policies name the extension by what the key in its manifest makes of it: the first half of its SHA-256, with
// the letters from a to p for digits.
func TestExtensionID(t *testing.T) {
	text, err := os.ReadFile("../../extension/web/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Key     string `json:"key"`
		Minimum string `json:"minimum_chrome_version"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(manifest.Key)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(key)
	var id []byte
	for _, b := range hash[:16] {
		id = append(id, 'a'+b>>4, 'a'+b&15)
	}
	if string(id) != extensionID || manifest.Minimum != extensionSince {
		t.Errorf("the manifest gives %s from %s on", id, manifest.Minimum)
	}
}

// TestRegistryKeys: what the fixture has is asked for on Windows, and short names of hives are those reg query takes.
func TestRegistryKeys(t *testing.T) {
	text, err := os.ReadFile("testdata/windows11.reg.txt")
	if err != nil {
		t.Fatal(err)
	}
	asked := RegistryKeys()
	for line := range strings.Lines(string(text)) {
		key := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(key, `HKEY_LOCAL_MACHINE\`); ok {
			if _, is := asked[`HKLM\`+rest]; !is {
				t.Errorf("nobody asks for %s", key)
			}
		}
	}
}
