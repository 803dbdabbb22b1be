package enrolment

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// mostNames is how many people a reason names.
const mostNames = 5

// Impact says what a policy would mean today: it reads the members of its groups, and everybody where the default is
// not off.
func (s *Service) Impact(ctx context.Context, id postern.IntegrationID, p postern.EnrolmentPolicy) (postern.EnrolmentImpact, error) {
	return s.impact(ctx, id, &p)
}

func (s *Service) impact(ctx context.Context, id postern.IntegrationID, p *postern.EnrolmentPolicy) (postern.EnrolmentImpact, error) {
	out := postern.EnrolmentImpact{Rules: []postern.RuleImpact{}}
	if err := check(p); err != nil {
		return out, err
	}
	tenant, i, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return out, err
	}
	known, err := s.Store.KnownUsers(ctx, id)
	if err != nil {
		return out, err
	}
	a := &assessment{tenant: tenant, integration: i, policy: p, known: known, seen: make(map[string]bool)}
	if a.offersAnything() {
		if err := a.everybody(ctx); err != nil {
			return out, err
		}
	}
	for n := range p.Rules {
		r := &p.Rules[n]
		if err := a.rule(ctx, r); err != nil {
			return out, err
		}
	}
	if err := a.rest(ctx); err != nil {
		return out, err
	}
	out.Rules, out.Obstacles, out.Refused = a.rules, a.obstacles, a.refused
	for _, r := range a.rules {
		if r.Mode == postern.EnrolmentOff {
			continue
		}
		out.Members += r.Members
		out.Offered += r.Offered
		out.Active += r.Active
		out.Hit += r.Hit
	}
	return out, nil
}

// assessment walks the rules in order; a person counts with the first that has them.
type assessment struct {
	tenant      *entra.Tenant
	integration postern.Integration
	policy      *postern.EnrolmentPolicy
	known       map[string]Known
	privileged  map[string][]string
	seen        map[string]bool // object ids counted already

	rules     []postern.RuleImpact
	obstacles []postern.EnrolmentProblem
	refused   bool
}

func (a *assessment) offersAnything() bool {
	return a.policy.Default != postern.EnrolmentOff ||
		slices.ContainsFunc(a.policy.Rules, func(r postern.EnrolmentRule) bool { return r.Mode != postern.EnrolmentOff })
}

func (a *assessment) demandsAnything() bool {
	return a.policy.Default == postern.EnrolmentMandatory ||
		slices.ContainsFunc(a.policy.Rules, func(r postern.EnrolmentRule) bool { return r.Mode == postern.EnrolmentMandatory })
}

// stop notes what stands in everybody's way.
func (a *assessment) stop(e *postern.Error, demanded bool) {
	a.obstacles = append(a.obstacles, postern.EnrolmentProblem{Code: e.Code, Message: e.Message, Next: e.Next, Hit: true})
	a.refused = a.refused || demanded
}

// everybody finds what stands in the way of all, whatever group they are in, and who is privileged.
func (a *assessment) everybody(ctx context.Context) error {
	demanded := a.demandsAnything()
	if a.integration.State != postern.StateEnabled {
		a.stop(postern.Errorf(postern.CodeIntegrationDisabled, ""), demanded)
	}
	for _, flag := range []postern.Flag{postern.FlagProvisionAPI, postern.FlagFIDO2MobileAuthenticator} {
		if !a.integration.Flags[flag] {
			a.stop(postern.Errorf(postern.CodeFlagOff, "The feature flag %s is off for the integration.", flag), demanded)
		}
	}
	test, err := a.tenant.Test(ctx)
	if err != nil {
		return err
	}
	if !test.OK {
		a.stop(&postern.Error{Code: test.Code, Message: test.Message, Next: test.Next}, demanded)
	}
	if slices.Contains(a.policy.Proofs, postern.ProofSignIn) && a.integration.Credential.Kind == postern.CredentialServiceAccount {
		a.stop(postern.Errorf(postern.CodeSignInRefused, "Users cannot sign in for the proof: the integration uses a service account.").
			WithNext("Give the integration a certificate or a client secret, or take the Entra sign-in out of the proofs."), demanded)
	}
	a.privileged, err = a.tenant.PrivilegedUsers(ctx)
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if err != nil {
		e := postern.AsError(err)
		a.obstacles = append(a.obstacles, postern.EnrolmentProblem{
			Code: e.Code, Message: "Who holds a privileged role cannot be read, so those who need two approvals are not counted.", Next: e.Next,
		})
	}
	return nil
}

// rule counts the members of a rule's group.
func (a *assessment) rule(ctx context.Context, r *postern.EnrolmentRule) error {
	count := newCount(postern.RuleImpact{GroupID: r.GroupID, GroupName: r.GroupName, Mode: r.Mode})
	group, err := a.tenant.GroupByID(ctx, r.GroupID)
	if err == nil {
		r.GroupName, count.GroupName = group.DisplayName, group.DisplayName
		err = a.count(count, a.tenant.UsersOf(ctx, r.GroupID))
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if err != nil {
		name := r.GroupName
		if name == "" {
			name = r.GroupID
		}
		e := postern.AsError(err)
		message := fmt.Sprintf("The members of the group %s cannot be read: %s", name, e.Message)
		if e.Code == postern.CodeEntraNotFound {
			message = fmt.Sprintf("The tenant has no group %s; it may have been deleted.", name)
			e.Next = "Take the rule out, or choose another group."
		}
		a.stop(&postern.Error{Code: e.Code, Message: message, Next: e.Next}, r.Mode == postern.EnrolmentMandatory)
	}
	a.rules = append(a.rules, count.impact())
	return nil
}

// rest counts everybody whom no rule has, where the default offers them something.
func (a *assessment) rest(ctx context.Context) error {
	count := newCount(postern.RuleImpact{Mode: a.policy.Default})
	if a.policy.Default != postern.EnrolmentOff {
		err := a.count(count, a.tenant.AllUsers(ctx))
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		if err != nil {
			e := postern.AsError(err)
			a.stop(&postern.Error{Code: e.Code, Message: "The users of the tenant cannot be read: " + e.Message, Next: e.Next}, a.policy.Default == postern.EnrolmentMandatory)
		} else {
			a.gone(count)
		}
	}
	a.rules = append(a.rules, count.impact())
	return nil
}

// gone counts those whom Postern knows and the tenant no longer has.
func (a *assessment) gone(count *count) {
	for id, k := range a.known {
		if !a.seen[strings.ToLower(id)] && k.Phase != postern.PhaseRevoked {
			count.Members++
			count.hit(postern.Errorf(postern.CodeEntraUserNotFound, "They are not in Entra any more, so nothing can be registered for them."), k.UPN)
		}
	}
}

func (a *assessment) count(c *count, users iter.Seq2[postern.DirectoryUser, error]) error {
	for u, err := range users {
		if err != nil {
			return err
		}
		id := strings.ToLower(u.ObjectID)
		if a.seen[id] {
			continue
		}
		a.seen[id] = true
		c.Members++
		if c.Mode != postern.EnrolmentOff {
			a.judge(c, u)
		}
	}
	return nil
}

// judge says what a rule would mean to one person.
func (a *assessment) judge(c *count, u postern.DirectoryUser) {
	switch {
	case u.Guest:
		c.hit(postern.Errorf(postern.CodeGuestUser, "They are guests of this tenant, and Entra does not register passkeys for guests."), u.UPN)
	case !u.Enabled:
		c.hit(postern.Errorf(postern.CodeAccountDisabled, "Their accounts are disabled in Entra."), u.UPN)
	case postern.IsCode(a.integration.Admit(u.UPN), postern.CodeDomainRefused):
		c.hit(postern.Errorf(postern.CodeDomainRefused, "The domain of their user names is not accepted by the integration."), u.UPN)
	case a.known[u.ObjectID].Phase == postern.PhaseActive:
		c.Active++
	default:
		c.Offered++
		if len(a.privileged[u.ObjectID]) > 0 {
			c.note(postern.Errorf(postern.CodePrivilegedUser, "They hold a privileged role, so two administrators have to approve each of their phones.").
				WithNext("See that two people who may approve are there."), u.UPN, false)
		}
	}
}

// count is the impact of a rule while it is counted.
type count struct {
	postern.RuleImpact
}

func newCount(r postern.RuleImpact) *count { return &count{r} }

func (c *count) hit(why *postern.Error, who string) {
	c.Hit++
	c.note(why, who, true)
}

func (c *count) note(why *postern.Error, who string, hit bool) {
	n := slices.IndexFunc(c.Why, func(p postern.EnrolmentProblem) bool { return p.Code == why.Code })
	if n < 0 {
		n = len(c.Why)
		c.Why = append(c.Why, postern.EnrolmentProblem{Code: why.Code, Message: why.Message, Next: why.Next, Hit: hit})
	}
	w := &c.Why[n]
	w.Count++
	if len(w.Names) < mostNames {
		w.Names = append(w.Names, who)
	}
}

// impact is the same numbers with the reasons in one order, the gravest first.
func (c *count) impact() postern.RuleImpact {
	slices.SortStableFunc(c.Why, func(a, b postern.EnrolmentProblem) int {
		if a.Hit != b.Hit {
			if a.Hit {
				return -1
			}
			return 1
		}
		return b.Count - a.Count
	})
	return c.RuleImpact
}
