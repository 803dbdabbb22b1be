package offline

import (
	"context"
	"slices"

	"github.com/postern/postern"
)

// flags are those without which no workstation has an offline passkey: phones and workstations talk, and passkeys are
// registered through Graph.
var flags = []postern.Flag{postern.FlagFIDO2MobileAuthenticator, postern.FlagWorkstation, postern.FlagProvisionAPI}

// parties are all on whom it depends whether a pairing may be used offline.
type parties struct {
	pairing     postern.Pairing
	workstation postern.Workstation
	phone       postern.Phone
	user        postern.User
	integration postern.Integration
	settings    postern.WorkstationSettings
}

func (s *Service) parties(ctx context.Context, p postern.Pairing) (out parties, err error) {
	out.pairing = p
	if out.workstation, err = s.Store.Workstation(ctx, p.WorkstationID); err != nil {
		return out, err
	}
	if out.phone, err = s.Store.Phone(ctx, p.PhoneID); err != nil {
		return out, err
	}
	if out.user, err = s.Store.User(ctx, out.phone.UserID); err != nil {
		return out, err
	}
	if out.integration, err = s.Integrations.Get(ctx, p.IntegrationID); err != nil {
		return out, err
	}
	out.settings, err = s.settings(ctx, p.IntegrationID)
	return out, err
}

// mine finds a pairing only for the device that is an end of it, and all that it depends on. It must have been confirmed by
// both, and may have ended.
func (s *Service) mine(ctx context.Context, by postern.DeviceID, id postern.PairingID) (parties, error) {
	p, err := s.Store.Pairing(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && (p.Peer(by) == "" || p.ConfirmedAt == nil) {
		return parties{}, postern.Errorf(postern.CodeNotFound, "This device has no such pairing.")
	}
	if err != nil {
		return parties{}, err
	}
	return s.parties(ctx, p)
}

// stands refuses where a pairing may not be used offline now, whatever the settings say.
func (p parties) stands() error {
	switch {
	case p.pairing.State != postern.PairingActive:
		return postern.Errorf(postern.CodePairingOver, "This pairing was refused or has ended.")
	case p.workstation.State != postern.WorkstationActive:
		return postern.Errorf(postern.CodeWorkstationRevoked, "")
	case p.phone.State != postern.PhoneActive:
		return postern.Errorf(postern.CodePhoneRevoked, "")
	case p.user.Phase == postern.PhaseSuspended:
		return postern.Errorf(postern.CodeUserSuspended, "")
	case p.user.Phase == postern.PhaseRevoked:
		return postern.Errorf(postern.CodeUserRevoked, "")
	case p.integration.State != postern.StateEnabled:
		return postern.Errorf(postern.CodeIntegrationDisabled, "")
	}
	return p.integration.Admit(p.user.UPN, flags...)
}

// allows refuses where a pairing may have no offline passkey, or may not use the one it has.
func (p parties) allows() error {
	switch {
	case !p.settings.Offline.Enabled:
		return postern.Errorf(postern.CodeOfflineOff, "")
	case p.workstation.Kind != postern.WorkstationAgent:
		return postern.Errorf(postern.CodeOfflineOff, "A browser cannot sign in to a machine, so it has no offline passkey.").
			WithNext("Pair the desktop client of this machine with the phone.")
	}
	return p.stands()
}

// seals are what may keep an offline passkey.
var seals = []string{postern.SealTPM, postern.SealKeyFile}

// sealed refuses a seal that is too weak for the settings.
func (p parties) sealed(by string) error {
	switch {
	case !slices.Contains(seals, by):
		return postern.FieldErrorf("seal", "There is no seal %q.", by)
	case p.settings.Offline.RequireTPM && by != postern.SealTPM:
		return postern.Errorf(postern.CodeOfflineSeal, "")
	}
	return nil
}

// recovers reports whether the workstation may have recovery codes.
func (p parties) recovers() bool { return p.settings.Recovery.Enabled && p.allows() == nil }
