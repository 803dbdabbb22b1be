package enrolment

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// maxWrongNumbers is how many numbers may be wrong. With three tries at 900 numbers, who only guesses is right once in
// 300 sign-ins, each of which takes the victim's password anew. Choosing among three would be right every third time.
const maxWrongNumbers = 3

// Question is what the page after a sign-in asks its user.
type Question struct {
	User   string // user principal name of who signed in
	Device Device
	Left   int // tries
}

// Outcome is what the page tells the user at the end.
type Outcome struct {
	User   string
	Device Device
	// Enrols says that the phone is not there yet and takes the next step by itself.
	Enrols bool
}

// split takes what a browser or a phone holds of a sign-in apart.
func split(token string) (id, secret string, err error) {
	id, secret, ok := strings.Cut(token, ".")
	if !ok || len(token) > 200 {
		return "", "", postern.Errorf(postern.CodeSignInExpired, "")
	}
	return id, secret, nil
}

// returned finds the sign-in of a browser.
func (s *Service) returned(ctx context.Context, browser string) (SignIn, secrets, error) {
	id, secret, err := split(browser)
	if err != nil {
		return SignIn{}, secrets{}, err
	}
	in, own, err := s.find(ctx, id, StepReturned)
	if err == nil && !holds(secret, own.Browser) {
		err = postern.Errorf(postern.CodeSignInExpired, "")
	}
	return in, own, err
}

// Pending is what the browser that came back from Entra is to ask its user.
func (s *Service) Pending(ctx context.Context, browser string) (Question, error) {
	_, own, err := s.returned(ctx, browser)
	if err != nil {
		return Question{}, err
	}
	return Question{User: own.Who.UPN, Device: own.Device, Left: maxWrongNumbers - own.Wrong}, nil
}

// Confirm takes the number that the app shows; with it the sign-in counts. The third wrong one ends it. A try is stored
// before it is known whether it was right, so that trying at once gives no more of them.
func (s *Service) Confirm(ctx context.Context, browser, number string) (Outcome, error) {
	in, own, err := s.returned(ctx, browser)
	if err != nil {
		return Outcome{}, err
	}
	phone, err := s.phoneOf(ctx, in)
	if err != nil {
		return Outcome{}, err
	}
	ctx = acting(ctx, phone, own)
	if strings.TrimSpace(number) != own.Number {
		return Outcome{}, s.wrong(ctx, in, phone, own)
	}
	out := Outcome{User: own.Who.UPN, Device: own.Device, Enrols: in.PhoneID == ""}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		now, mine := in, own // a transaction may run twice
		if now.PhoneID == "" {
			return s.issue(ctx, &now, mine)
		}
		if err := s.move(ctx, &now, mine, StepOver); err != nil {
			return err
		}
		p := postern.IdentityProof{Kind: postern.ProofSignIn, At: s.Now().UTC(), Addr: postern.ActorFrom(ctx).Addr}
		if err := s.prove(ctx, phone, p); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.ProofGiven, phone, out.User+" signed in at Entra for the phone "+phone.Name+" and typed the number it shows.",
			map[string]string{"proof": string(postern.ProofSignIn)}))
	})
	return out, err
}

// wrong counts a number that was not right.
func (s *Service) wrong(ctx context.Context, in SignIn, phone postern.Phone, own secrets) error {
	own.Wrong++
	if own.Wrong < maxWrongNumbers {
		if err := s.move(ctx, &in, own, StepReturned); err != nil {
			return err
		}
		return postern.Errorf(postern.CodeSignInNumber, "").OnField("number")
	}
	if err := s.move(ctx, &in, own, StepOver); err != nil {
		return err
	}
	over := postern.Errorf(postern.CodeSignInRefused, "The number was wrong three times, so this sign-in is over.").
		WithNext("Is the phone in your hand? Then begin again in its app. If somebody sent you here, tell your help desk.")
	s.refused(ctx, in, phone, own, over)
	return over
}

// Disown is what the user says who was led here by somebody else: the phone is not theirs. It is revoked, and one that is
// not there yet never comes.
func (s *Service) Disown(ctx context.Context, browser string) error {
	in, own, err := s.returned(ctx, browser)
	if err != nil {
		return err
	}
	phone, err := s.phoneOf(ctx, in)
	if err != nil {
		return err
	}
	ctx = acting(ctx, phone, own)
	const note = "The user signed in at Entra and said that the phone is not theirs."
	if in.PhoneID == "" {
		if err := s.move(ctx, &in, own, StepOver); err != nil {
			return err
		}
		s.refused(ctx, in, phone, own, postern.Errorf(postern.CodeSignInRefused, note))
		return nil
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		now := in
		if err := s.move(ctx, &now, own, StepOver); err != nil {
			return err
		}
		if _, err := s.Revoke(ctx, phone.ID); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.PhoneRejected, phone, note, map[string]string{"by": own.Who.UPN}))
	})
}
