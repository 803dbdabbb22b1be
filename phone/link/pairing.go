package link

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
)

// Candidate is a workstation at a pairing.
type Candidate struct {
	Workstation
	Name, Software string
	Digits         string
	Deadline       time.Time
	Notice         *postern.PhoneNotice // why it cannot be used yet
}

// Person is who pairs, and what remembers it.
type Person interface {
	// Joined tells that the control center knows the code: the pairing's deadline, and what stands in its way.
	Joined(c Candidate)
	// Compare shows the digits, and returns nil when the workstation shows the same.
	Compare(ctx context.Context, c Candidate) error
	// Keep stores the workstation. The pairing is confirmed after it, so that no key is lost of one that counts.
	Keep(ctx context.Context, c Candidate) error
}

// ErrDifferent is for [Person.Compare]: the digits differ, or nobody wanted to pair.
var ErrDifferent = errors.New("the digits differ")

// askAgain is how often it is asked whether the other end has confirmed, if no news come.
const askAgain = 2 * time.Second

// meeting is a pairing under way, as the relay's events see it.
type meeting struct {
	peer  string
	heard chan []byte
	news  chan struct{}
	err   chan error
}

func (m *meeting) take(body []byte) {
	select {
	case m.heard <- body:
	default: // one message is all a workstation sends
	}
}

func (m *meeting) wake() { signal(m.news) }

func (m *meeting) fail(err error) {
	select {
	case m.err <- err:
	default:
	}
}

// Pair takes the text of a QR code, or a code that was typed, to a pairing that counts. It gives up when ctx ends, and
// has the control center told whenever it does not come to an end. One at a time.
func (l *Link) Pair(ctx context.Context, text string, person Person) (done Candidate, err error) {
	invitation, err := l.read(text)
	if err != nil {
		return done, err
	}
	defer invitation.Secret.Wipe()
	id := relay.PairingID(invitation.PairingID)
	m := &meeting{peer: id.Peer(), heard: make(chan []byte, 1), news: make(chan struct{}, 1), err: make(chan error, 1)}
	l.mu.Lock()
	if l.pairing != nil {
		l.mu.Unlock()
		return done, postern.Errorf(postern.CodePairingState, "Another pairing is under way.").WithNext("Finish or refuse it first.")
	}
	l.pairing = m
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.pairing = nil
		l.mu.Unlock()
	}()
	pairing := postern.NewPairingID(invitation.PairingID)
	var joined postern.PairingAnswer
	if err := l.cfg.API.Call(ctx, "PUT", pairingPath(pairing), nil, nil, &joined); err != nil {
		return done, err
	}
	defer func() {
		if err != nil {
			l.refusePairing(ctx, pairing)
		}
	}()
	c := Candidate{
		Workstation: Workstation{Pairing: pairing, ID: joined.Pairing.WorkstationID, Key: invitation.LinkKey},
		Deadline:    joined.Pairing.ExpiresAt, Notice: joined.Notice,
	}
	if err := c.accept(joined.LinkKey); err != nil {
		return done, err
	}
	person.Joined(c)
	ctx, stop := context.WithTimeoutCause(ctx, c.Deadline.Sub(l.now()), postern.Errorf(postern.CodePairingExpired, ""))
	defer stop()
	if err := l.shake(ctx, m, &c, invitation.Secret); err != nil {
		return done, err
	}
	if err := person.Compare(ctx, c); err != nil {
		return done, ended(ctx, err)
	}
	if err := person.Keep(ctx, c); err != nil {
		return done, err
	}
	return c, l.confirm(ctx, m, &c)
}

// read takes a code apart.
func (l *Link) read(text string) (channel.Invitation, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "#") {
		i, err := channel.ReadCode(text)
		if err != nil {
			return i, postern.FieldErrorf("text", "This is not a pairing code of Postern.").
				WithNext("Type the twelve characters that the computer shows, or scan its QR code.").Because(err)
		}
		return i, nil
	}
	origin, i, err := channel.ParseInvitation(text, l.now())
	if err != nil {
		return i, sentence(err)
	}
	if origin != l.cfg.API.Server() {
		i.Secret.Wipe()
		return i, postern.FieldErrorf("text", "This code belongs to the control center %s, and this phone to %s.", origin, l.cfg.API.Server()).
			WithNext("Scan the code of a computer that your organisation has set up for this app.")
	}
	return i, nil
}

// sentence makes of an error of a code one that has its next step apart.
func sentence(err error) error {
	what, next, _ := strings.Cut(err.Error(), "; ")
	code := postern.CodeInvalid
	if errors.Is(err, channel.ErrInvitationExpired) {
		code = postern.CodePairingExpired
	}
	e := postern.Errorf(code, "%s.", capital(what)).OnField("text").Because(err)
	return e.WithNext(capital(next) + ".")
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// accept takes the link key that the control center tells. A QR code has told one already, which has to be the same.
func (c *Candidate) accept(told []byte) error {
	switch {
	case c.Key == channel.PublicKey{} && len(told) == channel.KeySize:
		c.Key = channel.PublicKey(told)
	case c.Key == channel.PublicKey{}:
		return postern.Errorf(postern.CodeLinkProtocol, "The control center did not tell the computer's key.")
	case len(told) > 0 && string(told) != string(c.Key[:]):
		return postern.Errorf(postern.CodeLinkProtocol, "The QR code and the control center name different keys for the computer, so somebody may stand in between.").
			WithNext("Do not pair this computer, and tell your help desk.")
	}
	return nil
}

// shake does the handshake, after which the digits are known.
func (l *Link) shake(ctx context.Context, m *meeting, c *Candidate, secret channel.Secret) error {
	prologue, err := l.prologue(c.Workstation)
	if err != nil {
		return err
	}
	h, err := channel.NewPhonePairing(channel.Config{
		Random: l.cfg.Random, Time: l.now(), Static: l.cfg.Key, Prologue: prologue, Peer: c.Key, Secret: secret, Self: l.cfg.Self,
	})
	if err != nil {
		return err
	}
	defer h.Close()
	first, err := h.Write()
	if err != nil {
		return handshakeFailed(err)
	}
	l.tell(m.peer, first)
	second, err := l.hear(ctx, m, c.Pairing)
	if err != nil {
		return err
	}
	if err := h.Read(second); err != nil {
		return handshakeFailed(err)
	}
	third, err := h.Write()
	if err != nil {
		return handshakeFailed(err)
	}
	l.tell(m.peer, third)
	s, ok := h.Done()
	if !ok {
		return handshakeFailed(channel.ErrHandshake)
	}
	defer s.Close() // a pairing's session carries no requests
	peer := s.Peer().Device
	if peer.ID != string(c.ID) {
		return handshakeFailed(channel.ErrHandshake)
	}
	c.Name, c.Software, c.Digits = peer.Name, peer.Software, s.Digits()
	return nil
}

// hear waits for the workstation's message. When there is news, the control center is asked whether the pairing is still under
// way: a workstation that gave it up says so there alone.
func (l *Link) hear(ctx context.Context, m *meeting, id postern.PairingID) ([]byte, error) {
	for {
		select {
		case second := <-m.heard:
			return second, nil
		case err := <-m.err:
			return nil, err
		case <-ctx.Done():
			return nil, ended(ctx, ctx.Err())
		case <-m.news:
		}
		err := l.cfg.API.Call(ctx, "PUT", pairingPath(id), nil, nil, nil)
		if err != nil && !passing(err) {
			return nil, ended(ctx, err)
		}
	}
}

// passing reports whether a call may do better the next time.
func passing(err error) bool {
	return postern.IsCode(err, postern.CodeUnavailable) || postern.IsCode(err, postern.CodeTooMany) || postern.IsCode(err, postern.CodeInternal)
}

func (l *Link) tell(peer string, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.post(peer, channel.PayloadPairing, message)
}

func handshakeFailed(err error) error {
	return postern.Errorf(postern.CodeLinkProtocol, "Phone and computer could not establish a secure connection.").
		WithNext("Show a new code at the computer and try again. If it keeps failing, tell your help desk.").Because(err)
}

// confirm says that the digits are the same, and waits until the other end has said so.
func (l *Link) confirm(ctx context.Context, m *meeting, c *Candidate) error {
	for {
		var answer postern.PairingAnswer
		err := l.cfg.API.Call(ctx, "POST", pairingPath(c.Pairing)+"/confirmation", nil, nil, &answer)
		switch {
		case err == nil:
			c.Notice = answer.Notice
			if answer.Pairing.State == postern.PairingActive {
				return nil
			}
		case !passing(err):
			return ended(ctx, err)
		}
		pause := time.NewTimer(askAgain)
		select {
		case <-pause.C:
		case <-m.news:
		case <-ctx.Done():
		}
		pause.Stop()
		if ctx.Err() != nil {
			return ended(ctx, ctx.Err())
		}
	}
}

// ended prefers the reason for which the time was over.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// refusalTime bounds telling the control center of a pairing that came to nothing.
const refusalTime = 10 * time.Second

func (l *Link) refusePairing(ctx context.Context, id postern.PairingID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalTime)
	defer cancel()
	if err := l.Unpair(ctx, id); err != nil {
		l.cfg.Log.Debug("a pairing that came to nothing could not be refused; it ends by itself", "pairing", id)
	}
}

// Unpair ends a pairing at the control center. One that has ended, or is not known there, is as good as ended.
func (l *Link) Unpair(ctx context.Context, id postern.PairingID) error {
	err := l.cfg.API.Call(ctx, "DELETE", pairingPath(id), nil, nil, nil)
	if postern.IsCode(err, postern.CodeNotFound) || postern.IsCode(err, postern.CodePairingOver) || postern.IsCode(err, postern.CodePairingExpired) {
		return nil
	}
	return err
}

func pairingPath(id postern.PairingID) string { return "/pairings/" + url.PathEscape(string(id)) }

func rawID(id postern.PairingID) (raw [16]byte, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(id))
	if err != nil || len(b) != len(raw) {
		return raw, errors.New("the id of a pairing is the base64url of 16 bytes")
	}
	return [16]byte(b), nil
}
