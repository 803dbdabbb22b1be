package web

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// Rotations is what the console needs of package rotate.
type Rotations interface {
	Status(ctx context.Context, id postern.IntegrationID) (postern.CredentialStatus, error)
	Begin(ctx context.Context, id postern.IntegrationID, in postern.RotationInput) (postern.Rotation, error)
	Cancel(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error)
	SignIn(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error)
	Finish(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error)
	SetSettings(ctx context.Context, id postern.IntegrationID, in postern.RotationSettings) (postern.RotationSettings, error)
}

func rotationPath(id postern.IntegrationID) string { return integrationPath(id) + "/rotation" }

// rotation shows how the rotation of a credential goes, alone; the settings page asks for it again and again.
func (c *console) rotation(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	status, err := c.Rotations.Status(r.Context(), i.ID)
	if err != nil {
		return err
	}
	p := settingsPage{integrationFrame: c.integrationFrame(r, i, tabSettings), Credential: status}
	return c.show(w, r, http.StatusOK, rotationPart(p))
}

// rotate does one of the things that a person asks of a rotation, and goes back to the card.
func (c *console) rotate(do func(r *http.Request, i postern.Integration) error) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		i, err := c.integration(r)
		if err != nil {
			return err
		}
		if err := do(r, i); err != nil {
			e := postern.AsError(err)
			i = c.fresh(r.Context(), i)
			status, err := c.Rotations.Status(r.Context(), i.ID)
			if err != nil {
				return err
			}
			return c.show(w, r, e.Status(), settings(settingsPage{
				integrationFrame: c.integrationFrame(r, i, tabSettings), Form: formOf(i, c.Now()), Credential: status, Note: e.Message + " " + e.Next,
			}))
		}
		return c.away(w, r, integrationPath(i.ID)+"/settings#credential")
	}
}

func (c *console) beginRotation(r *http.Request, i postern.Integration) error {
	how := r.PostFormValue("how")
	_, err := c.Rotations.Begin(r.Context(), i.ID, postern.RotationInput{
		Version: readVersion(r), To: postern.CredentialKind(r.PostFormValue("to")), ByHand: how == "by_hand", SignIn: how == "sign_in",
	})
	return err
}

func (c *console) cancelRotation(r *http.Request, i postern.Integration) error {
	_, err := c.Rotations.Cancel(r.Context(), i.ID, postern.RotationAct{Version: readVersion(r)})
	return err
}

func (c *console) signInForRotation(r *http.Request, i postern.Integration) error {
	_, err := c.Rotations.SignIn(r.Context(), i.ID, postern.RotationAct{Version: readVersion(r)})
	return err
}

func (c *console) finishRotation(r *http.Request, i postern.Integration) error {
	_, err := c.Rotations.Finish(r.Context(), i.ID, postern.RotationAct{Version: readVersion(r)})
	return err
}

func (c *console) setAutomatic(r *http.Request, i postern.Integration) error {
	status, err := c.Rotations.Status(r.Context(), i.ID)
	if err != nil {
		return err
	}
	set := status.Settings
	set.Version, set.Automatic = readVersion(r), r.PostFormValue("automatic") == "true"
	_, err = c.Rotations.SetSettings(r.Context(), i.ID, set)
	return err
}

// pollRotation has the card ask for itself while something happens.
func (p settingsPage) pollRotation() templ.Attributes {
	r := p.Credential.Rotation
	if r == nil || r.State.Over() || r.State == postern.RotationWaiting || p.Still {
		return nil
	}
	every := "every 2s"
	if r.State == postern.RotationOverlap {
		every = "every 60s"
	}
	return templ.Attributes{"hx-get": rotationPath(p.Integration.ID), "hx-trigger": every, "hx-swap": "outerMorph", "hx-target": "this"}
}

// rotating reports whether a rotation is under way.
func (p settingsPage) rotating() bool {
	return p.Credential.Rotation != nil && !p.Credential.Rotation.State.Over()
}

// rotationTitle says in a few words where a rotation stands.
func rotationTitle(r postern.Rotation) string {
	switch r.State {
	case postern.RotationSigningIn:
		return "An administrator of the tenant signs in"
	case postern.RotationAdding:
		return "Registering the new credential with Entra"
	case postern.RotationProving:
		if r.Way == postern.RotationByHand {
			return "Waiting for the upload of the new certificate"
		}
		return "Proving the new credential"
	case postern.RotationOverlap:
		return "The new credential is in use"
	case postern.RotationRemoving:
		return "Removing the old credential"
	case postern.RotationUndoing:
		return "Taking the new credential away"
	case postern.RotationDone:
		return "The credential was rotated"
	case postern.RotationCancelled:
		return "The last rotation was cancelled"
	case postern.RotationFailed:
		return "The last rotation failed"
	}
	return "The rotation needs a person"
}

// endsSoon reports whether the pages of an integration say that its credential ends.
func endsSoon(level postern.CredentialLevel) bool {
	return level == postern.CredentialSoon || level == postern.CredentialUrgent || level == postern.CredentialEnded
}

func dayCount(n int) string {
	switch n {
	case 0:
		return "less than a day"
	case 1:
		return "one day"
	}
	return itoa(n) + " days"
}
