package windows

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// relyingParty is Entra's, and clientOrigin the page a passkey is used at.
const (
	relyingParty = "login.microsoft.com"
	clientOrigin = "https://login.microsoft.com"
	broker       = "38aa3b87-a06d-4817-b275-7a316988d93b" // the client that asks for a PRT
	grantFIDO2   = "urn:entrasim:grant-type:fido2"
)

// SignIn is what a sign-in needs beside the computer.
type SignIn struct {
	Key       string        // where the key is: udp:127.0.0.1:PORT, hidraw:/dev/hidrawN
	Wait      time.Duration // how long the key may take to be plugged in
	PIN       PIN           // nil: there is none
	NoNetwork bool          // the computer reaches nobody
	Step      func(Step)    // told of each step as it ends; may be nil
	Waiting   func()        // the key waits for its user; may be nil
}

// signingIn is a sign-in under way.
type signingIn struct {
	*Machine
	SignIn
	result    *Result
	authority *authority
	key       *key
	nonce     string
	offline   bool
	challenge []byte // client data
	signed    assertion
	answer    prtAnswer
}

// SignIn goes through the nine steps. The result says how it went; an error is of the computer's own folder.
func (m *Machine) SignIn(ctx context.Context, in SignIn) (*Result, error) {
	s := &signingIn{Machine: m, SignIn: in, result: &Result{}, offline: in.NoNetwork}
	err := s.run(ctx)
	if s.key != nil {
		_ = s.key.close() // nothing is left to be said
	}
	refused, ok := errors.AsType[*Refusal](err)
	if err != nil && !ok {
		return nil, err
	}
	if ok {
		s.result.Refusal = refused
		s.say(refused.Step, Failed, refused.Reason)
	}
	return s.result, m.save()
}

// say notes what became of a step.
func (s *signingIn) say(number int, state StepState, detail string) {
	step := Step{number, names[number-1], state, detail}
	s.result.Steps = append(s.result.Steps, step)
	if s.Step != nil {
		s.Step(step)
	}
}

func (s *signingIn) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.insert, s.recognise, s.ask, s.gesture} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if s.offline {
		return s.cachedLogon()
	}
	err := s.request(ctx)
	if errors.Is(err, errUnreachable) { // it went away meanwhile
		s.offline = true
		return s.cachedLogon()
	}
	if err != nil {
		return err
	}
	return s.open(ctx)
}

// insert is step 1.
func (s *signingIn) insert(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, s.Wait)
	defer cancel()
	r, err := plugged(s.Key)
	for ; errors.Is(err, errNoKey) && waiting.Err() == nil; r, err = plugged(s.Key) {
		select {
		case <-waiting.Done():
		case <-time.After(busyAgain):
		}
	}
	if err != nil && !errors.Is(err, errNoKey) {
		return err
	}
	if err == nil {
		var c *channel
		if c, err = join(waiting, r); err == nil {
			c.waiting = s.Waiting
			s.key = &key{channel: c}
			s.say(stepInsert, Passed, s.Key)
			return nil
		}
		_ = r.close() // it was not there
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Refusal{Step: stepInsert, Reason: "No security key is plugged in at " + s.Key + ".", Windows: "Insert your security key into the USB port."}
}

// recognise is step 2: the key can do what Windows needs, and the sign-in screen takes keys.
func (s *signingIn) recognise(ctx context.Context) error {
	note, refused := s.keyAtScreen()
	if refused != nil {
		refused.Step, refused.Status = stepRecognise, statusNotSupported
		return refused
	}
	if err := s.key.learn(ctx); err != nil {
		return s.fault(ctx, stepRecognise, err)
	}
	if lacks := s.key.info.lacks(); lacks != "" {
		return &Refusal{Step: stepRecognise, Reason: "Windows cannot use this key: " + lacks + ".", Windows: "This security key can't be used. Please try a different one."}
	}
	s.result.Model = s.key.info.Model()
	if note != "" {
		s.result.Notes = append(s.result.Notes, note)
	}
	s.say(stepRecognise, Passed, "model "+s.result.Model)
	return nil
}

// ask is steps 3 and 4. Without a network it goes on with a challenge of its own, for a cached logon.
func (s *signingIn) ask(ctx context.Context) (err error) {
	if !s.offline {
		if s.authority, err = newAuthority(s.Machine.Entra.Authority, s.Machine.Entra.CA); err != nil {
			return err
		}
		s.nonce, err = s.authority.nonce(ctx)
		switch {
		case err == nil:
			s.say(stepRequest, Passed, s.authority.base)
			s.say(stepNonce, Passed, "")
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errUnreachable):
			return s.refusedBy(stepNonce, err, nil)
		}
		s.offline = true
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // crypto/rand does not fail
	s.nonce = url64.EncodeToString(random)
	s.say(stepRequest, Skipped, "no network: a cached logon is tried")
	s.say(stepNonce, Skipped, "")
	return nil
}

// gesture is steps 5 and 6, which are one request to the key.
func (s *signingIn) gesture(ctx context.Context) (err error) {
	s.challenge, err = json.Marshal(map[string]any{"type": "webauthn.get", "challenge": url64.EncodeToString([]byte(s.nonce)), "origin": clientOrigin, "crossOrigin": false})
	if err != nil {
		return err
	}
	hash := sha256.Sum256(s.challenge)
	if s.signed, err = s.key.assert(ctx, relyingParty, hash[:], s.Salt, s.PIN); err != nil {
		return s.fault(ctx, stepGesture, err)
	}
	s.result.Credential = url64.EncodeToString(s.signed.credential)
	s.say(stepGesture, Passed, "the key verified its user")
	s.say(stepSign, Passed, fmt.Sprintf("credential %s, counter %d", s.result.Credential, counter(s.signed.authData)))
	return nil
}

// request is steps 7 and 8.
func (s *signingIn) request(ctx context.Context) error {
	text, err := json.Marshal(map[string]string{
		"id": s.result.Credential, "clientDataJSON": url64.EncodeToString(s.challenge), "authenticatorData": url64.EncodeToString(s.signed.authData),
		"signature": url64.EncodeToString(s.signed.signature), "userHandle": url64.EncodeToString(s.signed.user),
	})
	if err != nil {
		return err
	}
	signed, err := s.Machine.Entra.byDevice(map[string]any{
		"client_id": broker, "request_nonce": s.nonce, "scope": "openid aza ugs", "win_ver": s.Build.version(), "group_sids": []string{},
		"grant_type": grantFIDO2, "assertion": string(text),
	})
	if err != nil {
		return err
	}
	answer, err := s.authority.request(ctx, s.Machine.Entra.TenantID, signed, true)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errUnreachable):
		return err
	}
	s.say(stepPRTRequest, Passed, "")
	if err != nil {
		u, c := s.cachedFor(s.signed.credential)
		return s.refusedBy(stepVerify, err, func(code string) {
			switch {
			case u == nil:
			case code == codeDisabled || code == codeDeleted:
				u.Barred = code
			case code == codePasskeyGone:
				c.Refused = code
			}
		})
	}
	if err := json.Unmarshal(answer, &s.answer); err != nil || s.answer.Type != "pop" || s.answer.PRT == "" {
		return &Refusal{Step: stepVerify, Reason: "Entra's answer holds no primary refresh token.", Status: statusLogonFailure, Windows: wentWrong}
	}
	s.say(stepVerify, Passed, "")
	return nil
}

// open is step 9 of a sign-in with Entra.
func (s *signingIn) open(ctx context.Context) error {
	fail := func(err error) error {
		return &Refusal{Step: stepPRT, Reason: "The primary refresh token opens nothing here: " + err.Error() + ".", Status: statusLogonFailure, Windows: wentWrong}
	}
	who, err := readIdentity(s.answer.IDToken)
	if err != nil {
		return fail(err)
	}
	wrapped, err := wrapped(s.answer.SessionKey)
	if err != nil {
		return fail(err)
	}
	session, err := s.sessionKey(wrapped)
	if err != nil {
		return fail(err)
	}
	u := s.Users[who.ID]
	if u == nil {
		u = &user{ID: who.ID}
	}
	u.UPN, u.Name, u.SID, u.Barred = who.UPN, who.Name, who.SID, ""
	secret, err := s.secret(u, s.signed.credential, s.signed.secret)
	if err != nil {
		return fail(err)
	}
	if s.result.Resource, err = s.resource(u, secret); err != nil {
		return fail(err)
	}
	now := s.now()
	if err := u.remember(s.signed.credential, s.signed.secret, secret, now); err != nil {
		return fail(err)
	}
	u.PRT = &token{Session: wrapped, Updated: now, Expires: now.Add(time.Duration(s.answer.ExpiresIn) * time.Second)}
	if err := u.PRT.keep(session, s.answer.PRT, secret); err != nil {
		return fail(err)
	}
	u.PRT.Cloud, u.PRT.OnPrem = hasTicket(s.answer.Cloud), s.exchange(ctx, s.answer.OnPrem)
	s.Users[u.ID], s.Failed = u, nil
	s.begin(u, Online)
	return nil
}

// cachedLogon is the end of a sign-in without Entra: the passkey's own secret opens what it left here when Entra took it.
func (s *signingIn) cachedLogon() error {
	u, c := s.cachedFor(s.signed.credential)
	switch {
	case c == nil:
		return &Refusal{
			Step: stepPRTRequest, Status: statusNoNetwork, Windows: "You need the Internet for this. It doesn't look like you're connected to the Internet.",
			Reason: "There is no network, and nobody has signed in on this computer with this passkey before: the first sign-in needs Entra.",
		}
	case u.Barred != "":
		return &Refusal{Step: stepPRTRequest, Code: u.Barred, Status: statusLogonFailure, Windows: wentWrong, Reason: "There is no network, and when there was one Entra said that this user may not sign in."}
	case c.Refused != "":
		return &Refusal{Step: stepPRTRequest, Code: c.Refused, Status: statusLogonFailure, Windows: wentWrong, Reason: "There is no network, and when there was one Entra did not take this passkey."}
	}
	s.say(stepPRTRequest, Skipped, "cached logon")
	s.say(stepVerify, Skipped, "hmac-secret is to open what this passkey left here")
	secret, err := c.recall(s.signed.secret)
	if err == nil {
		s.result.Resource, err = s.resource(u, secret)
	}
	if err != nil {
		return &Refusal{Step: stepPRT, Status: statusLogonFailure, Windows: wentWrong, Reason: "The key's hmac-secret does not open the cached logon: " + err.Error() + "."}
	}
	s.begin(u, Cached)
	return nil
}

// begin is the session.
func (s *signingIn) begin(u *user, mode Mode) {
	s.result.Unlocked = s.Who != nil && s.Who.Locked && s.Who.User == u.ID
	s.Who = &logon{User: u.ID, Mode: mode, At: s.now()}
	s.result.SignedIn, s.result.Mode, s.result.User = true, mode, u.UPN
	s.say(stepPRT, Passed, "signed in as "+u.UPN+", "+string(mode))
}

// keep seals token and user's secret under the session key.
func (t *token) keep(session []byte, prt string, secret []byte) (err error) {
	if t.Sealed, err = seal(session, []byte(prt)); err == nil {
		t.Secret, err = seal(session, secret)
	}
	return err
}

// exchange has the domain controller make a full ticket of the partial one. What hinders it hinders no sign-in: resources on
// premises ask for another proof.
func (s *signingIn) exchange(ctx context.Context, ticket string) bool {
	if s.Kind != Hybrid {
		return false
	}
	var t struct {
		Error  int    `json:"error"`
		Buffer string `json:"messageBuffer"`
	}
	if ticket == "" || json.Unmarshal([]byte(ticket), &t) != nil || t.Error != 0 {
		s.result.Notes = append(s.result.Notes, "Entra gave no ticket for the domain: Entra Kerberos is not set up, or the user is not synchronised")
		return false
	}
	in, err := json.Marshal(map[string]string{"message_buffer": t.Buffer})
	if err == nil {
		err = s.authority.control(ctx, "/tenants/"+s.Machine.Entra.TenantID+"/kdc", in, nil)
	}
	if err != nil {
		s.result.Notes = append(s.result.Notes, "The domain controller does not take the ticket, as it takes none of administrators by default: "+err.Error())
		return false
	}
	return true
}

func hasTicket(ticket string) bool {
	var t struct {
		Error int `json:"error"`
	}
	return ticket != "" && json.Unmarshal([]byte(ticket), &t) == nil && t.Error == 0
}
