package test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/postern/postern/internal/browser"
)

// TestConsoleRefusals enters what Entra refuses, one after the other, and sees each said in a plain sentence in the
// console, with nothing left behind.
func TestConsoleRefusals(t *testing.T) {
	dir := t.TempDir()
	d, err := startDemo(dir, filepath.Join(dir, "demo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	certificate, key := expiredCertificate(t, dir)
	b := browser.Open(t)
	b.AddAuthenticator()
	b.Open(d.SignInLink)
	b.Type("name", "Ada Lovelace")
	b.Press("Make the passkey")
	b.See("Add New Integrations")

	for _, c := range []struct {
		name   string
		before func()
		form   map[string]string // in place of the right values
		says   []string
	}{
		{
			name: "wrong-secret", form: map[string]string{"client_secret": "not the secret"},
			says: []string{"Entra says that the client secret is wrong.", "Copy the secret's Value"},
		},
		{
			name: "unknown-tenant", form: map[string]string{"tenant_id": "11111111-2222-4333-8444-555555555555"},
			says: []string{"Directory (tenant) ID"},
		},
		{
			name: "missing-permission", form: map[string]string{"client_id": d.Minimal.ClientID, "client_secret": d.Minimal.ClientSecret},
			says: []string{"User.Read.All", "API permissions"},
		},
		{
			name: "expired-certificate", form: map[string]string{"client_secret": "", "client_certificate": certificate, "client_private_key": key},
			says: []string{"Make a new certificate"},
		},
		{
			name: "mfa-demanded",
			before: func() {
				d.control(t, http.MethodPatch, "tenants/first/users/"+d.Emulator.ServiceAccount.UPN, `{"mfa_required":true}`)
			},
			form: map[string]string{
				"client_id": d.Emulator.Legacy.ClientID, "client_secret": d.Emulator.Legacy.ClientSecret,
				"service_account_username": d.Emulator.ServiceAccount.UPN, "service_account_password": d.Emulator.ServiceAccount.Password,
			},
			says: []string{"multifactor authentication", "Exclude the service account"},
		},
		{
			name:   "graph-fails",
			before: func() { d.control(t, http.MethodPost, "faults", `{"path":"/v1.0/**","status":503}`) },
			says:   []string{"Try again in some minutes"},
		},
		{
			name: "graph-throttles",
			before: func() {
				d.control(t, http.MethodDelete, "faults", "")
				d.control(t, http.MethodPost, "faults", `{"path":"/v1.0/**","status":429,"retry_after":300}`)
			},
			says: []string{"slow down", "Wait for that long"},
		},
	} {
		if c.before != nil {
			c.before()
		}
		b.Open(d.Console + "/integrations/new/settings")
		form := map[string]string{
			"application_name": "Postern Passkeys", "tenant_id": d.TenantID, "client_id": d.ClientID, "client_secret": d.ClientSecret,
		}
		for field, text := range c.form {
			form[field] = text
		}
		for field, text := range form {
			b.Fill(field, text)
		}
		b.Press("Add Integration")
		for _, says := range c.says {
			b.See(says)
		}
		b.Screenshot("refusals/" + c.name)
		b.Open(d.Console + "/integrations")
		b.See("No tenant is connected yet")
	}
	b.Open(d.Console + "/audit?failures=true")
	b.See("INT002E")
	b.Screenshot("refusals/trail")
}

// expiredCertificate makes a key and a certificate that was valid last year.
func expiredCertificate(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	config := "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\nrand_serial=yes\n[any]\ncommonName=supplied\n"
	for name, text := range map[string]string{"openssl.cnf": config, "index.txt": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=postern", "-out", "csr.pem")
	run("ca", "-batch", "-selfsign", "-config", "openssl.cnf", "-keyfile", "key.pem", "-in", "csr.pem", "-out", "cert.pem",
		"-startdate", "20240101000000Z", "-enddate", "20250101000000Z", "-notext")
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return read("cert.pem"), read("key.pem")
}

// control speaks to the emulator's control API.
func (d *demonstration) control(t *testing.T, method, path, body string) {
	t.Helper()
	pem, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	req, err := http.NewRequestWithContext(t.Context(), method, d.Graph+"/_entrasim/"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
}
