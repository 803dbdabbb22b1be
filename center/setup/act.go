package setup

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/setup/recipe"
)

// Look has the tenant read again. An administrator has to be signed in.
func (s *Service) Look(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	r, err := s.at(ctx, id, act.Version)
	if err != nil {
		return postern.Setup{}, err
	}
	if busy(r.State) || r.State == postern.SetupSigningIn || r.State == postern.SetupUndone {
		return postern.Setup{}, wrongState(r, "Wait until it has ended or stopped, then look again.")
	}
	if err := s.administered(r, false); err != nil {
		return postern.Setup{}, err
	}
	r.Progress.Back = back(r)
	return s.begin(ctx, r, postern.SetupLooking, nil)
}

// Apply writes what is missing, step by step. An administrator has to be signed in with the rights to write.
func (s *Service) Apply(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	r, err := s.at(ctx, id, act.Version)
	if err != nil {
		return postern.Setup{}, err
	}
	switch {
	case r.State == postern.SetupStopped && r.Progress.ByHand != nil:
		return s.begin(ctx, s.again(r), postern.SetupApplying, &audit.SetupApplying)
	case r.State == postern.SetupDraft:
		return postern.Setup{}, wrongState(r, "Sign in first, and read what would be written.")
	case r.State != postern.SetupPlanned && r.State != postern.SetupStopped:
		return postern.Setup{}, wrongState(r, "Look at the set-up; it says what comes next.")
	}
	if err := s.administered(r, true); err != nil {
		return postern.Setup{}, err
	}
	return s.begin(ctx, s.again(r), postern.SetupApplying, &audit.SetupApplying)
}

// Undo takes back what this set-up made or changed, last first. What was there before, and what somebody else uses since,
// stays and is said to.
func (s *Service) Undo(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	r, err := s.at(ctx, id, act.Version)
	if err != nil {
		return postern.Setup{}, err
	}
	if r.State != postern.SetupPlanned && r.State != postern.SetupStopped && r.State != postern.SetupReady {
		return postern.Setup{}, wrongState(r, "It can be undone once something was made and nothing is under way.")
	}
	if !made(r) {
		return postern.Setup{}, postern.Errorf(postern.CodeSetupState, "The set-up made nothing, so there is nothing to undo.").
			WithNext("Forget the set-up.")
	}
	if r.IntegrationID != "" {
		i, err := s.Integrations.Get(ctx, r.IntegrationID)
		switch {
		case gone(err):
		case err != nil:
			return postern.Setup{}, err
		case i.State == postern.StateEnabled:
			return postern.Setup{}, postern.Errorf(postern.CodeConflict, "The integration %s is ENABLED, so people may be using what the set-up made.", i.ApplicationName).
				WithNext("Disable the integration first, then undo.")
		}
	}
	if sentAny(r) {
		if err := s.administered(r, true); err != nil {
			return postern.Setup{}, err
		}
	}
	return s.begin(ctx, s.again(r), postern.SetupUndoing, &audit.SetupUndoing)
}

// administered reports whether an administrator is signed in, with the rights that are needed.
func (s *Service) administered(r Record, write bool) error {
	a := r.Administrator
	switch {
	case a == nil:
		return postern.Errorf(postern.CodeSetupSignIn, "")
	case !s.Now().Before(a.ExpiresAt):
		return postern.Errorf(postern.CodeSetupSignIn, "The sign-in of %s has ended.", a.UPN).WithNext("Sign in again; the set-up goes on where it was.")
	case write && !a.Write:
		return postern.Errorf(postern.CodeSetupSignIn, "%s signed in to look only.", a.UPN).WithNext("Sign in again, and ask for the rights to write.")
	}
	return nil
}

// again has a set-up that stopped go on: what Entra took and did not show is looked for once more, for as long again, before
// it is sent again.
func (s *Service) again(r Record) Record {
	for _, p := range r.Progress.Steps {
		if p.State == postern.SetupStepFailed {
			p.State, p.Problem = "", nil
		}
		if !p.TookAt.IsZero() {
			p.TookAt, p.Open = time.Time{}, true
		}
		if p.Open {
			p.SentAt = s.Now().UTC()
		}
		p.Since = time.Time{}
	}
	return r
}

// made reports whether the set-up made or changed anything.
func made(r Record) bool { return r.IntegrationID != "" && r.Progress.ByHand == nil || sentAny(r) }

// sentAny reports whether anything was sent to Entra to change it.
func sentAny(r Record) bool {
	for key, p := range r.Progress.Steps {
		if p.Sent > 0 && key != recipe.StepIntegration && key != recipe.StepGroups && p.State != postern.SetupStepUndone {
			return true
		}
	}
	return false
}

// begin gives a set-up to its job.
func (s *Service) begin(ctx context.Context, r Record, state postern.SetupState, code *audit.Code) (postern.Setup, error) {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		r.State, r.Problem = state, nil
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, WorkJob{r.ID}); err != nil {
			return err
		}
		if code == nil {
			return nil
		}
		return s.Audit.Record(ctx, event(*code, r, "", map[string]string{"steps": strings.Join(todo(r), " ")}))
	})
	return s.shown(r), err
}

// todo are the keys of the steps that are not there yet.
func todo(r Record) []string {
	var keys []string
	for _, step := range r.Steps {
		if !slices.Contains([]postern.SetupStepState{postern.SetupStepThere, postern.SetupStepDone, postern.SetupStepUndone, postern.SetupStepKept}, step.State) {
			keys = append(keys, step.Key)
		}
	}
	return keys
}

// Script renders the steps for somebody who does them by hand.
func (s *Service) Script(ctx context.Context, id postern.SetupID, form postern.SetupForm) (postern.SetupScript, error) {
	r, err := s.Store.Setup(ctx, id)
	if err != nil {
		return postern.SetupScript{}, err
	}
	w := want(r)
	steps := recipe.Steps(w, r.Progress.Seen)
	out := postern.SetupScript{Form: form}
	switch form {
	case postern.SetupCurl:
		out.Name, out.Text = "postern-setup.sh", recipe.Curl(w, steps)
	case postern.SetupPowerShell:
		out.Name, out.Text = "postern-setup.ps1", recipe.PowerShell(w, steps)
	case postern.SetupPortal:
		out.Name, out.Text = "postern-setup.md", recipe.Portal(w, steps)
	default:
		return out, postern.FieldErrorf("form", "There is no form %q.", form)
	}
	return out, nil
}

// maxSecret bounds what is typed in; Entra's own secrets are far shorter.
const maxSecret = 4 << 10

// Finish tells what somebody made by hand. The integration is proved with it, and stored.
func (s *Service) Finish(ctx context.Context, id postern.SetupID, in postern.SetupFinish) (postern.Setup, error) {
	r, err := s.at(ctx, id, in.Version)
	if err != nil {
		return postern.Setup{}, err
	}
	if r.State != postern.SetupDraft && r.State != postern.SetupPlanned && r.State != postern.SetupStopped && r.State != postern.SetupSigningIn {
		return postern.Setup{}, wrongState(r, "Look at the set-up; it says what comes next.")
	}
	in.TenantID, in.ClientID = strings.ToLower(strings.TrimSpace(in.TenantID)), strings.ToLower(strings.TrimSpace(in.ClientID))
	if in.TenantID == "" {
		in.TenantID = r.TenantID
	}
	if !isTenantID(in.TenantID) {
		return postern.Setup{}, postern.FieldErrorf("tenant_id", "The tenant ID is not a GUID of the form 00000000-0000-0000-0000-000000000000.")
	}
	if !isTenantID(in.ClientID) {
		return postern.Setup{}, postern.FieldErrorf("client_id", "The client ID is not a GUID of the form 00000000-0000-0000-0000-000000000000.")
	}
	if r.TenantID != "" && r.TenantID != in.TenantID {
		return postern.Setup{}, postern.Errorf(postern.CodeSetupTenant, "The set-up is for the tenant %s.", r.TenantID).
			WithNext("Give the values of that tenant, or begin a new set-up for the other one.").OnField("tenant_id")
	}
	for field, text := range map[string]string{"client_secret": in.ClientSecret, "service_account_password": in.ServiceAccountPassword, "service_account_username": in.ServiceAccountUsername} {
		if len(text) > maxSecret {
			return postern.Setup{}, postern.FieldErrorf(field, "The value is too long to be right.")
		}
	}
	held, err := s.secrets(ctx, id)
	if err != nil {
		return postern.Setup{}, err
	}
	kind := r.Input.Credential
	switch {
	case (in.ServiceAccountUsername == "") != (in.ServiceAccountPassword == ""):
		return postern.Setup{}, postern.FieldErrorf("service_account_username", "A service account needs both its user name and its password.")
	case in.ServiceAccountUsername != "":
		kind = postern.CredentialServiceAccount
	case r.Input.PermissionSet == postern.PermissionsLegacy:
		return postern.Setup{}, postern.FieldErrorf("service_account_username", "This permission set works through a service account: its user name and password are needed.")
	case in.ClientSecret != "":
		kind = postern.CredentialSecret
	case kind == postern.CredentialSecret:
		return postern.Setup{}, postern.FieldErrorf("client_secret", "A client secret is needed: the set-up made no certificate.")
	}
	if in.ClientSecret != "" {
		held.ClientSecret = strings.TrimSpace(in.ClientSecret)
	}
	held.Password = in.ServiceAccountPassword
	r = s.again(r)
	r.TenantID, r.ClientID, r.SignIn = in.TenantID, in.ClientID, nil
	r.Progress.ByHand = &ByHand{ClientID: in.ClientID, Kind: kind, Username: strings.TrimSpace(in.ServiceAccountUsername)}
	var out postern.Setup
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.keepSecrets(ctx, id, held); err != nil {
			return err
		}
		out, err = s.begin(ctx, r, postern.SetupApplying, &audit.SetupFinishing)
		return err
	})
	return out, err
}
