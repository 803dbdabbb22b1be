package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Addresses of the vendors' own pages, which explanations lead to.
const (
	linkMethods      = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/AuthenticationMethodsMenuBlade/~/AdminAuthMethods"
	linkStrengths    = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/AuthenticationMethodsMenuBlade/~/AuthStrengths"
	linkPasskeyHelp  = "https://learn.microsoft.com/entra/identity/authentication/how-to-authentication-passkeys-fido2"
	linkAppHelp      = "https://learn.microsoft.com/entra/identity/authentication/how-to-enable-authenticator-passkey"
	linkWindowsHelp  = "https://learn.microsoft.com/windows/security/identity-protection/passkeys/"
	linkStrengthHelp = "https://learn.microsoft.com/entra/identity/authentication/concept-authentication-strengths"
	linkGoogleStatus = "https://status.play.google.com/"
	linkAppleStatus  = "https://developer.apple.com/system-status/"
)

func yesOrNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func restrictText(k postern.KeyRestrictions) string {
	if k.Block {
		return "Block"
	}
	return "Allow"
}

// keysText says what restrictions mean, in one sentence.
func keysText(k postern.KeyRestrictions) string {
	switch {
	case !k.Enforced && len(k.AAGUIDs) > 0:
		return fmt.Sprintf("Passkeys of every model can be registered and sign in. The list of %s below is kept, and decides nothing.", count(len(k.AAGUIDs), "model"))
	case !k.Enforced:
		return "Passkeys of every model can be registered and sign in."
	case k.Block && len(k.AAGUIDs) == 0:
		return "No model is blocked, so passkeys of every model can be registered and sign in."
	case k.Block:
		return "Passkeys of the models below can neither be registered nor sign in. All others can."
	case len(k.AAGUIDs) == 0:
		return "Only models on the list are allowed, and none is on it: no passkey can be registered or sign in."
	}
	return "Only passkeys of the models below can be registered and sign in."
}

// profileTypes says which passkeys a profile takes.
func profileTypes(p postern.PasskeyProfile) string {
	switch {
	case p.AttestationEnforced && p.DeviceBound && p.Synced:
		return "Device-bound (synced ones cannot attest)"
	case p.DeviceBound && p.Synced:
		return "Device-bound and synced"
	case p.DeviceBound:
		return "Device-bound"
	case p.Synced && p.AttestationEnforced:
		return "None: synced passkeys cannot attest"
	case p.Synced:
		return "Synced"
	}
	return "None"
}

// directoryName is what an id of a policy is called.
func directoryName(t postern.TenantPolicy, id string) string {
	if id == postern.TargetAllUsers || id == "All" {
		return "All users"
	}
	if n := t.Names[id]; n.Name != "" {
		return n.Name
	}
	return id
}

// directoryNames joins what the ids are called.
func directoryNames(t postern.TenantPolicy, ids ...[]string) string {
	var all []string
	for _, id := range slices.Concat(ids...) {
		all = append(all, directoryName(t, id))
	}
	return strings.Join(all, ", ")
}

func targetType(t postern.PolicyTarget) string {
	if t.Type == "user" {
		return "User"
	}
	return "Group"
}

func registrationText(t postern.PolicyTarget) string {
	if t.RegistrationRequired {
		return "Required"
	}
	return "Optional"
}

// profileNames are the names of a target's profiles.
func profileNames(p postern.PasskeyPolicy, t postern.PolicyTarget) string {
	ids := t.Profiles
	if len(ids) == 0 {
		ids = []string{p.DefaultProfile}
	}
	var names []string
	for _, id := range ids {
		name := id
		for _, profile := range p.Profiles {
			if profile.ID == id {
				name = profile.Name
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// assigned names the targets that use a profile.
func assigned(t postern.TenantPolicy, p postern.PasskeyProfile) string {
	var names []string
	for _, target := range t.Passkeys.Include {
		if slices.Contains(target.Profiles, p.ID) || len(target.Profiles) == 0 && p.ID == t.Passkeys.DefaultProfile {
			names = append(names, directoryName(t, target.ID))
		}
	}
	if len(names) == 0 {
		return "Nobody"
	}
	return strings.Join(names, ", ")
}

func modelKind(m postern.Model) string {
	switch m.Kind {
	case postern.ModelSecurityKey:
		return "security key"
	case postern.ModelPlatform:
		return "built into the computer"
	case postern.ModelPhone:
		return "phone"
	case postern.ModelPasswordManager:
		return "password manager"
	}
	return ""
}

// modelUse says how much a model is used.
func modelUse(m postern.InventoryModel) string {
	if m.Passkeys == 0 {
		return "not in use"
	}
	return count(m.Passkeys, "passkey") + " of " + peopleText(m.Users)
}

func peopleText(n int) string {
	if n == 1 {
		return "1 person"
	}
	return thousands(n) + " people"
}

func noteKind(n postern.PolicyNote) string {
	switch n.Level {
	case postern.PolicyNoteDanger:
		return "bad"
	case postern.PolicyNoteWarning:
		return "warn"
	}
	return "info"
}

// refused are the models in use that the policy lets nobody sign in with.
func (p policyPage) refused() []postern.InventoryModel {
	var found []postern.InventoryModel
	for _, m := range p.Use.Summary.Models {
		if m.Allowed == postern.KnownNo {
			found = append(found, m)
		}
	}
	return found
}

// unlisted are the models in use that stand on no list of the policy.
func (p policyPage) unlisted() []postern.InventoryModel {
	listed := make(map[string]bool)
	for _, k := range restrictionsOf(p.Policy.Passkeys) {
		for _, id := range k.AAGUIDs {
			listed[id] = true
		}
	}
	var found []postern.InventoryModel
	for _, m := range p.Use.Summary.Models {
		if !listed[m.AAGUID] {
			found = append(found, m)
		}
	}
	return found
}

// restrictionsOf are the key restrictions that decide under the schema in use.
func restrictionsOf(p postern.PasskeyPolicy) []postern.KeyRestrictions {
	if p.Schema != postern.PolicySchemaProfiles {
		return []postern.KeyRestrictions{p.KeyRestrictions}
	}
	var all []postern.KeyRestrictions
	for _, profile := range p.Profiles {
		all = append(all, profile.KeyRestrictions)
	}
	return all
}

// restricted reports whether any key restriction is enforced.
func restricted(p postern.PasskeyPolicy) bool {
	return slices.ContainsFunc(restrictionsOf(p), func(k postern.KeyRestrictions) bool { return k.Enforced })
}
