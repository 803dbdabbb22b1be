package entra

import (
	"context"
	"strings"
	"time"

	"github.com/postern/postern"
)

// OwnCredential is what the app registration says of the credential that Postern uses.
type OwnCredential struct {
	Registered bool      // it is there; of a secret, one that begins like it
	Ends       time.Time // zero: not known
	Ended      int       // other credentials of the application that have ended and were left behind
	Secrets    int       // client secrets that are good now, ours among them
}

// OwnCredential looks the credential in use up in the application's own registration. Entra does not show secrets; one is
// known by its first characters, and of several that begin alike the first to end counts.
func (t *Tenant) OwnCredential(ctx context.Context) (OwnCredential, error) {
	var own OwnCredential
	r, err := t.AppRegistration(ctx, t.opts.ClientID)
	if err != nil {
		return own, err
	}
	now, c := t.opts.Now(), t.opts.Credential
	ours := func(ends time.Time) {
		if own.Registered = true; own.Ends.IsZero() || ends.Before(own.Ends) {
			own.Ends = ends
		}
	}
	for _, s := range r.Secrets {
		switch {
		case c.Kind != postern.CredentialCertificate && s.Hint != "" && strings.HasPrefix(c.ClientSecret, s.Hint):
			ours(s.Ends)
		case s.Ends.Before(now):
			own.Ended++
			continue
		}
		if s.Ends.After(now) {
			own.Secrets++
		}
	}
	for _, k := range r.Keys {
		switch {
		case t.cert != nil && strings.EqualFold(k.Thumbprint, t.cert.info.Thumbprint):
			ours(k.Ends)
		case k.Ends.Before(now):
			own.Ended++
		}
	}
	return own, nil
}
