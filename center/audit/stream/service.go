package stream

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/export"
	"github.com/postern/postern/center/seal"
)

// Service is everything about streams. Make it with [New].
type Service struct {
	o      Options
	holder string // names this process as the one that sends
	wake   chan struct{}
}

// Options are what a service needs. AllowLocal and Now may be absent.
type Options struct {
	Store  Store
	Audit  audit.Recorder
	Sealer seal.Sealer
	Logger *slog.Logger
	Now    func() time.Time
	From   export.Source
	// AllowLocal lets webhooks go to this machine and its own link, which is for tests.
	AllowLocal bool
}

// maxStreams bounds how many streams there can be: each costs a goroutine while it sends.
const maxStreams = 20

const maxName = 60

// oldSecretFor is how long the secret before is still used beside a new one.
const oldSecretFor = 24 * time.Hour

// New returns the service. It sends nothing before [Service.Run].
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o: o, holder: rand.Text(), wake: make(chan struct{}, 1)}
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Millisecond) }

// List returns all streams by name.
func (s *Service) List(ctx context.Context) ([]postern.AuditStream, error) {
	all, err := s.o.Store.AuditStreams(ctx)
	if err != nil {
		return nil, err
	}
	head, _, err := s.o.Store.AuditHead(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]postern.AuditStream, len(all))
	for n, one := range all {
		out[n] = s.view(one, head)
	}
	return out, nil
}

// Get returns one stream.
func (s *Service) Get(ctx context.Context, id postern.AuditStreamID) (postern.AuditStream, error) {
	one, err := s.o.Store.AuditStream(ctx, id)
	if err != nil {
		return postern.AuditStream{}, err
	}
	head, _, err := s.o.Store.AuditHead(ctx)
	return s.view(one, head), err
}

func (s *Service) view(one Stream, head int64) postern.AuditStream {
	out := postern.AuditStream{
		ID: one.ID, Version: one.Version, Name: one.Name, Kind: one.Config.Kind, Format: one.Config.Format, Address: one.Config.Address,
		CA: one.Config.CA, ClientCertificate: one.Config.ClientCertificate, Cursor: one.Cursor, Lag: max(head-one.Cursor, 0),
		DeliveredAt: one.DeliveredAt, Failures: one.Failures, Problem: one.Problem, ProblemAt: one.ProblemAt, NextAttempt: one.NextAt,
		CreatedAt: one.CreatedAt, UpdatedAt: one.UpdatedAt, State: postern.StreamCurrent,
	}
	if until := one.Config.OldSecretUntil; until != nil && s.now().Before(*until) {
		out.OldSecretUntil = until
	}
	switch {
	case one.Paused:
		out.State = postern.StreamPaused
	case one.Problem != "":
		out.State = postern.StreamFailing
	case out.Lag > 0:
		out.State = postern.StreamBehind
	}
	return out
}

// Sent reports how far the stream that is furthest behind came, and its name; see [audit.Log].
func (s *Service) Sent(ctx context.Context) (through int64, name string, any bool, err error) {
	all, err := s.o.Store.AuditStreams(ctx)
	for _, one := range all {
		if !any || one.Cursor < through {
			through, name, any = one.Cursor, one.Name, true
		}
	}
	return through, name, any, err
}

// Create sets a stream up. The signing secret of a webhook is in the answer and nowhere else.
func (s *Service) Create(ctx context.Context, in postern.AuditStreamInput) (postern.AuditStreamSecret, error) {
	var out postern.AuditStreamSecret
	now := s.now()
	one := Stream{ID: postern.NewID[postern.AuditStreamID](postern.PrefixAuditStream), Version: 1, CreatedAt: now, UpdatedAt: now}
	var hidden secrets
	if err := s.fillIn(&one, &hidden, in); err != nil {
		return out, err
	}
	if one.Config.Kind == postern.StreamWebhook {
		hidden.Signing = newSecret()
		out.Secret = secretText(hidden.Signing)
	}
	err := s.o.Store.Atomically(ctx, func(ctx context.Context) error {
		all, err := s.o.Store.AuditStreams(ctx)
		if err != nil {
			return err
		}
		if len(all) >= maxStreams {
			return postern.Errorf(postern.CodeConflict, "There are %d streams; that is the most.", maxStreams).WithNext("Remove one that nobody needs.")
		}
		if err := nameIsFree(all, one); err != nil {
			return err
		}
		head, _, err := s.o.Store.AuditHead(ctx)
		if err != nil {
			return err
		}
		one.Cursor = head
		if in.Beginning {
			floor, err := s.o.Store.AuditFloor(ctx)
			if err != nil {
				return err
			}
			one.Cursor = floor.Sequence
		}
		if one.Secrets, err = s.seal(ctx, one.ID, hidden); err != nil {
			return err
		}
		if err := s.o.Store.CreateAuditStream(ctx, one); err != nil {
			return err
		}
		out.Stream = s.view(one, head)
		return s.record(ctx, audit.StreamMade, one, audit.StreamMade.Text, audit.Changes(nil, visible(one)))
	})
	s.Wake()
	return out, err
}

// Update changes a stream.
func (s *Service) Update(ctx context.Context, id postern.AuditStreamID, in postern.AuditStreamInput) (postern.AuditStream, error) {
	return s.change(ctx, id, in.Version, func(ctx context.Context, one *Stream, hidden *secrets) (audit.Code, error) {
		kind := one.Config.Kind
		if err := s.fillIn(one, hidden, in); err != nil {
			return audit.StreamChanged, err
		}
		if one.Config.Kind != kind {
			return audit.StreamChanged, postern.FieldErrorf("kind", "A stream stays what it is.").WithNext("Set up another stream, then remove this one.")
		}
		all, err := s.o.Store.AuditStreams(ctx)
		if err != nil {
			return audit.StreamChanged, err
		}
		return audit.StreamChanged, nameIsFree(all, *one)
	})
}

// Pause stops or resumes a stream. Nothing is lost meanwhile: retention keeps what was not sent.
func (s *Service) Pause(ctx context.Context, id postern.AuditStreamID, version int64, paused bool) (postern.AuditStream, error) {
	return s.change(ctx, id, version, func(_ context.Context, one *Stream, _ *secrets) (audit.Code, error) {
		one.Paused = paused
		if paused {
			return audit.StreamPaused, nil
		}
		return audit.StreamResumed, nil
	})
}

// Rotate gives a webhook a new signing secret. For a day both sign, so that the receiver can change over.
func (s *Service) Rotate(ctx context.Context, id postern.AuditStreamID, version int64) (postern.AuditStreamSecret, error) {
	var out postern.AuditStreamSecret
	one, err := s.change(ctx, id, version, func(_ context.Context, one *Stream, hidden *secrets) (audit.Code, error) {
		if one.Config.Kind != postern.StreamWebhook {
			return audit.StreamRotated, postern.Errorf(postern.CodeConflict, "Only a webhook has a signing secret.")
		}
		until := s.now().Add(oldSecretFor)
		hidden.Old, hidden.Signing, one.Config.OldSecretUntil = hidden.Signing, newSecret(), &until
		out.Secret = secretText(hidden.Signing)
		return audit.StreamRotated, nil
	})
	if err != nil {
		return postern.AuditStreamSecret{}, err
	}
	out.Stream = one
	return out, nil
}

// change loads a stream with its secrets, lets edit change both, and stores and audits what came of it.
func (s *Service) change(ctx context.Context, id postern.AuditStreamID, version int64,
	edit func(ctx context.Context, one *Stream, hidden *secrets) (audit.Code, error),
) (postern.AuditStream, error) {
	var out postern.AuditStream
	err := s.o.Store.Atomically(ctx, func(ctx context.Context) error {
		one, err := s.o.Store.AuditStream(ctx, id)
		if err != nil {
			return err
		}
		if one.Version != version {
			return postern.Errorf(postern.CodeStale, "")
		}
		hidden, err := s.open(ctx, one)
		if err != nil {
			return err
		}
		was := one
		code, err := edit(ctx, &one, &hidden)
		if err != nil {
			return err
		}
		if one.Secrets, err = s.seal(ctx, id, hidden); err != nil {
			return err
		}
		one.UpdatedAt = s.now()
		if err := s.o.Store.UpdateAuditStream(ctx, &one); err != nil {
			return err
		}
		one.Failures, one.Problem, one.ProblemAt, one.NextAt = 0, "", nil, nil
		head, _, err := s.o.Store.AuditHead(ctx)
		if err != nil {
			return err
		}
		out = s.view(one, head)
		return s.record(ctx, code, one, code.Text, audit.Changes(visible(was), visible(one)))
	})
	s.Wake()
	return out, err
}

// Remove removes a stream. What it had not sent is not sent any more.
func (s *Service) Remove(ctx context.Context, id postern.AuditStreamID, version int64) error {
	return s.o.Store.Atomically(ctx, func(ctx context.Context) error {
		one, err := s.o.Store.AuditStream(ctx, id)
		if err != nil {
			return err
		}
		if err := s.o.Store.DeleteAuditStream(ctx, id, version); err != nil {
			return err
		}
		return s.record(ctx, audit.StreamRemoved, one, audit.StreamRemoved.Text, audit.Changes(visible(one), nil))
	})
}

// Test sends one message that is no entry of the trail, and reports what became of it.
func (s *Service) Test(ctx context.Context, id postern.AuditStreamID) (postern.AuditStreamTest, error) {
	one, err := s.o.Store.AuditStream(ctx, id)
	if err != nil {
		return postern.AuditStreamTest{}, err
	}
	out := postern.AuditStreamTest{OK: true, Message: "The sink took the test message."}
	probe := postern.AuditEvent{
		ID: postern.NewID[postern.EventID](postern.PrefixEvent), At: s.now(), Code: audit.StreamTested.Code, Name: audit.StreamTested.Name,
		Actor: postern.ActorFrom(ctx), Target: string(one.ID), TargetName: one.Name, Success: true,
		Message: "This is a test of a stream. It is no entry of the audit trail.",
	}
	sink, err := s.sink(ctx, one)
	if err == nil {
		_, err = sink.send(ctx, []postern.AuditEvent{probe})
	}
	if err != nil {
		out = postern.AuditStreamTest{Message: problemText(err)}
	}
	err = s.o.Store.Atomically(ctx, func(ctx context.Context) error {
		e := event(audit.StreamTested, one, out.Message, nil)
		if e.Success = out.OK; !out.OK {
			e.ErrorCode = postern.CodeUnavailable
		}
		return s.o.Audit.Record(ctx, e)
	})
	return out, err
}

func nameIsFree(all []Stream, one Stream) error {
	for _, other := range all {
		if other.ID != one.ID && other.Name == one.Name {
			return postern.Errorf(postern.CodeConflict, "There is already a stream called %q.", one.Name).OnField("name")
		}
	}
	return nil
}

// fillIn checks the form and carries it over.
func (s *Service) fillIn(one *Stream, hidden *secrets, in postern.AuditStreamInput) error {
	name := strings.TrimSpace(in.Name)
	if name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return postern.FieldErrorf("name", "A name has 1 to %d characters that can be shown.", maxName)
	}
	if in.Format != postern.AuditJSON && in.Format != postern.AuditOCSF && in.Format != postern.AuditCEF {
		return postern.FieldErrorf("format", "There is no format %q for streams.", in.Format).WithNext("Use jsonl, ocsf or cef.")
	}
	if err := checkAddress(in.Kind, in.Address); err != nil {
		return err
	}
	if _, err := pool(in.CA); err != nil {
		return err
	}
	key := in.ClientKey
	if key == "" {
		key = hidden.ClientKey
	}
	if in.ClientCertificate == "" {
		key = ""
	} else if _, err := tls.X509KeyPair([]byte(in.ClientCertificate), []byte(key)); err != nil {
		return postern.FieldErrorf("client_certificate", "The client certificate and its private key do not belong together, or are no PEM.").
			WithNext("Give both, unencrypted, as PEM.")
	}
	one.Name, hidden.ClientKey = name, key
	until := one.Config.OldSecretUntil
	one.Config = Config{
		Kind: in.Kind, Format: in.Format, Address: in.Address, CA: in.CA, ClientCertificate: in.ClientCertificate, OldSecretUntil: until,
	}
	return nil
}

func sealPurpose(id postern.AuditStreamID) string { return "audit/stream/" + string(id) }

func (s *Service) seal(ctx context.Context, id postern.AuditStreamID, hidden secrets) ([]byte, error) {
	plain, err := json.Marshal(hidden)
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	sealed, err := s.o.Sealer.Seal(ctx, sealPurpose(id), plain)
	if err != nil {
		return nil, fmt.Errorf("stream: seal: %w", err)
	}
	return sealed, nil
}

func (s *Service) open(ctx context.Context, one Stream) (secrets, error) {
	var hidden secrets
	plain, err := s.o.Sealer.Open(ctx, sealPurpose(one.ID), one.Secrets)
	if err != nil {
		return hidden, fmt.Errorf("stream: secrets of %s: %w", one.ID, err)
	}
	if err := json.Unmarshal(plain, &hidden); err != nil {
		return hidden, errors.New("stream: the stored secrets cannot be read") // the error would hold a part of them
	}
	return hidden, nil
}

// visible is what the trail tells of a stream.
func visible(one Stream) any {
	return struct {
		Name              string     `json:"name"`
		Kind              string     `json:"kind"`
		Format            string     `json:"format"`
		Address           string     `json:"address"`
		CA                bool       `json:"own_ca"`
		ClientCertificate bool       `json:"client_certificate"`
		Paused            bool       `json:"paused"`
		OldUntil          *time.Time `json:"old_one_until"`
	}{
		one.Name, one.Config.Kind, one.Config.Format, one.Config.Address, one.Config.CA != "", one.Config.ClientCertificate != "",
		one.Paused, one.Config.OldSecretUntil,
	}
}

func event(code audit.Code, one Stream, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, Target: string(one.ID), TargetName: one.Name, Success: true, Message: message, Fields: fields,
	}
}

func (s *Service) record(ctx context.Context, code audit.Code, one Stream, message string, fields map[string]string) error {
	return s.o.Audit.Record(ctx, event(code, one, message, fields))
}
