package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// stories lists every state of every page.
func stories() []story {
	var all []story
	add := func(name string, page templ.Component) { all = append(all, story{Name: name, Page: page}) }
	part := func(name string, page templ.Component) { all = append(all, story{Name: name, Page: page, Part: true}) }
	addDoorStories(add)
	addIntegrationStories(add, part)
	addUserStories(add, part)
	addWorkstationStories(add, part)
	addOfflineStories(add, part)
	addDriftStories(add, part)
	addDirectoryStories(add, part)
	addLifecycleStories(add, part)
	addEnrolmentStories(add, part)
	addMessageStories(add, part)
	addJobStories(add, part)
	addPolicyStories(add, part)
	addPlanStories(add, part)
	addInventoryStories(add, part)
	addModelStories(add, part)
	addAuditStories(add, part)
	addGuideStories(add)
	addSetupStories(add, part)
	addRotationStories(add)
	addDoctorStories(add, part)
	addOtherStories(add, part)
	return all
}

func addDoorStories(add func(string, templ.Component)) {
	nobody := frame{Title: "Sign in", Now: fixtureNow}
	add("sign-in/first", signIn(signInPage{frame: nobody, Next: "/integrations"}))
	add("sign-in/signed-out", signIn(signInPage{frame: nobody, Next: "/integrations", Out: true}))
	add("welcome/link", welcome(frame{Title: "Welcome", Now: fixtureNow}))
	add("errors/stranger", errorPage(frame{Title: errorTitle(postern.Errorf(postern.CodeTooMany, "")), Now: fixtureNow}, postern.Errorf(postern.CodeTooMany, "")))
	for name, e := range map[string]*postern.Error{
		"not-found": postern.Errorf(postern.CodeNotFound, "There is no page at /integrations/nowhere."),
		"forbidden": postern.Errorf(postern.CodeForbidden, "That needs the permission integrations.write, which the role helpdesk does not have."),
		"internal":  postern.Errorf(postern.CodeInternal, ""),
	} {
		add("errors/"+name, errorPage(fixtureFrame("", errorTitle(e)), e))
	}
}

func shell(i postern.Integration, t tab) integrationFrame {
	f := integrationFrame{frame: fixtureFrame(sectionIntegrations, i.ApplicationName+": "+string(t)), Integration: i, Tab: t}
	f.frame.Trail = []crumb{{"Integrations", "/integrations"}}
	return f
}

func addIntegrationStories(add, part func(string, templ.Component)) {
	list := fixtureFrame(sectionIntegrations, "Integrations")
	failing, partial := fixtureIntegration(), fixtureIntegration()
	failing.ApplicationName, failing.Check = "Northwind", &fixtureFailedTest
	partial.ApplicationName, partial.Check = "Tailspin Toys", &fixturePartialTest
	add("integrations/empty", integrations(integrationsPage{frame: list}))
	add("integrations/empty-auditor", integrations(integrationsPage{frame: as(fixtureAuditor, list)}))
	removed := list
	removed.Note = notes["removed"]
	add("integrations/several", integrations(integrationsPage{frame: removed, List: []postern.Integration{fixtureIntegration(), fixtureDisabled(), failing, partial}}))

	someOff := postern.AllFlags()
	someOff[postern.FlagAzureIDP], someOff[postern.FlagAzureNativeLogin] = false, false
	choose := newIntegrationPage{frame: fixtureFrame(sectionIntegrations, "Add New Integrations"), Flags: postern.AllFlags()}
	withheld := newIntegrationPage{frame: choose.frame, Flags: someOff}
	add("new/choose", chooseIntegration(choose))
	begun := choose
	begun.Begun = []postern.Setup{fixtureSetup(postern.SetupStopped), fixtureSetup(postern.SetupSigningIn)}
	add("new/choose-begun", chooseIntegration(begun))
	add("new/not-offered", chooseIntegration(withheld))
	add("new/flags", offeredFlags(withheld))
	add("new/experience", chooseExperience(choose))
	add("new/experience-not-offered", chooseExperience(withheld))

	steps := fixtureFrame(sectionIntegrations, "Integration Settings")
	steps.Trail = []crumb{{"Integrations", "/integrations"}, {"Add New Integrations", "/integrations/new"}, {"Login experience", "/integrations/new/experience"}}
	blank := settingsPage{integrationFrame: integrationFrame{frame: steps}, Form: newForm(fixtureNow)}
	add("new/form", newIntegration(blank))
	wrongForm := blank
	wrongForm.Form.Input.ApplicationName = "Contoso: passkeys"
	wrongForm.Form.Input.TenantID = "contoso"
	wrongForm.Form.Problems = problemsOf(postern.CheckApplicationName("Contoso: passkeys"))
	add("new/form-wrong-name", newIntegration(wrongForm))
	refused := blank
	refused.Form.Input = formOf(fixtureIntegration(), fixtureNow).Input
	refused.Form.Problems = problems{postern.Errorf(postern.CodeEntraSecretWrong, "").OnField("client_secret")}
	add("new/form-refused-by-entra", newIntegration(refused))
	tested := blank
	tested.Form.Input = refused.Form.Input
	tested.Form.Outcome = &outcome{Test: &fixturePartialTest, Now: fixtureNow}
	add("new/form-tested", newIntegration(tested))
	part("checks/test-ok", outcomeOf(outcome{Test: &fixtureGoodTest, Now: fixtureNow}))
	part("checks/test-failed", outcomeOf(outcome{Test: &fixtureFailedTest, Now: fixtureNow}))
	part("checks/test-partial", outcomeOf(outcome{Test: &fixturePartialTest, Now: fixtureNow}))
	part("checks/form-incomplete", outcomeOf(outcome{Problems: problems{postern.FieldErrorf("client_secret", "A client secret, or a client certificate and its private key, is required.")}, Now: fixtureNow}))
	good := fixtureCertificate(fixtureNow.AddDate(0, 0, 20))
	good.Warnings = []string{"The certificate ends in less than 30 days."}
	part("checks/certificate", outcomeOf(outcome{Certificate: &good, Now: fixtureNow}))
	part("checks/certificate-mismatch", outcomeOf(outcome{Problems: problems{postern.Errorf(postern.CodeCertificateMismatch, "").OnField("client_private_key")}, Now: fixtureNow}))

	addSettingsStories(add, part)
	addLoginStories(add)
}

func addSettingsStories(add, part func(string, templ.Component)) {
	on, off := fixtureIntegration(), fixtureDisabled()
	page := func(i postern.Integration) settingsPage {
		return settingsPage{integrationFrame: shell(i, tabSettings), Form: formOf(i, fixtureNow)}
	}
	add("settings/enabled", settings(page(on)))
	add("settings/disabled", settings(page(off)))
	justOn := page(on)
	justOn.Enabled = true
	add("settings/just-enabled", settings(justOn))
	debugging := on
	debugging.HTTPDebugUntil = pointer(fixtureNow.Add(48 * time.Minute))
	ending := fixtureCertificate(fixtureNow.AddDate(0, 0, 12))
	debugging.Credential.Certificate = &ending
	debugging.Groups = append([]postern.PhaseGroup{}, on.Groups...)
	debugging.Groups[2].Problem = "The group was deleted in Entra. It is made again."
	add("settings/debug-and-expiring", settings(page(debugging)))
	ended := on
	past := fixtureCertificate(fixtureNow.AddDate(0, 0, -3))
	ended.Credential.Certificate, ended.Check = &past, &fixtureFailedTest
	add("settings/expired", settings(page(ended)))
	old := on
	old.Credential = postern.Credential{Kind: postern.CredentialServiceAccount, Username: "svc-postern@contoso.example", SetAt: ago(400 * 24 * time.Hour)}
	old.Check = &fixturePartialTest
	add("settings/service-account", settings(page(old)))
	auditor := page(on)
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("settings/auditor", settings(auditor))
	mine := formOf(on, fixtureNow).Input
	mine.ApplicationName, mine.ChallengeTimeout = "Contoso Passkeys", 30
	late := page(on)
	late.Form.Changes, late.Form.Input = changesBetween(on, mine), mine
	add("settings/stale-form", settings(late))
	same := page(on)
	same.Form.Changes = []change{}
	add("settings/stale-same", settings(same))
	tooLate := page(on)
	tooLate.Note = "Somebody else changed this integration since you opened it, so the switch was not thrown. Below is what is stored now; throw it again if it is still wanted."
	add("settings/stale-switch", settings(tooLate))

	state := func(i postern.Integration, title string) statePage {
		return statePage{frame: inDialog(fixtureFrame(sectionIntegrations, title)), Integration: i}
	}
	part("settings/enable", confirmEnable(state(off, "Enable Fabrikam Pilot?")))
	refused := state(off, "Enable Fabrikam Pilot?")
	refused.Problems = problems{postern.Errorf(postern.CodeFlagOff, "Mandatory feature flags are off: RP_APP_WORKSTATION_ENABLED.")}
	part("settings/enable-refused", confirmEnable(refused))
	part("settings/disable", confirmDisable(state(on, "Disable Postern Passkeys?")))
	part("settings/remove", confirmRemove(state(off, "Remove Fabrikam Pilot?")))
	whole := state(on, "Remove Postern Passkeys?")
	whole.InDialog, whole.Typed = false, "postern passkeys"
	whole.Trail = []crumb{{"Integrations", "/integrations"}, {"Postern Passkeys", "/integrations/x"}}
	whole.Problems = problems{postern.FieldErrorf("name", "That is not the application name.").WithNext("Type Postern Passkeys exactly as it stands here.")}
	add("settings/remove-page-wrong", confirmRemove(whole))
}

func addLoginStories(add func(string, templ.Component)) {
	i := fixtureIntegration()
	add("login/off", login(loginPage{integrationFrame: shell(i, tabLogin), Form: loginOf(i)}))
	i.RestrictDomains, i.Domains = true, []string{"contoso.example", "sales.contoso.example"}
	saved := loginPage{integrationFrame: shell(i, tabLogin), Form: loginOf(i)}
	saved.frame.Note = notes["domains"]
	add("login/saved", login(saved))
	wrongDomain := loginPage{integrationFrame: shell(i, tabLogin), Form: loginOf(i)}
	wrongDomain.Form.Domains = []string{"contoso.example", "https://fabrikam.example"}
	_, err := postern.CheckDomains(wrongDomain.Form.Domains)
	wrongDomain.Problems = problemsOf(err)
	add("login/wrong", login(wrongDomain))
	late := saved
	late.frame.Note = ""
	late.Theirs = &postern.LoginSettings{}
	add("login/stale", login(late))
	auditor := saved
	auditor.frame = as(fixtureAuditor, shell(i, tabLogin).frame)
	add("login/auditor", login(auditor))
	addDesktopStories(add, saved)
}
