package stock

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/entrasim"
)

func TestStockClients(t *testing.T) {
	dir := install(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tenant, err := entrasim.Listen(ctx, entrasim.Config{Users: 35, CAFile: filepath.Join(t.TempDir(), "ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	defer tenant.Close()

	key, der := certificate(t)
	register(t, tenant, der)
	thumbprint := sha256.Sum256(der)
	if _, err := tenant.Server.AddFault(entrasim.Fault{Method: "GET", Path: "/v1.0/organization", Status: 429, RetryAfter: 1, Count: 1}); err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(ctx, "node", "stock.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"NODE_EXTRA_CA_CERTS="+tenant.CAFile,
		"ENTRASIM_GRAPH="+tenant.GraphURL,
		"ENTRASIM_AUTHORITY="+strings.TrimSuffix(tenant.AuthorityURL, "/"),
		"ENTRASIM_TENANT="+tenant.TenantID,
		"ENTRASIM_CLIENT="+tenant.ClientID,
		"ENTRASIM_SECRET="+tenant.ClientSecret,
		"ENTRASIM_KEY="+key,
		"ENTRASIM_THUMBPRINT="+hex.EncodeToString(thumbprint[:]),
	)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("stock.mjs: %v", err)
	}
	for _, want := range []string{
		"token by secret", "token by certificate", "wrong secret is refused", "users by page", "fido2Methods", "creationOptions", "$batch", "group member",
		"group cleaned up", "429 was retried",
	} {
		if !bytes.Contains(out, []byte("ok "+want)) {
			t.Errorf("no line %q", "ok "+want)
		}
	}
	for _, f := range tenant.Server.Faults() {
		if f.Hits != 1 {
			t.Errorf("the throttled call was tried %d times before it passed, want 1", f.Hits)
		}
	}
}

// register adds a certificate to the application, as an administrator would in the portal.
func register(t *testing.T, tenant *entrasim.Running, der []byte) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	res, err := tenant.Client().Post(tenant.GraphURL+"/_entrasim/tenants/first/apps/"+tenant.ClientID+"/certificates", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the certificate was not registered: %s", res.Status)
	}
}

// install puts script and modules into a folder of the user's cache, so that the modules are fetched once, and returns it.
func install(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "entrasim", "stock-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json", "stock.mjs"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// npm writes this file last: an interrupted installation is done again.
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
		return dir
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s\nThis test needs Node.js 20 with npm (apt-get install nodejs npm) and, the first time, an npm registry.", err, out)
	}
	return dir
}

// certificate makes an RSA key, written to a file, and a certificate for it.
func certificate(t *testing.T) (keyFile string, der []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stock client"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600); err != nil {
		t.Fatal(err)
	}
	return keyFile, der
}
