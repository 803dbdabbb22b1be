package offline

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/seal"
)

// Integrations reads integrations.
type Integrations interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
}

// Passkeys is what this package needs of package provision. Begin, Drop and Take join the transaction of ctx.
type Passkeys interface {
	// BeginWorkstation stores the intent to register a passkey on the workstation of a pairing.
	BeginWorkstation(ctx context.Context, pairing postern.Pairing) (postern.Provisioning, error)
	// WorkstationOptions asks Entra for creation options, which are answered and never kept.
	WorkstationOptions(ctx context.Context, id postern.ProvisioningID) (postern.SecurityKeyOptions, error)
	SubmitWorkstation(ctx context.Context, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.Provisioning, error)
	// DropWorkstation cancels a provisioning unless it is at its end.
	DropWorkstation(ctx context.Context, id postern.ProvisioningID) error
	// TakeWorkstation stores the intent to take a passkey away.
	TakeWorkstation(ctx context.Context, id postern.PasskeyID, reason postern.RevocationReason) error
	// Roles asks the directory afresh whether a user holds a privileged role; what is stored serves where it cannot be asked.
	Roles(ctx context.Context, id postern.UserID) (postern.User, error)
}

// Service is everything that can be done about signing in offline. All fields are needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Passkeys     Passkeys
	Sealer       seal.Sealer
	Audit        audit.Recorder
	Queue        job.Queue
	Logger       *slog.Logger
	Now          func() time.Time
	Random       io.Reader

	// Tell wakes whoever waits for news of a user, and of a phone and a workstation unless those are empty.
	Tell func(user postern.UserID, phone postern.PhoneID, workstation postern.WorkstationID)
	// Person is the administrator on whose word something is done; empty where it is nobody's in particular.
	Person func(ctx context.Context) postern.AdministratorID

	making sync.Mutex // of sheets: each takes memory and a processor for a moment
}

// maxTries bounds how often a change of a record is repeated because somebody changed it at the same time.
const maxTries = 4

// change lets do change the record of a pairing in one transaction, again from its beginning when somebody was faster. The
// record is new when its state is empty. do may act on others after [Service.put].
func (s *Service) change(ctx context.Context, id postern.PairingID, do func(ctx context.Context, r *Record) error) (r Record, err error) {
	for range maxTries {
		err = s.Store.Atomically(ctx, func(ctx context.Context) error {
			found, err := s.Store.OfflineSignIn(ctx, id)
			if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
				return err
			}
			err = do(ctx, &found)
			r = found
			return err
		})
		if !postern.IsCode(err, postern.CodeStale) {
			break
		}
	}
	return r, err
}

// put stores a record in the transaction of ctx, and tells both devices and whoever looks at the user once it is committed.
func (s *Service) put(ctx context.Context, r *Record) error {
	if err := s.keep(ctx, r); err != nil {
		return err
	}
	user, phone, workstation := r.UserID, r.PhoneID, r.WorkstationID
	s.Store.AfterCommit(ctx, func() { s.Tell(user, phone, workstation) })
	return nil
}

// keep is put for what neither device is told.
func (s *Service) keep(ctx context.Context, r *Record) error {
	r.Batch.onto(r)
	if r.Version == 0 {
		r.Version = 1
		return s.Store.CreateOfflineSignIn(ctx, *r)
	}
	return s.Store.UpdateOfflineSignIn(ctx, r)
}

// onto shows the codes in use where administrators read them.
func (b Batch) onto(r *Record) {
	r.Codes, r.ExpiresAt = b.Codes, b.ExpiresAt
	r.CodesLeft = min(r.CodesLeft, b.Codes)
	r.Recovery, r.RecoveryLeft = r.Sheets.InUse != nil, r.Sheets.InUse.Left()
}

// told fills in what is not kept.
func (s *Service) told(ctx context.Context, r Record) (postern.OfflineSignIn, error) {
	w, err := s.Store.Workstation(ctx, r.WorkstationID)
	r.Workstation = w.Name
	return r.OfflineSignIn, err
}

// atATime is how many records are read at once where all of an integration are looked at.
const atATime = 2000

// Open lists what has not ended in an integration, by pairing and without the names of the workstations.
func (s *Service) Open(ctx context.Context, integration postern.IntegrationID) ([]postern.OfflineSignIn, error) {
	var out []postern.OfflineSignIn
	for after := postern.PairingID(""); ; {
		records, err := s.Store.OpenOfflineSignIns(ctx, integration, after, atATime)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			after = r.Pairing
			out = append(out, r.OfflineSignIn)
		}
		if len(records) < atATime {
			return out, nil
		}
	}
}

// OfUser lists what the workstations of a user have, newest first.
func (s *Service) OfUser(ctx context.Context, id postern.UserID) ([]postern.OfflineSignIn, error) {
	records, err := s.Store.OfflineSignInsOfUser(ctx, id)
	return s.toldAll(ctx, records, err)
}

// OfWorkstation lists what one workstation has, newest first.
func (s *Service) OfWorkstation(ctx context.Context, id postern.WorkstationID) ([]postern.OfflineSignIn, error) {
	if _, err := s.Store.Workstation(ctx, id); err != nil {
		return nil, err
	}
	records, err := s.Store.OfflineSignInsOfWorkstation(ctx, id)
	return s.toldAll(ctx, records, err)
}

func (s *Service) toldAll(ctx context.Context, records []Record, err error) ([]postern.OfflineSignIn, error) {
	if err != nil {
		return nil, err
	}
	out := make([]postern.OfflineSignIn, len(records))
	for n, r := range records {
		if out[n], err = s.told(ctx, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// event is about the workstation, as whose part of the trail it is found again.
func event(code audit.Code, r Record, message string, fields map[string]string) postern.AuditEvent {
	if fields == nil {
		fields = make(map[string]string)
	}
	fields["pairing"], fields["user"], fields["phone"] = string(r.Pairing), string(r.UserID), string(r.PhoneID)
	if len(r.Batch.ID) > 0 {
		fields["batch"] = named(r.Batch.ID)
	}
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: r.IntegrationID, Target: string(r.WorkstationID), TargetName: r.Workstation,
		Success: true, Message: message, Fields: fields,
	}
}

// record writes an entry with the name that the workstation has now.
func (s *Service) record(ctx context.Context, code audit.Code, r Record, message string, fields map[string]string) error {
	w, err := s.Store.Workstation(ctx, r.WorkstationID)
	if err != nil {
		return err
	}
	r.Workstation = w.Name
	return s.Audit.Record(ctx, event(code, r, message, fields))
}

// named is how a batch is written where people read; its id is no secret.
func named(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// noted holds a reason to its form.
func noted(note string, needed bool) (string, error) {
	note = strings.TrimSpace(note)
	switch {
	case note == "" && needed:
		return "", postern.FieldErrorf("note", "Say why, in up to %d bytes.", maxNote)
	case len(note) > maxNote:
		return "", postern.FieldErrorf("note", "The reason is longer than %d bytes.", maxNote)
	case !postern.Showable(note):
		return "", postern.FieldErrorf("note", "The reason holds characters that cannot be shown.")
	}
	return note, nil
}

// maxNote bounds a reason, in bytes.
const maxNote = 500
