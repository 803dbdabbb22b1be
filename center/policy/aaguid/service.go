package aaguid

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const (
	listDocument  = "models"
	checkDocument = "models_check"
)

// Store keeps documents. Methods join the transaction of ctx; an outdated version is CodeStale.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)
}

// Service keeps the list in use. Roots, Signers and Address may be absent; everything else is needed.
type Service struct {
	Store  Store
	Audit  audit.Recorder
	Client *http.Client // of [NewClient]
	Now    func() time.Time

	Roots   *x509.CertPool // FIDO's metadata leads to one of these; nil means the root that FIDO names
	Signers []string       // verifier keys (golang.org/x/mod/sumdb/note) of who may sign other lists
	Address string         // where a scheduled look goes; empty means that there is none
}

// List returns the list in use: per source the newer of what came with this release and what somebody applied.
func (s *Service) List(ctx context.Context) (*List, error) {
	_, stored, err := s.stored(ctx)
	if err != nil {
		return nil, err
	}
	return newest(stored).list(), nil
}

func (s *Service) stored(ctx context.Context) (int64, sources, error) {
	var have sources
	version, body, err := s.Store.Document(ctx, "", listDocument)
	if err != nil || version == 0 {
		return version, have, err
	}
	if err := json.Unmarshal(body, &have); err != nil {
		return version, have, fmt.Errorf("aaguid: the stored list cannot be read: %w", err)
	}
	return version, have, nil
}

// Models describes the list in use. inUse are the models of a tenant, for its bundle; nil for none.
func (s *Service) Models(ctx context.Context, inUse []string) (postern.ModelList, error) {
	version, stored, err := s.stored(ctx)
	if err != nil {
		return postern.ModelList{}, err
	}
	l := newest(stored).list()
	if inUse != nil {
		l = For(l, inUse)
	}
	out := postern.ModelList{Version: version, Bundled: true, Models: l.Models(), Bundles: l.Bundles()}
	for _, from := range l.sources {
		out.Sources = append(out.Sources, from.ModelListSource)
		out.Date = max(out.Date, from.Date)
		out.Bundled = out.Bundled && from.Bundled
		if from.At != nil && (out.UpdatedAt == nil || from.At.After(*out.UpdatedAt)) {
			out.UpdatedAt, out.UpdatedBy = from.At, from.By
		}
	}
	_, out.Check, err = s.lastCheck(ctx)
	return out, err
}

// Model returns one model of the list in use; CodeNotFound if it has none with that AAGUID.
func (s *Service) Model(ctx context.Context, aaguid string) (postern.Model, error) {
	l, err := s.List(ctx)
	if err != nil {
		return postern.Model{}, err
	}
	m, ok := l.Model(strings.TrimSpace(aaguid))
	if !ok {
		return m, postern.Errorf(postern.CodeNotFound, "The list has no model %q.", cleanName(aaguid)).
			WithNext("Search it by name, or add the model with a list of your own.")
	}
	return m, nil
}

// Update says what a list that is fetched or handed in would change, and applies it unless it is a dry run. A list is
// applied whole or not at all.
func (s *Service) Update(ctx context.Context, in postern.ModelListInput) (postern.ModelListDiff, error) {
	from, err := s.read(ctx, in)
	if err != nil {
		return postern.ModelListDiff{}, s.refused(ctx, in, err)
	}
	diff, err := s.apply(ctx, from, in.Version, in.DryRun)
	return diff, s.refused(ctx, in, err)
}

// apply puts a source in its place in the list of that version, or says what that would change.
func (s *Service) apply(ctx context.Context, from *source, seen int64, dry bool) (postern.ModelListDiff, error) {
	var diff postern.ModelListDiff
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		version, stored, err := s.stored(ctx)
		if err != nil {
			return err
		}
		if version != seen {
			return postern.Errorf(postern.CodeStale, "")
		}
		next, err := stored.with(from)
		if err != nil {
			return err
		}
		diff = compare(stored, next, from)
		diff.Version = version
		if dry {
			return nil
		}
		body, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("aaguid: %w", err)
		}
		if diff.Version, err = s.Store.SetDocument(ctx, "", listDocument, version, body); err != nil {
			return err
		}
		diff.Applied = true
		return s.Audit.Record(ctx, applied(diff))
	})
	return diff, err
}

// compare says what the step from one state of the sources to another changes.
func compare(stored, next sources, from *source) postern.ModelListDiff {
	before, after := newest(stored), newest(next)
	diff := Diff(before.list(), after.list())
	diff.To = from.ModelListSource
	if was := *before.of(from.Source); was != nil {
		diff.From = was.ModelListSource
	} else {
		diff.From.Source = from.Source
	}
	return diff
}

// of is the place of a source that can be updated.
func (s *sources) of(from postern.ModelSource) **source {
	switch from {
	case postern.ModelFromFIDO:
		return &s.FIDO
	case postern.ModelFromCommunity:
		return &s.Community
	}
	return &s.Own
}

// with is s with a source in its place. A source that is older than the one in use is refused.
func (s sources) with(from *source) (sources, error) {
	inUse := newest(s)
	if was := *inUse.of(from.Source); was != nil && (from.Number < was.Number || from.Date < was.Date) {
		older := postern.Errorf(postern.CodeModelListOld, "The list is as of %s, and the one in use as of %s.", from.Date, was.Date)
		if from.Number < was.Number {
			older = postern.Errorf(postern.CodeModelListOld, "It is issue %d of FIDO's metadata, and issue %d is in use.", from.Number, was.Number)
		}
		return s, older
	}
	if len(from.Entries) == 0 {
		s.Own = nil // only the organisation's own may become empty
		return s, nil
	}
	*s.of(from.Source) = from
	return s, nil
}

// read gets the list of an input and verifies it.
func (s *Service) read(ctx context.Context, in postern.ModelListInput) (*source, error) {
	content, signed, origin := []byte(in.Content), in.Signature, "file"
	if in.File != "" {
		origin = "file " + cleanName(in.File)
	}
	switch {
	case (in.Address == "") == (in.Content == ""):
		return nil, postern.FieldErrorf("content", "Give either the address of a list or its content.")
	case len(in.Content) > MaxContent:
		return nil, tooLarge(MaxContent).OnField("content")
	case in.Address != "":
		u, err := parseAddress(in.Address)
		if err != nil {
			return nil, err
		}
		if content, err = fetch(ctx, s.Client, u, MaxContent); err != nil {
			return nil, err
		}
		origin = u.Redacted()
		if !looksLikeBLOB(content) && signed == "" {
			beside := *u
			beside.Path += noteSuffix
			text, err := fetch(ctx, s.Client, &beside, maxNote)
			if err != nil {
				return nil, postern.Errorf(postern.CodeModelListSignature, "A list in JSON that is fetched must be signed, and there is no signed note about it at its address with %s at the end.", noteSuffix).
					OnField("address").WithNext("Fetch the file yourself, look at it, and give that.").Because(err)
			}
			signed = string(text)
		}
	}
	from, err := s.verify(content, signed, in.Source)
	if err != nil {
		if e := postern.AsError(err); in.Address != "" && e.Field == "content" {
			err = e.OnField("address")
		}
		return nil, err
	}
	at := s.Now().UTC()
	from.Origin, from.At, from.By = origin, &at, postern.ActorFrom(ctx).Name
	return from, nil
}

func (s *Service) verify(content []byte, signed string, as postern.ModelSource) (*source, error) {
	if looksLikeBLOB(content) {
		roots := s.Roots
		if roots == nil {
			roots = fidoRoot()
		}
		return readBLOB(content, roots, s.Now())
	}
	if as != postern.ModelFromFile {
		as = postern.ModelFromCommunity
	}
	from, err := readJSON(content, as, s.Now())
	if err != nil || signed == "" {
		return from, err
	}
	verifiers, err := Verifiers(s.Signers)
	if err != nil {
		return nil, err
	}
	if from.Date, from.Signer, err = readNote(signed, content, verifiers); err != nil {
		return nil, err
	}
	if today := s.Now().UTC().Format(time.DateOnly); from.Date > today {
		return nil, postern.Errorf(postern.CodeModelListSignature, "The signed note is of %s, and today is %s.", from.Date, today).OnField("signature").
			WithNext("Set the clock of this machine, or have the note signed again.")
	}
	return from, nil
}

// Verifiers reads verifier keys.
func Verifiers(keys []string) (note.Verifiers, error) {
	var all []note.Verifier
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("models: %q is no key of a signer of notes: %w", key, err)
		}
		all = append(all, v)
	}
	return note.VerifierList(all...), nil
}
