package recipe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
	"github.com/postern/postern/entrasim"
)

var makeCertificate = sync.OnceValues(func() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Postern"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
})

func certificate(t *testing.T) []byte {
	t.Helper()
	der, err := makeCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// inputs are one for each permission set and credential that can be chosen, with the ways of Windows among them.
func inputs() map[string]postern.SetupInput {
	out := make(map[string]postern.SetupInput)
	windows := []postern.SetupWindows{postern.SetupWindowsCatalog, postern.SetupWindowsOMAURI, postern.SetupWindowsOff}
	for i, set := range postern.PermissionSets() {
		for n, credential := range []postern.CredentialKind{postern.CredentialCertificate, postern.CredentialSecret} {
			if set == postern.PermissionsLegacy && credential == postern.CredentialCertificate {
				continue
			}
			in := postern.SetupInput{ApplicationName: "Contoso", PermissionSet: set, Credential: credential, Policy: true, Windows: windows[(i+n)%3]}
			if i == 1 {
				in.RegistrationName = `Contoso's "$HOME" \ gate`
			}
			out[string(set)+" "+string(credential)] = in
		}
	}
	return out
}

// Every set reaches its end in a tenant nobody set up, from wherever it is broken off, writes nothing more then, and is
// taken back without a trace. The script for curl reaches the same end.
func TestApply(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			w := newTenant(t, entrasim.Config{Empty: true})
			before := w.dump()
			a := newApplier(w, in)
			for !a.apply(1) {
				// Whoever continues knows only what cannot be read again: not even the id of the registration.
				a.want.ApplicationID = ""
				maps.DeleteFunc(a.values, func(name, _ string) bool {
					return name != recipe.ValueAccountPassword && name != recipe.ValueSecretID
				})
			}
			want := w.dump()
			sent := len(w.sent)
			if !a.apply(1) || len(w.sent) != sent {
				t.Errorf("once more: %v", w.sent[sent:])
			}
			for _, s := range a.undo() {
				if s.Kept != "" {
					t.Errorf("%s is kept: %s", s.Key, s.Kept)
				}
			}
			if d := differ(before, w.dump()); d != "" {
				t.Errorf("undone: %s", d)
			}
			scriptEndsAt(t, name, in, want)
		})
	}
}
