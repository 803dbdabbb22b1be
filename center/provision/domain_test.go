package provision_test

import (
	"testing"

	"github.com/postern/postern"
)

// only restricts the integration to one domain.
func only(domain string) func(i *postern.Integration) {
	return func(i *postern.Integration) { i.RestrictDomains, i.Domains = true, []string{domain} }
}

// TestRestrictionCountsUntilTheCredentialIsSent: a restriction that comes while the phone makes the credential keeps it
// from Entra; one that comes after that changes nothing about what Entra has.
func TestRestrictionCountsUntilTheCredentialIsSent(t *testing.T) {
	w := newWorld(t, 0)
	for name, one := range map[string]struct {
		change func(i *postern.Integration)
		want   postern.Code
	}{
		"another domain": {only("elsewhere.example"), postern.CodeDomainRefused},
		"a longer name":  {only("sub." + w.sim.Domain), postern.CodeDomainRefused},
		"a flag":         {func(i *postern.Integration) { i.Flags[postern.FlagProvisionAPI] = false }, postern.CodeFlagOff},
	} {
		t.Run(name, func(t *testing.T) {
			w.change(t, only(w.sim.Domain))
			w.reset(t)
			w.start(t)
			w.begin(t)
			w.runJobs(t)
			w.submit(t)
			w.change(t, one.change)
			w.runJobs(t)
			if p := w.wantState(t, w.latest(t).ID, postern.ProvisioningFailed); p.Code != one.want {
				t.Errorf("it failed with %s, want %s", p.Code, one.want)
			}
			w.wantPasskeys(t, 0)
		})
	}

	w.change(t, nil)
	w.reset(t)
	w.start(t)
	w.obtainPasskey(t)
	w.change(t, only("elsewhere.example"))
	w.runJobs(t)
	w.wantPasskeys(t, 1)
}

// TestRestrictionGoesByTheNameOfToday: a user who was given a name in another domain is judged by that, though Postern
// has not read it yet.
func TestRestrictionGoesByTheNameOfToday(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	u, err := w.store.User(t.Context(), w.user.ID)
	w.must(t, func() error { return err })
	u.UPN = "before@contoso.example"
	w.must(t, func() error { return w.store.UpdateUser(t.Context(), &u) })
	w.change(t, only("contoso.example"))
	w.begin(t)
	w.runJobs(t)
	if p := w.wantState(t, w.latest(t).ID, postern.ProvisioningFailed); p.Code != postern.CodeDomainRefused {
		t.Errorf("%+v", p)
	}
}
