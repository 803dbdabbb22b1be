package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// addRotationStories shows the card of the credential in every state of a rotation.
func addRotationStories(add func(string, templ.Component)) {
	on := fixtureIntegration()
	page := func(r postern.Rotation) settingsPage {
		r.ID, r.Version, r.From = "rot_1", 3, on.Credential
		return settingsPage{
			integrationFrame: shell(on, tabSettings), Form: formOf(on, fixtureNow), Still: true,
			Credential: postern.CredentialStatus{Credential: on.Credential, EndsAt: on.Credential.EndOf(), Rotation: &r},
		}
	}
	problem := func(code postern.Code) *postern.SetupProblem {
		e := postern.Errorf(code, "")
		return &postern.SetupProblem{Code: code, Message: e.Message, Next: e.Next}
	}
	self := postern.RotationBySelf
	add("rotation/adding", settings(page(postern.Rotation{State: postern.RotationAdding, Way: self})))
	add("rotation/proving", settings(page(postern.Rotation{State: postern.RotationProving, Way: self})))
	add("rotation/by-hand", settings(page(postern.Rotation{
		State: postern.RotationProving, Way: postern.RotationByHand, PEM: "-----BEGIN CERTIFICATE-----\nMIIDJTCCAg2gAwIBAgIQKx0exampleexampleexampleexampleexampleexampl\n-----END CERTIFICATE-----\n",
	})))
	add("rotation/signing-in", settings(page(postern.Rotation{
		State: postern.RotationSigningIn, Way: postern.RotationByAdministrator,
		SignIn: &postern.SetupSignIn{UserCode: "F7K2QX9PM", VerificationURI: "https://microsoft.com/devicelogin", ExpiresAt: fixtureNow.Add(14 * time.Minute)},
	})))
	add("rotation/waiting", settings(page(postern.Rotation{State: postern.RotationWaiting, Way: self, Problem: problem(postern.CodeRotationAdministrator)})))
	add("rotation/overlap", settings(page(postern.Rotation{
		State: postern.RotationOverlap, Way: self, SwitchedAt: pointer(ago(time.Hour)), OverlapUntil: pointer(fixtureNow.Add(23 * time.Hour)),
	})))
	add("rotation/removing", settings(page(postern.Rotation{State: postern.RotationRemoving, Way: self, SwitchedAt: pointer(ago(25 * time.Hour))})))
	add("rotation/undoing", settings(page(postern.Rotation{State: postern.RotationUndoing, Way: self})))
	add("rotation/done", settings(page(postern.Rotation{State: postern.RotationDone, Way: self})))
	add("rotation/kept", settings(page(postern.Rotation{State: postern.RotationDone, Way: self, Kept: true, Problem: problem(postern.CodeRotationKept)})))
	add("rotation/failed", settings(page(postern.Rotation{State: postern.RotationFailed, Way: self, Problem: problem(postern.CodeRotationUnproven)})))
	automatic := page(postern.Rotation{State: postern.RotationCancelled, Way: self})
	automatic.Credential.Settings.Automatic = true
	add("rotation/automatic", settings(automatic))
	secret := on
	secret.Credential = postern.Credential{Kind: postern.CredentialSecret, SetAt: ago(24 * time.Hour)}
	add("rotation/secret", settings(settingsPage{integrationFrame: shell(secret, tabSettings), Form: formOf(secret, fixtureNow), Credential: postern.CredentialStatus{Credential: secret.Credential}}))
}
