package entra

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

func TestSimPasskeyLife(t *testing.T) {
	run, tenant := sim(t)
	user := run.Users[0].UPN
	o, err := tenant.CreationOptions(ctx, user, 30)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(o.Expires); left < 29*time.Minute || left > 31*time.Minute {
		t.Errorf("the challenge lives for %v", left)
	}
	c := makeCredential(t, o)
	k, err := tenant.RegisterPasskey(ctx, user, "Postern a1b2c3", c)
	if err != nil {
		t.Fatal(err)
	}
	if !MatchesCredential(k.ID, c.ID) || k.DisplayName != "Postern a1b2c3" || k.Attested() {
		t.Errorf("registered %+v", k)
	}
	again, err := tenant.CreationOptions(ctx, user, 5)
	if err != nil || !slices.ContainsFunc(again.ExcludeCredentials, func(id []byte) bool { return bytes.Equal(id, c.ID) }) {
		t.Errorf("the next options exclude %x, %v; want %x among them", again.ExcludeCredentials, err, c.ID)
	}
	if !bytes.Equal(again.UserHandle, o.UserHandle) {
		t.Error("the user handle changed")
	}
	read, err := tenant.Passkey(ctx, user, k.ID)
	if err != nil || read.ID != k.ID {
		t.Errorf("read %+v, %v", read, err)
	}
	if list, err := tenant.Passkeys(ctx, user); err != nil || len(list) != 1 || list[0].ID != k.ID {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := tenant.RegisterPasskey(ctx, user, "Postern a1b2c3", c); !postern.IsCode(err, postern.CodeEntraAlreadyExists) && !postern.IsCode(err, postern.CodeEntraPasskeyRefused) {
		t.Errorf("the same credential twice: %v", err)
	}
	for range 2 { // the second time it is gone already
		if err := tenant.DeletePasskey(ctx, user, k.ID); err != nil {
			t.Fatal(err)
		}
	}
	_, err = tenant.Passkey(ctx, user, k.ID)
	wantCode(t, err, postern.CodeEntraNotFound)
}

func TestSimRegistrationThatDropsAfterItsEffect(t *testing.T) {
	for drop, registered := range map[string]int{"after": 1, "before": 0} {
		t.Run(drop, func(t *testing.T) {
			run, tenant := sim(t)
			user := run.Users[0].ID
			o, err := tenant.CreationOptions(ctx, user, 5)
			if err != nil {
				t.Fatal(err)
			}
			fault(t, run, entrasim.Fault{Method: "POST", Path: "/v1.0/users/*/authentication/fido2Methods", Drop: drop, Count: 1})
			c := makeCredential(t, o)
			_, err = tenant.RegisterPasskey(ctx, user, "Postern a1b2c3", c)
			if !errors.Is(err, ErrOutcomeUnknown) || !postern.IsCode(err, postern.CodeEntraUnreachable) {
				t.Fatalf("got %v, want an unknown outcome", err)
			}
			list, err := tenant.Passkeys(ctx, user)
			if err != nil || len(list) != registered {
				t.Errorf("Entra lists %d passkeys, %v; want %d", len(list), err, registered)
			}
			if registered == 1 && !MatchesCredential(list[0].ID, c.ID) {
				t.Error("the passkey is not found again by its credential id")
			}
		})
	}
}

func TestSimPolicyExplainsRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		patch map[string]any
		want  postern.Code
	}{
		"off":             {map[string]any{"state": "disabled"}, postern.CodeEntraPasskeyOff},
		"no self service": {map[string]any{"isSelfServiceRegistrationAllowed": false}, postern.CodeEntraSelfServiceOff},
	} {
		t.Run(name, func(t *testing.T) {
			run, tenant := sim(t)
			c.patch["@odata.type"] = "#microsoft.graph.fido2AuthenticationMethodConfiguration"
			_, err := tenant.send(ctx, call{
				op: operation{name: "test", doing: "change the policy"}, method: http.MethodPatch, body: c.patch,
				path: "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2",
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tenant.CreationOptions(ctx, run.Users[0].ID, 5)
			wantCode(t, err, c.want)
			p, err := tenant.PasskeyPolicy(ctx)
			if err != nil || p.Enabled == (name == "off") || p.SelfService == (name == "no self service") {
				t.Errorf("policy %+v, %v", p, err)
			}
		})
	}
}

func TestSimOldCreationForms(t *testing.T) {
	run, tenant := sim(t)
	levers := entrasim.DefaultLevers()
	levers.PaddedExclude = true
	if err := run.Server.SetLevers(levers); err != nil {
		t.Fatal(err)
	}
	user := run.Users[0].ID
	o, err := tenant.CreationOptions(ctx, user, 5)
	if err != nil {
		t.Fatal(err)
	}
	c := makeCredential(t, o)
	if _, err := tenant.RegisterPasskey(ctx, user, "Postern a1b2c3", c); err != nil {
		t.Fatal(err)
	}
	o, err = tenant.CreationOptions(ctx, user, 5)
	if err != nil || !slices.ContainsFunc(o.ExcludeCredentials, func(id []byte) bool { return bytes.Equal(id, c.ID) }) {
		t.Errorf("padded ids read as %x, %v", o.ExcludeCredentials, err)
	}
	fault(t, run, entrasim.Fault{Path: "/beta/users/*/authentication/fido2Methods/**", Status: 405, Code: "methodNotAllowed"})
	if _, err := tenant.CreationOptions(ctx, user, 5); err != nil {
		t.Errorf("five minutes without beta: %v", err)
	}
	_, err = tenant.CreationOptions(ctx, user, 6)
	wantCode(t, err, postern.CodeEntraRefused)
}

func TestSimManyUsersPasskeys(t *testing.T) {
	run, tenant := sim(t)
	o, err := tenant.CreationOptions(ctx, run.Users[3].ID, 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.RegisterPasskey(ctx, run.Users[3].ID, "Postern a1b2c3", makeCredential(t, o)); err != nil {
		t.Fatal(err)
	}
	var users []string
	for u, err := range tenant.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u.ObjectID)
	}
	users = append(users, "nobody@"+run.Domain)
	fault(t, run, entrasim.Fault{Method: "GET", Path: "/v1.0/users/" + run.Users[3].ID + "/authentication/fido2Methods", Status: 429, Code: "TooManyRequests", RetryAfter: 2.5, Count: 2})
	n := 0
	for keys, err := range tenant.PasskeysOf(WithPriority(ctx, Bulk), users) {
		if keys.User != users[n] {
			t.Fatalf("answer %d is of %s, want %s", n, keys.User, users[n])
		}
		switch {
		case n == len(users)-1:
			wantCode(t, err, postern.CodeEntraUserNotFound)
		case err != nil:
			t.Errorf("%s: %v", keys.User, err)
		case keys.User == run.Users[3].ID && len(keys.Passkeys) != 1:
			t.Errorf("the user with a passkey has %d", len(keys.Passkeys))
		}
		n++
	}
	if n != len(users) {
		t.Errorf("%d answers for %d users", n, len(users))
	}
}

func TestSimGroups(t *testing.T) {
	run, tenant := sim(t)
	g, err := tenant.CreateGroup(ctx, NewGroup{DisplayName: "Postern Group (Eligible for Pairing)", Description: "Kept by Postern."})
	if err != nil {
		t.Fatal(err)
	}
	if read, err := tenant.GroupByID(ctx, g.ID); err != nil || read.DisplayName != g.DisplayName || !read.Security || read.Dynamic {
		t.Errorf("read %+v, %v", read, err)
	}
	if found, err := tenant.FindGroups(ctx, g.DisplayName); err != nil || len(found) != 1 || found[0].ID != g.ID {
		t.Errorf("found %+v, %v", found, err)
	}
	var ids []string
	for u, err := range tenant.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if ids = append(ids, u.ObjectID); len(ids) == 45 {
			break
		}
	}
	if err := tenant.AddMembers(ctx, g.ID, ids[:3]); err != nil {
		t.Fatal(err)
	}
	if err := tenant.AddMembers(ctx, g.ID, ids); err != nil {
		t.Fatalf("with three who are there already: %v", err)
	}
	count := func() (n int) {
		for m, err := range tenant.Members(ctx, g.ID) {
			if err != nil || m.ObjectID == "" || m.Type != "user" {
				t.Errorf("member %+v, %v", m, err)
			}
			n++
		}
		return n
	}
	if n := count(); n != len(ids) {
		t.Errorf("%d members, want %d", n, len(ids))
	}
	for range 2 {
		if err := tenant.RemoveMember(ctx, g.ID, ids[0]); err != nil {
			t.Fatal(err)
		}
	}
	if in, err := tenant.IsMember(ctx, g.ID, ids[0]); err != nil || in {
		t.Errorf("still a member: %t, %v", in, err)
	}
	if in, err := tenant.IsMember(ctx, g.ID, ids[1]); err != nil || !in {
		t.Errorf("no member: %t, %v", in, err)
	}
	if _, err := tenant.User(ctx, ids[0]); err != nil {
		t.Errorf("taking the user out of the group took the user: %v", err)
	}
	err = tenant.AddMembers(ctx, g.ID, []string{"00000000-1111-4222-8333-444444444444"})
	wantCode(t, err, postern.CodeEntraNotFound)
	calls, _ := run.Server.Calls()
	for _, c := range calls {
		if c.Method == http.MethodDelete && !strings.HasSuffix(c.Path, "/$ref") {
			t.Errorf("a member was removed by %s", fmt.Sprint(c.Method, " ", c.Path))
		}
	}
}
