package workstation

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// Enrolment is what a workstation says of itself to become known to a control center.
type Enrolment struct {
	Server      string // address of the control center
	Integration string // identifier or application name; may be empty when there is only one
	Name        string // as people know it, at most 64 characters
	Kind        postern.WorkstationKind
	Software    string
	OS          string
	JoinState   postern.JoinState
	// InstallToken is from the file beside the installer; empty where anybody may enrol. It is not kept.
	InstallToken string
	// EnterpriseJoined says that it is registered with an on-premises device registration service.
	EnterpriseJoined bool
	// Begun is the state that was kept last, when it has no ID: the enrolment was begun and its answer did not come. Its
	// keys are used again for the same server, so that the control center finds what it may know already.
	Begun *State
}

// ErrUnfinished says that a state is of an enrolment whose answer has not come; [Enrol] goes on with it.
var ErrUnfinished = errors.New("this workstation began to enrol and was not told that it is known; enrol it again")

// Enrol makes the workstation known to a control center. The keys are kept before the control center is asked, in a state
// without an ID, and again with its ID. It fails with a [*postern.Error], the context's error or the Keeper's.
func Enrol(ctx context.Context, in Enrolment, env Env) (*Workstation, error) {
	env = env.complete()
	origin, err := originOf(in.Server)
	if err != nil {
		return nil, err
	}
	caller, err := signed.NewCaller(signed.Workstation, origin, env.Transport, env.Now)
	if err != nil {
		return nil, err
	}
	s := &State{Server: origin, Kind: in.Kind, Name: in.Name, Software: in.Software}
	if b := in.Begun; b != nil && b.ID == "" && b.Server == origin && len(b.IdentityKey) == ed25519.SeedSize && len(b.LinkKey) == channel.KeySize {
		begun := b.clone()
		s.IdentityKey, s.LinkKey = begun.IdentityKey, begun.LinkKey
	} else if err := s.drawKeys(env.Random); err != nil {
		return nil, err
	}
	if err := env.Keeper.Save(ctx, s.clone()); err != nil {
		return nil, fmt.Errorf("keep the keys of the workstation: %w", err)
	}
	identity, static, err := s.keys()
	if err != nil {
		return nil, err
	}
	link := static.Public()
	body := postern.WorkstationEnrolment{
		Integration: in.Integration, Name: in.Name, Kind: in.Kind, Software: in.Software, OS: in.OS,
		JoinState: in.JoinState, EnterpriseJoined: in.EnterpriseJoined, InstallToken: in.InstallToken,
		IdentityKey: postern.Bytes(identity.Public().(ed25519.PublicKey)), LinkKey: link[:],
	}
	body.Proof = ed25519.Sign(identity, body.Message())
	var self postern.WorkstationSelf
	if err := caller.Call(ctx, "POST", "/enrolments", nil, body, &self); err != nil {
		return nil, err
	}
	if !postern.ValidID(string(self.Workstation.ID), postern.PrefixWorkstation) {
		return nil, postern.Errorf(postern.CodeUnavailable, "The control center answered the enrolment without an id.").
			WithNext("Check the address; a proxy in between may have answered instead.")
	}
	s.ID, s.IntegrationID = self.Workstation.ID, self.Workstation.IntegrationID
	s.Name, s.Application = self.Workstation.Name, self.Integration.ApplicationName
	if err := env.Keeper.Save(ctx, s.clone()); err != nil {
		return nil, fmt.Errorf("keep the workstation: %w", err)
	}
	w, err := Open(s, env)
	if err != nil {
		return nil, err
	}
	w.notice = self.Notice
	return w, nil
}

// Open takes a workstation up again from its state. It fails with [ErrUnfinished] when that has no ID, and with another
// error when it is damaged.
func Open(s *State, env Env) (*Workstation, error) {
	env = env.complete()
	if s.ID == "" {
		return nil, ErrUnfinished
	}
	identity, static, err := s.keys()
	if err != nil {
		return nil, err
	}
	origin, err := originOf(s.Server)
	if err != nil {
		return nil, err
	}
	caller, err := signed.NewCaller(signed.Workstation, origin, env.Transport, env.Now)
	if err != nil {
		return nil, err
	}
	caller.SignAs(string(s.ID), identity)
	w := &Workstation{
		env: env, caller: caller, static: static,
		state:   s.clone(),
		phones:  make(map[postern.PhoneID]*phone),
		places:  make(map[string]relay.State),
		changed: make(chan struct{}),
		news:    make(chan struct{}),
		stale:   make(chan struct{}, 1),
		queued:  make(chan struct{}, 1),
	}
	w.adopt()
	return w, nil
}

func (e Env) complete() Env {
	if e.Random == nil {
		e.Random = rand.Reader
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	return e
}

func (s *State) drawKeys(random io.Reader) error {
	s.IdentityKey, s.LinkKey = make([]byte, ed25519.SeedSize), make([]byte, channel.KeySize)
	for _, key := range []postern.Bytes{s.IdentityKey, s.LinkKey} {
		if _, err := io.ReadFull(random, key); err != nil {
			return fmt.Errorf("draw the keys of the workstation: %w", err)
		}
	}
	return nil
}

func (s *State) keys() (ed25519.PrivateKey, channel.Static, error) {
	if len(s.IdentityKey) != ed25519.SeedSize {
		return nil, channel.Static{}, errors.New("the identity key of this workstation is damaged; set the workstation up anew")
	}
	static, err := channel.StaticFromBytes(s.LinkKey)
	return ed25519.NewKeyFromSeed(s.IdentityKey), static, err
}

// originOf brings the address of a control center into the form in which browsers give an origin (RFC 6454 §6.1): both
// ends of the channel must agree on it to the letter.
func originOf(server string) (string, error) {
	server = strings.TrimSpace(server)
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", postern.FieldErrorf("server", "The address of the control center must be a URL such as https://postern.example.com, and nothing after the host.").
			WithNext("Correct the address.")
	}
	host := strings.ToLower(u.Host)
	if standard := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; strings.HasSuffix(host, standard) {
		host = strings.TrimSuffix(host, standard)
	}
	return u.Scheme + "://" + host, nil
}
