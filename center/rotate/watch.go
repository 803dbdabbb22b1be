package rotate

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

const (
	watchEvery = time.Hour
	// lookEvery is how often the end of a secret is looked for that nobody told.
	lookEvery = 24 * time.Hour
	// automaticBefore is how long before its end a certificate is rotated where that is wanted; automaticAgain how long
	// after an attempt that came to nothing.
	automaticBefore, automaticAgain = 30 * 24 * time.Hour, 24 * time.Hour

	watchDocument = "credential_watch"
)

// WatchJob looks at the ends of all credentials.
type WatchJob struct{}

// Kind implements [job.Args].
func (WatchJob) Kind() string { return "rotate.watch" }

// watched is what is kept of a credential between two rounds.
type watched struct {
	Of       time.Time `json:"of"`             // [postern.Credential.SetAt]
	EndsAt   time.Time `json:"ends,omitzero"`  // about which people were told
	Told     *int      `json:"told,omitempty"` // the warning, of [postern.CredentialWarnings]
	LookedAt time.Time `json:"looked_at,omitzero"`
}

// Watch handles [WatchJob].
func (s *Service) Watch(ctx context.Context, _ WatchJob) error {
	all, err := s.Integrations.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if err := s.watch(ctx, i); err != nil && !postern.IsCode(err, postern.CodeNotFound) && !postern.IsCode(err, postern.CodeStale) {
			return err
		}
	}
	return nil
}

func (s *Service) watch(ctx context.Context, i postern.Integration) error {
	last, err := s.Store.LastRotation(ctx, i.ID)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		return err
	}
	running := err == nil && !last.State.Over()
	if running && last.State != postern.RotationWaiting {
		if err := s.Queue.Enqueue(ctx, CarryJob{last.ID}, job.Bulk()); err != nil {
			return err
		}
	}
	version, w, err := s.watched(ctx, i)
	if err != nil {
		return err
	}
	ends := i.Credential.EndOf()
	if ends == nil && i.Credential.Kind == postern.CredentialSecret && s.Now().Sub(w.LookedAt) >= lookEvery {
		w.LookedAt = s.Now().UTC()
		if version, err = s.setWatched(ctx, i.ID, version, w); err != nil {
			return err
		}
		if ends, err = s.lookUp(ctx, i); err != nil {
			return err
		}
	}
	if ends == nil {
		return nil
	}
	if !running {
		begun, err := s.automatic(ctx, i, *ends, last)
		if err != nil || begun {
			return err
		}
	}
	return s.warn(ctx, i, *ends, version, w)
}

func (s *Service) watched(ctx context.Context, i postern.Integration) (int64, watched, error) {
	var w watched
	version, body, err := s.Store.Document(ctx, i.ID, watchDocument)
	if err == nil && version > 0 {
		if err = json.Unmarshal(body, &w); err != nil {
			err = fmt.Errorf("rotate: what was told: %w", err)
		}
	}
	if !w.Of.Equal(i.Credential.SetAt) {
		w = watched{Of: i.Credential.SetAt}
	}
	return version, w, err
}

func (s *Service) setWatched(ctx context.Context, id postern.IntegrationID, version int64, w watched) (int64, error) {
	body, err := json.Marshal(w)
	if err != nil {
		return version, err
	}
	return s.Store.SetDocument(ctx, id, watchDocument, version, body)
}

// lookUp asks the registration when the secret in use ends. Where the application may not look, or cannot tell it from
// others, nobody knows.
func (s *Service) lookUp(ctx context.Context, i postern.Integration) (*time.Time, error) {
	ctx = entra.WithPriority(ctx, entra.Bulk)
	tenant, _, err := s.Integrations.Tenant(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	reg, err := tenant.AppRegistration(ctx, i.ClientID)
	if err != nil {
		s.Logger.InfoContext(ctx, "the end of a client secret could not be looked up", "integration", i.ID, "err", err)
		return nil, nil //nolint:nilnil // nobody knows
	}
	hint, err := s.Integrations.SecretHint(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	secret, ok := secretOf(reg, hint, "")
	if !ok || secret.Ends.IsZero() {
		return nil, nil //nolint:nilnil // nobody knows
	}
	ends := secret.Ends.UTC()
	return &ends, s.Integrations.NoteEnd(ctx, i.ID, i.Credential.SetAt, ends)
}

// automatic begins a rotation where that is wanted and can be done without a person.
func (s *Service) automatic(ctx context.Context, i postern.Integration, ends time.Time, last Record) (bool, error) {
	left := ends.Sub(s.Now())
	if i.Credential.Kind != postern.CredentialCertificate || left > automaticBefore || left <= 0 {
		return false, nil
	}
	if last.Automatic && last.FinishedAt != nil && s.Now().Sub(*last.FinishedAt) < automaticAgain {
		return false, nil
	}
	set, err := s.Settings(ctx, i.ID)
	if err != nil || !set.Automatic {
		return false, err
	}
	_, err = s.begin(ctx, i.ID, postern.RotationInput{Version: i.Version}, true)
	if postern.IsCode(err, postern.CodeRotationBusy) {
		return false, nil
	}
	return err == nil, err
}

// stepOf is the warning that is due, the most urgent one; ok is false where there is none yet.
func stepOf(left time.Duration) (step int, ok bool) {
	for _, days := range postern.CredentialWarnings {
		if left <= time.Duration(days)*24*time.Hour {
			step, ok = days, true
		}
	}
	return step, ok
}

// warn tells people once for each warning.
func (s *Service) warn(ctx context.Context, i postern.Integration, ends time.Time, version int64, w watched) error {
	left := ends.Sub(s.Now())
	step, ok := stepOf(left)
	if !ok || w.Told != nil && *w.Told <= step && w.EndsAt.Equal(ends) {
		return nil
	}
	set, err := s.Settings(ctx, i.ID)
	if err != nil {
		return err
	}
	w.Told, w.EndsAt = &step, ends
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if _, err := s.setWatched(ctx, i.ID, version, w); err != nil {
			return err
		}
		if s.Tell != nil {
			if err := s.Tell(ctx, postern.Alarm{
				Kind: postern.AlarmCredential, IntegrationID: i.ID, EndsAt: &ends, Credential: i.Credential.Kind,
				Automatic: set.Automatic && i.Credential.Kind == postern.CredentialCertificate,
			}); err != nil {
				return err
			}
		}
		s.tell(ctx, i.ID)
		fields := map[string]string{"ends": ends.Format(time.RFC3339), "warning": strconv.Itoa(step), "credential": string(i.Credential.Kind)}
		if left <= 0 {
			e := event(audit.CredentialEnded, i, "", fields)
			e.Success = false
			return s.Audit.Record(ctx, e)
		}
		return s.Audit.Record(ctx, event(audit.CredentialEnding, i, fmt.Sprintf("It ends on %s.", ends.Format(time.DateOnly)), fields))
	})
}
