package crash_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern"
)

// agrees holds that everybody sees the same, and that the audit trail verifies.
func (w *run) agrees(ctx context.Context, s story) error {
	holds := s.holds
	if holds == nil {
		holds = func(ctx context.Context, w *run) error { return w.personAgrees(ctx, s) }
	}
	if err := holds(ctx, w); err != nil {
		return err
	}
	verified, err := w.admin.VerifyAudit(ctx)
	if err == nil && !verified.OK {
		err = errors.New("the audit trail does not verify: " + verified.Message)
	}
	return err
}

// personAgrees compares what Entra, the phone, the groups and the administrator see. It asks the control center for its list
// of passkeys last, because reading that list mends it.
func (w *run) personAgrees(ctx context.Context, s story) error {
	listed, err := w.graph.Passkeys(ctx, w.person.ID)
	if err != nil {
		return err
	}
	if len(listed) != s.passkeys {
		return fmt.Errorf("Entra lists %d passkeys, not %d", len(listed), s.passkeys)
	}
	if err := w.phoneAgrees(ctx, s); err != nil {
		return err
	}
	u, err := w.admin.User(ctx, w.user)
	if err != nil {
		return err
	}
	if u.Phase != s.phase {
		return fmt.Errorf("the phase is %s, not %s", u.Phase, s.phase)
	}
	if err := w.groupsAgree(ctx, s.phase); err != nil {
		return err
	}
	if s.more != nil {
		if err := s.more(ctx, w); err != nil {
			return err
		}
	}
	keys, err := w.admin.Passkeys(ctx, w.user)
	if err != nil {
		return err
	}
	if len(keys) != s.passkeys {
		return fmt.Errorf("the administrator sees %d passkeys, not %d", len(keys), s.passkeys)
	}
	for n, k := range keys {
		if !k.Managed || k.State != postern.PasskeyActive || k.Problem != "" || k.MethodID != listed[n].ID || k.PhoneID != w.phone.State.ID {
			return fmt.Errorf("the administrator sees %+v", k)
		}
	}
	return nil
}

// phoneAgrees asks the phone what it has, and looks at what it really has.
func (w *run) phoneAgrees(ctx context.Context, s story) error {
	self, err := w.phone.Sync(ctx)
	if s.revoked {
		if !postern.IsCode(err, postern.CodePhoneRevoked) {
			return fmt.Errorf("the phone is let in: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	active := 0
	for _, k := range self.Passkeys {
		if k.State == postern.PasskeyActive {
			active++
		}
	}
	held, err := w.store.List(ctx)
	if err != nil {
		return err
	}
	if active != s.passkeys || len(held) != s.passkeys || len(self.Provisionings)+len(self.Claims)+len(w.phone.State.Pending) > 0 {
		return fmt.Errorf("the phone holds %d passkeys, is told of %d, and has %d provisionings and %d claims open and %d unsettled",
			len(held), active, len(self.Provisionings), len(self.Claims), len(w.phone.State.Pending))
	}
	return nil
}

// groupsAgree looks for the person in every group.
func (w *run) groupsAgree(ctx context.Context, phase postern.Phase) error {
	i, err := w.admin.Integration(ctx, w.integration)
	if err != nil {
		return err
	}
	if len(i.Groups) != 3 {
		return fmt.Errorf("there are %d groups", len(i.Groups))
	}
	for _, g := range i.Groups {
		in := false
		for m, err := range w.graph.Members(ctx, g.ID) {
			if err != nil {
				return err
			}
			in = in || m.ObjectID == w.person.ID
		}
		if in != (g.Phase == phase) {
			return fmt.Errorf("the user is %s, and in the group for %s: %v", phase, g.Phase, in)
		}
	}
	return nil
}

// one holds that the phone in hand had exactly one provisioning, and how it ended.
func one(state postern.ProvisioningState) func(ctx context.Context, w *run) error {
	return func(ctx context.Context, w *run) error {
		all, err := w.admin.Provisionings(ctx, w.user)
		if err != nil {
			return err
		}
		n := 0
		for _, p := range all {
			if p.PhoneID == w.phone.State.ID {
				n++
				if p.State != state {
					return fmt.Errorf("the provisioning is %s", p.State)
				}
			} else if p.State != postern.ProvisioningCancelled {
				return fmt.Errorf("the provisioning of a phone in nobody's hand is %s", p.State)
			}
		}
		if n != 1 {
			return fmt.Errorf("there were %d provisionings", n)
		}
		return nil
	}
}

func disabled(ctx context.Context, w *run) error {
	i, err := w.admin.Integration(ctx, w.integration)
	if err == nil && i.State != postern.StateDisabled {
		err = fmt.Errorf("the integration is %s", i.State)
	}
	return err
}

// replaced holds that the old passkey went for the right reason, and that one came for it.
func replaced(ctx context.Context, w *run) error {
	all, err := w.admin.Provisionings(ctx, w.user)
	if err != nil {
		return err
	}
	if len(all) != 2 {
		return fmt.Errorf("there were %d provisionings", len(all))
	}
	return w.reasons(ctx, postern.RevocationReplaced)
}

func removedAtEntra(ctx context.Context, w *run) error {
	return w.reasons(ctx, postern.RevocationAtEntra)
}

// reasons holds that one passkey of the phone was revoked, and why.
func (w *run) reasons(ctx context.Context, want postern.RevocationReason) error {
	self, err := w.phone.Sync(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, k := range self.Passkeys {
		if k.State == postern.PasskeyActive {
			continue
		}
		if n++; k.Reason != want {
			return fmt.Errorf("the passkey went because %s", k.Reason)
		}
	}
	if n != 1 {
		return fmt.Errorf("%d passkeys went", n)
	}
	return nil
}
