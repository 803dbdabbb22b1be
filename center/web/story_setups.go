package web

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/docs"
)

// fixtureSetup is a set-up in that state.
func fixtureSetup(state postern.SetupState) postern.Setup {
	certificate := fixtureCertificate(fixtureNow.AddDate(1, 0, 0))
	s := postern.Setup{
		ID: fixtureID[postern.SetupID](postern.PrefixSetup, 1), Version: 4, State: state,
		Input: postern.SetupInput{
			RegistrationName: "Postern", ApplicationName: "Contoso Passkeys", PermissionSet: postern.PermissionsStandard,
			Credential: postern.CredentialCertificate, Policy: true, Windows: postern.SetupWindowsCatalog, WindowsGroup: "Workstations (pilot)",
		},
		Certificate: &certificate, Steps: fixtureSetupSteps(), CreatedAt: ago(25 * time.Minute), UpdatedAt: ago(time.Minute),
	}
	if state == postern.SetupDraft || state == postern.SetupSigningIn {
		for n := range s.Steps {
			s.Steps[n].Found = ""
		}
		if state == postern.SetupSigningIn {
			s.SignIn = &postern.SetupSignIn{UserCode: "HQ7R2KXWD", VerificationURI: "https://microsoft.com/devicelogin", ExpiresAt: fixtureNow.Add(14 * time.Minute), Write: true}
		}
		return s
	}
	s.TenantID, s.TenantName = fixtureIntegration().TenantID, "Contoso"
	s.Administrator = &postern.SetupAdministrator{UPN: "admin@contoso.onmicrosoft.example", TenantID: s.TenantID, Write: true, Roles: []string{"Global Administrator"}, ExpiresAt: fixtureNow.Add(52 * time.Minute)}
	s.Steps[6].State, s.Steps[6].Found = postern.SetupStepThere, "All users may register and use passkeys, and Postern's model is allowed."
	s.Steps[6].Requests = nil
	advance := func(upTo int, to postern.SetupStepState) {
		for n := range upTo {
			if s.Steps[n].State == postern.SetupStepTodo {
				s.Steps[n].State, s.Steps[n].At, s.Steps[n].Outcome = to, pointer(ago(2*time.Minute)), "Read back as it was written."
			}
		}
	}
	switch state {
	case postern.SetupApplying:
		advance(3, postern.SetupStepDone)
		s.Steps[3].State = postern.SetupStepReading
	case postern.SetupStopped:
		advance(3, postern.SetupStepDone)
		why := postern.Errorf(postern.CodeSetupRole, "")
		s.Problem = &postern.SetupProblem{Code: why.Code, Message: why.Message, Next: why.Next}
		s.Steps[3].State, s.Steps[3].Problem = postern.SetupStepFailed, s.Problem
	case postern.SetupReady, postern.SetupUndoing:
		advance(len(s.Steps), postern.SetupStepDone)
		s.IntegrationID, s.ClientID = fixtureDisabled().ID, fixtureDisabled().ClientID
	case postern.SetupUndone:
		advance(len(s.Steps), postern.SetupStepUndone)
		s.Steps[6].State = postern.SetupStepKept
	}
	return s
}

func fixtureSetupSteps() []postern.SetupStep {
	step := func(key, title, why, found string, requests ...postern.SetupRequest) postern.SetupStep {
		return postern.SetupStep{Key: key, Title: title, Why: why, State: postern.SetupStepTodo, Found: found, Requests: requests}
	}
	request := func(method, path, body string) postern.SetupRequest {
		return postern.SetupRequest{Method: method, URL: "https://graph.microsoft.com/v1.0" + path, Body: body}
	}
	return []postern.SetupStep{
		step("application", "App registration “Postern”", "It is what the tenant knows of Postern: single tenant, with no permission that nobody chose.", "There is none of this set-up.",
			request("POST", "/applications", `{"displayName":"Postern","signInAudience":"AzureADMyOrg","web":{"redirectUris":["https://login.microsoftonline.com/common/oauth2/nativeclient"]},"requiredResourceAccess":[]}`)),
		step("service_principal", "Enterprise application", "The registration as an account of the tenant, which can be granted something.", "There is none.",
			request("POST", "/servicePrincipals", `{"appId":"{client_id}"}`)),
		step("permissions", "Permissions that are asked for", "Six application permissions, and no delegated one.", "None.",
			request("PATCH", "/applications/{application_id}", `{"requiredResourceAccess":[{"resourceAppId":"00000003-0000-0000-c000-000000000000","resourceAccess":[{"id":"{UserAuthMethod-Passkey.ReadWrite.All}","type":"Role"}]}]}`)),
		step("consent", "Admin consent", "Until an administrator consents, no permission has an effect.", "None is granted.",
			request("POST", "/servicePrincipals/{service_principal_id}/appRoleAssignments", `{"principalId":"{service_principal_id}","resourceId":"{graph_id}","appRoleId":"{UserAuthMethod-Passkey.ReadWrite.All}"}`),
			request("POST", "/servicePrincipals/{service_principal_id}/appRoleAssignments", `{"principalId":"{service_principal_id}","resourceId":"{graph_id}","appRoleId":"{User.Read.All}"}`)),
		step("certificate", "Certificate", "What the application proves itself with. The private key was made here and never leaves.", "None.",
			request("PATCH", "/applications/{application_id}", `{"keyCredentials":[{"type":"AsymmetricX509Cert","usage":"Verify","displayName":"Postern","key":"MIIC…"}]}`)),
		step("windows", "Security keys at the Windows sign-in screen", "Windows offers security keys only where a policy says so.", "There is no such profile.",
			request("POST", "/deviceManagement/configurationPolicies", `{"name":"Postern: security keys at sign-in","platforms":"windows10","technologies":"mdm"}`)),
		step("policy", "Passkey policy", "The method Passkey (FIDO2), for all users, with the model of Postern's phones.", "The method is off.",
			request("PATCH", "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2", `{"state":"enabled"}`)),
		step("integration", "Integration “Contoso Passkeys”", "Connects this Postern to the tenant, with the certificate, after testing every permission.", ""),
		step("groups", "The three groups", "They follow the phases of users, and are found again by their ids.", ""),
	}
}

func addSetupStories(add, part func(string, templ.Component)) {
	f := fixtureFrame(sectionIntegrations, "Set-ups")
	f.Guide = guidesPath + "/administrator#set-up-a-tenant"
	f.Trail = []crumb{{"Integrations", "/integrations"}, {"Add New Integrations", "/integrations/new"}}
	add("setups/none", setups(setupsPage{frame: f}))
	states := []postern.SetupState{
		postern.SetupDraft, postern.SetupSigningIn, postern.SetupLooking, postern.SetupPlanned, postern.SetupApplying,
		postern.SetupStopped, postern.SetupReady, postern.SetupUndoing, postern.SetupUndone,
	}
	var all []postern.Setup
	for _, state := range states {
		all = append(all, fixtureSetup(state))
	}
	add("setups/all", setups(setupsPage{frame: f, List: all}))

	blank := newSetupPage{frame: f, Input: newSetupInput(), Flags: postern.AllFlags()}
	blank.Title = "Set up a tenant"
	add("setup-new/blank", newSetup(blank))
	wrong := blank
	wrong.Flags = fixtureDisabled().Flags
	wrong.Input.ApplicationName, wrong.Input.PermissionSet, wrong.Input.Credential = "Contoso: passkeys", postern.PermissionsLegacy, postern.CredentialSecret
	wrong.Input.Windows = postern.SetupWindowsOMAURI
	wrong.Days = "soon"
	wrong.Problems = append(problemsOf(postern.CheckApplicationName("Contoso: passkeys")), postern.FieldErrorf("credential_days", "The days of the credential are not a whole number above zero.").WithNext("Give a number of days up to 730, or nothing."))
	add("setup-new/wrong", newSetup(wrong))

	page := func(s postern.Setup) setupPage {
		p := setupPage{frame: f, Setup: s, Still: true}
		p.Title = setupTitle(s)
		p.Trail = []crumb{{"Integrations", "/integrations"}, {"Set-ups", setupsPath}}
		if s.IntegrationID != "" {
			i := fixtureDisabled()
			p.Integration = &i
		}
		return p
	}
	for _, s := range all {
		add("setup/"+strings.ReplaceAll(string(s.State), "_", "-"), setup(page(s)))
	}
	planned := fixtureSetup(postern.SetupPlanned)
	planned.Notes = []postern.PolicyNote{
		{Key: "licence", Level: postern.PolicyNoteWarning, Message: "The tenant has no Intune licences.", Next: "Without them the Windows setting cannot be made. Leave it as it is, or get licences first."},
		{Key: "conditional_access", Level: postern.PolicyNoteDanger, Message: "The Conditional Access policy “Strong sign-in” demands a passkey for registering one.", Next: "Leave the page of security info out of it, or nobody gets a first passkey.", Link: "https://learn.microsoft.com/en-us/entra/identity/conditional-access/"},
		{Key: "attestation", Level: postern.PolicyNoteInfo, Message: "The tenant does not enforce attestation.", Next: "Postern's model is not in the FIDO Metadata Service, so leave it that way."},
	}
	looked := planned
	reader := *planned.Administrator
	reader.Write, reader.UPN, reader.Roles = false, "reader@contoso.example", []string{"Global Reader"}
	looked.Administrator = &reader
	ended := planned
	ended.Administrator = nil
	add("setup/planned-notes", setup(page(planned)))
	add("setup/planned-looked-only", setup(page(looked)))
	add("setup/planned-signed-out", setup(page(ended)))
	readOnly := fixtureSetup(postern.SetupSigningIn)
	readOnly.SignIn.Write = false
	add("setup/signing-in-look", setup(page(readOnly)))
	auditor := page(fixtureSetup(postern.SetupSigningIn))
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("setup/signing-in-auditor", setup(auditor))
	refused := page(planned)
	refused.Problems = problems{postern.Errorf(postern.CodeStale, "")}
	add("setup/refused", setup(refused))
	gone := page(fixtureSetup(postern.SetupReady))
	gone.Integration = nil
	add("setup/ready-removed", setup(gone))
	on := page(fixtureSetup(postern.SetupReady))
	i := fixtureIntegration()
	on.Integration, on.Setup.Administrator = &i, nil
	add("setup/ready-enabled", setup(on))
	undo := undoPage{frame: inDialog(fixtureFrame(sectionIntegrations, "Undo this set-up?")), Setup: fixtureSetup(postern.SetupReady)}
	part("setup/undo", confirmUndo(undo))
	undo.Problems = problems{postern.Errorf(postern.CodeConflict, "The integration Contoso Passkeys is ENABLED, so people may be using what the set-up made.").WithNext("Disable the integration first, then undo.")}
	part("setup/undo-refused", confirmUndo(undo))
	addHandStories(add, f)
}

func addHandStories(add func(string, templ.Component), f frame) {
	hand := func(form postern.SetupForm, name, text string) handPage {
		p := handPage{frame: f, Setup: fixtureSetup(postern.SetupDraft), Script: postern.SetupScript{Form: form, Name: name, Text: text}}
		p.Title = "By hand"
		return p
	}
	const powerShell = "#Requires -Modules Microsoft.Graph.Applications\n$name = 'Postern'\n\nConnect-MgGraph -Scopes 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'Policy.ReadWrite.AuthenticationMethod'\n$application = New-MgApplication -DisplayName $name -SignInAudience AzureADMyOrg\n"
	add("by-hand/powershell", byHand(hand(postern.SetupPowerShell, "postern-setup.ps1", powerShell)))
	curl := hand(postern.SetupCurl, "postern-setup.sh", "#!/usr/bin/env bash\nset -euo pipefail\ngraph=https://graph.microsoft.com/v1.0\ncurl -fsS -H \"Authorization: Bearer $token\" -X POST \"$graph/applications\" -d '{\"displayName\":\"Postern\"}'\n")
	curl.Setup.Input.Credential, curl.Setup.Input.PermissionSet = postern.CredentialSecret, postern.PermissionsLegacy
	curl.Form = postern.SetupFinish{TenantID: fixtureIntegration().TenantID}
	curl.Problems = problems{postern.FieldErrorf("client_id", "A client ID is required.").WithNext("Copy the Application (client) ID.")}
	add("by-hand/curl-refused", byHand(curl))
	portal := hand(postern.SetupPortal, "postern-setup.md", "# Set up\n\n## 1. App registration\n\n1. Open **App registrations**, *New registration*.\n2. Name: `Postern`.\n\n| Field | Value |\n|---|---|\n| Supported account types | Accounts in this organizational directory only |\n")
	html, err := docs.Steps(portal.Script.Text)
	if err != nil {
		panic(err) // the text stands above
	}
	portal.HTML = html
	add("by-hand/portal", byHand(portal))
}
