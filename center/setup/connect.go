package setup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/setup/recipe"
)

// connect proves what was made, adds the integration, waits for its groups, and ends the set-up.
func (w *working) connect(ctx context.Context) error {
	if w.run.IntegrationID == "" {
		if err := w.integrate(ctx); err != nil {
			return err
		}
	}
	i, err := w.Integrations.Get(ctx, w.run.IntegrationID)
	if gone(err) {
		w.run.IntegrationID = ""
		delete(w.run.Progress.Steps, recipe.StepIntegration)
		return &stopped{postern.Errorf(postern.CodeSetupState, "The integration was removed while the set-up was under way.").WithNext("Apply the set-up again; it adds the integration anew."), recipe.StepIntegration}
	}
	if err != nil {
		return err
	}
	if err := w.groups(ctx, i); err != nil {
		return err
	}
	return w.ready(ctx)
}

// integrate finds the integration, or proves what was made and adds it.
func (w *working) integrate(ctx context.Context) error {
	p := w.progress(recipe.StepIntegration)
	in, err := w.form()
	if err != nil {
		return err
	}
	all, err := w.Integrations.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.TenantID == in.TenantID && i.ClientID == in.ClientID {
			w.run.IntegrationID, p.State, p.At = i.ID, postern.SetupStepThere, w.Now().UTC()
			p.Outcome = fmt.Sprintf("The integration %s has this application already.", i.ApplicationName)
			w.outline(w.run)
			return w.save(ctx, w.run)
		}
	}
	if p.Since.IsZero() {
		p.Since, p.SentAt = w.Now().UTC(), w.Now().UTC()
		w.outline(w.run)
		if err := w.save(ctx, w.run); err != nil {
			return err
		}
	}
	if err := w.prove(ctx, in, p); err != nil {
		return err
	}
	_, err = w.Integrations.AddAlso(ctx, in, func(ctx context.Context, i postern.Integration) error {
		w.run.IntegrationID = i.ID
		p.Sent, p.State, p.At, p.Problem = p.Sent+1, postern.SetupStepDone, w.Now().UTC(), nil
		p.Outcome = "Proved, stored, and DISABLED until somebody enables it."
		w.outline(w.run)
		if err := w.save(ctx, w.run); err != nil {
			return err
		}
		return w.Audit.Record(ctx, event(audit.SetupStepDone, *w.run, "The integration was added by a set-up.", map[string]string{"step": recipe.StepIntegration}))
	})
	if err == nil {
		return nil
	}
	// The transaction was undone, and with it what stands in memory.
	w.run.IntegrationID, p.Sent, p.State, p.At, p.Outcome = "", 0, "", time.Time{}, ""
	if late(err) && w.Now().Sub(p.Since) < w.consent() {
		return w.wait(ctx, p.Since, w.consent())
	}
	if passes(err) || postern.IsCode(err, postern.CodeStale) {
		return err
	}
	return &stopped{postern.AsError(err), recipe.StepIntegration}
}

// prove tests what was made without a word in the audit trail, as long as Entra may take to know it everywhere.
func (w *working) prove(ctx context.Context, in postern.IntegrationInput, p *Step) error {
	opts := w.Entra
	opts.Logger = w.Logger.With("setup", w.run.ID)
	opts.TenantID, opts.ClientID, opts.PermissionSet = in.TenantID, in.ClientID, in.PermissionSet
	switch {
	case in.ServiceAccountUsername != "":
		opts.Credential = entra.Credential{Kind: postern.CredentialServiceAccount, ClientSecret: in.ClientSecret, Username: in.ServiceAccountUsername, Password: in.ServiceAccountPassword}
	case in.ClientCertificate != "":
		opts.Credential = entra.Credential{Kind: postern.CredentialCertificate, Certificate: []byte(in.ClientCertificate), PrivateKey: []byte(in.ClientPrivateKey)}
	default:
		opts.Credential = entra.Credential{Kind: postern.CredentialSecret, ClientSecret: in.ClientSecret}
	}
	tenant, err := entra.Open(opts)
	if err != nil {
		return &stopped{postern.AsError(err), recipe.StepIntegration}
	}
	test, err := tenant.Test(ctx)
	if err != nil || test.OK {
		return err
	}
	said := postern.Errorf(test.Code, "%s", test.Message)
	if test.Code == "" {
		said.Code = postern.CodeEntraPermission
	}
	if test.Next != "" {
		said.Next = test.Next
	}
	said.After = time.Duration(test.RetryAfter) * time.Second
	switch {
	case passes(said):
		return said
	case late(said) && w.Now().Sub(p.Since) < w.consent():
		return w.wait(ctx, p.Since, w.consent())
	}
	return &stopped{said, recipe.StepIntegration}
}

// late reports whether a refusal may be for want of time: consents, roles and credentials take minutes until they are known
// everywhere.
func late(err error) bool {
	for _, code := range []postern.Code{
		postern.CodeEntraPermission, postern.CodeEntraConsentMissing, postern.CodeEntraClientUnknown, postern.CodeEntraCertUnknown,
		postern.CodeEntraSecretWrong, postern.CodeEntraPasswordWrong, postern.CodeEntraRefused, postern.CodeEntraTokenRefused,
	} {
		if postern.IsCode(err, code) {
			return true
		}
	}
	return false
}

// form is the integration as it is added.
func (w *working) form() (postern.IntegrationInput, error) {
	r := w.run
	in := postern.IntegrationInput{ApplicationName: r.Input.ApplicationName, TenantID: r.TenantID, ClientID: r.ClientID, PermissionSet: r.Input.PermissionSet}
	kind, username := r.Input.Credential, ""
	if account := r.Progress.Seen.Account; account != nil {
		username = account.UPN
	}
	if r.Input.PermissionSet == postern.PermissionsLegacy {
		kind = postern.CredentialServiceAccount
	}
	if hand := r.Progress.ByHand; hand != nil {
		kind, username = hand.Kind, hand.Username
	}
	missing := func(what string) error {
		return &stopped{postern.Errorf(postern.CodeSetupState, "The set-up does not hold the application's %s any more.", what).WithNext("Begin a new set-up for the same tenant."), recipe.StepIntegration}
	}
	switch kind {
	case postern.CredentialServiceAccount:
		in.ServiceAccountUsername, in.ServiceAccountPassword, in.ClientSecret = username, w.held.Password, w.held.ClientSecret
		if username == "" || w.held.Password == "" {
			return in, missing("service account")
		}
	case postern.CredentialCertificate:
		in.ClientCertificate, in.ClientPrivateKey = r.Progress.Certificate, w.held.PrivateKey
		if w.held.PrivateKey == "" {
			return in, missing("key")
		}
	default:
		in.ClientSecret = w.held.ClientSecret
		if r.Progress.ByHand == nil {
			ends := r.CreatedAt.AddDate(0, 0, r.Input.CredentialDays)
			in.CredentialEndsAt = &ends
		}
		if w.held.ClientSecret == "" {
			return in, missing("client secret")
		}
	}
	return in, nil
}

// groups waits until the integration has its groups, and reads them back.
func (w *working) groups(ctx context.Context, i postern.Integration) error {
	p := w.progress(recipe.StepGroups)
	if len(i.Groups) == 0 || p.State == postern.SetupStepDone {
		return nil
	}
	if p.Since.IsZero() {
		p.Since = w.Now().UTC()
		if err := w.Queue.Enqueue(ctx, integration.GroupsJob{Integration: i.ID}); err != nil {
			return err
		}
	}
	tenant, i, err := w.Integrations.Tenant(ctx, i.ID)
	if err != nil {
		return err
	}
	for _, g := range i.Groups {
		err := error(nil)
		if g.ID != "" {
			_, err = tenant.GroupByID(ctx, g.ID)
		}
		switch {
		case g.ID == "", postern.IsCode(err, postern.CodeEntraNotFound), late(err):
			if w.Now().Sub(p.Since) < w.consent() {
				return w.wait(ctx, p.Since, w.consent())
			}
			why := postern.Errorf(postern.CodeSetupNotShown, "The group %q does not stand in the tenant yet.", g.Name)
			if g.Problem != "" {
				why = postern.Errorf(postern.CodeSetupNotShown, "The group %q could not be made: %s", g.Name, g.Problem).WithNext(g.Next)
			}
			return &stopped{why, recipe.StepGroups}
		case err != nil:
			return err
		}
	}
	p.Sent, p.State, p.At, p.Outcome = 1, postern.SetupStepDone, w.Now().UTC(), "The groups stand in the tenant, and were read back."
	if w.run.Progress.Steps[recipe.StepIntegration].State == postern.SetupStepThere {
		p.Sent, p.State = 0, postern.SetupStepThere
	}
	w.outline(w.run)
	return w.save(ctx, w.run)
}

// ready ends the set-up: nothing that is secret is held any longer.
func (w *working) ready(ctx context.Context) error {
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		r := w.run
		if hand := r.Progress.ByHand; hand != nil {
			for _, step := range r.Steps {
				if p := w.progress(step.Key); p.State == "" && !own(step.Key) {
					p.State, p.At = postern.SetupStepThere, w.Now().UTC()
					p.Outcome = "Done by hand. The test of the integration shows that it works."
					if !slices.Contains(proven, step.Key) {
						p.Outcome = "Left to whoever did it by hand; it was not read back."
					}
				}
			}
		}
		r.State, r.Problem, r.Administrator, r.SignIn = postern.SetupReady, nil, nil, nil
		w.outline(r)
		if err := w.save(ctx, r); err != nil {
			return err
		}
		if err := w.Store.SetSetupSignIn(ctx, r.ID, nil, time.Time{}); err != nil {
			return err
		}
		if err := w.Store.SetSetupSecrets(ctx, r.ID, nil); err != nil {
			return err
		}
		return w.Audit.Record(ctx, event(audit.SetupReady, *r, "", map[string]string{"client_id": r.ClientID, "by_hand": yesNo(r.Progress.ByHand != nil)}))
	})
}

// proven are the steps without which the test of the integration fails.
var proven = []string{
	recipe.StepApplication, recipe.StepServicePrincipal, recipe.StepPermissions, recipe.StepConsent, recipe.StepCertificate, recipe.StepClientSecret,
	recipe.StepServiceAccount,
}
