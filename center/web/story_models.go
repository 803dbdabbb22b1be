package web

import (
	"time"

	"github.com/postern/postern"
)

// The models of the storybook: their AAGUIDs are real, their numbers made up.
var fixtureModels = []postern.Model{
	{AAGUID: "90a3ccdf-635c-4729-a248-9b709135078f", Name: "Microsoft Authenticator for iOS", Kind: postern.ModelPhone, Bundles: []string{postern.BundleMicrosoftAuthenticator}},
	{AAGUID: "de1e552d-db1d-4423-a619-566b625cdc84", Name: "Microsoft Authenticator for Android", Kind: postern.ModelPhone, Bundles: []string{postern.BundleMicrosoftAuthenticator}},
	{AAGUID: "2fc0579f-8113-47ea-b116-bb5a8db9202a", Name: "YubiKey 5 Series with NFC", Vendor: "Yubico", Kind: postern.ModelSecurityKey, Listed: true},
	{AAGUID: "08987058-cadc-4b81-b6e1-30de50dcbe96", Name: "Windows Hello", Kind: postern.ModelPlatform, Listed: true},
	{AAGUID: "fbfc3007-154e-4ecc-8c0b-6e020557d7bd", Name: "iCloud Keychain", Kind: postern.ModelPasswordManager},
	{AAGUID: "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", Name: "Google Password Manager", Kind: postern.ModelPasswordManager},
}

// fixtureStranger is a model that no list knows.
const fixtureStranger = "6f1e4f0a-1c0d-4b1e-9a55-0f9c1f1d2b3c"

func fixtureModel(aaguid string) (postern.Model, bool) {
	for _, m := range fixtureModels {
		if m.AAGUID == aaguid {
			return m, true
		}
	}
	return postern.Model{}, false
}

func fixtureBundles() []postern.ModelBundle {
	return []postern.ModelBundle{
		{Name: postern.BundleMicrosoftAuthenticator, AAGUIDs: []string{fixtureModels[0].AAGUID, fixtureModels[1].AAGUID}},
		{Name: "YubiKey 5", AAGUIDs: []string{fixtureModels[2].AAGUID}},
		{Name: postern.BundleInUse, Tenant: true},
	}
}

func fixtureSummary() postern.InventorySummary {
	s := postern.InventorySummary{
		Users: 3120, WithPasskey: 1894, WithOne: 1410, Passkeys: 2480, Managed: 1206, Attested: 1530, Synced: 412, Stale: 96, NeverUsed: 31,
		PrivilegedAll: 14, PrivilegedNo: 3,
	}
	for n, m := range fixtureModels {
		count := []int{812, 610, 540, 260, 188, 66}[n]
		s.Models = append(s.Models, postern.InventoryModel{
			AAGUID: m.AAGUID, Name: m.Name, Passkeys: count, Users: count - 12*n, Synced: 0, Allowed: postern.KnownYes, First: ago(900 * 24 * time.Hour), Last: ago(time.Hour),
		})
	}
	s.Models = append(s.Models, postern.InventoryModel{AAGUID: fixtureStranger, Name: "Unknown model", Passkeys: 4, Users: 1, Allowed: postern.KnownYes, First: ago(90 * 24 * time.Hour), Last: ago(time.Hour)})
	return s
}

func fixtureUse() inUse { return usage(fixtureSummary(), postern.InventoryCurrent) }

// fixturePilot is a group that policies of the storybook name.
const fixturePilot = "4d8e3f14-9c55-4a41-8b7e-2f6f0d7a9b10"

const fixtureGlass = "7b9de1e2-5f5c-4a3c-9c3e-2d6d0a9b7c11"

// fixtureTenantPolicy is a tenant without restrictions.
func fixtureTenantPolicy() postern.TenantPolicy {
	return postern.TenantPolicy{
		ReadAt: ago(2 * time.Second), StrengthsRead: true, ConditionalAccessRead: true,
		Passkeys: postern.PasskeyPolicy{
			Schema: postern.PolicySchemaTenant, Enabled: true, SelfService: true,
			Include: []postern.PolicyTarget{{ID: postern.TargetAllUsers, Type: "group"}},
		},
		Names: map[string]postern.DirectoryName{
			fixturePilot: {Kind: "group", Name: "Passkey pilot", Group: "security"},
			fixtureGlass: {Kind: "user", Name: "Break glass 1"},
		},
	}
}

// fixtureRestricted is a tenant with three models on an allow list, one of them unknown.
func fixtureRestricted() postern.TenantPolicy {
	t := fixtureTenantPolicy()
	t.Passkeys.KeyRestrictions = postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{fixtureModels[0].AAGUID, fixtureModels[1].AAGUID, fixtureStranger}}
	t.Passkeys.Exclude = []postern.PolicyTarget{{ID: fixturePilot, Type: "group"}}
	return t
}

// fixtureProfiles is a tenant that uses passkey profiles.
func fixtureProfiles() postern.TenantPolicy {
	t := fixtureTenantPolicy()
	const standard, keys = "00000000-0000-0000-0000-000000000001", "b2f1c7a0-3c4e-4e0f-8a5b-0d9d6d1f4c22"
	t.Passkeys.Schema, t.Passkeys.DefaultProfile = postern.PolicySchemaProfiles, standard
	t.Passkeys.Profiles = []postern.PasskeyProfile{
		{ID: standard, Name: "Default passkey profile", DeviceBound: true, Synced: true},
		{ID: keys, Name: "Keys only", DeviceBound: true, AttestationEnforced: true, KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{fixtureModels[2].AAGUID}}},
	}
	t.Passkeys.Include = []postern.PolicyTarget{
		{ID: postern.TargetAllUsers, Type: "group"}, {ID: fixturePilot, Type: "group", RegistrationRequired: true, Profiles: []string{keys}},
	}
	return t
}

func fixtureStrengths() postern.TenantPolicy {
	t := fixtureTenantPolicy()
	t.Strengths = []postern.AuthenticationStrength{
		{ID: "00000000-0000-0000-0000-000000000004", Name: "Phishing-resistant MFA", BuiltIn: true, Description: "Methods that are phishing-resistant and passwordless.", Combinations: []string{"windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"}},
		{ID: "00000000-0000-0000-0000-000000000003", Name: "Passwordless MFA", BuiltIn: true, Combinations: []string{"windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor", "deviceBasedPush"}},
		{ID: "a1", Name: "Passkey on a phone", Description: "Only passkeys of these apps", Combinations: []string{"fido2"}, AAGUIDs: []string{fixtureModels[0].AAGUID, fixtureModels[1].AAGUID}},
	}
	t.ConditionalAccess = []postern.ConditionalAccessPolicy{
		{
			ID: "c1", Name: "Passkeys for the pilot", State: postern.ConditionalAccessReportOnly, Grant: postern.ConditionalAccessGrant{Strength: "a1"},
			Users: postern.ConditionalAccessUsers{IncludeGroups: []string{fixturePilot}, ExcludeUsers: []string{fixtureGlass}}, Applications: postern.ConditionalAccessTargets{Include: []string{"All"}},
		},
		{
			ID: "c2", Name: "Administrators", State: postern.ConditionalAccessOn, Grant: postern.ConditionalAccessGrant{Strength: "00000000-0000-0000-0000-000000000004"},
			Users: postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}, ExcludeUsers: []string{fixtureGlass}}, Applications: postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}},
		},
	}
	return t
}
