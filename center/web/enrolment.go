package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/enrolment"
)

// Enrolment is what the console needs of package enrolment.
type Enrolment interface {
	Policy(ctx context.Context, id postern.IntegrationID) (postern.EnrolmentPolicy, error)
	SetPolicy(ctx context.Context, id postern.IntegrationID, in postern.EnrolmentPolicyInput) (postern.EnrolmentPolicy, error)
	Impact(ctx context.Context, id postern.IntegrationID, p postern.EnrolmentPolicy) (postern.EnrolmentImpact, error)
	Groups(ctx context.Context, id postern.IntegrationID, query string, limit int) ([]postern.GroupChoice, error)
	Approvals(ctx context.Context, id postern.IntegrationID) ([]postern.AwaitedApproval, error)
	Approval(ctx context.Context, phone postern.PhoneID) (postern.AwaitedApproval, error)
	Approve(ctx context.Context, phone postern.PhoneID, in postern.ApprovalInput) (postern.AwaitedApproval, error)
	Reject(ctx context.Context, phone postern.PhoneID, in postern.ApprovalInput) (postern.Phone, error)
	RedirectURI() string
	Return(ctx context.Context, r enrolment.Returned) (browser string, err error)
	Pending(ctx context.Context, browser string) (enrolment.Question, error)
	Confirm(ctx context.Context, browser, number string) (enrolment.Outcome, error)
	Disown(ctx context.Context, browser string) error
}

// enrolmentPage is the Enrolment tab: who waits for approval, and the policy.
type enrolmentPage struct {
	integrationFrame
	Waiting    []postern.AwaitedApproval
	Recoveries []postern.Recovery // recovery PINs that wait for a second person
	Policy     postern.EnrolmentPolicy
	Impact     *impactPart
	Redirect   string
	Problems   problems
}

// impactPart is what a policy would mean, as it is shown below the form and again with each change.
type impactPart struct {
	Impact   *postern.EnrolmentImpact
	Problems problems
}

func (p enrolmentPage) path() string { return enrolmentPath(p.Integration.ID) }

func enrolmentPath(id postern.IntegrationID) string { return integrationPath(id) + "/enrolment" }

func (p enrolmentPage) asks(proof postern.Proof) bool { return slices.Contains(p.Policy.Proofs, proof) }

var enrolmentModes = []postern.EnrolmentMode{postern.EnrolmentOff, postern.EnrolmentOptional, postern.EnrolmentMandatory}

func modeText(m postern.EnrolmentMode) string {
	switch m {
	case postern.EnrolmentOptional:
		return "OPTIONAL: may, and may skip"
	case postern.EnrolmentMandatory:
		return "TRUE: must, skipping is refused"
	}
	return "off: only who is invited"
}

func proofText(p postern.Proof) (label, help string) {
	switch p {
	case postern.ProofSignIn:
		return "Sign-in at Microsoft", "The user signs in with their account, once for each phone."
	case postern.ProofApproval:
		return "Approval by the help desk", "Somebody who may approve compares the phone's fingerprint with the user and says why they are sure."
	}
	return "One-time code", "The phone was enrolled with the code of an invitation."
}

func (c *console) enrolmentPage(r *http.Request) (enrolmentPage, error) {
	i, err := c.integration(r)
	if err != nil {
		return enrolmentPage{}, err
	}
	p := enrolmentPage{integrationFrame: c.integrationFrame(r, i, tabEnrolment), Redirect: c.Enrolment.RedirectURI()}
	if p.May(postern.PermUsersRead) {
		if p.Waiting, err = c.Enrolment.Approvals(r.Context(), i.ID); err != nil {
			return p, err
		}
		if p.Recoveries, err = c.recoveriesWaiting(r.Context(), i.ID); err != nil {
			return p, err
		}
	}
	p.Policy, err = c.Enrolment.Policy(r.Context(), i.ID)
	return p, err
}

// waitingFor lists the phones of a user that somebody has to approve.
func (c *console) waitingFor(ctx context.Context, u postern.User) ([]postern.PhoneID, error) {
	if u.Phase != postern.PhasePaired {
		return nil, nil
	}
	all, err := c.Enrolment.Approvals(ctx, u.IntegrationID)
	if err != nil {
		return nil, err
	}
	var waiting []postern.PhoneID
	for _, one := range all {
		if one.User.ID == u.ID {
			waiting = append(waiting, one.Phone.ID)
		}
	}
	return waiting, nil
}

func (c *console) enrolment(w http.ResponseWriter, r *http.Request) error {
	p, err := c.enrolmentPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, enrolmentView(p))
}

// setEnrolment saves the policy, or changes the form as one of its buttons says.
func (c *console) setEnrolment(w http.ResponseWriter, r *http.Request) error {
	p, err := c.enrolmentPage(r)
	if err != nil {
		return err
	}
	policy, acknowledged, err := readPolicy(r)
	if err != nil {
		return err
	}
	p.Policy = policy
	do, at, _ := strings.Cut(r.PostFormValue("do"), ":")
	n, _ := strconv.Atoi(at)
	switch rules := p.Policy.Rules; {
	case do == "save":
		_, err := c.Enrolment.SetPolicy(r.Context(), p.Integration.ID, postern.EnrolmentPolicyInput{EnrolmentPolicy: p.Policy, AcknowledgedHit: acknowledged})
		if err == nil {
			return c.away(w, r, p.path()+"?done=enrolment")
		}
		p.Problems = problemsOf(err)
	case do == "up" && n > 0 && n < len(rules):
		rules[n-1], rules[n] = rules[n], rules[n-1]
	case do == "down" && n >= 0 && n < len(rules)-1:
		rules[n], rules[n+1] = rules[n+1], rules[n]
	case do == "remove" && n >= 0 && n < len(rules):
		p.Policy.Rules = slices.Delete(rules, n, n+1)
	case do == "add":
		id, name, _ := strings.Cut(r.PostFormValue("pick"), " ")
		if id == "" {
			p.Problems = problems{postern.FieldErrorf("group_search", "No group is chosen.").WithNext("Type the beginning of a group's name and choose it.")}
			break
		}
		p.Policy.Rules = append(rules, postern.EnrolmentRule{GroupID: id, GroupName: name, Mode: postern.EnrolmentOptional})
	}
	p.Impact = c.impactOf(r, p.Integration.ID, p.Policy)
	return c.show(w, r, statusOf(p.Problems), enrolmentView(p))
}

// enrolmentImpact is the part below the form.
func (c *console) enrolmentImpact(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	policy, _, err := readPolicy(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, impactView(*c.impactOf(r, i.ID, policy)))
}

func (c *console) impactOf(r *http.Request, id postern.IntegrationID, policy postern.EnrolmentPolicy) *impactPart {
	impact, err := c.Enrolment.Impact(r.Context(), id, policy)
	part := &impactPart{Problems: problemsOf(err)}
	if err == nil {
		part.Impact = &impact
	}
	return part
}

func readPolicy(r *http.Request) (p postern.EnrolmentPolicy, acknowledged int, err error) {
	if err := r.ParseForm(); err != nil {
		return p, 0, postern.Errorf(postern.CodeInvalid, "The form could not be read.").Because(err)
	}
	p.Version = readVersion(r)
	names, modes := r.PostForm["group_name"], r.PostForm["mode"]
	for n, id := range r.PostForm["group"] {
		rule := postern.EnrolmentRule{GroupID: id, Mode: postern.EnrolmentOff}
		if n < len(names) {
			rule.GroupName = names[n]
		}
		if n < len(modes) {
			rule.Mode = postern.EnrolmentMode(modes[n])
		}
		p.Rules = append(p.Rules, rule)
	}
	p.Default = postern.EnrolmentMode(r.PostForm.Get("default"))
	for _, proof := range r.PostForm["proof"] {
		p.Proofs = append(p.Proofs, postern.Proof(proof))
	}
	acknowledged, _ = strconv.Atoi(r.PostForm.Get("acknowledged_hit")) // absent: nothing is acknowledged
	return p, acknowledged, nil
}

// groupChoices are the groups to choose from.
type groupChoices struct {
	Query    string
	Groups   []postern.GroupChoice
	Problems problems
}

func (c *console) searchGroups(w http.ResponseWriter, r *http.Request) error {
	id, err := integrationID(r)
	if err != nil {
		return err
	}
	found := groupChoices{Query: strings.TrimSpace(r.URL.Query().Get("group_search"))}
	if len(found.Query) > 0 {
		groups, err := c.Enrolment.Groups(r.Context(), id, found.Query, 20)
		found.Groups, found.Problems = groups, problemsOf(err)
	}
	return c.show(w, r, http.StatusOK, groupList(found))
}

func ruleTitle(r postern.RuleImpact) string {
	switch {
	case r.GroupName != "":
		return r.GroupName
	case r.GroupID != "":
		return r.GroupID
	}
	return "Everybody else"
}

func namesText(p postern.EnrolmentProblem) string {
	text := strings.Join(p.Names, ", ")
	if more := p.Count - len(p.Names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// approvalPage is the decision on one phone.
type approvalPage struct {
	frame
	Request  postern.AwaitedApproval
	Path     string
	Reject   bool
	Reason   string
	Problems problems
}

func (p approvalPage) button() string {
	if p.Reject {
		return "Reject and revoke the phone"
	}
	return "Approve"
}

func (c *console) approve(w http.ResponseWriter, r *http.Request) error { return c.decide(w, r, false) }

func (c *console) reject(w http.ResponseWriter, r *http.Request) error { return c.decide(w, r, true) }

func (c *console) decide(w http.ResponseWriter, r *http.Request, reject bool) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if !postern.ValidID(r.PathValue("phone"), postern.PrefixPhone) {
		return postern.Errorf(postern.CodeNotFound, "There is no such phone.")
	}
	id := postern.PhoneID(r.PathValue("phone"))
	request, err := c.Enrolment.Approval(r.Context(), id)
	if err != nil {
		return err
	}
	if request.Phone.IntegrationID != i.ID {
		return postern.Errorf(postern.CodeNotFound, "The integration has no such phone.")
	}
	title := "Approve the phone of " + request.User.DisplayName + "?"
	if reject {
		title = "Reject the phone of " + request.User.DisplayName + "?"
	}
	p := approvalPage{frame: c.sheetFrame(r, i, title), Request: request, Path: r.URL.Path, Reject: reject, Reason: r.PostFormValue("reason")}
	if r.Method == http.MethodPost {
		note := "approved"
		if reject {
			note = "rejected"
			_, err = c.Enrolment.Reject(r.Context(), id, postern.ApprovalInput{Reason: p.Reason})
		} else {
			_, err = c.Enrolment.Approve(r.Context(), id, postern.ApprovalInput{Reason: p.Reason})
		}
		if err == nil {
			return c.away(w, r, enrolmentPath(i.ID)+"?done="+note)
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), decision(p))
}
