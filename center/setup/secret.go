package setup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// secrets are what a set-up holds until the integration has it.
type secrets struct {
	PrivateKey   string `json:"private_key,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	// Password is the service account's.
	Password string `json:"password,omitempty"`
}

// signIn is an administrator's sign-in: a code under way, or the tokens that it gave.
type signIn struct {
	DeviceCode string        `json:"device_code,omitempty"`
	Interval   time.Duration `json:"interval,omitempty"`
	Expires    time.Time     `json:"expires,omitzero"` // of the code

	AccessToken  string    `json:"access_token,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // of the access token
	TenantID     string    `json:"tenant_id,omitempty"`
	ObjectID     string    `json:"object_id,omitempty"`
	UPN          string    `json:"upn,omitempty"`
	Scopes       []string  `json:"scopes,omitempty"`
	Ends         time.Time `json:"ends,omitzero"` // of all of it
}

func (a signIn) delegated() entra.Delegated {
	return entra.Delegated{
		AccessToken: a.AccessToken, RefreshToken: a.RefreshToken, ExpiresAt: a.ExpiresAt, TenantID: a.TenantID, ObjectID: a.ObjectID, UPN: a.UPN, Scopes: a.Scopes,
	}
}

func (a *signIn) take(d entra.Delegated) {
	a.AccessToken, a.ExpiresAt, a.TenantID, a.ObjectID, a.UPN, a.Scopes = d.AccessToken, d.ExpiresAt, d.TenantID, d.ObjectID, d.UPN, d.Scopes
	if d.RefreshToken != "" {
		a.RefreshToken = d.RefreshToken
	}
}

func secretsPurpose(id postern.SetupID) string { return "setup/" + string(id) + "/secrets" }
func signInPurpose(id postern.SetupID) string  { return "setup/" + string(id) + "/sign-in" }

// keepSecrets seals and stores; nothing to hold removes what was held.
func (s *Service) keepSecrets(ctx context.Context, id postern.SetupID, held secrets) error {
	if held == (secrets{}) {
		return s.Store.SetSetupSecrets(ctx, id, nil)
	}
	sealed, err := s.sealed(ctx, secretsPurpose(id), held)
	if err != nil {
		return err
	}
	return s.Store.SetSetupSecrets(ctx, id, sealed)
}

func (s *Service) secrets(ctx context.Context, id postern.SetupID) (secrets, error) {
	var held secrets
	sealed, err := s.Store.SetupSecrets(ctx, id)
	if err != nil || sealed == nil {
		return held, err
	}
	return held, s.unseal(ctx, secretsPurpose(id), sealed, &held)
}

func (s *Service) keepSignIn(ctx context.Context, id postern.SetupID, a signIn) error {
	sealed, err := s.sealed(ctx, signInPurpose(id), a)
	if err != nil {
		return err
	}
	return s.Store.SetSetupSignIn(ctx, id, sealed, a.Ends)
}

// signedIn returns the sign-in under way or done; ok is false if there is none, or it has ended.
func (s *Service) signedIn(ctx context.Context, id postern.SetupID) (a signIn, ok bool, err error) {
	sealed, err := s.Store.SetupSignIn(ctx, id, s.Now())
	if err != nil || sealed == nil {
		return a, false, err
	}
	err = s.unseal(ctx, signInPurpose(id), sealed, &a)
	return a, err == nil, err
}

func (s *Service) sealed(ctx context.Context, purpose string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.Sealer.Seal(ctx, purpose, plain)
}

func (s *Service) unseal(ctx context.Context, purpose string, sealed []byte, v any) error {
	plain, err := s.Sealer.Open(ctx, purpose, sealed)
	if err != nil {
		return postern.Errorf(postern.CodeInternal, "What the set-up holds cannot be unsealed with this server's key.").
			WithNext("Start Postern with the key file that belongs to this database, or begin a new set-up.").Because(err)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("sealed value of %s: %w", purpose, err)
	}
	return nil
}

// makeCertificate makes the key and the certificate by which the application proves itself, both PEM.
func makeCertificate(name string, now time.Time, days int) (certificate, key string, info postern.CertificateInfo, err error) {
	c, k, err := entra.MakeCertificate(name, now, time.Duration(days)*24*time.Hour)
	if err != nil {
		return "", "", info, err
	}
	info, _, err = entra.ParseCertificate(c, k, now)
	return string(c), string(k), info, err
}

// accountPassword makes the password of a service account, which nobody types. It has what Entra asks of any: three of four
// kinds of characters.
func accountPassword() string { return "Aa1-" + rand.Text() + strings.ToLower(rand.Text()) }

// der is the certificate as Entra registers it.
func der(text string) []byte {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes
	}
	return nil
}

// isTenantID reports whether a text is the id of a tenant, as against one of its domains.
func isTenantID(text string) bool {
	_, err := uuid.Parse(text)
	return err == nil && len(text) == 36
}
