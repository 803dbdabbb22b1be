package enrolment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// document is the name under which the policy is kept.
const document = "enrolment"

// Policy returns the policy of an integration. Where none was set, nobody but who is invited is offered a passkey, and
// the code of the invitation is the proof.
func (s *Service) Policy(ctx context.Context, id postern.IntegrationID) (postern.EnrolmentPolicy, error) {
	p := postern.EnrolmentPolicy{Default: postern.EnrolmentOff, Rules: []postern.EnrolmentRule{}, Proofs: []postern.Proof{postern.ProofCode}}
	version, body, err := s.Store.Document(ctx, id, document)
	if err != nil || version == 0 {
		return p, err
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("enrolment: the stored policy: %w", err)
	}
	p.Version = version
	return p, nil
}

// SetPolicy replaces the policy of an integration. What would have to fail for everybody who must enrol is refused, and
// so is a policy that hits people, unless the writer says how many: two administrators do not surprise each other, nor
// the tenant them.
func (s *Service) SetPolicy(ctx context.Context, id postern.IntegrationID, in postern.EnrolmentPolicyInput) (postern.EnrolmentPolicy, error) {
	p := in.EnrolmentPolicy
	var none postern.EnrolmentPolicy
	was, err := s.Policy(ctx, id)
	if err != nil {
		return none, err
	}
	if was.Version != in.Version {
		return none, postern.Errorf(postern.CodeStale, "")
	}
	impact, err := s.impact(ctx, id, &p) // it also fills in the names of groups
	if err != nil {
		return none, err
	}
	if impact.Refused {
		return none, refusalOf(impact)
	}
	if impact.Hit > 0 && impact.Hit != in.AcknowledgedHit {
		return none, postern.Errorf(postern.CodeEnrolmentHits, "The policy names %s who cannot enrol.", people(impact.Hit)).
			WithNext(fmt.Sprintf("Look at the impact, and save again acknowledging the number %d, if that is meant.", impact.Hit)).OnField("acknowledged_hit")
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if p.Version, err = s.Store.SetDocument(ctx, id, document, in.Version, body); err != nil {
			return err
		}
		fields := audit.Changes(was, p)
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.EnrolmentPolicySet.Code, Name: audit.EnrolmentPolicySet.Name, IntegrationID: id, Target: string(id), Success: true,
			Message: fmt.Sprintf("The enrolment policy was changed: it names %s, of whom %d cannot enrol.", people(impact.Members), impact.Hit), Fields: fields,
		})
	})
	return p, err
}

// Groups finds groups that a rule may name, by the beginning of their name.
func (s *Service) Groups(ctx context.Context, id postern.IntegrationID, query string, limit int) ([]postern.GroupChoice, error) {
	tenant, _, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	found, err := tenant.SearchGroups(ctx, query, limit)
	choices := make([]postern.GroupChoice, len(found))
	for n, g := range found {
		choices[n] = postern.GroupChoice{ID: g.ID, Name: g.DisplayName, Dynamic: g.Dynamic, Synced: g.Synced}
	}
	return choices, err
}

func refusalOf(impact postern.EnrolmentImpact) error {
	for _, o := range impact.Obstacles {
		if o.Hit {
			return postern.Errorf(postern.CodeEnrolmentImpossible, "With this policy people would have to enrol and nobody could: %s", o.Message).WithNext(o.Next)
		}
	}
	return postern.Errorf(postern.CodeEnrolmentImpossible, "")
}

func people(n int) string {
	if n == 1 {
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}

// check brings a policy into order and refuses what cannot be meant.
func check(p *postern.EnrolmentPolicy) error {
	if p.Rules == nil {
		p.Rules = []postern.EnrolmentRule{}
	}
	if len(p.Rules) > postern.MaxEnrolmentRules {
		return postern.FieldErrorf("rules", "A policy has at most %d rules.", postern.MaxEnrolmentRules)
	}
	if !p.Default.Valid() {
		return postern.FieldErrorf("default", "There is no mode %q: it is off, OPTIONAL or TRUE.", bounded(string(p.Default)))
	}
	seen := make(map[string]bool)
	for n := range p.Rules {
		r, at := &p.Rules[n], fmt.Sprintf("rules[%d]", n)
		id, err := uuid.Parse(r.GroupID)
		if err != nil {
			return postern.FieldErrorf(at+".group_id", "Rule %d names no group: %q is not an object id.", n+1, bounded(r.GroupID)).
				WithNext("Choose the group by its name, or copy its Object ID from Entra.")
		}
		r.GroupID = id.String()
		if seen[r.GroupID] {
			return postern.FieldErrorf(at+".group_id", "Rule %d names a group that an earlier rule has, so it would never count.", n+1)
		}
		seen[r.GroupID] = true
		if !r.Mode.Valid() {
			return postern.FieldErrorf(at+".mode", "There is no mode %q: it is off, OPTIONAL or TRUE.", bounded(string(r.Mode)))
		}
	}
	var proofs []postern.Proof
	for _, known := range postern.Proofs {
		if slices.Contains(p.Proofs, known) {
			proofs = append(proofs, known)
		}
	}
	if len(proofs) == 0 || len(proofs) != len(p.Proofs) {
		return postern.FieldErrorf("proofs", "A policy asks for at least one proof, each of them once: one_time_code, entra_sign_in, approval.")
	}
	if len(proofs) == 1 && proofs[0] == postern.ProofApproval {
		return postern.FieldErrorf("proofs", "An approval alone does not say for whom a phone is enrolled.").
			WithNext("Ask for the one-time code or the Entra sign-in too.")
	}
	p.Proofs = proofs
	return nil
}

func bounded(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}
