package enrolment

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

// CallbackPath is where Entra sends the browser after a sign-in. With the public URL before it, it is a redirect URI of
// the type Web that has to be registered on the integration's application.
const CallbackPath = "/proof/callback"

// signInFor is how long the user has.
const signInFor = 10 * time.Minute

// RedirectURI is what has to be registered on the application.
func (s *Service) RedirectURI() string { return strings.TrimSuffix(s.PublicURL, "/") + CallbackPath }

// secrets are what only Postern knows of a sign-in.
type secrets struct {
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func purpose(id string) string { return "enrolment/sign-in/" + id }

// SignIn begins a sign-in at Entra by which the user of a phone proves who they are. The address works once, for ten
// minutes, and for this phone alone.
func (s *Service) SignIn(ctx context.Context, phone postern.Phone, language string) (postern.SignInStart, error) {
	u, err := s.Store.User(ctx, phone.UserID)
	if err != nil {
		return postern.SignInStart{}, err
	}
	return s.begin(ctx, SignIn{IntegrationID: phone.IntegrationID, PhoneID: phone.ID}, u.UPN, language)
}

func (s *Service) begin(ctx context.Context, in SignIn, hint, language string) (postern.SignInStart, error) {
	var none postern.SignInStart
	tenant, _, err := s.Tenants.Tenant(ctx, in.IntegrationID)
	if err != nil {
		return none, err
	}
	state, own := rand.Text(), secrets{Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	now := s.Now().UTC()
	in.ID, in.ExpiresAt = hashed(state), now.Add(signInFor)
	address, err := tenant.SignInURL(ctx, entra.SignInRequest{
		RedirectURI: s.RedirectURI(), State: state, Nonce: own.Nonce, Verifier: own.Verifier, LoginHint: hint, Language: languageOf(language),
	})
	if err != nil {
		return none, err
	}
	plain, err := json.Marshal(own)
	if err != nil {
		return none, err
	}
	if in.Sealed, err = s.Sealer.Seal(ctx, purpose(in.ID), plain); err != nil {
		return none, err
	}
	if err := s.Store.CreateSignIn(ctx, in, now); err != nil {
		return none, err
	}
	return postern.SignInStart{URL: address, ExpiresAt: in.ExpiresAt}, nil
}

// languageOf keeps what may stand in an address.
func languageOf(language string) string {
	if len(language) > 10 || strings.Trim(language, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return language
}

// Returned is what a browser came back from Entra with.
type Returned struct {
	State string
	Code  string
	Error string // of OAuth 2.0, instead of a code
}

// Outcome is what the page tells the user.
type Outcome struct {
	Phone       postern.Phone
	User        string // user principal name
	Fingerprint string
}

// Return ends a sign-in: whoever signed in must be the user of the phone it was begun for. It works once, whatever comes
// of it.
func (s *Service) Return(ctx context.Context, r Returned) (Outcome, error) {
	in, own, err := s.take(ctx, r.State)
	if err != nil {
		return Outcome{}, err
	}
	phone, err := s.Store.Phone(ctx, in.PhoneID)
	if err != nil {
		return Outcome{}, err
	}
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorPhone, ID: string(phone.ID), Name: phone.Name, Addr: postern.ActorFrom(ctx).Addr})
	out, err := s.settle(ctx, phone, own, r)
	if refusal := postern.AsError(err); err != nil && refusal.Status() < 500 {
		s.refused(ctx, phone, refusal)
	}
	return out, err
}

// take finds a sign-in by its state and uses it up.
func (s *Service) take(ctx context.Context, state string) (SignIn, secrets, error) {
	var own secrets
	expired := postern.Errorf(postern.CodeSignInExpired, "")
	if len(state) == 0 || len(state) > 100 {
		return SignIn{}, own, expired
	}
	now := s.Now().UTC()
	in, err := s.Store.SignIn(ctx, hashed(state))
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && (in.UsedAt != nil || !now.Before(in.ExpiresAt)) {
		return in, own, expired
	}
	if err != nil {
		return in, own, err
	}
	if err := s.Store.UseSignIn(ctx, in.ID, now); err != nil {
		if postern.IsCode(err, postern.CodeNotFound) {
			return in, own, expired // somebody was quicker
		}
		return in, own, err
	}
	plain, err := s.Sealer.Open(ctx, purpose(in.ID), in.Sealed)
	if err != nil {
		return in, own, postern.Errorf(postern.CodeInternal, "").Because(err)
	}
	return in, own, json.Unmarshal(plain, &own)
}

// who redeems the code of a sign-in.
func (s *Service) who(ctx context.Context, id postern.IntegrationID, own secrets, r Returned) (entra.SignedIn, error) {
	if r.Error != "" || r.Code == "" {
		return entra.SignedIn{}, postern.Errorf(postern.CodeSignInRefused, "The sign-in at Microsoft was not completed.")
	}
	tenant, _, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return entra.SignedIn{}, err
	}
	return tenant.RedeemSignIn(ctx, entra.SignInRequest{RedirectURI: s.RedirectURI(), Nonce: own.Nonce, Verifier: own.Verifier}, r.Code)
}

func (s *Service) settle(ctx context.Context, phone postern.Phone, own secrets, r Returned) (Outcome, error) {
	if phone.State != postern.PhoneActive {
		return Outcome{}, postern.Errorf(postern.CodePhoneRevoked, "")
	}
	u, err := s.Store.User(ctx, phone.UserID)
	if err != nil {
		return Outcome{}, err
	}
	who, err := s.who(ctx, phone.IntegrationID, own, r)
	if err != nil {
		return Outcome{}, err
	}
	if !same(who, u) {
		return Outcome{}, postern.Errorf(postern.CodeSignInOther, "%s signed in, but the phone belongs to %s.", who.UPN, u.UPN)
	}
	out := Outcome{Phone: phone, User: u.UPN, Fingerprint: postern.PhoneFingerprint(phone.IdentityKey)}
	return out, s.Store.Atomically(ctx, func(ctx context.Context) error {
		p := postern.IdentityProof{Kind: postern.ProofSignIn, At: s.Now().UTC(), Addr: postern.ActorFrom(ctx).Addr}
		if err := s.prove(ctx, phone, p); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.ProofGiven, phone, u.UPN+" signed in at Entra for the phone "+phone.Name+".",
			map[string]string{"proof": string(postern.ProofSignIn)}))
	})
}

// same compares by object id. The permission set "passkeys" cannot look users up and knows some by their name alone.
func same(who entra.SignedIn, u postern.User) bool {
	if strings.Contains(u.ObjectID, "@") {
		return strings.EqualFold(who.UPN, u.ObjectID)
	}
	return strings.EqualFold(who.ObjectID, u.ObjectID)
}

// refused audits a sign-in that proved nothing.
func (s *Service) refused(ctx context.Context, phone postern.Phone, why *postern.Error) {
	e := event(audit.SignInRefused, phone, why.Message, nil)
	e.Success, e.ErrorCode = false, why.Code
	err := s.Store.Atomically(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.Audit.Record(ctx, e) })
	if err != nil {
		s.Logger.ErrorContext(ctx, "a refused sign-in could not be audited", "phone", phone.ID, "cause", err)
	}
}
