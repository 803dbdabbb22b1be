package auth

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// BeginSignIn returns the options for signing in with whichever passkey the browser finds (WebAuthn Level 3, §7.2). No
// name is asked for, so none can be guessed.
func (s *Service) BeginSignIn(ctx context.Context) (*protocol.CredentialAssertion, error) {
	if err := s.limited(ctx); err != nil {
		return nil, err
	}
	options, data, err := s.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, err
	}
	return options, s.keepCeremony(ctx, ceremony{Kind: kindSignIn, Data: *data})
}

// FinishSignIn verifies the assertion and signs its administrator in. response is the JSON form of the browser's
// AuthenticationResponseJSON. Every refusal reads the same, so that nothing is learned about who exists.
func (s *Service) FinishSignIn(ctx context.Context, response []byte) (postern.Administrator, error) {
	if err := s.limited(ctx); err != nil {
		return postern.Administrator{}, err
	}
	c, err := s.takeCeremony(ctx, kindSignIn)
	if err != nil {
		return postern.Administrator{}, err
	}
	a, err := s.verifySignIn(ctx, c, response)
	if err != nil {
		s.noteFailure(ctx, err)
		return postern.Administrator{}, err
	}
	return a, s.startSession(ctx, a)
}

func (s *Service) verifySignIn(ctx context.Context, c ceremony, response []byte) (postern.Administrator, error) {
	refused := func(err error) error {
		return postern.Errorf(postern.CodeUnauthenticated, "The passkey was not accepted.").
			WithNext("Use a passkey that was registered with this Postern. If yours was removed, ask an owner for a new link.").Because(reason(err))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return postern.Administrator{}, refused(err)
	}
	var a postern.Administrator
	var credential Credential
	find := func(rawID, userHandle []byte) (webauthn.User, error) {
		if credential, err = s.store.CredentialByID(ctx, rawID); err != nil {
			return nil, err
		}
		if a, err = s.store.Administrator(ctx, credential.AdministratorID); err != nil {
			return nil, err
		}
		if string(userHandle) != string(a.ID) || a.DisabledAt != nil {
			return nil, errors.New("the user handle is another's, or the administrator is disabled")
		}
		return s.person(ctx, a.ID, a.Name)
	}
	_, w, err := s.web.ValidatePasskeyLogin(find, c.Data, parsed)
	if err != nil {
		return postern.Administrator{}, refused(err)
	}
	if w.Authenticator.CloneWarning {
		return postern.Administrator{}, refused(errors.New("the signature counter went backwards: the passkey may have been copied"))
	}
	if credential.Data, err = json.Marshal(w); err != nil {
		return postern.Administrator{}, err
	}
	now := s.now().UTC()
	credential.LastUsed = &now
	a.LastSignIn = &now
	err = s.store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.store.UpdateCredential(ctx, credential); err != nil {
			return err
		}
		ctx = identityOf(a, address(ctx)).Enter(ctx)
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.SignedIn.Code, Name: audit.SignedIn.Name, Success: true, Target: string(a.ID), TargetName: a.Name, Message: audit.SignedIn.Text,
			Fields: map[string]string{"passkey": credential.Name},
		})
	})
	return a, err
}

// noteFailure audits a failed sign-in, but not more of them than a person would read: whoever knocks without end
// should fill neither the disk nor the trail.
func (s *Service) noteFailure(ctx context.Context, cause error) {
	e := postern.AsError(cause)
	s.log.WarnContext(ctx, "a sign-in failed", "addr", address(ctx), "error", cause)
	if s.failures.Take("") > 0 {
		return
	}
	err := s.store.Atomically(ctx, func(ctx context.Context) error {
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.SignInFailed.Code, Name: audit.SignInFailed.Name, Success: false, ErrorCode: e.Code, Message: e.Message,
		})
	})
	if err != nil {
		s.log.ErrorContext(ctx, "a failed sign-in could not be audited", "error", err)
	}
}
