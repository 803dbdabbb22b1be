package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func policyShellOf(part policyPart) policyFrame {
	return policyFrame{integrationFrame: shell(fixtureIntegration(), tabPolicy), Part: part}
}

func fixtureNotes() []postern.PolicyNote {
	return []postern.PolicyNote{
		{
			Key: "unrestricted", Level: postern.PolicyNoteWarning, Field: "restrictions.enforce", Deviation: true,
			Message: "Key restrictions are off, so Security info does not offer passkeys in an app as a way of their own.",
			Next:    "Put the models in use on an allow list first, then enforce it.", Link: linkAppHelp,
		},
		{
			Key: "postern_missing", Level: postern.PolicyNoteDanger, Field: "self_service",
			Message: "Nobody can register a passkey on a phone with Postern.", Next: "Allow self-service set up.",
		},
		{Key: "schema", Level: postern.PolicyNoteInfo, Message: "The tenant does not use passkey profiles."},
	}
}

func addPolicyStories(add, part func(string, templ.Component)) {
	page := func(t postern.TenantPolicy) policyPage {
		return policyPage{policyFrame: policyShellOf(partSettings), Policy: t, Use: fixtureUse(), Models: fixtureModel}
	}
	add("policy/open", policySettings(page(fixtureTenantPolicy())))
	noted := page(fixtureTenantPolicy())
	noted.Notes = fixtureNotes()
	noted.Drift.Steps = fixtureSteps()[:2]
	add("policy/deviations", policySettings(noted))
	add("policy/restricted", policySettings(page(fixtureRestricted())))
	refused := page(fixtureRestricted())
	for n := range refused.Use.Summary.Models {
		if n > 1 && n < 6 {
			refused.Use.Summary.Models[n].Allowed = postern.KnownNo
		}
	}
	add("policy/refused-models", policySettings(refused))
	empty := page(fixtureRestricted())
	empty.Policy.Passkeys.KeyRestrictions.AAGUIDs, empty.Policy.Passkeys.Include, empty.Policy.Passkeys.SelfService = nil, nil, false
	empty.Use = usage(postern.InventorySummary{}, postern.InventoryNever)
	add("policy/nothing-allowed", policySettings(empty))
	add("policy/profiles", policySettings(page(fixtureProfiles())))
	auditor := page(fixtureRestricted())
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("policy/auditor", policySettings(auditor))
	unread := policyPage{policyFrame: policyShellOf(partSettings), Problems: problems{
		postern.Errorf(postern.CodeEntraPermission, "The application may not read the authentication methods policy.").WithNext("Grant it Policy.Read.AuthenticationMethod in the Entra admin center."),
	}}
	add("policy/unread", policySettings(unread))

	change := func(t postern.TenantPolicy) changePage {
		return changePage{
			policyFrame: policyShellOf(partSettings), Form: formOfPolicy(t), Document: fixtureDocument, Use: fixtureUse(), Models: fixtureModel, Bundles: fixtureBundles(),
		}
	}
	add("policy/change", changeView(change(fixtureRestricted())))
	add("policy/change-profiles", changeView(change(fixtureProfiles())))
	wrongForm := change(fixtureTenantPolicy())
	wrongForm.Problems = problems{postern.FieldErrorf("model_search-0", "No model is chosen.").WithNext("Type a part of its name and choose it, or type its AAGUID.")}
	add("policy/change-wrong", changeView(wrongForm))
	outrun := change(fixtureRestricted())
	outrun.Changed = true
	add("policy/change-meanwhile", changeView(outrun))
	dropped := change(fixtureProfiles())
	dropped.Form.dropProfile(1)
	dropped.Written = true
	add("policy/change-profile-removed", changeView(dropped))
	faulty := change(fixtureTenantPolicy())
	faulty.Faults = problems{
		postern.Errorf(postern.CodePolicyDocument, "Line 11: no model and no bundle is called \"Yubikey\".").WithNext("Write one of these: YubiKey 5; YubiKey 5 FIPS.").OnField("passkeys.restrictions.models[2]"),
		postern.Errorf(postern.CodePolicyDocument, "Line 4: self_servce is not a field of passkeys.").WithNext("Did you mean self_service?").OnField("passkeys.self_servce"),
	}
	add("policy/document-faults", changeView(faulty))
	part("policy/models-found", modelList(modelChoices{Query: "micro", Field: "pick_model-0", Models: fixtureModels[:2], More: true}))
	part("policy/models-none", modelList(modelChoices{Query: "zebra", Field: "pick_model-0"}))

	addStrengthStories(add)
	addPolicyDriftStories(add, part)
}

func addStrengthStories(add func(string, templ.Component)) {
	page := strengthsPage{policyFrame: policyShellOf(partStrengths), Policy: fixtureStrengths(), Models: fixtureModel}
	add("strengths/several", strengthsView(page))
	auditor := page
	auditor.frame = as(fixtureAuditor, auditor.frame)
	auditor.Policy.ConditionalAccessRead = false
	add("strengths/auditor-without-access", strengthsView(auditor))
	unread := page
	unread.Policy.StrengthsRead = false
	add("strengths/unread", strengthsView(unread))
	fresh := strengthForm{policyFrame: policyShellOf(partStrengths), Use: fixtureUse(), Models: fixtureModel, Bundles: fixtureBundles()}
	add("strengths/new", newStrengthView(fresh))
	filled := fresh
	filled.Keys.add(fixtureModels[0].AAGUID, fixtureModels[1].AAGUID)
	filled.Problems = problems{postern.FieldErrorf("name", "A strength needs a name.").WithNext("Say what it is for.")}
	add("strengths/new-wrong", newStrengthView(filled))
	enforce := enforceForm{policyFrame: policyShellOf(partStrengths), Strengths: fixtureStrengths().Strengths, Where: whereAll}
	add("strengths/enforce", enforceView(enforce))
	enforce.Strength, enforce.Where, enforce.Include = "Passkey on a phone", whereSome, []targetForm{{ID: fixturePilot, Name: "Passkey pilot", Type: "group"}}
	enforce.Problems = enforce.check()
	add("strengths/enforce-wrong", enforceView(enforce))
}

func addPolicyDriftStories(add, part func(string, templ.Component)) {
	page := func(d postern.PolicyDrift) policyDriftPage {
		return policyDriftPage{policyFrame: policyShellOf(partDrift), Drift: d}
	}
	add("policy-drift/unwatched", policyDriftView(page(postern.PolicyDrift{})))
	agreed := postern.PolicyDrift{Watched: true, BaselineAt: pointer(ago(30 * 24 * time.Hour)), CheckedAt: pointer(ago(4 * time.Minute)), IntervalS: 3600}
	add("policy-drift/agreed", policyDriftView(page(agreed)))
	changed := agreed
	impact := fixturePlanImpact()
	changed.Steps, changed.FoundAt, changed.WhoKnown, changed.Impact = fixtureSteps(), pointer(ago(3*time.Minute)), true, &impact
	changed.Who = []postern.PolicyEditor{
		{At: ago(22 * time.Minute), Activity: "Authentication Methods Policy Update", Name: "mallory@contoso.example", Address: "198.51.100.7"},
		{At: ago(25 * time.Minute), Activity: "Authentication Methods Policy Update", Name: "Configuration tool", App: true},
	}
	add("policy-drift/changed", policyDriftView(page(changed)))
	auditor := page(changed)
	auditor.frame = as(fixtureAuditor, auditor.frame)
	auditor.Drift.WhoKnown, auditor.Drift.Who = false, nil
	add("policy-drift/auditor", policyDriftView(auditor))
	failed := agreed
	e := postern.Errorf(postern.CodeEntraUnreachable, "")
	failed.Code, failed.Message, failed.Next = e.Code, e.Message, e.Next
	add("policy-drift/failed", policyDriftView(page(failed)))
	part("policy-drift/accept", confirmAct(actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Accept what is there?")), Path: "/integrations/x/policy/drift/accept", Back: "/integrations/x/policy/drift", Button: "Accept it", Asks: true,
		Text: "From now on the tenant's policy is compared with what it is at this moment. Nothing is written into the tenant.",
	}))
}
