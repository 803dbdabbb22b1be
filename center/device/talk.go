package device

import (
	"bytes"
	"context"
	"slices"

	"github.com/postern/postern"
)

// needed are the flags without which phones and workstations neither pair nor talk.
var needed = []postern.Flag{postern.FlagFIDO2MobileAuthenticator, postern.FlagWorkstation}

// SetLinkKey stores the phone's X25519 key of the link. It is set once: pairings rest on it.
func (s *Service) SetLinkKey(ctx context.Context, phone postern.PhoneID, key []byte) (postern.Phone, error) {
	var p postern.Phone
	if len(key) != postern.LinkKeySize {
		return p, postern.FieldErrorf("link_key", "The link key is not an X25519 public key of 32 bytes.")
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) (err error) {
		p, err = s.Store.Phone(ctx, phone)
		switch {
		case err != nil:
			return err
		case p.State != postern.PhoneActive:
			return postern.Errorf(postern.CodePhoneRevoked, "")
		case bytes.Equal(p.LinkKey, key):
			return nil
		case len(p.LinkKey) > 0:
			return postern.Errorf(postern.CodeConflict, "The phone has another link key already.").WithNext("Enrol the phone anew to give it new keys.")
		}
		p.LinkKey = bytes.Clone(key)
		return s.Store.UpdatePhone(ctx, &p)
	})
	return p, err
}

// Peers lists the active pairings of a device, oldest first. That the two may talk now is MayTalk's to say.
func (s *Service) Peers(ctx context.Context, device postern.DeviceID) ([]postern.Pairing, error) {
	var all []postern.Pairing
	var err error
	switch {
	case postern.ValidID(string(device), postern.PrefixPhone):
		all, err = s.Store.PairingsOfPhone(ctx, postern.PhoneID(device))
	case postern.ValidID(string(device), postern.PrefixWorkstation):
		all, err = s.Store.PairingsOfWorkstation(ctx, postern.WorkstationID(device))
	}
	return slices.DeleteFunc(all, func(p postern.Pairing) bool { return p.State != postern.PairingActive }), err
}

// Rendezvous returns the other end of a pairing that is being made, for the two that may meet there: the workstation that
// opened it, and the first phone that came. Before one came there is no other end, which is no error.
func (s *Service) Rendezvous(ctx context.Context, from postern.DeviceID, id postern.PairingID) (postern.DeviceID, error) {
	p, err := s.Store.Pairing(ctx, id)
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return "", postern.Errorf(postern.CodePairingExpired, "")
	case err != nil:
		return "", err
	case from == "" || from != postern.DeviceID(p.WorkstationID) && from != postern.DeviceID(p.PhoneID):
		return "", postern.Errorf(postern.CodeNotPaired, "")
	case p.State == postern.PairingEnded:
		return "", postern.Errorf(postern.CodePairingOver, "")
	case !s.Now().Before(p.ExpiresAt):
		return "", postern.Errorf(postern.CodePairingExpired, "")
	}
	return p.Peer(from), nil
}

// MayMeet says whether the phone that came to a rendezvous of the workstation may talk to it there: it has joined one of
// the pairings that the workstation has open. Which of them it is, the secret in the code decides.
func (s *Service) MayMeet(ctx context.Context, workstation, phone postern.DeviceID) error {
	open, err := s.Store.PairingsOfWorkstation(ctx, postern.WorkstationID(workstation))
	if err != nil {
		return err
	}
	none := error(postern.Errorf(postern.CodeNotPaired, ""))
	for _, p := range open {
		if phone == "" || postern.DeviceID(p.PhoneID) != phone {
			continue
		}
		_, err := s.Rendezvous(ctx, phone, p.ID)
		switch {
		case err == nil:
			return nil
		case p.State == postern.PairingPending:
			none = err
		}
	}
	return none
}

// MayTalk says whether the relay may forward from one device to another now, and if not, why. Who was never paired with
// a device learns nothing else of it.
func (s *Service) MayTalk(ctx context.Context, from, to postern.DeviceID) error {
	phone, workstation := postern.PhoneID(from), postern.WorkstationID(to)
	if postern.ValidID(string(from), postern.PrefixWorkstation) {
		phone, workstation = postern.PhoneID(to), postern.WorkstationID(from)
	}
	pairings, err := s.Store.PairingsBetween(ctx, phone, workstation)
	if err != nil {
		return err
	}
	if len(pairings) == 0 {
		return postern.Errorf(postern.CodeNotPaired, "")
	}
	p, err := s.Store.Phone(ctx, phone)
	if err != nil {
		return err
	}
	if p.State != postern.PhoneActive {
		return postern.Errorf(postern.CodePhoneRevoked, "")
	}
	w, err := s.Store.Workstation(ctx, workstation)
	if err != nil {
		return err
	}
	if w.State != postern.WorkstationActive {
		return postern.Errorf(postern.CodeWorkstationRevoked, "")
	}
	if !slices.ContainsFunc(pairings, func(p postern.Pairing) bool { return p.State == postern.PairingActive }) {
		return postern.Errorf(postern.CodePairingOver, "")
	}
	i, u, err := s.parties(ctx, p)
	if err != nil {
		return err
	}
	if i.State != postern.StateEnabled {
		return postern.Errorf(postern.CodeIntegrationDisabled, "")
	}
	return admit(i, u)
}

// parties returns the integration and the user of a phone.
func (s *Service) parties(ctx context.Context, p postern.Phone) (i postern.Integration, u postern.User, err error) {
	if i, err = s.Integrations.Get(ctx, p.IntegrationID); err != nil {
		return i, u, err
	}
	u, err = s.Users.User(ctx, p.UserID)
	return i, u, err
}

// admit checks what pairing and talking ask of integration and user, except that the integration is ENABLED.
func admit(i postern.Integration, u postern.User) error {
	switch u.Phase {
	case postern.PhaseSuspended:
		return postern.Errorf(postern.CodeUserSuspended, "")
	case postern.PhaseRevoked:
		return postern.Errorf(postern.CodeUserRevoked, "")
	}
	return i.Admit(u.UPN, needed...)
}

func flagOff(i postern.Integration, flag postern.Flag) error {
	return postern.Errorf(postern.CodeFlagOff, "The feature flag %s is off for %s.", flag, i.ApplicationName)
}

// notice is what stands between a pairing and its use. The user is not known before a phone came.
func notice(i postern.Integration, u *postern.User) *postern.PhoneNotice {
	var err error
	if u != nil {
		err = admit(i, *u)
	}
	if err == nil && i.State != postern.StateEnabled {
		err = postern.Errorf(postern.CodeIntegrationDisabled, "")
	}
	if err == nil {
		return nil
	}
	return noticeOf(err)
}

func noticeOf(err error) *postern.PhoneNotice {
	e := postern.AsError(err)
	return &postern.PhoneNotice{Code: e.Code, Message: e.Message, Next: e.Next}
}

// Stands reports whether a device is known and has not been revoked.
func (s *Service) Stands(ctx context.Context, id postern.DeviceID) (bool, error) {
	var stands bool
	var err error
	if postern.ValidID(string(id), postern.PrefixWorkstation) {
		var w postern.Workstation
		w, err = s.Store.Workstation(ctx, postern.WorkstationID(id))
		stands = w.State == postern.WorkstationActive
	} else {
		var p postern.Phone
		p, err = s.Store.Phone(ctx, postern.PhoneID(id))
		stands = p.State == postern.PhoneActive
	}
	if postern.IsCode(err, postern.CodeNotFound) {
		return false, nil
	}
	return stands, err
}
