package model_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/provision"
)

// mutant is a control center with a defect, which the model has to find.
type mutant struct {
	name string
	wrap func(w *world, c *center)          // changes services before their jobs are registered; may be nil
	jobs func(kinds map[string]job.Kind)    // changes handlers; may be nil
	lies func(*http.Request) *http.Response // answers instead of Graph; may be nil
}

// without has a kind of job done by doing nothing.
func without(name string) func(kinds map[string]job.Kind) {
	return func(kinds map[string]job.Kind) {
		k := kinds[name]
		k.Run = func(context.Context, json.RawMessage) error { return nil }
		kinds[name] = k
	}
}

// believing answers chosen requests with 204, without carrying them out.
func believing(method, part string) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		if req.Method != method || !strings.Contains(req.URL.Path, part) {
			return nil
		}
		return &http.Response{
			StatusCode: http.StatusNoContent, Status: "204 No Content", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req,
		}
	}
}

// hasty believes that a deletion worked, whatever was answered, and does not look again.
type hasty struct{ provision.Graph }

func (h hasty) DeletePasskey(ctx context.Context, user, id string) error {
	_ = h.Graph.DeletePasskey(ctx, user, id)
	return nil
}

func (hasty) Passkey(context.Context, string, string) (entra.Passkey, error) {
	return entra.Passkey{}, postern.Errorf(postern.CodeEntraNotFound, "")
}

type hastyGraphs struct{ provision.Integrations }

func (h hastyGraphs) Graph(ctx context.Context, id postern.IntegrationID) (provision.Graph, postern.Integration, error) {
	g, i, err := h.Integrations.Graph(ctx, id)
	return hasty{g}, i, err
}

// unsettled forgets that a changed fact may change the phase.
type unsettled struct{ *lifecycle.Service }

func (unsettled) Settle(context.Context, postern.UserID) error { return nil }

// deaf loses jobs of a kind.
type deaf struct {
	job.Queue
	kind string
}

func (d deaf) Enqueue(ctx context.Context, args job.Args, options ...job.Option) error {
	if args.Kind() == d.kind {
		return nil
	}
	return d.Queue.Enqueue(ctx, args, options...)
}

// outside enqueues jobs of a kind only after the transaction that decided them, so that a death in between loses them.
type outside struct {
	job.Queue
	store interface {
		AfterCommit(ctx context.Context, f func())
	}
	crash *crasher
	kind  string
}

func (o outside) Enqueue(ctx context.Context, args job.Args, options ...job.Option) error {
	if args.Kind() != o.kind {
		return o.Queue.Enqueue(ctx, args, options...)
	}
	o.store.AfterCommit(ctx, func() {
		o.crash.here("before a late job")
		_ = o.Queue.Enqueue(context.WithoutCancel(context.Background()), args, options...)
	})
	return nil
}

// silent leaves an event out of the trail.
type silent struct {
	audit.Recorder
	name string
}

func (s silent) Record(ctx context.Context, e postern.AuditEvent) error {
	if e.Name == s.name {
		return nil
	}
	return s.Recorder.Record(ctx, e)
}

// uncounted forgets that a credential was sent.
type uncounted struct{ provision.Store }

func (u uncounted) UpdateProvisioning(ctx context.Context, r *provision.Record) error {
	r.Posts = 0
	return u.Store.UpdateProvisioning(ctx, r)
}

// careless books a passkey twice where it should find that it has one.
type careless struct{ provision.Store }

func (c careless) UpdatePasskey(ctx context.Context, p *postern.Passkey) error {
	if p.State == postern.PasskeyRevocation {
		p.State = postern.PasskeyRevoked
	}
	return c.Store.UpdatePasskey(ctx, p)
}

// talkative writes the one-time code into the trail.
type talkative struct {
	audit.Recorder
	w *world
}

func (t talkative) Record(ctx context.Context, e postern.AuditEvent) error {
	if n := len(t.w.secrets); e.Name == "phone.enrolled" && n > 0 {
		e.Message += " " + t.w.secrets[n-1]
	}
	return t.Recorder.Record(ctx, e)
}

var mutants = []mutant{
	{name: "undo nothing", jobs: without("provision.undo")},
	{name: "revoke without read-back", wrap: func(_ *world, c *center) { c.passkeys.Integrations = hastyGraphs{c.passkeys.Integrations} }},
	{name: "believe that a passkey is deleted", lies: believing(http.MethodDelete, "/authentication/fido2Methods/")},
	{name: "move without removal", lies: believing(http.MethodDelete, "/members/")},
	{name: "move without addition", lies: believing(http.MethodPost, "/members/$ref")},
	{name: "forget to settle the phase", wrap: func(_ *world, c *center) { c.passkeys.Users = unsettled{c.users} }},
	{name: "lose the job that revokes", wrap: func(_ *world, c *center) { c.passkeys.Queue = deaf{c.passkeys.Queue, "provision.revoke"} }},
	{name: "lose the job that moves", wrap: func(_ *world, c *center) { c.users.Queue = deaf{c.users.Queue, "lifecycle.move"} }},
	{name: "enqueue the registration outside of the transaction", wrap: func(w *world, c *center) {
		c.passkeys.Queue = outside{c.passkeys.Queue, c.store, w.crash, "provision.register"}
	}},
	{name: "enqueue the revocation outside of the transaction", wrap: func(w *world, c *center) {
		c.passkeys.Queue = outside{c.passkeys.Queue, c.store, w.crash, "provision.revoke"}
	}},
	{name: "forget that a credential was sent", wrap: func(_ *world, c *center) { c.passkeys.Store = uncounted{c.passkeys.Store} }},
	{name: "call a passkey revoked at once", wrap: func(_ *world, c *center) { c.passkeys.Store = careless{c.passkeys.Store} }},
	{name: "leave the revocation of a phone out of the trail", wrap: func(_ *world, c *center) { c.phones.Audit = silent{c.phones.Audit, "phone.revoked"} }},
	{name: "leave changes of phase out of the trail", wrap: func(_ *world, c *center) { c.users.Audit = silent{c.users.Audit, "user.phase_changed"} }},
	{name: "write codes into the trail", wrap: func(w *world, c *center) { c.phones.Audit = talkative{c.phones.Audit, w} }},
	{name: "ask nobody for a passkey when the integration is enabled again", wrap: func(_ *world, c *center) {
		c.integrations.Enabled = func(context.Context, postern.IntegrationID) error { return nil }
	}},
	{name: "leave what is open when a user is suspended", wrap: func(_ *world, c *center) { c.users.CancelOpen = nil }},
	{name: "make a deleted group and leave it empty", wrap: func(_ *world, c *center) { c.integrations.Store = forgetful{c.integrations.Store} }},
}

// forgetful does not forget who was in a group that is gone.
type forgetful struct{ integration.Store }

func (forgetful) ForgetGroup(context.Context, postern.IntegrationID, postern.Phase) (int, error) {
	return 0, nil
}

// mutantSequences bounds how many sequences a mutant may survive.
const mutantSequences = 400

// TestMutants proves that the model finds what it is there for.
func TestMutants(t *testing.T) {
	for n := range mutants {
		m := &mutants[n]
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for seed := range uint64(mutantSequences) {
				if said := fails(t, l, m, generate(1+seed, stepsOfSequence), 1); len(said) > 0 {
					t.Logf("found in sequence %d: %s", 1+seed, said[0])
					return
				}
			}
			t.Errorf("%d sequences find nothing wrong", mutantSequences)
		})
	}
}
