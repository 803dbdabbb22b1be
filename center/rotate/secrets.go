package rotate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// secrets are kept sealed beside a rotation until it is over: the new credential, and what an administrator's sign-in gave.
type secrets struct {
	ClientSecret string `json:"client_secret,omitempty"`
	Certificate  string `json:"certificate,omitempty"` // PEM
	PrivateKey   string `json:"private_key,omitempty"` // PEM

	DeviceCode string    `json:"device_code,omitempty"`
	Token      string    `json:"token,omitempty"`
	TokenEnds  time.Time `json:"token_ends,omitzero"`
}

// String hides everything.
func (secrets) String() string { return "rotate.secrets{}" }

// GoString hides everything.
func (secrets) GoString() string { return "rotate.secrets{}" }

func purpose(id postern.RotationID) string { return "rotation/" + string(id) }

func (s *Service) seal(ctx context.Context, r *Record, v secrets) error {
	plain, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if r.Sealed, err = s.Sealer.Seal(ctx, purpose(r.ID), plain); err != nil {
		return fmt.Errorf("rotate: seal: %w", err)
	}
	return nil
}

func (s *Service) unseal(ctx context.Context, r *Record) (secrets, error) {
	var v secrets
	if len(r.Sealed) == 0 {
		return v, nil
	}
	plain, err := s.Sealer.Open(ctx, purpose(r.ID), r.Sealed)
	if err != nil {
		return v, postern.Errorf(postern.CodeInternal, "What is kept of the rotation cannot be unsealed with this server's key.").
			WithNext("Start Postern with the key file that belongs to this database, or cancel the rotation.").Because(err)
	}
	if err := json.Unmarshal(plain, &v); err != nil {
		return v, fmt.Errorf("rotate: %s cannot be read", r.ID) // the cause may quote it
	}
	return v, nil
}

// credential is the new one.
func (v secrets) credential(kind postern.CredentialKind) entra.Credential {
	return entra.Credential{Kind: kind, ClientSecret: v.ClientSecret, Certificate: []byte(v.Certificate), PrivateKey: []byte(v.PrivateKey)}
}

// signedIn reports whether an administrator's token is good for a while.
func (v secrets) signedIn(now time.Time) bool {
	return v.Token != "" && now.Add(time.Minute).Before(v.TokenEnds)
}

// administrator opens the tenant as the administrator who signed in.
func (s *Service) administrator(i postern.Integration, r *Record, v secrets) (*entra.Tenant, error) {
	if !v.signedIn(s.Now()) {
		return nil, postern.Errorf(postern.CodeSetupSignIn, "The administrator's sign-in has ended.").
			WithNext("Sign in again; the rotation goes on where it was.")
	}
	upn := ""
	if r.Administrator != nil {
		upn = r.Administrator.UPN
	}
	return entra.OpenDelegated(s.Integrations.Options(i), entra.Delegated{AccessToken: v.Token, ExpiresAt: v.TokenEnds, TenantID: i.TenantID, UPN: upn})
}
