package model_test

import (
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

func (w *world) allEvents() (out []postern.AuditEvent, err error) {
	for after := int64(0); ; {
		page, err := w.store.AuditEvents(w.ctx, audit.Query{AfterSequence: after, Limit: 1000})
		if err != nil || len(page) == 0 {
			return out, err
		}
		out = append(out, page...)
		after = page[len(page)-1].Sequence
	}
}

// once are events that stand in the trail once for each target, at most.
var once = []string{
	"phone.enrolled", "phone.revoked", "provisioning.requested", "provisioning.active", "provisioning.declined", "provisioning.cancelled",
	"provisioning.failed", "passkey.revocation_requested", "passkey.revoked", "passkey.self_service",
}

// agreeTrail compares the trail with what has become of everything.
func (w *world) agreeTrail(b books) error {
	v, err := w.trail.Verify(w.ctx)
	if err != nil {
		return err
	}
	if !v.OK {
		w.disagree("the audit trail does not verify: %s", v.Message)
	}
	seen := make(map[string]int64) // event and target: sequence
	count := make(map[string]int)
	phase := make(map[string]string)
	for _, e := range b.events {
		key := e.Name + " " + e.Target
		count[key]++
		seen[key] = e.Sequence
		if e.Name == "user.phase_changed" {
			if e.Fields["from"] != phase[e.Target] {
				w.disagree("the trail has the phase of %s change from %q, and it was %q", e.TargetName, e.Fields["from"], phase[e.Target])
			}
			phase[e.Target] = e.Fields["to"]
		}
	}
	for key, n := range count {
		name, target, _ := strings.Cut(key, " ")
		for _, o := range once {
			if o == name && n > 1+count["passkey.listed_again "+target] {
				w.disagree("the trail tells %d times of %s for %s", n, name, target)
			}
		}
	}
	need := func(name, target string, after ...int64) int64 {
		at, ok := seen[name+" "+target]
		if !ok {
			w.disagree("the trail does not tell of %s for %s", name, target)
		}
		for _, a := range after {
			if ok && at < a {
				w.disagree("the trail tells of %s for %s too early", name, target)
			}
		}
		return at
	}
	for _, u := range b.users {
		if phase[string(u.ID)] != string(u.Phase) {
			w.disagree("%s is %q, and the trail ends with %q", u.UPN, u.Phase, phase[string(u.ID)])
		}
		for _, k := range b.passkeys[u.ID] {
			var active int64
			if k.ProvisioningID == "" {
				active = need("passkey.self_service", string(k.ID))
			} else {
				asked := need("provisioning.requested", string(k.ProvisioningID))
				submitted := need("provisioning.submitted", string(k.ProvisioningID), asked)
				registered := need("provisioning.registered", string(k.ProvisioningID), submitted)
				active = need("provisioning.active", string(k.ProvisioningID), registered)
			}
			_, gone := seen["passkey.removed_at_entra "+string(k.ID)]
			if k.State != postern.PasskeyActive && !gone {
				intent := need("passkey.revocation_requested", string(k.ID), active)
				need("passkey.revoked", string(k.ID), intent)
			}
		}
		for _, p := range b.provisionings[u.ID] {
			need("provisioning.requested", string(p.ID))
			if p.State.Final() {
				need("provisioning."+string(p.State), string(p.ID))
			}
		}
	}
	for _, p := range b.phones {
		enrolled := need("phone.enrolled", string(p.ID))
		if p.State == postern.PhoneRevoked {
			need("phone.revoked", string(p.ID), enrolled)
		}
	}
	return nil
}
