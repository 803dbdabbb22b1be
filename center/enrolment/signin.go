package enrolment

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"math/big"
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

// signInFor is how long the user has, from the start to the number.
const signInFor = 10 * time.Minute

// RedirectURI is what has to be registered on the application.
func (s *Service) RedirectURI() string { return strings.TrimSuffix(s.PublicURL, "/") + CallbackPath }

// secrets are what only Postern knows of a sign-in.
type secrets struct {
	Nonce    string                 `json:"nonce"`
	Verifier string                 `json:"verifier"`
	Number   string                 `json:"number"`            // that the app shows
	Wrong    int                    `json:"wrong,omitempty"`   // numbers that were typed
	Browser  string                 `json:"browser,omitempty"` // hash of what the browser that came back holds
	Ticket   string                 `json:"ticket,omitempty"`  // hash of what the phone holds that is to be enrolled
	Device   Device                 `json:"device"`
	Who      *postern.DirectoryUser `json:"who,omitempty"`
	User     postern.UserID         `json:"user,omitempty"` // of the ticket, once the number was right
}

// Device is a phone as the page after the sign-in describes it to its user.
type Device struct {
	Name     string    `json:"name"`
	Platform string    `json:"platform"`
	At       time.Time `json:"at"` // when it enrolled, or asked to
	Addr     string    `json:"addr"`
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// holds reports in constant time whether a text is the one whose hash was kept.
func holds(text, hash string) bool {
	return hash != "" && subtle.ConstantTimeCompare([]byte(hashed(text)), []byte(hash)) == 1
}

func purpose(id string) string { return "enrolment/sign-in/" + id }

// newNumber draws the three digits that the app shows. The first is no zero, so that nobody leaves it out.
func newNumber() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(900))
	if err != nil {
		return "", err
	}
	return n.Add(n, big.NewInt(100)).String(), nil
}

// SignIn begins a sign-in at Entra by which the user of a phone proves who they are. The address works once, for ten
// minutes, and for this phone alone. It counts when the number is typed on the page after it: who was sent the address
// by somebody else does not see the phone that shows it.
func (s *Service) SignIn(ctx context.Context, phone postern.Phone, language string) (postern.SignInStart, error) {
	u, err := s.Store.User(ctx, phone.UserID)
	if err != nil {
		return postern.SignInStart{}, err
	}
	device, err := s.deviceOf(ctx, phone)
	if err != nil {
		return postern.SignInStart{}, err
	}
	return s.begin(ctx, SignIn{IntegrationID: phone.IntegrationID, PhoneID: phone.ID}, secrets{Device: device}, u.UPN, language)
}

func (s *Service) deviceOf(ctx context.Context, phone postern.Phone) (Device, error) {
	d := Device{Name: phone.Name, Platform: phone.Platform, At: phone.CreatedAt}
	given, err := s.Store.IdentityProofs(ctx, phone.ID)
	for _, g := range given {
		if g.Kind == postern.ProofCode {
			d.Addr = g.Addr
		}
	}
	return d, err
}

func (s *Service) begin(ctx context.Context, in SignIn, own secrets, hint, language string) (postern.SignInStart, error) {
	var none postern.SignInStart
	tenant, _, err := s.Tenants.Tenant(ctx, in.IntegrationID)
	if err != nil {
		return none, err
	}
	state := rand.Text()
	own.Nonce, own.Verifier = rand.Text(), oauth2.GenerateVerifier()
	if own.Number, err = newNumber(); err != nil {
		return none, err
	}
	now := s.Now().UTC()
	in.ID, in.Version, in.Step, in.ExpiresAt = hashed(state), 1, StepBegun, now.Add(signInFor)
	address, err := tenant.SignInURL(ctx, entra.SignInRequest{
		RedirectURI: s.RedirectURI(), State: state, Nonce: own.Nonce, Verifier: own.Verifier, LoginHint: hint, Language: languageOf(language),
	})
	if err != nil {
		return none, err
	}
	out := postern.SignInStart{URL: address, Number: own.Number, ExpiresAt: in.ExpiresAt}
	if in.PhoneID == "" {
		secret := rand.Text()
		out.Ticket, own.Ticket = in.ID+"."+secret, hashed(secret)
	}
	if err := s.sealInto(ctx, &in, own); err != nil {
		return none, err
	}
	return out, s.Store.CreateSignIn(ctx, in, now)
}

func (s *Service) sealInto(ctx context.Context, in *SignIn, own secrets) error {
	plain, err := json.Marshal(own)
	if err != nil {
		return err
	}
	in.Sealed, err = s.Sealer.Seal(ctx, purpose(in.ID), plain)
	return err
}

// languageOf keeps what may stand in an address.
func languageOf(language string) string {
	if len(language) > 10 || strings.Trim(language, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return language
}

// find reads a sign-in that is at a step and whose time is not over.
func (s *Service) find(ctx context.Context, id string, step Step) (SignIn, secrets, error) {
	var own secrets
	in, err := s.Store.SignIn(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && (in.Step != step || !s.Now().Before(in.ExpiresAt)) {
		return in, own, postern.Errorf(postern.CodeSignInExpired, "")
	}
	if err != nil {
		return in, own, err
	}
	plain, err := s.Sealer.Open(ctx, purpose(in.ID), in.Sealed)
	if err != nil {
		return in, own, postern.Errorf(postern.CodeInternal, "").Because(err)
	}
	return in, own, json.Unmarshal(plain, &own)
}

// move stores a step. Who comes second finds that the sign-in went on without them.
func (s *Service) move(ctx context.Context, in *SignIn, own secrets, to Step) error {
	in.Step = to
	if err := s.sealInto(ctx, in, own); err != nil {
		return err
	}
	err := s.Store.UpdateSignIn(ctx, in)
	if postern.IsCode(err, postern.CodeStale) {
		return postern.Errorf(postern.CodeSignInExpired, "")
	}
	return err
}

// Returned is what a browser came back from Entra with.
type Returned struct {
	State string
	Code  string
	Error string // of OAuth 2.0, instead of a code
}

// Return takes a browser that comes back from Entra: whoever signed in must be the user of the phone, or for a phone that
// is not there yet, somebody who may enrol one. The code works once, whatever comes of it. Nothing is proved by it: the
// answer is a secret for the cookie of this browser, with which [Service.Confirm] takes the number.
func (s *Service) Return(ctx context.Context, r Returned) (browser string, err error) {
	if len(r.State) == 0 || len(r.State) > 100 {
		return "", postern.Errorf(postern.CodeSignInExpired, "")
	}
	in, own, err := s.find(ctx, hashed(r.State), StepBegun)
	if err != nil {
		return "", err
	}
	if err := s.move(ctx, &in, own, StepOver); err != nil { // until it is known who signed in
		return "", err
	}
	phone, err := s.phoneOf(ctx, in)
	if err != nil {
		return "", err
	}
	ctx = acting(ctx, phone, own)
	if own.Who, err = s.judge(ctx, in, phone, own, r); err != nil {
		s.refused(ctx, in, phone, own, postern.AsError(err))
		return "", err
	}
	secret := rand.Text()
	own.Browser = hashed(secret)
	return in.ID + "." + secret, s.move(ctx, &in, own, StepReturned)
}

// phoneOf is the phone of a sign-in; empty for one that is not there yet.
func (s *Service) phoneOf(ctx context.Context, in SignIn) (postern.Phone, error) {
	if in.PhoneID == "" {
		return postern.Phone{IntegrationID: in.IntegrationID}, nil
	}
	phone, err := s.Store.Phone(ctx, in.PhoneID)
	if err == nil && phone.State != postern.PhoneActive {
		err = postern.Errorf(postern.CodePhoneRevoked, "")
	}
	return phone, err
}

func acting(ctx context.Context, phone postern.Phone, own secrets) context.Context {
	return postern.WithActor(ctx, postern.Actor{
		Kind: postern.ActorPhone, ID: string(phone.ID), Name: own.Device.Name, Addr: postern.ActorFrom(ctx).Addr,
	})
}

// judge says who signed in, if that is who may.
func (s *Service) judge(ctx context.Context, in SignIn, phone postern.Phone, own secrets, r Returned) (*postern.DirectoryUser, error) {
	who, err := s.who(ctx, in.IntegrationID, own, r)
	if err != nil {
		return nil, err
	}
	if in.PhoneID == "" {
		return s.eligible(ctx, in.IntegrationID, who)
	}
	u, err := s.Store.User(ctx, phone.UserID)
	if err != nil {
		return nil, err
	}
	if !same(who, u) {
		return nil, postern.Errorf(postern.CodeSignInOther, "%s signed in, but the phone belongs to %s.", who.UPN, u.UPN)
	}
	return &postern.DirectoryUser{ObjectID: u.ObjectID, UPN: u.UPN}, nil
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

// same compares by object id. The permission set "passkeys" cannot look users up and knows some by their name alone.
func same(who entra.SignedIn, u postern.User) bool {
	if strings.Contains(u.ObjectID, "@") {
		return strings.EqualFold(who.UPN, u.ObjectID)
	}
	return strings.EqualFold(who.ObjectID, u.ObjectID)
}

// refused audits a sign-in that proved nothing. What a fault of ours or of Entra kept from being proved is no refusal.
func (s *Service) refused(ctx context.Context, in SignIn, phone postern.Phone, own secrets, why *postern.Error) {
	if why.Status() >= 500 {
		return
	}
	e := event(audit.SignInRefused, phone, why.Message, map[string]string{"device": own.Device.Name, "from": own.Device.Addr})
	e.Success, e.ErrorCode = false, why.Code
	if in.PhoneID == "" {
		e.TargetName = own.Device.Name
	}
	err := s.Store.Atomically(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.Audit.Record(ctx, e) })
	if err != nil {
		s.Logger.ErrorContext(ctx, "a refused sign-in could not be audited", "phone", phone.ID, "cause", err)
	}
}
