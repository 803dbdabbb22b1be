package plan

import (
	"slices"
	"strings"

	"github.com/postern/postern"
)

// access looks at Conditional Access policies that are on, or in report-only and may be turned on.
func (n *notes) access() {
	told := map[string]bool{}
	for _, c := range n.policy.ConditionalAccess {
		level := postern.PolicyNoteDanger
		switch c.State {
		case postern.ConditionalAccessOff:
			continue
		case postern.ConditionalAccessReportOnly:
			level = postern.PolicyNoteWarning
			if c.Grant.Strength != "" {
				n.add(postern.PolicyNote{
					Key: "report_only", Level: postern.PolicyNoteInfo, Field: accessField(c, "state"), Link: linkReportOnly,
					Message: "The Conditional Access policy “" + c.Name + "” is in report-only: it refuses nobody, and Entra's sign-in log shows what it would have done.",
					Next:    "Turn it on when the log and the impact show nobody who would be stopped.",
				})
			}
		}
		n.everybody(c, level)
		if c.Grant.Strength != "" {
			n.demanded(c, told)
		}
	}
}

func accessField(c postern.ConditionalAccessPolicy, field string) string {
	return "conditional_access[" + c.Name + "]." + field
}

// everybody warns of a policy that leaves nobody to repair what it breaks.
func (n *notes) everybody(c postern.ConditionalAccessPolicy, level postern.PolicyNoteLevel) {
	u := c.Users
	demands := c.Grant.Strength != "" || len(c.Grant.Controls) > 0
	excluded := len(u.ExcludeUsers) + len(u.ExcludeGroups) + len(u.ExcludeRoles)
	if !demands || excluded > 0 || !slices.Contains(u.IncludeUsers, "All") || !slices.Contains(c.Applications.Include, "All") {
		return
	}
	n.add(postern.PolicyNote{
		Key: "no_emergency_access", Level: level, Field: accessField(c, "users.exclude"), Link: linkEmergency,
		Message: "The Conditional Access policy “" + c.Name + "” concerns all users at all resources and excludes nobody. If what it demands stops working, nobody is left who can change it.",
		Next:    "Exclude an account or group for emergency access.",
	})
}

func (n *notes) demanded(c postern.ConditionalAccessPolicy, told map[string]bool) {
	i := slices.IndexFunc(n.policy.Strengths, func(s postern.AuthenticationStrength) bool { return s.ID == c.Grant.Strength })
	if i < 0 {
		if n.policy.StrengthsRead {
			n.add(postern.PolicyNote{
				Key: "strength_missing", Level: postern.PolicyNoteWarning, Field: accessField(c, "strength"), Link: linkStrengths,
				Message: "The Conditional Access policy “" + c.Name + "” demands an authentication strength that the tenant does not list.",
				Next:    "Look at the policy in the Microsoft Entra admin center.",
			})
		}
		return
	}
	s := n.policy.Strengths[i]
	n.loop(c, s)
	if told[s.ID] {
		return
	}
	told[s.ID] = true
	field := "strengths[" + s.Name + "].models"
	if slices.Contains(s.Combinations, "fido2") && len(s.AAGUIDs) > 0 {
		if !holds(s.AAGUIDs, aaguidPostern) {
			n.add(postern.PolicyNote{
				Key: "strength_without_postern", Level: postern.PolicyNoteWarning, Field: field, Link: linkStrengths,
				Message: "The authentication strength “" + s.Name + "” is demanded, and passkeys on Postern's phones do not meet it.", Next: "Add Postern to its models.",
			})
		}
		if android, ios := holds(s.AAGUIDs, aaguidAuthenticatorAndroid), holds(s.AAGUIDs, aaguidAuthenticatorIOS); android != ios {
			n.authenticator("The authentication strength “"+s.Name+"”: ", field, android, ios, false)
		}
	}
}

// loop warns where registering a passkey demands a passkey.
func (n *notes) loop(c postern.ConditionalAccessPolicy, s postern.AuthenticationStrength) {
	registering := slices.Contains(c.Applications.UserActions, postern.UserActionRegister) || slices.Contains(c.Applications.Include, "All")
	another := len(c.Grant.Controls) > 0 && !c.Grant.All
	if !registering || another || slices.ContainsFunc(s.Combinations, begins) {
		return
	}
	n.add(postern.PolicyNote{
		Key: "registration_loop", Level: postern.PolicyNoteWarning, Field: accessField(c, "strength"), Link: linkAccessPass,
		Message: "The Conditional Access policy “" + c.Name + "” demands “" + s.Name + "” where people register passkeys: who has none yet cannot register the first one at Security info, because they would need it to get there.",
		Next:    "Have Postern register passkeys on behalf of users, which no Conditional Access policy of theirs stops. Or let a strength with a Temporary Access Pass count for registering security info, and exclude newcomers from this policy until then.",
	})
}

// begins reports whether somebody without a passkey or certificate can have such a combination.
func begins(combination string) bool {
	return slices.ContainsFunc(strings.Split(combination, ","), func(mode string) bool {
		return strings.HasPrefix(mode, "temporaryAccessPass") || strings.HasPrefix(mode, "federated") || mode == "password"
	})
}
