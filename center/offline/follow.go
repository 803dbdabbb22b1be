package offline

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
)

// SettingsJob follows a change of settings through an integration. Records that were made after Before are left alone: they
// are under settings of later.
type SettingsJob struct {
	Integration postern.IntegrationID `json:"integration"`
	Off         bool                  `json:"off,omitempty"`
	NeedTPM     bool                  `json:"need_tpm,omitempty"`
	RecoveryOff bool                  `json:"recovery_off,omitempty"`
	Before      time.Time             `json:"before"`
	By          postern.Actor         `json:"by"`
}

// Kind implements [job.Args].
func (SettingsJob) Kind() string { return "offline.settings" }

// atOnce is how many records one look takes.
const atOnce = 200

// Follow handles [SettingsJob]: record by record, each in a transaction of its own, so that it may be cut off and repeated.
// Then every workstation is told to read its pairings again, for the offer is another one.
func (s *Service) Follow(ctx context.Context, args SettingsJob) error {
	ctx = postern.WithActor(ctx, args.By)
	after := postern.PairingID("")
	for args.Off || args.NeedTPM || args.RecoveryOff {
		records, err := s.Store.OpenOfflineSignIns(ctx, args.Integration, after, atOnce)
		if err != nil {
			return err
		}
		for _, r := range records {
			after = r.Pairing
			if err := s.follow(ctx, args, r.Pairing); err != nil {
				return err
			}
		}
		if len(records) < atOnce {
			break
		}
	}
	all, err := s.Store.Workstations(ctx, args.Integration)
	for _, w := range all {
		if w.State == postern.WorkstationActive && w.Kind == postern.WorkstationAgent {
			s.Tell("", "", w.ID)
		}
	}
	return err
}

// follow does to one record what the settings ask for.
func (s *Service) follow(ctx context.Context, args SettingsJob, id postern.PairingID) error {
	_, err := s.change(ctx, id, func(ctx context.Context, r *Record) error {
		switch {
		case r.State == "" || r.CreatedAt.After(args.Before):
			return nil
		case args.Off, args.NeedTPM && r.Seal != postern.SealTPM:
			reason := postern.OfflineEndSettings
			return s.take(ctx, r, reason, postern.RevocationOffline, "")
		case args.RecoveryOff && (r.Sheets.InUse != nil || r.Sheets.Fresh != nil):
			r.Sheets = Sheets{}
			if err := s.put(ctx, r); err != nil {
				return err
			}
			return s.withdrawAll(ctx, r.Pairing)
		}
		return nil
	})
	return err
}

// Handle registers the handlers of this package's jobs.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{Timeout: 10 * time.Minute}, s.Follow, s.followAgain)
	job.Handle(r, job.Rules{}, s.Lapse, nil)
}

// followLater is how long after the last attempt at following a change of settings it is begun anew: a passkey that is to
// be gone is never forgotten.
const followLater = time.Hour

func (s *Service) followAgain(ctx context.Context, args SettingsJob, cause error) error {
	s.Logger.ErrorContext(ctx, "a change of workstation settings could not be followed; it is tried again", "integration", args.Integration, "cause", cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error { return s.Queue.Enqueue(ctx, args, job.After(followLater)) })
}
