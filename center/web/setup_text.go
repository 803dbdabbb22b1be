package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

func setupTitle(s postern.Setup) string { return "Set-up of " + s.Input.ApplicationName }

// setupTenant says which tenant a set-up is for, as far as that is known.
func setupTenant(s postern.Setup) string {
	switch {
	case s.TenantName != "":
		return s.TenantName + " · " + s.TenantID
	case s.TenantID != "":
		return "Tenant " + s.TenantID
	case s.Input.TenantID != "":
		return "Tenant " + s.Input.TenantID
	}
	return "The tenant of whoever signs in"
}

// setupStateText is the state as a badge.
func setupStateText(s postern.SetupState) (kind, text string) {
	switch s {
	case postern.SetupSigningIn:
		return "info", "waits for a sign-in"
	case postern.SetupLooking:
		return "info", "looks at the tenant"
	case postern.SetupPlanned:
		return "gate", "planned"
	case postern.SetupApplying:
		return "info", "being applied"
	case postern.SetupStopped:
		return "bad", "stopped"
	case postern.SetupReady:
		return "ok", "ready"
	case postern.SetupUndoing:
		return "info", "being undone"
	case postern.SetupUndone:
		return "", "undone"
	}
	return "warn", "begun"
}

// setupStepText is the state of a step as a badge.
func setupStepText(s postern.SetupStepState) (kind, text string) {
	switch s {
	case postern.SetupStepThere:
		return "ok", "already there"
	case postern.SetupStepWriting:
		return "info", "being written"
	case postern.SetupStepReading:
		return "info", "being read back"
	case postern.SetupStepDone:
		return "ok", "done"
	case postern.SetupStepFailed:
		return "bad", "failed"
	case postern.SetupStepUndone:
		return "", "taken back"
	case postern.SetupStepKept:
		return "gate", "kept"
	}
	return "warn", "to do"
}

// wizardStep is one of the stations of a set-up.
type wizardStep struct{ Name, Class, Text string }

// wizard is the way of a set-up, with where it stands.
func wizard(s postern.SetupState) []wizardStep {
	names := []string{"Choose", "Sign in", "Plan", "Apply", "Ready"}
	at := map[postern.SetupState]int{
		postern.SetupDraft: 1, postern.SetupSigningIn: 1, postern.SetupLooking: 2, postern.SetupPlanned: 2,
		postern.SetupApplying: 3, postern.SetupStopped: 3, postern.SetupReady: 4,
	}[s]
	out := make([]wizardStep, len(names))
	for i, name := range names {
		out[i] = wizardStep{Name: name, Text: "to come"}
		switch {
		case i < at || s == postern.SetupReady:
			out[i].Class, out[i].Text = "done", "done"
		case i == at && s == postern.SetupStopped:
			out[i].Class, out[i].Text = "halt", "stopped"
		case i == at:
			out[i].Class, out[i].Text = "now", "now"
		}
	}
	return out
}

// settled reports whether nothing is left to do for a step.
func settled(s postern.SetupStepState) bool {
	return slices.Contains([]postern.SetupStepState{postern.SetupStepThere, postern.SetupStepDone, postern.SetupStepUndone, postern.SetupStepKept}, s)
}

// setupHeadline says in one sentence where a set-up stands; a screen reader hears it whenever it changes.
func setupHeadline(s postern.Setup) string {
	done := 0
	current := ""
	for n, step := range s.Steps {
		if settled(step.State) {
			done++
		}
		if step.State == postern.SetupStepWriting || step.State == postern.SetupStepReading {
			_, what := setupStepText(step.State)
			current = fmt.Sprintf(" Step %d, %s: %s.", n+1, step.Title, what)
		}
	}
	switch s.State {
	case postern.SetupSigningIn:
		return "Waiting for an administrator to type the code."
	case postern.SetupLooking:
		return "Reading the tenant. Nothing is written."
	case postern.SetupPlanned:
		return plannedText(s)
	case postern.SetupApplying:
		return fmt.Sprintf("%d of %s done.%s", done, count(len(s.Steps), "step"), current)
	case postern.SetupUndoing:
		return "Taking back what this set-up made, last first." + current
	case postern.SetupStopped:
		return "The set-up stopped and needs somebody."
	case postern.SetupReady:
		return "The tenant is set up, and every step was read back."
	case postern.SetupUndone:
		return "This set-up was undone."
	}
	return "Nobody has looked at the tenant yet. Below is what an empty one needs."
}

func plannedText(s postern.Setup) string {
	left := 0
	for _, step := range s.Steps {
		if !settled(step.State) {
			left++
		}
	}
	switch left {
	case 0:
		return "Everything is there already. Applying checks it once more, and connects."
	case len(s.Steps):
		return "Nothing of it is there yet. " + count(left, "step") + " would be done."
	}
	return fmt.Sprintf("%d of %s already there; %d would be done.", len(s.Steps)-left, count(len(s.Steps), "step"), left)
}

// whoText says who is signed in, and what for.
func whoText(a postern.SetupAdministrator) string {
	text := "Signed in: " + a.UPN
	if len(a.Roles) > 0 {
		text += " (" + listed(a.Roles) + ")"
	}
	if a.Write {
		return text + ", to look and to apply, until"
	}
	return text + ", to look only, until"
}

// setChoice explains a permission set.
type setChoice struct {
	Set   postern.PermissionSet
	Name  string
	For   string // when to choose it
	Means string // what somebody who held the credential could do
}

var setChoices = []setChoice{
	{
		postern.PermissionsPasskeys, "Passkeys only", "The least. You name users by hand, and Postern keeps no groups.",
		"Whoever held the credential could make and delete anybody's passkeys, and nothing else.",
	},
	{
		postern.PermissionsStandard, "Standard: passkeys and groups", "For most. Postern finds users, refuses privileged ones, keeps the three groups that follow the phases, and ends sessions when something is taken away.",
		"As above, read all users and who holds which role, make groups, change members of groups that are not role-assignable, and sign users out.",
	},
	{
		postern.PermissionsFull, "Full: and the passkey policy", "When Postern shall plan, apply and watch the passkey policy too, and read when passkeys were last used.",
		"As above, change which methods of signing in the whole tenant allows, and read its sign-in reports.",
	},
	{
		postern.PermissionsDirectory, "Directory, as other guides have it", "Only for a tenant that was prepared by the guide of another product. It gives more away than Full and does no more.",
		"Change almost everything in the directory: users, groups, devices, applications; and every way of signing in of everybody but administrators of higher roles.",
	},
	{
		postern.PermissionsLegacy, "Legacy, with a service account", "Only where an old guide has to be followed. A user account with a password and powerful roles signs in for Postern.",
		"Whoever learnt the password of the service account could reset the way in of everybody, Global Administrators included.",
	},
}

func setChoiceName(set postern.PermissionSet) string {
	for _, c := range setChoices {
		if c.Set == set {
			return c.Name
		}
	}
	return string(set)
}

// grantsText names what a set asks for, for a line.
func grantsText(set postern.PermissionSet) string {
	var names []string
	for _, g := range postern.Grants(set) {
		names = append(names, g.Name+" ("+g.Type+")")
	}
	return strings.Join(names, ", ")
}

// credentialText says what the application proves itself with.
func credentialText(s postern.Setup) string {
	switch {
	case s.Input.Credential == postern.CredentialSecret:
		return "a client secret"
	case s.Certificate != nil:
		return "a certificate made here, good until " + s.Certificate.NotAfter.UTC().Format("2 January 2006")
	}
	return "a certificate made here"
}

func windowsText(in postern.SetupInput) string {
	where := "all devices"
	if in.WindowsGroup != "" {
		where = "the devices of " + in.WindowsGroup
	}
	switch in.Windows {
	case postern.SetupWindowsCatalog:
		return "security keys allowed by the settings catalog, on " + where
	case postern.SetupWindowsOMAURI:
		return "security keys allowed by OMA-URI, on " + where
	}
	return "left as it is"
}

// undoable reports whether the set-up may have made something.
func undoable(s postern.Setup) bool {
	goes, _ := undoOf(s)
	return len(goes) > 0 || s.IntegrationID != ""
}

// undoOf is what an undo takes back, last first, and what was there before and stays.
func undoOf(s postern.Setup) (goes, stays []postern.SetupStep) {
	for _, step := range slices.Backward(s.Steps) {
		switch step.State {
		case postern.SetupStepDone, postern.SetupStepWriting, postern.SetupStepReading, postern.SetupStepFailed:
			goes = append(goes, step)
		case postern.SetupStepThere, postern.SetupStepKept:
			stays = append(stays, step)
		}
	}
	return goes, stays
}

// requestText is a request as it is sent.
func requestText(r postern.SetupRequest) string {
	text := r.Method + " " + r.URL
	if r.Body == "" {
		return text
	}
	var body bytes.Buffer
	if err := json.Indent(&body, []byte(r.Body), "", "  "); err != nil {
		return text + "\n\n" + r.Body
	}
	return text + "\n\n" + body.String()
}
