package recipe

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/postern/postern/center/entra"
)

// Undo takes a set-up back: was has the steps for which something was sent, each with what [Step.Was] said before. What
// stood there before, and what somebody changed since, is kept. The steps are in the order in which they are to be sent;
// what goes away with something else comes after it and has nothing to send.
func Undo(w Want, was map[string]json.RawMessage, s Seen) []Step {
	steps := []Step{
		w.undoWindows(s), w.goesWith(StepWindowsAssignment, "Assign it to devices", s.Windows == nil, "It goes with the Intune setting."),
		w.undoPolicy(was[StepPolicy], s), w.undoAccount(s), w.undoPrincipal(s), w.undoApplication(s),
		w.goesWith(StepPermissions, "Say which permissions it asks for", s.Application == nil, "They go with the app registration."),
		w.goesWith(StepConsent, "Grant admin consent", s.ServicePrincipal == "", "It goes with the enterprise application."),
		w.goesWith(StepCertificate, "Upload the certificate", s.Application == nil, "It goes with the app registration."),
		w.goesWith(StepClientSecret, "Make a client secret", s.Application == nil, "It goes with the app registration."),
	}
	steps = slices.DeleteFunc(steps, func(step Step) bool { _, sent := was[step.Key]; return !sent })
	values := Values(w, s)
	for i := range steps {
		steps[i].Known = values
		if steps[i].Done || steps[i].Kept != "" {
			steps[i].Requests = nil
		}
		for n, r := range steps[i].Requests {
			steps[i].Requests[n] = r.known(values)
		}
	}
	return steps
}

func (w Want) goesWith(key, title string, gone bool, why string) Step {
	return Step{Key: key, Title: title, Why: why, Done: gone}
}

func remove(key, title, why, doing, version, path string, gone bool) Step {
	return Step{Key: key, Title: title, Why: why, Done: gone, Requests: []Request{{
		Doing: doing, Method: http.MethodDelete, Version: version, Path: path,
	}}}
}

func (w Want) undoWindows(s Seen) Step {
	kind := profileKinds[w.Input.Windows]
	return remove(StepWindows, "Delete the Intune setting", "Devices that took it keep it until their next check-in.",
		"delete the Intune setting", kind.version, kind.path+"/{windows_id}", s.Windows == nil)
}

func (w Want) undoAccount(s Seen) Step {
	return remove(StepServiceAccount, "Delete the service account", "Its roles go with it. Entra keeps a deleted user for thirty days.",
		"delete the service account", stable, "/users/{service_account_id}", s.Account == nil || s.Account.Title != w.mark())
}

// others says whether the registration has a credential that this set-up did not make.
func (w Want) others(s Seen) string {
	if s.Application == nil {
		return ""
	}
	if slices.ContainsFunc(s.Application.Keys, func(k KeyCredential) bool { return k.Name != w.credentialName() }) ||
		slices.ContainsFunc(s.Application.Passwords, func(p Password) bool { return p.Name != w.credentialName() }) {
		return "Somebody else added a credential to the app registration and may use it."
	}
	return ""
}

func (w Want) undoPrincipal(s Seen) Step {
	step := remove(StepServicePrincipal, "Delete the enterprise application", "What was consented to goes with it.",
		"delete the enterprise application", stable, "/servicePrincipals/{service_principal_id}", s.ServicePrincipal == "")
	step.Kept = w.others(s)
	return step
}

func (w Want) undoApplication(s Seen) Step {
	step := remove(StepApplication, "Delete the app registration", "Its credentials go with it. Entra keeps a deleted registration for thirty days.",
		"delete the app registration", stable, "/applications/{application_id}", s.Application == nil)
	step.Kept = w.others(s)
	return step
}

// undoPolicy gives the policy back as it was, if it is still what the set-up made of it.
func (w Want) undoPolicy(was json.RawMessage, s Seen) Step {
	step := Step{Key: StepPolicy, Title: "Give the passkey policy back as it was", Why: "Whoever registered a passkey since then, and could not before, cannot use it after."}
	if s.Policy == nil || was == nil {
		step.Kept = "What the policy was before is not known."
		return step
	}
	before, err := entra.DecodePasskeyPolicy(was)
	if err != nil {
		step.Kept = "What the policy was before is not known."
		return step
	}
	now, err := entra.DecodePasskeyPolicy(s.Policy)
	if err != nil {
		step.Kept = "The policy is not in a form that Postern knows."
		return step
	}
	back, err := entra.PasskeyPolicyPatch(s.Policy, before)
	made, _ := widen(before, profileID(s.TenantID))
	changed, other := entra.PasskeyPolicyPatch(s.Policy, made)
	switch {
	case now.Schema != before.Schema:
		step.Kept = "The tenant went over to passkey profiles since."
	case err != nil || other != nil:
		step.Kept = "The policy is not in a form that Postern knows."
	case back == nil:
		step.Done = true
	case changed != nil:
		step.Kept = "Somebody changed the policy since."
	default:
		r := policyRequest(back, policyGuard(s.Policy, back))
		r.Doing = "give the passkey policy back"
		step.Requests = []Request{r}
	}
	return step
}
