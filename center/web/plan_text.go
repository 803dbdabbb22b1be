package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// barWidth is n of most as a share of a hundred; what is there at all stays visible.
func barWidth(n, most int) string {
	if n <= 0 || most <= 0 {
		return "0"
	}
	return strconv.FormatFloat(max(1, min(100, 100*float64(n)/float64(most))), 'f', 1, 64)
}

func planBadge(s postern.PolicyPlanState) (kind, text string) {
	switch s {
	case postern.PolicyPlanning:
		return "gate", "being planned"
	case postern.PolicyPlanned:
		return "info", "planned"
	case postern.PolicyApplying:
		return "gate", "being applied"
	case postern.PolicyLanded:
		return "ok", "applied"
	case postern.PolicyPartly:
		return "warn", "applied in part"
	case postern.PolicyFailed:
		return "bad", "failed"
	case postern.PolicyOutdated:
		return "warn", "outdated"
	}
	return "", string(s)
}

// planTitle says in a few words what a plan does.
func planTitle(p postern.PolicyPlan) string {
	switch {
	case len(p.Steps) == 0:
		return "Nothing to change"
	case p.Undoes != "":
		return "Undo: " + count(len(p.Steps), "step")
	case len(p.Steps) == 1:
		return p.Steps[0].Sentence
	}
	return "Change: " + count(len(p.Steps), "step")
}

func verbText(v postern.PolicyVerb) (kind, text string) {
	switch v {
	case postern.PolicyAdd, postern.PolicyCreate:
		return "ok", string(v)
	case postern.PolicyRemove, postern.PolicyDelete:
		return "bad", string(v)
	}
	return "info", string(v)
}

func objectText(s postern.PolicyStep) string {
	switch s.Object {
	case postern.PolicyObjectProfile:
		return "Profile " + s.Name
	case postern.PolicyObjectStrength:
		return "Authentication strength " + s.Name
	case postern.PolicyObjectConditionalAccess:
		return "Conditional Access policy " + s.Name
	}
	return "Passkey (FIDO2) settings"
}

func stepBadge(o postern.PolicyStepOutcome) (kind, text string) {
	switch o {
	case postern.PolicyStepLanded:
		return "ok", "read back"
	case postern.PolicyStepMissing:
		return "bad", "not stored"
	case postern.PolicyStepRefused:
		return "bad", "refused"
	case postern.PolicyStepSkipped:
		return "warn", "not tried"
	}
	return "", string(o)
}

// effectText is what pages call an effect, and what it means.
func effectText(e postern.PolicyEffect) (kind, name, meaning string) {
	switch e {
	case postern.EffectLockedOut:
		return "bad", "Locked out", "can sign in with a passkey today, and with none afterwards"
	case postern.EffectLockedOutSomewhere:
		return "bad", "Locked out of some applications", "can sign in there with a passkey today, and not afterwards"
	case postern.EffectPasskeyLost:
		return "warn", "Lose a passkey", "one of theirs stops, another goes on"
	case postern.EffectRegistrationLost:
		return "warn", "Lose registration", "could register a new passkey, and cannot afterwards"
	case postern.EffectPosternLost:
		return "warn", "Lose registration with Postern", "could register a phone with Postern, and cannot afterwards"
	case postern.EffectStrengthUnmet:
		return "warn", "Do not meet a strength", "a Conditional Access policy demands what none of their passkeys meets"
	case postern.EffectSignInGained:
		return "ok", "Gain sign-in", "a passkey of theirs that is refused today will work"
	case postern.EffectRegistrationGained:
		return "ok", "Gain registration", "cannot register a passkey today, and can afterwards"
	}
	return "", string(e), ""
}

func effectBadge(e postern.PolicyEffect) (kind, text string) {
	kind, name, _ := effectText(e)
	return kind, strings.ToLower(name[:1]) + name[1:]
}

// lockOuts are those who are locked out, of everything or of some applications.
func lockOuts(i postern.PolicyImpact) int {
	return i.Effects[postern.EffectLockedOut] + i.Effects[postern.EffectLockedOutSomewhere]
}

// mayLockOut adds those who are locked out under conditions only. All of them have to be named.
func mayLockOut(i postern.PolicyImpact) int { return lockOuts(i) + i.Possible }

// lockOutText says how many a plan locks out, and how many more it may.
func lockOutText(i postern.PolicyImpact) string {
	n := lockOuts(i)
	switch {
	case i.Possible == 0:
		return peopleText(n) + " would be locked out."
	case n == 0:
		return peopleText(i.Possible) + " might be locked out."
	}
	return fmt.Sprintf("%s would be locked out, and %s more might be.", peopleText(n), thousands(i.Possible))
}

// passkeyFate says what becomes of a passkey.
func passkeyFate(k postern.PasskeyImpact) string {
	text := "is refused today too"
	switch {
	case k.Before && !k.After:
		text = "stops"
	case !k.Before && k.After:
		text = "will work"
	case k.After:
		text = "goes on"
	}
	if k.Why != "" && !k.After {
		text += ": " + k.Why
	}
	return text
}

// onlyAndLost reports whether somebody is locked out who has no other method.
func onlyAndLost(u postern.UserImpact) bool { return u.OnlyMethod == postern.KnownYes && locksOut(u) }

// notesOf are the warnings among the notes, or the explanations.
func notesOf(notes []postern.PolicyNote, urgent bool) []postern.PolicyNote {
	var found []postern.PolicyNote
	for _, n := range notes {
		if (n.Level != postern.PolicyNoteInfo) == urgent {
			found = append(found, n)
		}
	}
	return found
}

// concerned reports whether anybody is concerned at all.
func concerned(i postern.PolicyImpact) bool {
	for _, n := range i.Effects {
		if n > 0 {
			return true
		}
	}
	return i.Possible > 0
}

// tense says whether an impact lies ahead, lies behind, or is what somebody else's change does now.
type tense struct{ one, many, may string }

var (
	wouldBe = tense{"would be", "would be", "might be"}
	was     = tense{"was", "were", "may have been"}
	isNow   = tense{"is", "are", "may be"}
)

// dormant are the demands that lock nobody out only because their policies are not on.
func dormant(i postern.PolicyImpact) []postern.StrengthDemand {
	var found []postern.StrengthDemand
	for _, d := range i.Demands {
		if d.State != postern.ConditionalAccessOn && d.Unmet+d.Without > 0 {
			found = append(found, d)
		}
	}
	return found
}

// impactHeadline is the answer to the first question anybody has.
func impactHeadline(i postern.PolicyImpact, t tense) (kind, text string) {
	switch n := lockOuts(i); {
	case n == 1:
		return "bad", "1 person " + t.one + " locked out"
	case n > 1:
		return "bad", peopleText(n) + " " + t.many + " locked out"
	case i.Possible > 0:
		return "warn", peopleText(i.Possible) + " " + t.may + " locked out"
	case !i.Basis.Complete:
		return "warn", "Nobody " + t.one + " locked out, as far as is known"
	}
	return "ok", "Nobody " + t.one + " locked out"
}

// basisText says what an impact was computed from.
func basisText(b postern.ImpactBasis) string {
	return fmt.Sprintf("From %s and their %s", peopleText(b.Users), passkeysText(b.Passkeys))
}

func passkeysText(n int) string {
	if n == 1 {
		return "1 passkey"
	}
	return thousands(n) + " passkeys"
}

// unknowns say what an impact could not take into account.
func unknowns(b postern.ImpactBasis) []string {
	var all []string
	if b.Unknown > 0 {
		all = append(all, "Of "+peopleText(b.Unknown)+" it is not known which passkeys they have; more could be locked out.")
	} else if !b.Complete {
		all = append(all, "Not everybody was looked at yet; more could be locked out.")
	}
	if !b.Roles {
		all = append(all, "Who is privileged is not known: the application may not read directory roles (RoleManagement.Read.Directory).")
	}
	if !b.Methods {
		all = append(all, "Other methods are not known: that takes Entra ID P1 and the permission AuditLog.Read.All.")
	}
	return all
}

func kilobytes(n int) string { return strconv.FormatFloat(float64(n)/1024, 'f', 1, 64) + " KB" }

func caStateText(s postern.ConditionalAccessState) (kind, text string) {
	switch s {
	case postern.ConditionalAccessOn:
		return "ok", "On"
	case postern.ConditionalAccessReportOnly:
		return "info", "Report-only"
	}
	return "", "Off"
}

// demandText says what a policy would demand of whom.
func demandText(d postern.StrengthDemand) string {
	return fmt.Sprintf("Of the %s it concerns, %s a passkey that meets it, %s passkeys but none that does, and %s no passkey.",
		peopleText(d.Users), verb(d.Met, "has", "have"), verb(d.Unmet, "has", "have"), verb(d.Without, "has", "have"))
}

// unmetText says how many do not meet a demand.
func unmetText(d postern.StrengthDemand) string {
	return fmt.Sprintf("%s of the %s it concerns cannot meet it with a passkey they have", thousands(d.Unmet+d.Without), peopleText(d.Users))
}

func verb(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

func onlyMethodText(u postern.UserImpact) string {
	switch u.OnlyMethod {
	case postern.KnownYes:
		return "no other method"
	case postern.KnownNo:
		return "also has " + methodsText(u.Methods)
	}
	return "other methods unknown"
}

// nameSome names up to ten and counts the rest.
func nameSome(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
