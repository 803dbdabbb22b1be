package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// enrolmentCmd is who may or must enrol, and what proves who they are.
type enrolmentCmd struct {
	remote
	Show   enrolmentShowCmd   `cmd:"" help:"Show who may or must enrol."`
	Impact enrolmentImpactCmd `cmd:"" help:"Show what the policy, or a changed one, would mean today. Nothing is stored."`
	Set    enrolmentSetCmd    `cmd:"" help:"Change who may or must enrol. What is not given stays."`
}

type enrolmentShowCmd struct{ named }

// Run shows the policy.
func (cmd *enrolmentShowCmd) Run(ctx context.Context, std cli.Streams, group *enrolmentCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	p, err := c.EnrolmentPolicy(ctx, i.ID)
	if err != nil {
		return err
	}
	return showPolicy(std, group.JSON, p)
}

func showPolicy(std cli.Streams, asJSON bool, p postern.EnrolmentPolicy) error {
	if asJSON {
		return cli.JSON(std.Out, p)
	}
	fields := []field{{"Version", fmt.Sprint(p.Version)}, {"Proofs", join(p.Proofs)}}
	for n, r := range p.Rules {
		fields = append(fields, field{fmt.Sprintf("Rule %d", n+1), string(r.Mode) + " for " + r.GroupName + " (" + r.GroupID + ")"})
	}
	return showFields(std, false, p, append(fields, field{"Everybody else", string(p.Default)})...)
}

// changedPolicy is a policy with what was given on the command line.
type changedPolicy struct {
	Rule    []string `help:"A rule, GROUP=off, GROUP=OPTIONAL or GROUP=TRUE, by name or object id; the first that has somebody counts. Given once or more it replaces all rules." placeholder:"GROUP=MODE"`
	NoRules bool     `help:"Take all rules away."`
	Default string   `help:"The mode of everybody else." enum:",off,OPTIONAL,TRUE" default:""`
	Proof   []string `help:"What is asked for: one_time_code, entra_sign_in, approval. Replaces all." placeholder:"PROOF"`
}

func (cmd changedPolicy) apply(ctx context.Context, c *postern.Client, id postern.IntegrationID) (postern.EnrolmentPolicy, error) {
	p, err := c.EnrolmentPolicy(ctx, id)
	if err != nil {
		return p, err
	}
	if cmd.NoRules || len(cmd.Rule) > 0 {
		p.Rules = []postern.EnrolmentRule{}
	}
	for _, text := range cmd.Rule {
		at := strings.LastIndexByte(text, '=')
		if at < 1 {
			return p, postern.FieldErrorf("rule", "%q is not GROUP=MODE.", text)
		}
		r := postern.EnrolmentRule{GroupID: text[:at], Mode: postern.EnrolmentMode(text[at+1:])}
		found, err := c.SearchGroups(ctx, id, r.GroupID, 100)
		if err != nil {
			return p, err
		}
		found = slices.DeleteFunc(found, func(g postern.GroupChoice) bool { return g.Name != r.GroupID })
		switch len(found) {
		case 0: // an object id, or the server says that it is none
		case 1:
			r.GroupID, r.GroupName = found[0].ID, found[0].Name
		default:
			return p, postern.FieldErrorf("rule", "The tenant has %d groups named %q.", len(found), r.GroupID).WithNext("Give the object id of the one that is meant.")
		}
		p.Rules = append(p.Rules, r)
	}
	if cmd.Default != "" {
		p.Default = postern.EnrolmentMode(cmd.Default)
	}
	if len(cmd.Proof) > 0 {
		p.Proofs = nil
		for _, proof := range cmd.Proof {
			p.Proofs = append(p.Proofs, postern.Proof(proof))
		}
	}
	return p, nil
}

type enrolmentImpactCmd struct {
	named
	changedPolicy
}

// Run shows the impact.
func (cmd *enrolmentImpactCmd) Run(ctx context.Context, std cli.Streams, group *enrolmentCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	p, err := cmd.apply(ctx, c, i.ID)
	if err != nil {
		return err
	}
	impact, err := c.EnrolmentImpact(ctx, i.ID, p)
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, impact)
	}
	return showImpact(std, impact)
}

func showImpact(std cli.Streams, impact postern.EnrolmentImpact) error {
	for _, o := range impact.Obstacles {
		fmt.Fprintln(std.Err, cli.Clean(o.Message+" "+o.Next))
	}
	if impact.Refused {
		fmt.Fprintln(std.Err, "It cannot be saved like this: people would have to enrol, and nobody could.")
	}
	t := table{header: []string{"GROUP", "MODE", "MEMBERS", "OFFERED", "ACTIVE", "HIT", "WHY"}}
	for _, r := range impact.Rules {
		name := r.GroupName
		if name == "" {
			name = "everybody else"
		}
		why := make([]string, len(r.Why))
		for n, p := range r.Why {
			why[n] = fmt.Sprintf("%d: %s", p.Count, p.Message)
		}
		t.add(name, string(r.Mode), fmt.Sprint(r.Members), fmt.Sprint(r.Offered), fmt.Sprint(r.Active), fmt.Sprint(r.Hit), strings.Join(why, " "))
	}
	return t.show(std)
}

type enrolmentSetCmd struct {
	named
	changedPolicy
	AcknowledgeHit int `help:"How many people you know the policy to be of no use to; the HIT of the impact." placeholder:"N"`
}

// Run changes the policy.
func (cmd *enrolmentSetCmd) Run(ctx context.Context, std cli.Streams, group *enrolmentCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	p, err := cmd.apply(ctx, c, i.ID)
	if err != nil {
		return err
	}
	if p, err = c.SetEnrolmentPolicy(ctx, i.ID, postern.EnrolmentPolicyInput{EnrolmentPolicy: p, AcknowledgedHit: cmd.AcknowledgeHit}); err != nil {
		return err
	}
	return showPolicy(std, group.JSON, p)
}

// approvalsCmd is vouching for the users of phones.
type approvalsCmd struct {
	remote
	List    approvalsListCmd    `cmd:"" help:"List phones that wait for approval."`
	Approve approvalsApproveCmd `cmd:"" help:"Vouch for the user of a phone. Compare the fingerprint with the one in the app first."`
	Reject  approvalsRejectCmd  `cmd:"" help:"Refuse to vouch for the user of a phone, which is revoked."`
}

type approvalsListCmd struct{ named }

// Run lists phones that wait.
func (cmd *approvalsListCmd) Run(ctx context.Context, std cli.Streams, group *approvalsCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	waiting, err := c.Approvals(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"PHONE", "USER", "NAME", "FINGERPRINT", "APPROVALS", "FROM"}, empty: "No phone waits for approval."}
	return showList(std, group.JSON, waiting, t, func(r postern.AwaitedApproval) []string {
		return []string{string(r.Phone.ID), r.User.UPN, r.Phone.Name, r.Fingerprint, approvalsOf(r), r.Addr}
	})
}

func approvalsOf(r postern.AwaitedApproval) string {
	n := 0
	for _, p := range r.Proofs {
		if p.Kind == postern.ProofApproval {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, r.Needed)
}

// verdict is what a person says of a phone.
type verdict struct {
	Phone  string `arg:"" help:"Identifier of the phone."`
	Reason string `help:"How you know, or why not; for the audit trail." required:"" placeholder:"TEXT"`
}

type approvalsApproveCmd struct{ verdict }

// Run approves.
func (cmd *approvalsApproveCmd) Run(ctx context.Context, std cli.Streams, group *approvalsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r, err := c.ApprovePhone(ctx, postern.PhoneID(cmd.Phone), postern.ApprovalInput{Reason: cmd.Reason})
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, r, field{"User", r.User.UPN}, field{"Phone", r.Phone.Name}, field{"Approvals", approvalsOf(r)}, field{"Still missing", join(r.Missing)})
}

type approvalsRejectCmd struct {
	verdict
	sure
}

// Run rejects.
func (cmd *approvalsRejectCmd) Run(ctx context.Context, std cli.Streams, group *approvalsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Reject and revoke the phone %s?", cmd.Phone)); err != nil {
		return err
	}
	p, err := c.RejectPhone(ctx, postern.PhoneID(cmd.Phone), postern.ApprovalInput{Reason: cmd.Reason})
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, p, field{"ID", string(p.ID)}, field{"Name", p.Name}, field{"State", string(p.State)})
}
