package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Pages of Microsoft's documentation that notes point to.
const (
	linkPasskeys   = "https://learn.microsoft.com/entra/identity/authentication/how-to-authentication-passkeys-fido2"
	linkProfiles   = "https://learn.microsoft.com/entra/identity/authentication/how-to-authentication-passkey-profiles"
	linkApp        = "https://learn.microsoft.com/entra/identity/authentication/how-to-enable-authenticator-passkey"
	linkVendors    = "https://learn.microsoft.com/entra/identity/authentication/concept-fido2-hardware-vendor"
	linkStrengths  = "https://learn.microsoft.com/entra/identity/authentication/concept-authentication-strengths"
	linkAccessPass = "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-temporary-access-pass"
	linkReportOnly = "https://learn.microsoft.com/entra/identity/conditional-access/concept-conditional-access-report-only"
	linkEmergency  = "https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access"
)

// AAGUIDs that notes speak of.
const (
	aaguidPostern              = "8a208249-8aef-41b3-907f-776d51e6526f"
	aaguidAuthenticatorAndroid = "de1e552d-db1d-4423-a619-566b625cdc84"
	aaguidAuthenticatorIOS     = "90a3ccdf-635c-4729-a248-9b709135078f"
)

// Notes returns what people should know of a policy, the gravest first: explanations, warnings, and deviations from the
// settings under which Postern is known to work.
func Notes(policy postern.TenantPolicy, models Models) []postern.PolicyNote {
	n := &notes{policy: policy, models: models, all: []postern.PolicyNote{}}
	n.method()
	n.targets()
	n.rules()
	n.access()
	n.size()
	grave := []postern.PolicyNoteLevel{postern.PolicyNoteDanger, postern.PolicyNoteWarning, postern.PolicyNoteInfo}
	slices.SortStableFunc(n.all, func(a, b postern.PolicyNote) int {
		return slices.Index(grave, a.Level) - slices.Index(grave, b.Level)
	})
	return n.all
}

type notes struct {
	policy postern.TenantPolicy
	models Models
	all    []postern.PolicyNote
}

func (n *notes) add(more ...postern.PolicyNote) {
	for _, note := range more {
		note.Message = strings.ToUpper(note.Message[:1]) + note.Message[1:]
		n.all = append(n.all, note)
	}
}

func (n *notes) has(key string) bool {
	return slices.ContainsFunc(n.all, func(note postern.PolicyNote) bool { return note.Key == key })
}

func (n *notes) method() {
	k := n.policy.Passkeys
	if !k.Enabled {
		n.add(postern.PolicyNote{
			Key: "method_off", Level: postern.PolicyNoteDanger, Field: "state", Deviation: true, Link: linkPasskeys,
			Message: "The method Passkey (FIDO2) is off: nobody registers a passkey or signs in with one.",
			Next:    "Turn it on when the targets and rules below are right.",
		})
	}
	if !k.SelfService {
		n.add(postern.PolicyNote{
			Key: "self_service_off", Level: postern.PolicyNoteDanger, Field: "self_service", Deviation: true, Link: linkPasskeys,
			Message: "Allow self-service set up is No: nobody can register a passkey at Security info, even while the method is on, and Entra refuses registration through Postern on behalf of users as well. Passkeys that exist go on to sign in.",
			Next:    "Set it to Yes.",
		})
	}
	n.add(postern.PolicyNote{
		Key: "authenticator_section", Level: postern.PolicyNoteInfo, Link: linkApp,
		Message: "Passkeys in Microsoft Authenticator are governed here, by Passkey (FIDO2). The section Microsoft Authenticator of the authentication methods policy has no setting for them.",
	})
	if k.Schema == postern.PolicySchemaProfiles {
		n.add(postern.PolicyNote{
			Key: "schema_profiles", Level: postern.PolicyNoteInfo, Field: "profiles", Link: linkProfiles,
			Message: "The tenant uses passkey profiles, up to three. A passkey counts if any single profile of its user accepts it completely; a target that names no profile has the default one.",
		})
		return
	}
	n.add(postern.PolicyNote{
		Key: "schema_tenant", Level: postern.PolicyNoteInfo, Link: linkProfiles,
		Message: "The tenant has one set of rules for everybody. Microsoft Graph calls these properties deprecated in favour of passkey profiles.",
		Next:    "Opt in to passkey profiles in the Microsoft Entra admin center when you are ready; there is no way back, and the document changes its form.",
	})
}

func (n *notes) targets() {
	k := n.policy.Passkeys
	all := slices.ContainsFunc(k.Include, func(t postern.PolicyTarget) bool { return t.ID == postern.TargetAllUsers })
	switch {
	case len(k.Include) == 0:
		n.add(postern.PolicyNote{
			Key: "nobody_targeted", Level: postern.PolicyNoteDanger, Field: "targets.include", Deviation: true, Link: linkPasskeys,
			Message: "No target is included: nobody registers a passkey or signs in with one.",
			Next:    "Include all users, or the security groups that shall use passkeys.",
		})
	case !all:
		n.add(postern.PolicyNote{
			Key: "not_all_users", Level: postern.PolicyNoteWarning, Field: "targets.include", Deviation: true, Link: linkPasskeys,
			Message: "Not all users are included: others can be invited to Postern, and Entra refuses their passkeys. Only security groups can be targets, and their members count through nested groups as well.",
			Next:    "Include all users, or invite only members of the included groups.",
		})
	}
	for _, t := range k.Include {
		at := "targets.include[" + targetWord(k.Include, t.ID) + "]"
		if t.RegistrationRequired {
			n.add(postern.PolicyNote{
				Key: "registration_required", Level: postern.PolicyNoteInfo, Field: at + ".registration", Deviation: true,
				Message: "Registration is required for this target; Postern is known to work with optional.",
			})
		}
		if kind := n.policy.Names[t.ID].Group; kind != "" && kind != "security" {
			n.add(postern.PolicyNote{
				Key: "target_no_security_group", Level: postern.PolicyNoteWarning, Field: at, Link: linkPasskeys,
				Message: fmt.Sprintf("The target “%s” is no security group. Entra supports only those.", n.policy.Names[t.ID].Name),
				Next:    "Use a security group with the same members instead.",
			})
		}
		if _, both := targetOf(k.Exclude, t.ID); both {
			n.add(postern.PolicyNote{
				Key: "target_excluded", Level: postern.PolicyNoteWarning, Field: at,
				Message: "The target is included and excluded, and excluded is what counts.",
				Next:    "Remove one of the two.",
			})
		}
	}
	if len(k.Exclude) > 0 {
		level, message := postern.PolicyNoteInfo, "Who is excluded can neither register a passkey nor sign in with one, whatever else includes them."
		if _, everybody := targetOf(k.Exclude, postern.TargetAllUsers); everybody {
			level, message = postern.PolicyNoteDanger, "All users are excluded: nobody can register a passkey or sign in with one."
		}
		n.add(postern.PolicyNote{Key: "excluded", Level: level, Field: "targets.exclude", Message: message})
	}
}

func (n *notes) size() {
	if s := Size(n.policy); s.Bytes*5 > s.Limit*4 {
		n.add(postern.PolicyNote{
			Key: "size_near_limit", Level: postern.PolicyNoteWarning, Link: linkProfiles,
			Message: fmt.Sprintf("The authentication methods policy has about %.1f KB of the %d KB that Entra takes.", float64(s.Bytes)/1024, s.Limit>>10),
			Next:    "Use fewer targets, profiles or models.",
		})
	}
}

// some lists a few names, and how many there are beyond them.
func some(names []string) string {
	const shown = 5
	if len(names) > shown+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
