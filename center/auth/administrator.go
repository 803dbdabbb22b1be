package auth

import (
	"context"
	"encoding/base64"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const maxName = 80

// checkName trims a name that people will read and refuses what would not show.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "", postern.FieldErrorf("name", "The name is empty.")
	}
	if n := utf8.RuneCountInString(name); n > maxName {
		return "", postern.FieldErrorf("name", "The name has %d characters; %d is the most.", n, maxName)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", postern.FieldErrorf("name", "The name holds a character that cannot be shown.")
	}
	return name, nil
}

// checkMail takes an address and nothing else: no display name, no second one.
func checkMail(address string) error {
	if address == "" {
		return nil
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > 254 ||
		strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return postern.FieldErrorf("mail", "That is not a mail address such as zoe@contoso.com.")
	}
	return nil
}

// Administrators lists all administrators by name.
func (s *Service) Administrators(ctx context.Context) ([]postern.Administrator, error) {
	all, err := s.store.Administrators(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := s.complete(ctx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Administrator returns one of them.
func (s *Service) Administrator(ctx context.Context, id postern.AdministratorID) (postern.Administrator, error) {
	a, err := s.store.Administrator(ctx, id)
	if err != nil {
		return postern.Administrator{}, err
	}
	return a, s.complete(ctx, &a)
}

// complete fills in what follows from an administrator's passkeys. The last sign-in is the last use of one of them, so
// that signing in does not change the version somebody else is editing.
func (s *Service) complete(ctx context.Context, a *postern.Administrator) error {
	credentials, err := s.store.AdministratorCredentials(ctx, a.ID)
	if err != nil {
		return err
	}
	a.Passkeys = len(credentials)
	for _, c := range credentials {
		if c.LastUsed != nil && (a.LastSignIn == nil || c.LastUsed.After(*a.LastSignIn)) {
			a.LastSignIn = c.LastUsed
		}
	}
	return nil
}

// UpdateAdministrator changes name, role and whether the administrator may sign in.
func (s *Service) UpdateAdministrator(ctx context.Context, id postern.AdministratorID, in postern.AdministratorInput) (postern.Administrator, error) {
	name, err := checkName(in.Name)
	if err != nil {
		return postern.Administrator{}, err
	}
	if !in.Role.Valid() {
		return postern.Administrator{}, postern.FieldErrorf("role", "There is no role %q.", in.Role)
	}
	if in.Mail != nil {
		if err := checkMail(*in.Mail); err != nil {
			return postern.Administrator{}, err
		}
	}
	var a postern.Administrator
	err = s.alone(ctx, func(ctx context.Context) error {
		if a, err = s.store.Administrator(ctx, id); err != nil {
			return err
		}
		if a.Version != in.Version {
			return postern.Errorf(postern.CodeStale, "")
		}
		if in.Role != postern.RoleOwner || in.Disabled {
			if err := s.keepAnOwner(ctx, a); err != nil {
				return err
			}
		}
		was := a
		a.Name, a.Role = name, in.Role
		if in.Mail != nil {
			a.Mail = *in.Mail
		}
		switch {
		case !in.Disabled:
			a.DisabledAt = nil
		case a.DisabledAt == nil:
			now := s.now().UTC()
			a.DisabledAt = &now
		}
		if err := s.store.UpdateAdministrator(ctx, &a); err != nil {
			return err
		}
		fields := map[string]string{"role": string(a.Role), "disabled": "no"}
		if was.Role != a.Role {
			fields["role_before"] = string(was.Role)
		}
		if a.DisabledAt != nil {
			fields["disabled"] = "yes"
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.AdministratorEdit.Code, Name: audit.AdministratorEdit.Name, Success: true, Target: string(a.ID), TargetName: a.Name,
			Message: audit.AdministratorEdit.Text, Fields: audit.With(fields, audit.Changes(was, a)),
		})
	})
	if err != nil {
		return postern.Administrator{}, err
	}
	return a, s.complete(ctx, &a)
}

// RemoveAdministrator removes an administrator with their passkeys. Their tokens and links stop working with them.
func (s *Service) RemoveAdministrator(ctx context.Context, id postern.AdministratorID, version int64) error {
	return s.alone(ctx, func(ctx context.Context) error {
		a, err := s.store.Administrator(ctx, id)
		if err != nil {
			return err
		}
		if a.Version != version {
			return postern.Errorf(postern.CodeStale, "")
		}
		if err := s.keepAnOwner(ctx, a); err != nil {
			return err
		}
		credentials, err := s.store.AdministratorCredentials(ctx, id)
		if err != nil {
			return err
		}
		for _, c := range credentials {
			if err := s.store.DeleteCredential(ctx, c.ID); err != nil {
				return err
			}
		}
		if err := s.store.DeleteAdministrator(ctx, id, version); err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.AdministratorGone.Code, Name: audit.AdministratorGone.Name, Success: true, Target: string(a.ID), TargetName: a.Name,
			Message: audit.AdministratorGone.Text, Fields: map[string]string{"role": string(a.Role)},
		})
	})
}

// keepAnOwner refuses to let a go, or lose the role, when nobody else could give it back.
func (s *Service) keepAnOwner(ctx context.Context, a postern.Administrator) error {
	if a.Role != postern.RoleOwner || a.DisabledAt != nil {
		return nil
	}
	all, err := s.store.Administrators(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID != a.ID && other.Role == postern.RoleOwner && other.DisabledAt == nil {
			return nil
		}
	}
	return postern.Errorf(postern.CodeConflict, "%s is the last owner.", a.Name).WithNext("Make somebody else an owner first.")
}

// Passkeys lists the passkeys with which an administrator signs in.
func (s *Service) Passkeys(ctx context.Context, id postern.AdministratorID) ([]postern.AdministratorPasskey, error) {
	credentials, err := s.store.AdministratorCredentials(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]postern.AdministratorPasskey, 0, len(credentials))
	for _, c := range credentials {
		out = append(out, passkeyOf(c))
	}
	return out, nil
}

func passkeyOf(c Credential) postern.AdministratorPasskey {
	return postern.AdministratorPasskey{
		ID: base64.RawURLEncoding.EncodeToString(c.ID), Name: c.Name, CreatedAt: c.CreatedAt, LastUsed: c.LastUsed,
	}
}

// BeginAddPasskey returns the options with which the administrator who is signed in makes a further passkey.
func (s *Service) BeginAddPasskey(ctx context.Context, name string) (*protocol.CredentialCreation, error) {
	i, err := s.signedIn(ctx)
	if err != nil {
		return nil, err
	}
	if name, err = checkName(name); err != nil {
		return nil, err
	}
	p, err := s.person(ctx, i.Administrator, i.Actor.Name)
	if err != nil {
		return nil, err
	}
	if len(p.credentials) >= maxPasskeys {
		return nil, postern.Errorf(postern.CodeConflict, "You have %d passkeys; that is the most.", maxPasskeys).WithNext("Remove one that you do not use.")
	}
	options, data, err := s.web.BeginRegistration(p, exclusions(p))
	if err != nil {
		return nil, err
	}
	return options, s.keepCeremony(ctx, ceremony{Kind: kindAdd, Data: *data, ID: p.id, KeyName: name})
}

const maxPasskeys = 20

// FinishAddPasskey verifies and stores the further passkey.
func (s *Service) FinishAddPasskey(ctx context.Context, response []byte) (postern.AdministratorPasskey, error) {
	i, err := s.signedIn(ctx)
	if err != nil {
		return postern.AdministratorPasskey{}, err
	}
	c, err := s.takeCeremony(ctx, kindAdd)
	if err != nil {
		return postern.AdministratorPasskey{}, err
	}
	if c.ID != string(i.Administrator) {
		return postern.AdministratorPasskey{}, postern.Errorf(postern.CodeConflict, "Somebody else has signed in meanwhile.").WithNext("Start again.")
	}
	credential, err := s.register(person{id: c.ID, name: i.Actor.Name}, c, response)
	if err != nil {
		return postern.AdministratorPasskey{}, err
	}
	err = s.store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.store.CreateCredential(ctx, credential); err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.PasskeyAdded.Code, Name: audit.PasskeyAdded.Name, Success: true, Target: c.ID, TargetName: i.Actor.Name,
			Message: audit.PasskeyAdded.Text, Fields: map[string]string{"passkey": credential.Name},
		})
	})
	if err != nil {
		return postern.AdministratorPasskey{}, err
	}
	return passkeyOf(credential), nil
}

// RemovePasskey removes a passkey of the administrator who is signed in, but not the last one.
func (s *Service) RemovePasskey(ctx context.Context, passkey string) error {
	i, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	unknown := postern.Errorf(postern.CodeNotFound, "You have no such passkey.")
	id, err := base64.RawURLEncoding.Strict().DecodeString(passkey)
	if err != nil {
		return unknown
	}
	return s.alone(ctx, func(ctx context.Context) error {
		credentials, err := s.store.AdministratorCredentials(ctx, i.Administrator)
		if err != nil {
			return err
		}
		for _, c := range credentials {
			if string(c.ID) != string(id) {
				continue
			}
			if len(credentials) == 1 {
				return postern.Errorf(postern.CodeConflict, "This is your last passkey; without it you could not sign in again.").WithNext("Add another passkey first.")
			}
			if err := s.store.DeleteCredential(ctx, id); err != nil {
				return err
			}
			return s.audit.Record(ctx, postern.AuditEvent{
				Code: audit.AdministratorEdit.Code, Name: audit.AdministratorEdit.Name, Success: true, Target: string(i.Administrator), TargetName: i.Actor.Name,
				Message: "An administrator removed one of their passkeys.", Fields: map[string]string{"passkey": c.Name},
			})
		}
		return unknown
	})
}

// signedIn returns the administrator of ctx, and refuses tokens: a token must not be able to make itself a person.
func (s *Service) signedIn(ctx context.Context) (Identity, error) {
	i, ok := IdentityFrom(ctx)
	if !ok {
		return Identity{}, postern.Errorf(postern.CodeUnauthenticated, "")
	}
	if i.Actor.Kind != postern.ActorAdministrator {
		return Identity{}, postern.Errorf(postern.CodeForbidden, "Passkeys belong to people; a token has none.").WithNext("Sign in to the console.")
	}
	return i, nil
}
