package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/policy"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/center/store"
)

// deadly has the labelled points. A label that comes more than once is counted: "x", "x, again", "x, time 3".
type deadly struct {
	mu    sync.Mutex
	armed bool
	at    string // empty: every point is written to standard output
	seen  map[string]int
}

func (d *deadly) arm(at string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed, d.at, d.seen = true, at, make(map[string]int)
}

// here is one point. Whoever dies in it holds the lock, so nobody comes past another one meanwhile.
func (d *deadly) here(label string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.armed {
		return
	}
	d.seen[label]++
	switch n := d.seen[label]; {
	case n == 2:
		label += ", again"
	case n > 2:
		label += fmt.Sprintf(", time %d", n)
	}
	if d.at == "" {
		fmt.Println("point " + label)
	}
	if d.at == label {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal comes at once
	}
}

// points is the database with points before each transaction, in it before each write and the end, and after it.
type points struct {
	*store.Store
	*deadly
}

type within struct{}

// Atomically joins a transaction that is under way, which then has its points already.
func (p points) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	if _, inside := p.Tx(ctx); inside {
		return p.Store.Atomically(ctx, do)
	}
	name := caller()
	p.here(name + " begins")
	err := p.Store.Atomically(ctx, func(ctx context.Context) error {
		err := do(context.WithValue(ctx, within{}, name))
		if err == nil {
			p.here(name + " commits")
		}
		return err
	})
	if err == nil {
		p.here(name + " has committed")
	}
	return err
}

// helpers are methods that do not say what their transaction is for.
var helpers = map[string]bool{"policy.save": true, "setup.save": true, "rotate.save": true, "rotate.enter": true, "rotate.over": true, "offline.change": true, "offline.decide": true}

const home = "github.com/postern/postern/center/"

var method = regexp.MustCompile(`^` + home + `([a-z]+)\.\(\*\w+\)\.(\w+)`)

// caller names the method of a service that a transaction belongs to.
func caller() string {
	pc := make([]uintptr, 20)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if m := method.FindStringSubmatch(f.Function); m != nil && m[2] != "advance" && m[1] != "store" && !helpers[m[1]+"."+m[2]] {
			return m[1] + "." + m[2]
		}
		if !more {
			return "nobody"
		}
	}
}

func (p points) write(ctx context.Context, what string) {
	name, _ := ctx.Value(within{}).(string)
	if name == "" {
		name = caller()
	}
	p.here(name + ": " + what)
}

func (p points) CreateProvisioning(ctx context.Context, r provision.Record) error {
	p.write(ctx, "CreateProvisioning")
	return p.Store.CreateProvisioning(ctx, r)
}

func (p points) UpdateProvisioning(ctx context.Context, r *provision.Record) error {
	p.write(ctx, "UpdateProvisioning")
	return p.Store.UpdateProvisioning(ctx, r)
}

func (p points) CreatePasskey(ctx context.Context, k postern.Passkey) error {
	p.write(ctx, "CreatePasskey")
	return p.Store.CreatePasskey(ctx, k)
}

func (p points) UpdatePasskey(ctx context.Context, k *postern.Passkey) error {
	p.write(ctx, "UpdatePasskey")
	return p.Store.UpdatePasskey(ctx, k)
}

func (p points) CreateClaim(ctx context.Context, c provision.Claim) error {
	p.write(ctx, "CreateClaim")
	return p.Store.CreateClaim(ctx, c)
}

func (p points) DeleteClaim(ctx context.Context, phone postern.PhoneID, credential []byte) error {
	p.write(ctx, "DeleteClaim")
	return p.Store.DeleteClaim(ctx, phone, credential)
}

func (p points) CreateUser(ctx context.Context, u postern.User) error {
	p.write(ctx, "CreateUser")
	return p.Store.CreateUser(ctx, u)
}

func (p points) UpdateUser(ctx context.Context, u *postern.User) error {
	p.write(ctx, "UpdateUser")
	return p.Store.UpdateUser(ctx, u)
}

func (p points) NoteGroupToward(ctx context.Context, id postern.UserID, phase postern.Phase) error {
	p.write(ctx, "NoteGroupToward")
	return p.Store.NoteGroupToward(ctx, id, phase)
}

func (p points) NoteGroupPhase(ctx context.Context, id postern.UserID, phase postern.Phase) error {
	p.write(ctx, "NoteGroupPhase")
	return p.Store.NoteGroupPhase(ctx, id, phase)
}

func (p points) CreateInvitation(ctx context.Context, i postern.Invitation, handle string, codeHash []byte) error {
	p.write(ctx, "CreateInvitation")
	return p.Store.CreateInvitation(ctx, i, handle, codeHash)
}

func (p points) UpdateInvitation(ctx context.Context, was, i postern.Invitation) error {
	p.write(ctx, "UpdateInvitation")
	return p.Store.UpdateInvitation(ctx, was, i)
}

func (p points) CreatePhone(ctx context.Context, phone postern.Phone) error {
	p.write(ctx, "CreatePhone")
	return p.Store.CreatePhone(ctx, phone)
}

func (p points) UpdatePhone(ctx context.Context, phone *postern.Phone) error {
	p.write(ctx, "UpdatePhone")
	return p.Store.UpdatePhone(ctx, phone)
}

func (p points) EndPairingsOfPhone(ctx context.Context, phone postern.PhoneID, at time.Time, reason string) ([]postern.Pairing, error) {
	p.write(ctx, "EndPairingsOfPhone")
	return p.Store.EndPairingsOfPhone(ctx, phone, at, reason)
}

func (p points) CreateReconcileRun(ctx context.Context, r reconcile.Record) error {
	p.write(ctx, "CreateReconcileRun")
	return p.Store.CreateReconcileRun(ctx, r)
}

func (p points) UpdateReconcileRun(ctx context.Context, r *reconcile.Record) error {
	p.write(ctx, "UpdateReconcileRun")
	return p.Store.UpdateReconcileRun(ctx, r)
}

func (p points) CreateDifference(ctx context.Context, d postern.Difference) error {
	p.write(ctx, "CreateDifference")
	return p.Store.CreateDifference(ctx, d)
}

func (p points) UpdateDifference(ctx context.Context, d postern.Difference) error {
	p.write(ctx, "UpdateDifference")
	return p.Store.UpdateDifference(ctx, d)
}

func (p points) SetReconcileState(ctx context.Context, integration postern.IntegrationID, state reconcile.State) error {
	p.write(ctx, "SetReconcileState")
	return p.Store.SetReconcileState(ctx, integration, state)
}

func (p points) CreatePolicyPlan(ctx context.Context, r policy.Record) error {
	p.write(ctx, "CreatePolicyPlan")
	return p.Store.CreatePolicyPlan(ctx, r)
}

func (p points) UpdatePolicyPlan(ctx context.Context, r *policy.Record) error {
	p.write(ctx, "UpdatePolicyPlan")
	return p.Store.UpdatePolicyPlan(ctx, r)
}

func (p points) SetPolicyImpact(ctx context.Context, id postern.PolicyPlanID, users []postern.UserImpact) error {
	p.write(ctx, "SetPolicyImpact")
	return p.Store.SetPolicyImpact(ctx, id, users)
}

func (p points) SetPolicyWatch(ctx context.Context, w *policy.Watch) error {
	p.write(ctx, "SetPolicyWatch")
	return p.Store.SetPolicyWatch(ctx, w)
}

// queue has a point before each job that is asked for.
type queue struct {
	job.Queue
	*deadly
}

func (q queue) Enqueue(ctx context.Context, args job.Args, options ...job.Option) error {
	name, _ := ctx.Value(within{}).(string)
	if name == "" {
		name = caller()
	}
	q.here(name + ": Enqueue " + args.Kind())
	return q.Queue.Enqueue(ctx, args, options...)
}

// wire has points around each request to Graph that is about passkeys, or about who is in which group, and around each that
// changes a policy, a registration or what else a set-up makes. Dying after one, the control center never reads the answer.
type wire struct {
	http.RoundTripper
	*deadly
}

// request is a request by the end of its path.
type request struct {
	path *regexp.Regexp
	name string
}

// requests are the requests that have points.
var requests = []request{
	{regexp.MustCompile(`/authentication/fido2Methods/creationOptions`), "creationOptions"},
	{regexp.MustCompile(`/authentication/fido2Methods$`), "fido2Methods"},
	{regexp.MustCompile(`/authentication/fido2Methods/[^/]+$`), "fido2Methods/{id}"},
	{regexp.MustCompile(`/groups/[^/]+/members/[^/]+/\$ref$`), "group/members/{id}"},
	{regexp.MustCompile(`/groups/[^/]+/members/\$ref$`), "group/members"},
	{regexp.MustCompile(`/groups/delta`), "groups/delta"},
	{regexp.MustCompile(`/users/delta`), "users/delta"},
	{regexp.MustCompile(`/auditLogs/directoryAudits`), "directoryAudits"},
	{regexp.MustCompile(`/\$batch$`), "$batch"},
	{regexp.MustCompile(`/groups/[^/]+$`), "group"},
	{regexp.MustCompile(`/users/[^/]+$`), "user"},
}

// changes are the requests that have points unless they only read: reading a policy leaves all as it was.
var changes = []request{
	{regexp.MustCompile(`/authenticationMethodConfigurations/fido2$`), "passkey policy"},
	{regexp.MustCompile(`/authenticationStrengthPolicies$`), "strengths"},
	{regexp.MustCompile(`/authenticationStrengthPolicies/[^/]+$`), "strength/{id}"},
	{regexp.MustCompile(`/conditionalAccess/policies$`), "access"},
	{regexp.MustCompile(`/conditionalAccess/policies/[^/]+$`), "access/{id}"},
	{regexp.MustCompile(`/v1.0/applications$`), "applications"},
	{regexp.MustCompile(`/v1.0/applications/[^/]+$`), "applications/{id}"},
	{regexp.MustCompile(`/addPassword$`), "addPassword"},
	{regexp.MustCompile(`/addKey$`), "addKey"},
	{regexp.MustCompile(`/removeKey$`), "removeKey"},
	{regexp.MustCompile(`/servicePrincipals$`), "servicePrincipals"},
	{regexp.MustCompile(`/servicePrincipals/[^/]+$`), "servicePrincipals/{id}"},
	{regexp.MustCompile(`/appRoleAssign[a-zA-Z]+$`), "appRoleAssignments"},
	{regexp.MustCompile(`/deviceConfigurations$`), "deviceConfigurations"},
	{regexp.MustCompile(`/deviceConfigurations/[^/]+$`), "deviceConfigurations/{id}"},
	{regexp.MustCompile(`/deviceConfigurations/[^/]+/assign$`), "assign"},
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	name := ""
	all := requests
	if r.Method != http.MethodGet {
		all = slices.Concat(requests, changes)
	}
	for _, known := range all {
		if known.path.MatchString(r.URL.Path) {
			name = r.Method + " " + known.name
			break
		}
	}
	if name == "" {
		return w.RoundTripper.RoundTrip(r)
	}
	w.here("before " + name)
	res, err := w.RoundTripper.RoundTrip(r)
	w.here("after " + name)
	return res, err
}
