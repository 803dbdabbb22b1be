package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// told is an installer that was told something.
type told struct {
	p   Properties
	err error
}

func (t *told) Read() (Properties, error) { return t.p, t.err }
func (t *told) Forget() error             { t.p = Properties{}; return nil }

// TestProperties: what the installer was told becomes the install file, and stays nowhere else.
func TestProperties(t *testing.T) {
	const beside = `{"format":1,"server":"https://a.example","integration_id":"int_1","application_name":"App","install_token_id":"itk_1",` +
		`"install_token":"old","install_token_expires_at":"2031-01-01T00:00:00Z","settings":{"local_page":"administrators","log_level":"debug"},"later":{"x":1}}`
	for name, tc := range map[string]struct {
		file string
		said Properties
		want postern.DesktopConfiguration
	}{
		"alone":          {"", Properties{Server: "https://b.example", InstallToken: "new"}, postern.DesktopConfiguration{Server: "https://b.example", InstallToken: "new"}},
		"integration":    {"", Properties{Server: "https://b.example", InstallToken: "new", Integration: "App"}, postern.DesktopConfiguration{Server: "https://b.example", InstallToken: "new", IntegrationID: "App"}},
		"other server":   {beside, Properties{Server: "https://b.example", InstallToken: "new"}, postern.DesktopConfiguration{Server: "https://b.example", InstallToken: "new"}},
		"server alone":   {beside, Properties{Server: "https://b.example"}, postern.DesktopConfiguration{Server: "https://b.example"}},
		"another token":  {beside, Properties{InstallToken: "new"}, postern.DesktopConfiguration{Server: "https://a.example", IntegrationID: "int_1", Application: "App", InstallToken: "new"}},
		"the same":       {beside, Properties{Server: "https://a.example"}, postern.DesktopConfiguration{Server: "https://a.example", IntegrationID: "int_1", Application: "App", InstallToken: "old", InstallTokenID: "itk_1"}},
		"a broken file":  {"{", Properties{Server: "https://b.example"}, postern.DesktopConfiguration{Server: "https://b.example"}},
		"byte order":     {"\ufeff" + beside, Properties{InstallToken: "new"}, postern.DesktopConfiguration{Server: "https://a.example", IntegrationID: "int_1", Application: "App", InstallToken: "new"}},
		"null, in a way": {"null", Properties{Server: "https://b.example"}, postern.DesktopConfiguration{Server: "https://b.example"}},
	} {
		dir := filepath.Join(t.TempDir(), "agent")
		path := filepath.Join(dir, postern.DesktopFile)
		if tc.file != "" {
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, []byte(tc.file), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		from := &told{p: tc.said}
		if err := takeProperties(from, dir); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := ReadInstallFile(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if from.p != (Properties{}) {
			t.Errorf("%s: the installer still has %+v", name, from.p)
		}
		settings := got.Settings
		expires := got.Expires
		got.Format, got.Settings, got.Expires = 0, postern.DesktopClientSettings{}, nil
		if got != tc.want {
			t.Errorf("%s: the file says %+v, want %+v", name, got, tc.want)
		}
		if (expires != nil) != (got.InstallToken == "old") {
			t.Errorf("%s: token %q expires %v", name, got.InstallToken, expires)
		}
		data, _ := os.ReadFile(path)
		if strings.Contains(tc.file, "later") && (settings.LogLevel != "debug" || !strings.Contains(string(data), "later")) {
			t.Errorf("%s: settings are lost: %s", name, data)
		}
	}
}

// TestNoProperties: nothing is written where nothing was said, and nothing is taken away that was not taken over.
func TestNoProperties(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "agent")
	if err := TakeProperties(dir); err != nil {
		t.Error(err)
	}
	refused := errors.New("not for you")
	if err := takeProperties(&told{err: refused}, dir); !errors.Is(err, refused) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a directory was made")
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	from := &told{p: Properties{Server: "https://b.example"}}
	if err := takeProperties(from, dir); err == nil || from.p.Server == "" {
		t.Errorf("where nothing can be written: %v, %+v", err, from.p)
	}
}
