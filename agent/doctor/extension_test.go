package doctor

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
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
