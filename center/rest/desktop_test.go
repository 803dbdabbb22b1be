package rest_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/desktop"
)

type desktops struct {
	*domain
	folder string
}

func (d desktops) Tokens(_ context.Context, id postern.IntegrationID) ([]postern.InstallToken, error) {
	return []postern.InstallToken{{ID: "itk_1", IntegrationID: id}}, d.call("Tokens", id)
}

func (d desktops) CreateToken(_ context.Context, id postern.IntegrationID, in postern.InstallTokenInput) (postern.InstallTokenCreated, error) {
	return postern.InstallTokenCreated{Token: postern.InstallToken{ID: "itk_1", IntegrationID: id}, Value: "pti_value"}, d.call("CreateToken", in)
}

func (d desktops) RevokeToken(_ context.Context, _ postern.IntegrationID, id postern.InstallTokenID) (postern.InstallToken, error) {
	return postern.InstallToken{ID: id}, d.call("RevokeToken", id)
}

func (d desktops) Settings(_ context.Context, id postern.IntegrationID) (postern.DesktopSettings, error) {
	return postern.DesktopSettings{Client: postern.DefaultDesktopClientSettings()}, d.call("Settings", id)
}

func (d desktops) SetSettings(_ context.Context, _ postern.IntegrationID, in postern.DesktopSettings) (postern.DesktopSettings, error) {
	return in, d.call("SetSettings", in)
}

func (d desktops) Installers() ([]postern.DesktopInstaller, error) {
	return nil, d.call("Installers", nil)
}

// Client is the real one, on a store that forgets.
func (d desktops) Client(ctx context.Context, id postern.IntegrationID, in postern.DesktopClientInput) (*desktop.Client, error) {
	if err := d.call("Client", in); err != nil {
		return nil, err
	}
	s := &desktop.Service{Store: forgetful{}, Integrations: integrations{d.domain}, Audit: forgetful{}, Now: time.Now, PublicURL: "https://postern.example.com", Packages: d.folder}
	return s.Client(ctx, id, in)
}

type forgetful struct{ desktop.Store }

func (forgetful) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	return do(ctx)
}

func (forgetful) Document(context.Context, postern.IntegrationID, string) (int64, []byte, error) {
	return 0, nil, nil
}

func (forgetful) CountLiveInstallTokens(context.Context, postern.IntegrationID, time.Time) (int64, error) {
	return 0, nil
}

func (forgetful) CreateInstallToken(context.Context, postern.InstallToken, []byte) error { return nil }

func (forgetful) Record(context.Context, postern.AuditEvent) error { return nil }

// TestDesktopClient: the archive comes with its length, and with exactly two files.
func TestDesktopClient(t *testing.T) {
	h := newHouse(t)
	if err := os.WriteFile(filepath.Join(h.packages, "Postern-1.0.0_x64.msi"), []byte("an installer"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := bearer(h.token(postern.PermIntegrationsWrite))
	answer := h.send(http.MethodPost, "/api/v1/integrations/int_1/desktop-client", `{"name":"Sales","architecture":"x64"}`, admin)
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Length") != strconv.Itoa(len(body)) || !strings.Contains(answer.Header.Get("Content-Disposition"), "Postern-1.0.0_x64.zip") {
		t.Fatalf("%d %v %v", answer.StatusCode, answer.Header, err)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"Postern-1.0.0_x64.msi", "postern.json"}) {
		t.Errorf("the archive holds %v", names)
	}
	f, err := archive.Open("postern.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var c postern.DesktopConfiguration
	if err := json.Unmarshal(data, &c); err != nil || c.Server != "https://postern.example.com" || c.IntegrationID != "int_1" || c.Application != "Contoso" || c.InstallToken == "" {
		t.Errorf("%s %v", data, err)
	}
	if strings.Contains(h.log.String(), c.InstallToken) {
		t.Error("the log holds the install token")
	}
	if answer := h.send(http.MethodPost, "/api/v1/integrations/int_1/desktop-client", `{"architecture":"arm64"}`, admin); answer.StatusCode != http.StatusNotFound {
		t.Errorf("there is no installer for arm64, and the answer is %d", answer.StatusCode)
	}
}

// TestInstallTokensAreNotGuessed: unknown tokens soon make an address wait; known ones never do.
func TestInstallTokensAreNotGuessed(t *testing.T) {
	h := newHouse(t)
	enrol := func() int {
		t.Helper()
		return h.send(http.MethodPost, "/workstation/v1/enrolments", strings.Replace(workstationEnrolment, `{`, `{"install_token":"pti_x",`, 1)).StatusCode
	}
	for range 100 {
		if code := enrol(); code != http.StatusOK && code != http.StatusCreated {
			t.Fatalf("an office of many machines was refused: %d", code)
		}
	}
	h.domain.fail = postern.Errorf(postern.CodeInstallExpired, "")
	for range 100 {
		if code := enrol(); code != http.StatusForbidden {
			t.Fatalf("an expired token: %d", code)
		}
	}
	h.domain.fail = postern.Errorf(postern.CodeInstallToken, "")
	for n := range 100 {
		if code := enrol(); code == http.StatusTooManyRequests {
			if n > 20 {
				t.Errorf("%d guesses went through", n)
			}
			return
		}
	}
	t.Error("guessing goes on for ever")
}
