package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/aaguid"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

const (
	posternModel = "8a208249-8aef-41b3-907f-776d51e6526f"
	android      = "de1e552d-db1d-4423-a619-566b625cdc84"
	ios          = "90a3ccdf-635c-4729-a248-9b709135078f"
	yubikey      = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	strange      = "11111111-2222-4333-8444-555555555555" // in no list

	pilot      = "aaaaaaaa-0000-4000-8000-000000000001"
	team       = "aaaaaaaa-0000-4000-8000-000000000002" // a Microsoft 365 group
	mails      = "aaaaaaaa-0000-4000-8000-000000000003" // a distribution group
	breakGlass = "aaaaaaaa-0000-4000-8000-000000000004"
	admins     = "aaaaaaaa-0000-4000-8000-000000000005"

	defaultProfile = "00000000-0000-0000-0000-000000000001"
	keysProfile    = "00000000-0000-0000-0000-0000000000a2"
	resistant      = "00000000-0000-0000-0000-000000000004"
	phoneStrength  = "bbbbbbbb-0000-4000-8000-000000000001"
	pilotPolicy    = "cccccccc-0000-4000-8000-000000000001"
)

var models = aaguid.Bundled()

// tenant is a policy without profiles in which nothing is wrong.
func tenant() postern.TenantPolicy {
	return postern.TenantPolicy{
		Passkeys: postern.PasskeyPolicy{
			Schema: postern.PolicySchemaTenant, Enabled: true, SelfService: true,
			KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{posternModel, android, ios}},
			Include:         []postern.PolicyTarget{{ID: postern.TargetAllUsers, Type: "group"}},
			Exclude:         []postern.PolicyTarget{},
		},
		Strengths: []postern.AuthenticationStrength{
			{ID: resistant, Name: "Phishing resistant MFA", BuiltIn: true, Combinations: []string{"fido2", "windowsHelloForBusiness", "x509CertificateMultiFactor"}},
			{ID: phoneStrength, Name: "Phones", Combinations: []string{"fido2"}, AAGUIDs: []string{posternModel, android, ios}},
		},
		StrengthsRead: true,
		ConditionalAccess: []postern.ConditionalAccessPolicy{{
			ID: pilotPolicy, Name: "Pilot", State: postern.ConditionalAccessReportOnly,
			Users:        postern.ConditionalAccessUsers{IncludeGroups: []string{pilot}, ExcludeUsers: []string{breakGlass}},
			Applications: postern.ConditionalAccessTargets{Include: []string{"Office365"}},
			Grant:        postern.ConditionalAccessGrant{Strength: phoneStrength},
		}},
		ConditionalAccessRead: true,
		Names: map[string]postern.DirectoryName{
			pilot:      {Kind: "group", Name: "Pilot users", Group: "security"},
			breakGlass: {Kind: "user", Name: "Break Glass"},
		},
	}
}

// profiled is the same tenant with passkey profiles.
func profiled() postern.TenantPolicy {
	p := tenant()
	p.Passkeys.Schema = postern.PolicySchemaProfiles
	p.Passkeys.DefaultProfile = defaultProfile
	p.Passkeys.Profiles = []postern.PasskeyProfile{
		{ID: defaultProfile, Name: "Default passkey profile", DeviceBound: true, Synced: true, KeyRestrictions: postern.KeyRestrictions{AAGUIDs: []string{}}},
		{ID: keysProfile, Name: "Keys only", DeviceBound: true, AttestationEnforced: true, KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{yubikey}}},
	}
	p.Passkeys.KeyRestrictions = postern.KeyRestrictions{AAGUIDs: []string{}}
	p.Passkeys.Include = append(p.Passkeys.Include, postern.PolicyTarget{ID: pilot, Type: "group", Profiles: []string{keysProfile}})
	return p
}

// directory is what a tenant's directory knows.
var directory = map[document.Reference]plan.Entry{
	{Kind: document.ReferenceGroup, Text: "Pilot users"}:             {ID: pilot, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Pilot users", Group: "security"}},
	{Kind: document.ReferenceGroup, Text: "Administrators"}:          {ID: admins, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Administrators", Group: "security"}},
	{Kind: document.ReferenceGroup, Text: "id:" + admins}:            {ID: admins, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Administrators", Group: "security"}},
	{Kind: document.ReferenceGroup, Text: "Team"}:                    {ID: team, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Team", Group: "microsoft365"}},
	{Kind: document.ReferenceGroup, Text: "Newsletter"}:              {ID: mails, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Newsletter", Group: "distribution"}},
	{Kind: document.ReferenceUser, Text: "breakglass@contoso.com"}:   {ID: breakGlass, DirectoryName: postern.DirectoryName{Kind: "user", Name: "Break Glass"}},
	{Kind: document.ReferenceRole, Text: "Global Administrator"}:     {ID: "62e90394-69f5-4237-9190-012177145e10", DirectoryName: postern.DirectoryName{Kind: "role", Name: "Global Administrator"}},
	{Kind: document.ReferenceApplication, Text: "Payroll"}:           {ID: "dddddddd-0000-4000-8000-000000000001", DirectoryName: postern.DirectoryName{Kind: "application", Name: "Payroll"}},
	{Kind: document.ReferenceUser, Text: "breakglass2@contoso.com"}:  {ID: breakGlass, DirectoryName: postern.DirectoryName{Kind: "user", Name: "Break Glass"}},
	{Kind: document.ReferenceGroup, Text: "administrators (backup)"}: {ID: admins, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Administrators", Group: "security"}},
}

// lookUp finds what a document names. The name Twins is one of two groups.
func lookUp(d document.Document) plan.Names {
	names := plan.Names{}
	for _, r := range d.References() {
		if e, ok := directory[r]; ok {
			names[r] = []plan.Entry{e}
		}
		if r.Text == "Twins" {
			names[r] = []plan.Entry{{ID: pilot}, {ID: admins}}
		}
	}
	return names
}

// plans makes a plan of a document, which begins with its version by itself.
func plans(t testing.TB, before postern.TenantPolicy, text string) (plan.Result, error) {
	t.Helper()
	d, err := document.Parse([]byte("version: 1\n" + text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return plan.Make(before, d, lookUp(d), models)
}

func must(t testing.TB, before postern.TenantPolicy, text string) plan.Result {
	t.Helper()
	r, err := plans(t, before, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// lines writes steps as a person would check them.
func lines(steps []postern.PolicyStep) string {
	var b strings.Builder
	for _, s := range steps {
		back := ""
		if !s.Reversible {
			back = " !"
		}
		fmt.Fprintf(&b, "%s %s %q %s: %q -> %q%s\n  %s\n", s.Verb, s.Object, s.Name, s.Field, s.Old, s.New, back, s.Sentence)
	}
	return b.String()
}
