package provision

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/entra"
)

const (
	// opaqueAfter is how long a claim waits for a passkey whose method id shows the credential id, before one that
	// fits by everything else is taken for it: the form of method ids is not documented.
	opaqueAfter = time.Minute
	// clockSkew is how far Entra's clock may be behind.
	clockSkew = 5 * time.Minute
	// credentialIDSize is the length of the ids that Postern's authenticator gives. It tells the readings of a method
	// id apart.
	credentialIDSize = 32
	// noAAGUID is listed for a passkey whose registration did not tell the model.
	noAAGUID = "00000000-0000-0000-0000-000000000000"
)

// ourAAGUID is Postern's authenticator model as Graph writes it.
var ourAAGUID = aaguid(device.AAGUID[:])

// holdings are what a user has: at Entra, and in Postern's books.
type holdings struct {
	user          postern.User
	phones        []postern.Phone // active ones
	devices       int             // phones of any state
	listed        []entra.Passkey
	stored        []postern.Passkey // revoked ones included
	provisionings []Record
}

func (s *Service) holdings(ctx context.Context, id postern.UserID) (h holdings, err error) {
	if h.user, err = s.Users.User(ctx, id); err != nil {
		return h, err
	}
	graph, _, err := s.Integrations.Graph(ctx, h.user.IntegrationID)
	if err != nil {
		return h, err
	}
	if h.listed, err = graph.Passkeys(ctx, h.user.ObjectID); err != nil {
		return h, err
	}
	return h, s.books(ctx, &h)
}

// books fills in what Postern itself has.
func (s *Service) books(ctx context.Context, h *holdings) (err error) {
	if h.stored, err = s.Store.PasskeysOfUser(ctx, h.user.ID); err != nil {
		return err
	}
	if h.provisionings, err = s.Store.ProvisioningsOfUser(ctx, h.user.ID); err != nil {
		return err
	}
	h.phones, err = s.Phones.Phones(ctx, h.user.ID)
	h.devices = len(h.phones)
	h.phones = slices.DeleteFunc(slices.Clone(h.phones), func(p postern.Phone) bool { return p.State != postern.PhoneActive })
	return err
}

// booked reports whether a listed passkey is in the books: managed, once managed and perhaps still listed, or at some
// step of a provisioning, which then takes it up or undoes it.
func (h holdings) booked(p entra.Passkey) bool {
	return slices.ContainsFunc(h.stored, func(k postern.Passkey) bool { return k.MethodID == p.ID }) ||
		slices.ContainsFunc(h.provisionings, func(r Record) bool {
			return r.MethodID == p.ID || r.DisplayName == p.DisplayName || entra.MatchesCredential(p.ID, r.CredentialID)
		})
}

// claimed finds the passkey of a claim: by its credential id, or after a while, as the only one that could be meant.
func (h holdings) claimed(c Claim, now time.Time) (entra.Passkey, bool) {
	free := slices.DeleteFunc(slices.Clone(h.listed), h.booked)
	for _, p := range free {
		if entra.MatchesCredential(p.ID, c.CredentialID) {
			return p, true
		}
	}
	if now.Sub(c.CreatedAt) < opaqueAfter || len(h.phones) != 1 || h.phones[0].ID != c.PhoneID {
		return entra.Passkey{}, false
	}
	fitting := slices.DeleteFunc(free, func(p entra.Passkey) bool {
		return !isOurs(p) || p.CreatedAt.Before(c.CreatedAt.Add(-clockSkew))
	})
	if len(fitting) != 1 {
		return entra.Passkey{}, false
	}
	return fitting[0], true
}

func isOurs(p entra.Passkey) bool { return strings.EqualFold(p.AAGUID, ourAAGUID) }

// mayBeOurs accepts a passkey without a model too, where its credential id has told it already.
func mayBeOurs(p entra.Passkey) bool { return isOurs(p) || p.AAGUID == noAAGUID || p.AAGUID == "" }

// adopt makes a passkey that its user registered a managed one of a phone. When the phone was revoked before Entra
// listed it, it is taken away at once. Doing it again changes nothing.
func (s *Service) adopt(ctx context.Context, u postern.User, id postern.PhoneID, p entra.Passkey, credential []byte) error {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		phone, err := s.Phones.Phone(ctx, id)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteClaim(ctx, id, credential); err != nil {
			return err
		}
		key := postern.Passkey{
			ID: postern.NewID[postern.PasskeyID](postern.PrefixPasskey), IntegrationID: u.IntegrationID, UserID: u.ID,
			Carrier: postern.CarrierPhone, PhoneID: id, Version: 1, Managed: true, State: postern.PasskeyActive,
			MethodID: p.ID, DisplayName: p.DisplayName, AAGUID: p.AAGUID, Model: p.Model, Attested: p.Attested(),
			Synced: p.Synced(), CredentialID: credential, CreatedAt: s.Now().UTC(), UPN: u.UPN,
		}
		switch err := s.Store.CreatePasskey(ctx, key); {
		case postern.IsCode(err, postern.CodeConflict):
			return nil // whoever was faster did the rest
		case err != nil:
			return err
		}
		if err := s.Audit.Record(ctx, passkeyEvent(audit.PasskeyAdopted, key, "Entra lists the passkey that the user registered at Security info.",
			map[string]string{"aaguid": p.AAGUID})); err != nil {
			return err
		}
		if phone.State != postern.PhoneActive {
			if _, err := s.intendRevocation(ctx, key, postern.RevocationPhone); err != nil {
				return err
			}
		}
		return s.Users.Settle(ctx, u.ID)
	})
	if err == nil {
		s.tell(ctx, u.ID, id)
	}
	return err
}

// reconciled returns the managed passkeys of a user after the untold ones among those listed were taken up.
func (s *Service) reconciled(ctx context.Context, u postern.User, listed []entra.Passkey) ([]postern.Passkey, error) {
	h := holdings{user: u, listed: listed}
	if err := s.books(ctx, &h); err != nil {
		return nil, err
	}
	switch more, err := s.adoptUntold(ctx, h); {
	case err != nil:
		s.Logger.ErrorContext(ctx, "a passkey that no phone told of could not be taken up", "user", u.ID, "cause", err)
	case more:
		return s.Store.PasskeysOfUser(ctx, u.ID)
	}
	return h.stored, nil
}

// adoptUntold takes up passkeys of Postern's authenticator that no phone told of, because its word was lost. It reports
// whether it found any. Only a user who never had another phone leaves no doubt whose they are, because a phone that was
// revoked can still be registered at Security info; and while the phone has a claim open that one decides.
func (s *Service) adoptUntold(ctx context.Context, h holdings) (bool, error) {
	if len(h.phones) != 1 || h.devices != 1 {
		return false, nil
	}
	phone := h.phones[0]
	claims, err := s.Store.ClaimsOfPhone(ctx, phone.ID)
	if err != nil || slices.ContainsFunc(claims, func(c Claim) bool { return c.State == postern.ClaimLooking }) {
		return false, err
	}
	any := false
	for _, p := range h.listed {
		if !isOurs(p) || h.booked(p) || p.CreatedAt.Before(phone.CreatedAt.Add(-clockSkew)) {
			continue
		}
		// Postern itself acts here, whoever caused the list to be read.
		ctx := postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
		if err := s.adopt(ctx, h.user, phone.ID, p, credentialOf(p, claims)); err != nil {
			return any, err
		}
		any = true
	}
	return any, nil
}

// credentialOf reads the credential id from a method id, with what the phone once told as the better source.
func credentialOf(p entra.Passkey, claims []Claim) []byte {
	for _, c := range claims {
		if entra.MatchesCredential(p.ID, c.CredentialID) {
			return c.CredentialID
		}
	}
	for _, id := range entra.CredentialIDs(p.ID) {
		if len(id) == credentialIDSize {
			return id
		}
	}
	return nil
}
