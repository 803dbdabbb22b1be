package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern/postern/center/audit"
)

// Service is the door. Make it with [New].
type Service struct {
	store     Store
	audit     audit.Recorder
	log       *slog.Logger
	now       func() time.Time
	publicURL string // scheme and host, no slash at the end
	web       *webauthn.WebAuthn
	sessions  *scs.SessionManager

	ceremonies *Limiter      // per address: begun and finished ceremonies
	badTokens  *Limiter      // per address: tokens that were wrong
	denials    *Limiter      // per actor: denials that reach the audit trail
	refusals   *audit.Sparse // per address: wrong tokens that reach the audit trail
	failures   *Limiter      // one for all: failed sign-ins that reach the audit trail
}

// Config says where the door stands.
type Config struct {
	// PublicURL is the origin under which browsers reach Postern, such as https://postern.example.com. Its host is the
	// relying party id of administrators' passkeys: changing it later makes them unusable.
	PublicURL string
	// Log takes what administrators of the server should know; nil means slog.Default().
	Log *slog.Logger
	// Now tells the time; nil means time.Now.
	Now func() time.Time
	// Refusals counts wrong tokens; nil means one of its own.
	Refusals *audit.Sparse
}

// New returns the service, or an error if the public URL cannot carry passkeys.
func New(store Store, recorder audit.Recorder, c Config) (*Service, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Refusals == nil {
		c.Refusals = audit.NewSparse(c.Now, c.Log)
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("auth: the public URL must be an origin such as https://postern.example.com, not %q", c.PublicURL)
	}
	// Browsers offer passkeys in secure contexts only; localhost is one even without TLS.
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return nil, fmt.Errorf("auth: the public URL must begin with https:// (or be http://localhost), not %q; browsers refuse passkeys elsewhere", c.PublicURL)
	}
	origin := u.Scheme + "://" + u.Host
	verified := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyTimeout, TimeoutUVD: ceremonyTimeout}
	web, err := webauthn.New(&webauthn.Config{
		RPID:          u.Hostname(),
		RPDisplayName: "Postern",
		RPOrigins:     []string{origin},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationRequired,
		},
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts:              webauthn.TimeoutsConfig{Login: verified, Registration: verified},
		// Password managers add outputs nobody asked for; they change nothing here.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("auth: WebAuthn for %s: %w", origin, err)
	}
	s := &Service{
		store: store, audit: recorder, log: c.Log, now: c.Now, publicURL: origin, web: web,
		ceremonies: NewLimiter(30, time.Minute, c.Now),
		badTokens:  NewLimiter(10, time.Minute, c.Now),
		denials:    NewLimiter(5, time.Minute, c.Now),
		refusals:   c.Refusals,
		failures:   NewLimiter(60, time.Minute, c.Now),
	}
	s.sessions = s.newSessions(u.Scheme == "https")
	return s, nil
}

// lockSetting is written first by every transaction that decides about administrators or tokens by what it reads. The
// row lock makes such transactions run one after another on every database, so that two owners cannot remove each
// other, and a revoked token is not written back by somebody who read it before.
const lockSetting = "auth/lock"

func (s *Service) alone(ctx context.Context, do func(ctx context.Context) error) error {
	return s.store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.store.SetSetting(ctx, lockSetting, []byte(rand.Text())); err != nil {
			return err
		}
		return do(ctx)
	})
}
