// Package conformance is the one suite that a store passes on every database: each method of each interface that the
// domain packages declare, with every field, version, conflict, order, page, cascade and race.
package conformance

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/stream"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/desktop"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/enrolment"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/center/policy"
	"github.com/postern/postern/center/policy/inventory"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/push"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/center/rotate"
	"github.com/postern/postern/center/setup"
	"github.com/postern/postern/center/store"
)

// One store is behind every interface.
var (
	_ audit.Store       = (*store.Store)(nil)
	_ audit.FilterStore = (*store.Store)(nil)
	_ stream.Store      = (*store.Store)(nil)
	_ auth.Store        = (*store.Store)(nil)
	_ bulk.Store        = (*store.Store)(nil)
	_ enrolment.Store   = (*store.Store)(nil)
	_ reconcile.Store   = (*store.Store)(nil)
	_ inventory.Store   = (*store.Store)(nil)
	_ device.Store      = (*store.Store)(nil)
	_ integration.Store = (*store.Store)(nil)
	_ lifecycle.Store   = (*store.Store)(nil)
	_ provision.Store   = (*store.Store)(nil)
	_ push.Store        = (*store.Store)(nil)
	_ directory.Store   = (*store.Store)(nil)
	_ job.Database      = (*store.Store)(nil)
	_ mail.Store        = (*store.Store)(nil)
	_ policy.Store      = (*store.Store)(nil)
	_ setup.Store       = (*store.Store)(nil)
	_ rotate.Store      = (*store.Store)(nil)
	_ desktop.Store     = (*store.Store)(nil)
	_ offline.Store     = (*store.Store)(nil)
)

// Run runs the suite. open gives an empty, migrated store that is closed at the end of the test.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	for name, test := range map[string]func(t *testing.T, w *world){
		"transactions":              testTransactions,
		"nested transactions":       testNested,
		"panics":                    testPanic,
		"collisions":                testCollisions,
		"after commit":              testAfterCommit,
		"settings":                  testSettings,
		"documents":                 testDocuments,
		"integrations":              testIntegrations,
		"integration notes":         testIntegrationNotes,
		"integration cascade":       testCascade,
		"users":                     testUsers,
		"user lists":                testUserLists,
		"directory":                 testDirectory,
		"directory progress":        testDirectoryProgress,
		"user facts":                testUserFacts,
		"user facts in a race":      testUserFactsRace,
		"users out of group":        testUsersOutOfGroup,
		"invitations":               testInvitations,
		"messages":                  testMessages,
		"unfinished users":          testUnfinishedUsers,
		"phones":                    testPhones,
		"phone proofs":              testPhoneProofs,
		"attestation CA":            testAttestationCA,
		"workstations":              testWorkstations,
		"workstation proofs":        testWorkstationProofs,
		"unpaired workstations":     testUnpairedWorkstations,
		"pairings":                  testPairings,
		"pairing lists":             testPairingLists,
		"provisionings":             testProvisionings,
		"security keys":             testSecurityKeys,
		"passkeys":                  testPasskeys,
		"passkey uses":              testPasskeyUses,
		"passkey claims":            testClaims,
		"workstation passkeys":      testWorkstationPasskeys,
		"offline sign-ins":          testOfflineSignIns,
		"recoveries":                testRecoveries,
		"push subscriptions":        testPushSubscriptions,
		"settings once":             testSettingsOnce,
		"administrators":            testAdministrators,
		"administrator credentials": testCredentials,
		"tokens":                    testTokens,
		"links":                     testLinks,
		"sessions":                  testSessions,
		"audit events":              testAuditEvents,
		"audit head":                testAuditHead,
		"audit search":              testAuditSearch,
		"audit floors":              testAuditFloors,
		"audit streams":             testAuditStreams,
		"audit filters":             testAuditFilters,
		"jobs":                      testJobs,
		"bulk jobs":                 testBulkJobs,
		"bulk rows":                 testBulkRows,
		"bulk rows in a race":       testBulkRace,
		"bulk users":                testBulkUsers,
		"inventory":                 testInventory,
		"inventory due":             testInventoryDue,
		"inventory progress":        testInventoryProgress,
		"reconcile runs":            testReconcileRuns,
		"reconcile state":           testReconcileState,
		"policy plans":              testPolicyPlans,
		"policy impact":             testPolicyImpact,
		"policy watch":              testPolicyWatch,
		"set-ups":                   testSetups,
		"set-up secrets":            testSetupSecrets,
		"rotations":                 testRotations,
		"alarms":                    testAlarms,
		"install tokens":            testInstallTokens,
		"condition":                 testCondition,
		"phones for a push":         testPushPhones,
		"failures":                  testFailures,
		"differences":               testDifferences,
		"users in turn":             testUsersInTurn,
		"identity proofs":           testIdentityProofs,
		"sign-ins":                  testSignIns,
	} {
		t.Run(name, func(t *testing.T) { test(t, &world{Store: open(t), t: t}) })
	}
}

// world is a store and what tests ask of it again and again.
type world struct {
	*store.Store
	t *testing.T
	n int
}

func (w *world) ctx() context.Context { return w.t.Context() }

// noon is a time with more digits than a database keeps.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.FixedZone("", 3600))

// kept is what a database keeps of a time.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// filled returns a T whose every field, however deep, is set to something of its own, so that a column that is forgotten
// or mixed up with another shows.
func filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(kept(noon).Add(time.Duration(*n) * time.Second)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d é", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Uint8:
		v.SetUint(uint64(*n) % 256) //nolint:gosec // n counts fields
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("conformance: no value for a " + v.Type().String())
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused wants an error with the code.
func (w *world) refused(err error, code postern.Code) {
	w.t.Helper()
	if !postern.IsCode(err, code) {
		w.t.Fatalf("answer %v, want %s", err, code)
	}
}

// same wants got to be want, without an error.
func same[T any](w *world, got T, err error) func(want T) {
	w.t.Helper()
	return func(want T) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Fatal(diff)
		}
	}
}

func (w *world) id() int { w.n++; return w.n }

func (w *world) integration() postern.Integration {
	w.t.Helper()
	i := filled[postern.Integration]()
	n := w.id()
	i.ID, i.Version, i.ApplicationName = postern.NewID[postern.IntegrationID](postern.PrefixIntegration), 1, fmt.Sprintf("App %02d", n)
	w.must(w.CreateIntegration(w.ctx(), i, []byte("sealed")))
	return i
}

func (w *world) user(i postern.IntegrationID) postern.User {
	w.t.Helper()
	u := filled[postern.User]()
	u.ID, u.IntegrationID, u.Version = postern.NewID[postern.UserID](postern.PrefixUser), i, 1
	u.ObjectID, u.Phase = fmt.Sprintf("object %d", w.id()), postern.PhaseEligible
	w.must(w.CreateUser(w.ctx(), u))
	return u
}

func (w *world) phone(u postern.User) postern.Phone {
	w.t.Helper()
	p := filled[postern.Phone]()
	p.ID, p.IntegrationID, p.UserID, p.Version = postern.NewID[postern.PhoneID](postern.PrefixPhone), u.IntegrationID, u.ID, 1
	p.State = postern.PhoneActive
	w.must(w.CreatePhone(w.ctx(), p))
	return p
}

func (w *world) workstation(i postern.IntegrationID) postern.Workstation {
	w.t.Helper()
	s := filled[postern.Workstation]()
	s.ID, s.IntegrationID, s.Version = postern.NewID[postern.WorkstationID](postern.PrefixWorkstation), i, 1
	s.IdentityKey, s.CreatedAt = []byte(s.ID), kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateWorkstation(w.ctx(), s))
	return s
}

func (w *world) pairing(p postern.Phone, s postern.Workstation, state postern.PairingState) postern.Pairing {
	w.t.Helper()
	g := filled[postern.Pairing]()
	g.ID, g.IntegrationID, g.PhoneID, g.WorkstationID = postern.PairingID(fmt.Sprintf("pairing %d", w.id())), s.IntegrationID, p.ID, s.ID
	g.Version, g.State, g.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreatePairing(w.ctx(), g))
	return g
}

func (w *world) provisioning(p postern.Phone, state postern.ProvisioningState) provision.Record {
	w.t.Helper()
	r := filled[provision.Record]()
	r.ID, r.IntegrationID, r.UserID, r.PhoneID = postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning), p.IntegrationID, p.UserID, p.ID
	r.Carrier = postern.CarrierPhone
	r.Version, r.State, r.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateProvisioning(w.ctx(), r))
	return r
}

func (w *world) passkey(p postern.Phone, state postern.PasskeyState) postern.Passkey {
	w.t.Helper()
	k := filled[postern.Passkey]()
	k.Outdated = false // never stored
	k.ID, k.IntegrationID, k.UserID, k.PhoneID = postern.NewID[postern.PasskeyID](postern.PrefixPasskey), p.IntegrationID, p.UserID, p.ID
	k.Carrier, k.ProvisioningID = postern.CarrierPhone, postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning)
	k.MethodID = fmt.Sprintf("method %d", w.id())
	k.Version, k.State, k.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreatePasskey(w.ctx(), k))
	return k
}

func (w *world) claim(p postern.Phone, state postern.ClaimState) provision.Claim {
	w.t.Helper()
	c := filled[provision.Claim]()
	c.PhoneID, c.UserID, c.IntegrationID, c.Version, c.State = p.ID, p.UserID, p.IntegrationID, 1, state
	c.CredentialID, c.CreatedAt = fmt.Appendf(nil, "credential \x00 %03d", w.id()), kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateClaim(w.ctx(), c))
	return c
}

// onSecurityKey makes a provisioning and its passkey ones of a hardware key.
func (w *world) onSecurityKey(u postern.User, state postern.ProvisioningState) (provision.Record, postern.Passkey) {
	w.t.Helper()
	r := filled[provision.Record]()
	r.ID, r.IntegrationID, r.UserID = postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning), u.IntegrationID, u.ID
	r.Carrier, r.PhoneID = postern.CarrierSecurityKey, ""
	r.Version, r.State, r.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateProvisioning(w.ctx(), r))
	k := filled[postern.Passkey]()
	k.Outdated = false // never stored
	k.ID, k.IntegrationID, k.UserID = postern.NewID[postern.PasskeyID](postern.PrefixPasskey), u.IntegrationID, u.ID
	k.Carrier, k.PhoneID, k.ProvisioningID = postern.CarrierSecurityKey, "", r.ID
	k.Version, k.State, k.CreatedAt = 1, postern.PasskeyActive, r.CreatedAt
	w.must(w.CreatePasskey(w.ctx(), k))
	return r, k
}

func (w *world) invitation(u postern.User, handle string, state postern.InvitationState) postern.Invitation {
	w.t.Helper()
	i := filled[postern.Invitation]()
	i.ID, i.IntegrationID, i.UserID = postern.NewID[postern.InvitationID](postern.PrefixInvitation), u.IntegrationID, u.ID
	i.State, i.Failures, i.CreatedAt = state, 0, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateInvitation(w.ctx(), i, handle, []byte("hash "+handle)))
	return i
}

// race runs do n times at once and returns the errors.
func race(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			<-start
			errs[i] = do(i)
			done <- struct{}{}
		}()
	}
	close(start)
	for range n {
		<-done
	}
	return errs
}

// oneWins wants exactly one nil among errs and the code in all others.
func (w *world) oneWins(errs []error, code postern.Code) {
	w.t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !postern.IsCode(err, code):
			w.t.Errorf("a loser is told %v, want %s", err, code)
		}
	}
	if won != 1 {
		w.t.Errorf("%d of %d won, want 1", won, len(errs))
	}
}
