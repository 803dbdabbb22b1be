package web

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

const fixtureDocument = `version: 1
passkeys:
  state: on
  self_service: true
  targets:
    include: [all users]
    exclude: []
  enforce_attestation: false
  restrictions:
    enforce: true
    type: allow
    models:
      - Postern
      - Microsoft Authenticator # both of its models
      - 2fc0579f-8113-47ea-b116-bb5a8db9202a # YubiKey 5 Series with NFC, a comment that is longer than most screens of phones are wide
`

func fixtureSteps() []postern.PolicyStep {
	return []postern.PolicyStep{
		{
			Verb: postern.PolicySet, Object: postern.PolicyObjectPasskeys, Field: "restrictions.enforce", Old: "false", New: "true", Reversible: true,
			Sentence: "Only passkeys of the models on the list can be registered and sign in.",
		},
		{
			Verb: postern.PolicyAdd, Object: postern.PolicyObjectPasskeys, Field: "restrictions.models", New: "2fc0579f-8113-47ea-b116-bb5a8db9202a", Reversible: true,
			AAGUID: fixtureModels[2].AAGUID, Sentence: "Passkeys of the model YubiKey 5 Series with NFC are allowed.",
		},
		{
			Verb: postern.PolicyRemove, Object: postern.PolicyObjectProfile, Name: "Keys only", Field: "profiles[Keys only].restrictions.models", Old: fixtureModels[4].AAGUID,
			AAGUID: fixtureModels[4].AAGUID, Sentence: "Passkeys of the model iCloud Keychain will no longer sign in.",
		},
		{
			Verb: postern.PolicyCreate, Object: postern.PolicyObjectStrength, Name: "Passkey on a phone", Field: "strengths[0]", New: "Passkey on a phone", Reversible: true,
			Sentence: "The authentication strength “Passkey on a phone” is made. It takes passkeys (FIDO2) of two models.",
		},
	}
}

func fixturePlanImpact() postern.PolicyImpact {
	return postern.PolicyImpact{
		Basis: postern.ImpactBasis{Users: 3120, Passkeys: 2480, InventoryAt: pointer(ago(4 * time.Minute)), Complete: true, Methods: true, Roles: true},
		Effects: map[postern.PolicyEffect]int{
			postern.EffectLockedOut: 188, postern.EffectPasskeyLost: 66, postern.EffectRegistrationLost: 12, postern.EffectStrengthUnmet: 31,
			postern.EffectSignInGained: 2,
		},
		Privileged: 2, OnlyMethod: 17, Possible: 5,
		Models: []postern.ModelImpact{
			{AAGUID: fixtureModels[4].AAGUID, Name: "iCloud Keychain", Passkeys: 188, Users: 140},
			{AAGUID: fixtureModels[5].AAGUID, Name: "Google Password Manager", Passkeys: 66, Users: 48},
			{AAGUID: fixtureStranger, Name: "Unknown model", Passkeys: 4, Users: 1},
		},
		Demands: []postern.StrengthDemand{{Policy: "Passkeys for the pilot", State: postern.ConditionalAccessReportOnly, Strength: "Passkey on a phone", Users: 240, Met: 181, Unmet: 31, Without: 28}},
	}
}

func fixtureConcerned(n int) []postern.UserImpact {
	names := []string{"Aditi Rao", "Elena Petrova", "Eleanor Vance", "Maximilian-Alexander Featherstonehaugh-Cholmondeley", "Noor Haddad", "Tomás Ribeiro"}
	var all []postern.UserImpact
	for i := range n {
		u := postern.UserImpact{
			ObjectID: fmt.Sprintf("0b6f2a4e-6c39-4bb0-9a3e-58a4f9e9%04x", i), DisplayName: names[i%len(names)], UPN: fmt.Sprintf("person.%d@contoso.example", i),
			Effects: []postern.PolicyEffect{postern.EffectLockedOut}, OnlyMethod: postern.KnownNo, Methods: []string{"microsoftAuthenticatorPush"},
			Passkeys: []postern.PasskeyImpact{{Name: "My phone", AAGUID: fixtureModels[4].AAGUID, Model: "iCloud Keychain", Before: true, Why: "its model is not on the list of allowed ones"}},
		}
		switch i % 6 {
		case 0:
			u.Privileged, u.OnlyMethod, u.Methods = true, postern.KnownYes, nil
		case 2:
			u.Effects = []postern.PolicyEffect{postern.EffectPasskeyLost, postern.EffectStrengthUnmet}
			u.Passkeys = append(u.Passkeys, postern.PasskeyImpact{Name: "Key", Model: "YubiKey 5 Series with NFC", Before: true, After: true})
		case 4:
			u.Effects, u.Applications, u.OnlyMethod = []postern.PolicyEffect{postern.EffectLockedOutSomewhere}, []string{"Office 365"}, postern.Unknown
		}
		all = append(all, u)
	}
	return all
}

func fixturePlan(state postern.PolicyPlanState) postern.PolicyPlan {
	p := postern.PolicyPlan{
		ID: fixtureID[postern.PolicyPlanID](postern.PrefixPolicyPlan, 1), IntegrationID: fixtureIntegration().ID, Version: 3, State: state, Document: fixtureDocument,
		Note: "Three models only, agreed with the works council", Steps: fixtureSteps(), Notes: fixtureNotes(), Impact: fixturePlanImpact(),
		Size: postern.PolicySize{Bytes: 2310, Limit: 20480}, CreatedAt: ago(12 * time.Minute), CreatedBy: "Ada Lindqvist",
	}
	if state != postern.PolicyPlanned && state != postern.PolicyPlanning {
		p.AppliedAt, p.AppliedBy = pointer(ago(3*time.Minute)), "Ada Lindqvist"
	}
	return p
}

func fixtureHarmless(p postern.PolicyPlan) postern.PolicyPlan {
	p.Impact.Effects = map[postern.PolicyEffect]int{postern.EffectSignInGained: 2}
	p.Impact.Privileged, p.Impact.OnlyMethod, p.Impact.Possible, p.Impact.Models, p.Impact.Demands = 0, 0, 0, nil, nil
	return p
}

func addPlanStories(add, part func(string, templ.Component)) {
	page := func(plan postern.PolicyPlan) planPage {
		p := planPage{policyFrame: policyShellOf(partPlans), Plan: plan, Models: fixtureModel, Still: true}
		if concerned(plan.Impact) {
			p.People, p.Total = fixtureConcerned(6), 259
		}
		return p
	}
	add("plan/lock-out", planView(page(fixturePlan(postern.PolicyPlanned))))
	add("plan/harmless", planView(page(fixtureHarmless(fixturePlan(postern.PolicyPlanned)))))
	unsure := fixturePlan(postern.PolicyPlanned)
	unsure.Impact.Basis = postern.ImpactBasis{Users: 3120, Passkeys: 800, Unknown: 1200}
	unsure.Size.Bytes = 18900
	add("plan/unsure", planView(page(unsure)))
	nothing := fixturePlan(postern.PolicyPlanned)
	nothing.Steps, nothing.Notes, nothing.Impact = nil, nil, postern.PolicyImpact{}
	add("plan/nothing", planView(page(nothing)))
	planning := fixturePlan(postern.PolicyPlanning)
	planning.Impact = postern.PolicyImpact{}
	add("plan/planning", planView(page(planning)))
	filtered := page(fixturePlan(postern.PolicyPlanned))
	filtered.Query, filtered.People, filtered.Total = postern.ImpactQuery{Effect: postern.EffectLockedOut, Privileged: true}, nil, 0
	add("plan/nobody-matches", planView(filtered))
	auditor := page(fixturePlan(postern.PolicyPlanned))
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("plan/auditor", planView(auditor))
	with := func(name string, state postern.PolicyPlanState, outcomes []postern.PolicyStepOutcome, edit func(*postern.PolicyPlan)) {
		plan := fixturePlan(state)
		for n := range plan.Steps {
			if n < len(outcomes) {
				plan.Steps[n].Outcome = outcomes[n]
			}
		}
		edit(&plan)
		add("plan/"+name, planView(page(plan)))
	}
	ok, lost, skipped := postern.PolicyStepLanded, postern.PolicyStepMissing, postern.PolicyStepSkipped
	with("applying", postern.PolicyApplying, []postern.PolicyStepOutcome{ok, ok}, func(*postern.PolicyPlan) {})
	with("landed", postern.PolicyLanded, []postern.PolicyStepOutcome{ok, ok, ok, ok}, func(p *postern.PolicyPlan) {
		p.FinishedAt, p.LockOut = pointer(ago(time.Minute)), []string{"person.0@contoso.example", "person.1@contoso.example"}
	})
	with("partly", postern.PolicyPartly, []postern.PolicyStepOutcome{ok, lost, ok, skipped}, func(p *postern.PolicyPlan) {
		e := postern.Errorf(postern.CodePolicyMissing, "")
		p.Code, p.Message, p.Next = e.Code, e.Message, e.Next
		p.Steps[1].Message = "Entra answered that it was done, and lists the model still three minutes later."
	})
	with("failed", postern.PolicyFailed, []postern.PolicyStepOutcome{postern.PolicyStepRefused, skipped, skipped, skipped}, func(p *postern.PolicyPlan) {
		p.Message, p.Next = "The application may not write the authentication methods policy.", "Grant it Policy.ReadWrite.AuthenticationMethod in the Entra admin center."
	})
	with("outdated", postern.PolicyOutdated, nil, func(p *postern.PolicyPlan) { p.Next = postern.Errorf(postern.CodePolicyChanged, "").Next })
	with("undoes", postern.PolicyPlanned, nil, func(p *postern.PolicyPlan) {
		p.Undoes = fixtureID[postern.PolicyPlanID](postern.PrefixPolicyPlan, 2)
	})

	list := plansPage{policyFrame: policyShellOf(partPlans)}
	add("plans/none", plansView(list))
	for _, state := range []postern.PolicyPlanState{
		postern.PolicyPlanning, postern.PolicyPlanned, postern.PolicyApplying, postern.PolicyLanded, postern.PolicyPartly, postern.PolicyFailed, postern.PolicyOutdated,
	} {
		list.List = append(list.List, fixturePlan(state))
	}
	list.List[3].Steps = list.List[3].Steps[:1]
	list.List[5] = fixtureHarmless(list.List[5])
	add("plans/several", plansView(list))
	list.frame = as(fixtureAuditor, list.frame)
	add("plans/auditor", plansView(list))
	addApplyStories(add, part)
}

func addApplyStories(add, part func(string, templ.Component)) {
	sheet := func(plan postern.PolicyPlan) applyPage {
		return applyPage{frame: inDialog(fixtureFrame(sectionIntegrations, "Apply this plan?")), Plan: plan, Path: "/integrations/x/policy/plans/y/apply", Back: "/integrations/x/policy/plans/y"}
	}
	part("plan/apply", applySheet(sheet(fixtureHarmless(fixturePlan(postern.PolicyPlanned)))))
	few := sheet(fixturePlan(postern.PolicyPlanned))
	few.Plan.Impact.Effects, few.Plan.Impact.Possible = map[postern.PolicyEffect]int{postern.EffectLockedOut: 3}, 0
	few.LockOut = fixtureConcerned(2)
	few.LockOut = append(few.LockOut, fixtureConcerned(6)[3])
	part("plan/apply-few", applySheet(few))
	few.Ticked = []string{few.LockOut[0].ObjectID}
	_, few.Problems = few.named()
	few.InDialog = false
	add("plan/apply-not-all-named", applySheet(few))
	many := sheet(fixturePlan(postern.PolicyPlanned))
	many.LockOut = fixtureConcerned(193)
	many.Plan.Impact.Basis.Complete = false
	part("plan/apply-many", applySheet(many))
	many.Typed = "190"
	_, many.Problems = many.named()
	part("plan/apply-wrong-number", applySheet(many))
	changed := sheet(fixtureHarmless(fixturePlan(postern.PolicyPlanned)))
	changed.Problems = problems{postern.Errorf(postern.CodePolicyChanged, "")}
	part("plan/apply-changed", applySheet(changed))
	part("plan/undo", confirmAct(actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Undo this plan?")), Path: "/integrations/x/policy/plans/y/undo", Back: "/integrations/x/policy/plans/y", Button: "Plan the way back", Asks: true,
		Text: "This makes a plan that takes back what this one changed. It says whom that would concern, and is applied like any other.",
	}))
}
