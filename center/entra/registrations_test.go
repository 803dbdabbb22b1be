package entra

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

func reported(t *testing.T, tenant *Tenant, everybody bool) []Registration {
	t.Helper()
	all, err := collect(tenant.RegistrationReport(ctx, everybody), 0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRegistrationReport(t *testing.T) {
	filters, pages := true, 0
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if !filters && r.URL.Query().Get("$filter") != "" {
			graphRefuses(w, 400, "Request_UnsupportedQuery", "Not this filter.")
			return
		}
		if pages++; pages%2 == 1 {
			_, _ = fmt.Fprintf(w, `{"@odata.nextLink":"https://%s/v1.0/next","value":[{"id":"A","methodsRegistered":["passKeyDeviceBound","mobilePhone",""]},
				{"id":"B","methodsRegistered":["email"],"userPrincipalName":"b@contoso.com"}]}`, r.Host)
			return
		}
		_, _ = fmt.Fprint(w, `{"value":[{"id":"C","methodsRegistered":["FIDO2"]},{"id":"D","methodsRegistered":null},{"id":"E","methodsRegistered":["passKeyOfTomorrow"]}]}`)
	})
	f.roles = []string{"AuditLog.Read.All"}
	tenant, _ := f.open()
	for _, filters = range []bool{true, false} {
		got := reported(t, tenant, false)
		want := []Registration{{ObjectID: "A", Passkeys: true, Methods: []string{"mobilePhone"}}, {ObjectID: "C", Passkeys: true}, {ObjectID: "E", Passkeys: true}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("filters %t (-want +got):\n%s", filters, diff)
		}
	}
	if all := reported(t, tenant, true); len(all) != 5 || all[1].UPN != "b@contoso.com" || all[1].Passkeys {
		t.Errorf("everybody: %+v", all)
	}
	first := 0
	for range tenant.RegistrationReport(ctx, true) {
		first++
		break
	}
	if first != 1 {
		t.Error("a loop that stops goes on")
	}
}

// A licence that is missing and a permission that is missing are mended by different people.
func TestReportsWithheld(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		graphRefuses(w, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C or tenant doesn't have premium license.")
	})
	tenant, _ := f.open()
	ask := func(code postern.Code) {
		t.Helper()
		_, err := collect(tenant.RegistrationReport(ctx, false), 0)
		wantCode(t, err, code)
		_, err = tenant.PolicyEvents(ctx, time.Now())
		wantCode(t, err, code)
	}
	ask(postern.CodeEntraPermission)
	if len(f.seen()) != 0 {
		t.Errorf("asked all the same: %v", f.seen())
	}
	f.roles = []string{"AuditLog.Read.All"}
	if _, err := tenant.Permissions(ctx); err != nil {
		t.Fatal(err)
	}
	ask(postern.CodeEntraLicence)
}

func TestPolicyEvents(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Query().Get("$filter"), "Conditional") {
			_, _ = fmt.Fprint(w, `{"value":[
				{"correlationId":"3","activityDateTime":"2026-04-20T12:00:00Z","activityDisplayName":"Update conditional access policy","result":"success","initiatedBy":{"user":{"id":"U","userPrincipalName":"ann@contoso.com","displayName":"Ann","ipAddress":"203.0.113.7"},"app":null}},
				{"correlationId":"4","activityDateTime":"2026-04-20T12:00:00Z","activityDisplayName":"Add named location","result":"success"}]}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"value":[
			{"correlationId":"1","activityDateTime":"2026-04-20T11:00:02Z","activityDisplayName":"Authentication Methods Policy Update","result":"success","initiatedBy":{"user":null,"app":{"appId":"APP","displayName":"Script"}}},
			{"correlationId":"1","activityDateTime":"2026-04-20T11:00:01Z","activityDisplayName":"Authentication Methods Policy Update","result":"success"},
			{"correlationId":"2","activityDateTime":"2026-04-20T13:00:00Z","activityDisplayName":"Authentication Strength Combination Configuration Create","result":"success","initiatedBy":{"user":{"id":"V","displayName":"Bob"}}},
			{"correlationId":"5","activityDateTime":"2026-04-20T13:00:00Z","activityDisplayName":"Authentication Methods Policy Reset","result":"failure"},
			{"correlationId":"6","activityDateTime":"2026-04-20T13:00:00Z","activityDisplayName":"User registered security info","result":"success"},
			{"correlationId":"","activityDateTime":"2026-04-20T10:00:00Z","activityDisplayName":"Authentication Methods Policy Reset","result":"success","initiatedBy":null},
			{"correlationId":"","activityDateTime":"2026-04-20T09:00:00Z","activityDisplayName":"Authentication Methods Policy Reset","result":"success","initiatedBy":{}}]}`)
	})
	f.roles = []string{"AuditLog.Read.All"}
	tenant, _ := f.open()
	got, err := tenant.PolicyEvents(ctx, time.Date(2026, 4, 20, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, second int) time.Time { return time.Date(2026, 4, 20, hour, 0, second, 0, time.UTC) }
	want := []postern.PolicyEditor{
		{At: at(13, 0), Activity: "Authentication Strength Combination Configuration Create", Name: "Bob", ID: "V"},
		{At: at(12, 0), Activity: "Update conditional access policy", Name: "ann@contoso.com", ID: "U", Address: "203.0.113.7"},
		{At: at(11, 2), Activity: "Authentication Methods Policy Update", Name: "Script", ID: "APP", App: true},
		{At: at(10, 0), Activity: "Authentication Methods Policy Reset"},
		{At: at(9, 0), Activity: "Authentication Methods Policy Reset"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := len(f.seen()); n != 2 || !strings.Contains(f.seen()[0], "2026-04-20T00") {
		t.Errorf("asked %v", f.seen())
	}
}

func TestSimPolicyEvents(t *testing.T) {
	run, tenant, clock := simPolicies(t)
	begun := clock.Now()
	if err := clock.Sleep(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to := from
	to.SelfService = !from.SelfService
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	if err := clock.Sleep(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.CreateConditionalAccess(ctx, postern.ConditionalAccessPolicy{
		Name: "P", State: postern.ConditionalAccessOff, Users: postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}},
		Applications: postern.ConditionalAccessTargets{Include: []string{"All"}}, Grant: postern.ConditionalAccessGrant{Controls: []string{"mfa"}},
	}); err != nil {
		t.Fatal(err)
	}
	events, err := tenant.PolicyEvents(ctx, begun)
	if err != nil || len(events) != 2 {
		t.Fatalf("%+v, %v", events, err)
	}
	for n, name := range []string{"conditional access policy", "authentication methods policy update"} {
		if e := events[n]; !strings.Contains(strings.ToLower(e.Activity), name) || !e.App || e.ID != run.ClientID || e.Name == "" {
			t.Errorf("event %d: %+v", n, e)
		}
	}
	if events, err = tenant.PolicyEvents(ctx, clock.Now().Add(time.Minute)); err != nil || len(events) != 0 {
		t.Errorf("of the future: %+v, %v", events, err)
	}
}

// Beta tells when passkeys were last used, and what it does not answer v1.0 does.
func TestSimInventoryPasskeys(t *testing.T) {
	run, tenant, clock := simPolicies(t)
	levers(t, run, func(l *entrasim.Levers) { l.Throttle = false })
	var users []string
	for u, err := range tenant.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u.ObjectID)
	}
	users = append(users, "10000000-0000-4000-8000-000000000001", "..")
	plain := make(map[string][]string)
	for u, err := range tenant.PasskeysOf(ctx, users) {
		if err == nil {
			plain[u.User] = ids(u.Passkeys)
		}
	}
	read := func(known bool) {
		t.Helper()
		got := make(map[string][]string)
		failures := 0
		n := 0
		for u, err := range tenant.InventoryPasskeys(ctx, users) {
			if u.User != users[n] {
				t.Fatalf("user %d is %s, not %s", n, u.User, users[n])
			}
			n++
			if err != nil {
				failures++
				continue
			}
			if u.LastUseKnown != known {
				t.Fatalf("last use known is %t", u.LastUseKnown)
			}
			got[u.User] = ids(u.Passkeys)
		}
		if diff := cmp.Diff(plain, got); diff != "" || failures != 2 {
			t.Errorf("%d failures, passkeys (-v1.0 +beta):\n%s", failures, diff)
		}
	}
	read(true)
	requests := func() (beta int) {
		var calls struct {
			Calls []struct {
				Path string `json:"path"`
			} `json:"calls"`
		}
		control(t, run, "GET", "calls", nil, &calls)
		for _, c := range calls.Calls {
			if strings.HasPrefix(c.Path, "/beta/") {
				beta++
			}
		}
		return beta
	}
	fault(t, run, entrasim.Fault{Path: "/beta/users/*/authentication/fido2Methods", Status: 400, Code: "BadRequest"})
	fault(t, run, entrasim.Fault{Path: "/beta/$batch", Status: 404, Code: "UnknownVersion"})
	before := requests()
	read(false)
	after := requests()
	if after == before {
		t.Error("beta was not asked")
	}
	read(false) // without asking beta anew
	if again := requests(); again != after {
		t.Errorf("%d requests to a beta that refuses", again-after)
	}
	run.Server.RemoveFaults(0)
	if err := clock.Sleep(ctx, betaRestsFor); err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Permissions(ctx); err != nil { // the token was good for an hour
		t.Fatal(err)
	}
	read(true)
	ended, end := context.WithCancel(ctx)
	end()
	n := 0
	for range tenant.InventoryPasskeys(ended, users) {
		n++
	}
	if n > 1 {
		t.Errorf("goes on for %d users after its end", n)
	}
}

func ids(keys []Passkey) []string {
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, k.ID)
	}
	slices.Sort(out)
	return out
}
