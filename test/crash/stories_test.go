package crash_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/phone"
)

const application = "Postern"

// story is what is cut off anywhere. before is told to a control center that lives, once; tell to one that dies. Its steps
// are repeated, each until it succeeds, as the phone and the administrator would repeat them.
type story struct {
	name   string
	before func(w *run)
	tell   []step
	late   time.Duration // Entra lists passkeys that late
	world  func(w *run)  // changes the tenant whenever the story is played, from before on
	skip   []string      // parts of labels of points that come or not
	// The story is told once more for each of these paths, without a death, with the answer to the first POST there lost, and
	// at an Entra that shows changed policies late.
	lost []string
	// What must be true at the end. holds takes the place of what is true of a person with passkeys; left is what Entra has,
	// which must be what a run without a death leaves.
	holds    func(ctx context.Context, w *run) error
	left     func(ctx context.Context, w *run) (string, error)
	passkeys int
	phase    postern.Phase
	revoked  bool // so is the phone
	more     func(ctx context.Context, w *run) error
	labels   []string
}

type step struct {
	what string
	do   func(ctx context.Context, w *run) error
}

func stories() []story {
	provisioned := func(w *run) { w.tell(enrol, obtain) }
	return []story{
		{
			name: "provisioning", before: func(*run) {}, tell: []step{enrol, obtain},
			passkeys: 1, phase: postern.PhaseActive, more: one(postern.ProvisioningActive), labels: provisioningLabels,
		},
		{
			name: "decline", before: func(w *run) { w.tell(enrol) }, tell: []step{decline},
			phase: postern.PhasePaired, more: one(postern.ProvisioningDeclined), labels: declineLabels,
		},
		{
			name: "cancel", before: func(w *run) {
				w.tell(enrol)
				w.until(handIn.what, func(ctx context.Context) error { return handIn.do(ctx, w) })
			},
			late: 20 * time.Second, skip: []string{"fido2Methods/{id}", ", time "}, tell: []step{cancel},
			phase: postern.PhasePaired, more: one(postern.ProvisioningCancelled), labels: cancelLabels,
		},
		{
			name: "self-service", before: func(w *run) { w.noProvisioning(); w.tell(enrol); w.registerThemselves() }, tell: []step{claim},
			passkeys: 1, phase: postern.PhaseActive, labels: claimLabels,
		},
		{
			name: "revocation of a passkey", before: provisioned, tell: []step{revokePasskey}, phase: postern.PhasePaired,
			labels: revokePasskeyLabels,
		},
		{
			name: "revocation of a phone", before: provisioned, tell: []step{revokePhone}, phase: postern.PhaseRevoked, revoked: true,
			labels: revokePhoneLabels,
		},
		{
			name: "revocation of a user", before: provisioned, tell: []step{revokeUser}, phase: postern.PhaseRevoked, revoked: true,
			labels: revokeUserLabels,
		},
		{
			name: "revocation of an integration", before: provisioned, tell: []step{revokeIntegration}, phase: postern.PhaseRevoked,
			revoked: true, more: disabled, labels: revokeIntegrationLabels,
		},
		{
			name: "replacement after a change of name", before: func(w *run) { provisioned(w); w.rename() }, tell: []step{replace, obtain},
			passkeys: 1, phase: postern.PhaseActive, more: replaced, labels: replacementLabels, skip: []string{"provision.hold"},
		},
		{
			name: "a passkey deleted at Entra", before: func(w *run) { provisioned(w); w.deleteAtEntra() }, tell: []step{compare},
			phase: postern.PhasePaired, more: removedAtEntra, labels: reconcileLabels,
		},
	}
}

// tell tells steps to the end, jobs included.
func (w *run) tell(steps ...step) {
	w.t.Helper()
	for _, s := range steps {
		w.until(s.what, func(ctx context.Context) error { return s.do(ctx, w) })
		w.until("the end of the jobs after "+s.what, w.quiet)
	}
}

var enrol = step{"enrolling a phone", func(ctx context.Context, w *run) error {
	u, err := w.known(ctx)
	if err != nil {
		return err
	}
	if u != nil { // the answer to an earlier try was lost: the phone that came of it is in nobody's hand
		phones, err := w.admin.Phones(ctx, u.ID)
		if err != nil {
			return err
		}
		for _, p := range phones {
			if _, err := w.admin.RevokePhone(ctx, p.ID); err != nil {
				return err
			}
		}
	}
	made, err := w.admin.InviteUser(ctx, w.integration, postern.InvitationInput{User: w.person.ID})
	if err != nil {
		return err
	}
	if w.phone, _, err = phone.Enrol(ctx, phone.Enrolment{
		Server: "http://" + w.listen, Code: made.Code, Name: "Phone", Assurance: postern.AssuranceFile,
	}, w.env()); err != nil {
		return err
	}
	w.user = made.User.ID
	return nil
}}

// known finds the person in the control center.
func (w *run) known(ctx context.Context) (*postern.User, error) {
	for u, err := range w.admin.Users(ctx, postern.UserFilter{IntegrationID: w.integration}) {
		if err != nil {
			return nil, err
		}
		if u.ObjectID == w.person.ID {
			return &u, nil
		}
	}
	return nil, nil
}

var obtain = step{"provisioning", func(ctx context.Context, w *run) error {
	ended, err := w.phone.Provision(ctx, phone.Provisioning{OfferWait: time.Second, Wait: time.Second})
	if err != nil {
		return err
	}
	if err := phone.Outcome(ended); err != nil {
		return err
	}
	self, err := w.phone.Sync(ctx)
	for _, k := range self.Passkeys {
		if k.State == postern.PasskeyActive && k.ID != w.key {
			w.key = k.ID
			return err
		}
	}
	return errors.Join(err, errors.New("the phone has no new passkey"))
}}

var decline = step{"declining", func(ctx context.Context, w *run) error {
	if w.refused { // whoever said no looks whether that arrived, and says it again only if not
		self, err := w.phone.Sync(ctx)
		if err != nil || len(self.Provisionings) == 0 {
			return err
		}
	}
	ended, err := w.phone.Provision(ctx, phone.Provisioning{OfferWait: time.Second, Accept: func(context.Context, phone.Offer) error {
		w.refused = true
		return errors.New("not today")
	}})
	if err == nil && ended.State != postern.ProvisioningDeclined {
		err = fmt.Errorf("the provisioning is %s", ended.State)
	}
	return err
}}

// handIn leaves a provisioning where Entra has the passkey and does not list it yet.
var handIn = step{"handing a credential in", func(ctx context.Context, w *run) error {
	now, err := w.phone.Provision(ctx, phone.Provisioning{OfferWait: time.Second})
	if err == nil && now.State != postern.ProvisioningRegistered {
		err = fmt.Errorf("the provisioning is %s", now.State)
	}
	return err
}}

var cancel = step{"cancelling", func(ctx context.Context, w *run) error {
	all, err := w.admin.Provisionings(ctx, w.user)
	if err != nil || all[0].State == postern.ProvisioningCancelled {
		return err
	}
	_, err = w.admin.CancelProvisioning(ctx, all[0].ID)
	return err
}}

var claim = step{"telling of a passkey", func(ctx context.Context, w *run) error { return w.phone.API.ReportPasskey(ctx, w.credential) }}

var revokePasskey = step{"revoking a passkey", func(ctx context.Context, w *run) error {
	_, err := w.admin.RevokePasskey(ctx, w.key)
	return err
}}

var revokePhone = step{"revoking a phone", func(ctx context.Context, w *run) error {
	_, err := w.admin.RevokePhone(ctx, w.phone.State.ID)
	return err
}}

var revokeUser = step{"revoking a user", func(ctx context.Context, w *run) error {
	_, err := w.admin.RevokeUser(ctx, w.user, postern.UserActInput{Note: "left"})
	return err
}}

var revokeIntegration = step{"revoking an integration", func(ctx context.Context, w *run) error {
	_, err := w.admin.RevokeIntegration(ctx, w.integration, postern.IntegrationRevocation{ApplicationName: application, Note: "over"})
	return err
}}

var replace = step{"replacing a passkey", func(ctx context.Context, w *run) error {
	all, err := w.admin.Passkeys(ctx, w.user)
	if err != nil || !slices.ContainsFunc(all, func(k postern.Passkey) bool { return k.ID == w.key && k.State == postern.PasskeyActive }) {
		return err
	}
	_, err = w.admin.ReplacePasskey(ctx, w.key)
	return err
}}

var compare = step{"comparing", func(ctx context.Context, w *run) error {
	r, err := w.admin.Reconcile(ctx, w.integration, postern.ReconcileInput{Mode: postern.ReconcileFull})
	for err == nil && r.State == postern.ReconcileRunning {
		time.Sleep(pause)
		r, err = w.admin.ReconcileRun(ctx, r.ID)
	}
	if err == nil && r.State != postern.ReconcileDone {
		err = fmt.Errorf("the comparison is %s: %s", r.State, r.Message)
	}
	if err != nil {
		return err
	}
	all, err := w.admin.Passkeys(ctx, w.user)
	if err == nil && slices.ContainsFunc(all, func(k postern.Passkey) bool { return k.ID == w.key && k.State == postern.PasskeyActive }) {
		w.pass(11 * time.Minute) // one moment's listings prove nothing
		err = errors.New("the passkey is still believed in")
	}
	return err
}}

func (w *run) noProvisioning() {
	w.t.Helper()
	i, err := w.admin.Integration(w.ctx, w.integration)
	must(w.t, err)
	i.Flags[postern.FlagProvisionAPI] = false
	_, err = w.admin.SetIntegrationFlags(w.ctx, i.ID, postern.FlagsInput{Version: i.Version, Flags: i.Flags})
	must(w.t, err)
}

// registerThemselves makes a passkey on the phone and registers it at Entra, without the control center.
func (w *run) registerThemselves() {
	w.t.Helper()
	given, err := w.graph.CreationOptions(w.ctx, w.person.ID, 60)
	must(w.t, err)
	options, err := client.ParseCreationOptions(given.PublicKey)
	must(w.t, err)
	options.Attestation = client.AttestationNone
	c, err := w.phone.Client()
	must(w.t, err)
	made, err := c.Create(w.ctx, options, "https://"+options.RP.ID)
	must(w.t, err)
	_, err = w.graph.RegisterPasskey(w.ctx, w.person.ID, "My phone", entra.NewCredential{
		ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject,
	})
	must(w.t, err)
	w.credential = made.ID
}

// rename changes the name of the person at Entra, and has the control center learn of it.
func (w *run) rename() {
	w.t.Helper()
	w.atEntra(http.MethodPatch, "/users/"+w.person.ID, map[string]any{"upn": "renamed@" + w.tenant.Domain})
	w.until("learning of the new name", func(ctx context.Context) error {
		if _, err := w.admin.SyncDirectory(ctx, w.integration, postern.DirectorySyncInput{}); err != nil {
			return err
		}
		u, err := w.admin.User(ctx, w.user)
		if err == nil && u.UPN != "renamed@"+w.tenant.Domain {
			err = errors.New("the user is still " + u.UPN)
		}
		return err
	})
}

// deleteAtEntra deletes the passkey there, some time after it was made.
func (w *run) deleteAtEntra() {
	w.t.Helper()
	listed, err := w.graph.Passkeys(w.ctx, w.person.ID)
	must(w.t, err)
	for _, k := range listed {
		must(w.t, w.graph.DeletePasskey(w.ctx, w.person.ID, k.ID))
	}
	w.pass(11 * time.Minute)
}
