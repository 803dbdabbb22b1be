package center

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigFillsInDefaults(t *testing.T) {
	c, err := Config{}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Data: "data", Listen: "127.0.0.1:8080", PublicURL: "http://localhost:8080", Database: "sqlite:data/postern.db",
		KeyFile: "data/seal.key", LogLevel: "info", Workers: 8,
	}
	if c.Data != want.Data || c.Listen != want.Listen || c.PublicURL != want.PublicURL || c.Database != want.Database ||
		c.KeyFile != want.KeyFile || c.LogLevel != want.LogLevel || c.Workers != want.Workers {
		t.Errorf("%+v, want %+v", c, want)
	}
}

func TestConfigRefuses(t *testing.T) {
	for want, c := range map[string]Config{
		"listen must be HOST:PORT":                    {Listen: "8080"},
		"public_url is needed":                        {Listen: "0.0.0.0:8080"},
		"public_url must be an address":               {PublicURL: "postern.example.com"},
		"tls_certificate and tls_key belong together": {TLSCertificate: "cert.pem"},
	} {
		if _, err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

func TestReadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("public_url: https://postern.example.com/\nlisten: 127.0.0.1:9\nentra:\n  graph: https://localhost:1\n")
	t.Setenv("POSTERN_LISTEN", "127.0.0.1:10")
	t.Setenv("POSTERN_ENTRA_CA_FILE", "/ca.pem")
	t.Setenv("POSTERN_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.0/16")
	t.Setenv("POSTERN_TOKEN", "the command line's, and no setting")
	c, err := ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL != "https://postern.example.com" || c.Listen != "127.0.0.1:10" || c.Entra.Graph != "https://localhost:1" ||
		c.Entra.CAFile != "/ca.pem" || len(c.TrustedProxies) != 2 {
		t.Errorf("%+v", c)
	}
	write("lissten: 127.0.0.1:9\n")
	if _, err := ReadConfig(path); err == nil || !strings.Contains(err.Error(), `"lissten"`) {
		t.Errorf("a misspelt setting: %v", err)
	}
}

// TestConfigDocumentsEverySetting holds the page to the list.
func TestConfigDocumentsEverySetting(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range configKeys {
		if key != "stories" && !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("%s is not documented", key)
		}
	}
}

func TestOneProcessServesASQLiteDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.db.lock")
	unlock, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path); err == nil || !strings.Contains(err.Error(), "another Postern") {
		t.Errorf("a second process: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = lockFile(path)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	_ = unlock()
}
