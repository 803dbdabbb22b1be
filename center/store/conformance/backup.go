package conformance

import (
	"bytes"
	"context"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/store"
)

// Populate fills a store with some of everything, for tests of what carries a whole database elsewhere.
func Populate(t *testing.T, s *store.Store) {
	t.Helper()
	w := &world{Store: s, t: t}
	ctx := w.ctx()
	for _, handle := range []string{"ONE", "TWO"} {
		i := w.integration()
		for range 3 {
			u := w.user(i.ID)
			p := w.phone(u)
			w.provisioning(p, postern.ProvisioningRequested)
			w.passkey(p, postern.PasskeyActive)
			w.claim(p, postern.ClaimLooking)
			w.must(w.SetPushSubscription(ctx, p.ID, []byte("sealed "+p.ID), noon))
			pairing := w.pairing(p, w.workstation(i.ID), postern.PairingActive)
			w.offline(p, pairing, postern.OfflineActive)
			w.recovery(p, pairing, postern.RecoveryReady)
		}
		u := w.user(i.ID)
		w.onSecurityKey(u, postern.ProvisioningOffered)
		w.invitation(u, handle, postern.InvitationOpen)
		w.pairing(postern.Phone{}, w.workstation(i.ID), postern.PairingPending)
		bare := postern.Phone{ID: postern.PhoneID("phn_bare" + handle), IntegrationID: i.ID, UserID: u.ID}
		w.must(w.CreatePhone(ctx, bare))
		w.must(w.CreateAttestationCA(ctx, i.ID, []byte("certificate"), bytes.Repeat([]byte{0, 255}, 1000)))
	}
	a := w.administrator("Ada \u2028 <&> \"quoted\"")
	c := filled[auth.Credential]()
	c.AdministratorID = a.ID
	w.must(w.CreateCredential(ctx, c))
	w.must(w.CreateToken(ctx, filled[postern.APIToken](), []byte("hash")))
	w.must(w.CreateLink(ctx, filled[auth.Link]()))
	w.must(w.SetSetting(ctx, "a", []byte{0, 1, 255}))
	w.must(w.SetSetting(ctx, "empty", nil))
	for n := range int64(5) {
		e := filled[postern.AuditEvent]()
		e.Sequence, e.Success = n+1, n%2 == 0
		w.must(w.InsertAuditEvent(ctx, e))
	}
	var registry job.Registry
	job.Handle(&registry, job.Rules{}, func(context.Context, ping) error { return nil }, nil)
	runner, err := job.NewRunner(job.Options{Database: s, Dialect: string(s.Dialect()), Registry: &registry})
	w.must(err)
	w.must(runner.Enqueue(ctx, ping{1}))
	w.must(runner.Enqueue(ctx, ping{2}, job.Bulk(), job.After(1e12)))
}
