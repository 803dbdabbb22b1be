package rest_test

import (
	"context"

	"github.com/postern/postern"
)

type rotations struct{ *domain }

func someRotation(id postern.IntegrationID) postern.Rotation {
	return postern.Rotation{ID: "rot_1", IntegrationID: id, Version: 7, State: postern.RotationAdding, Way: postern.RotationBySelf, To: postern.CredentialCertificate, From: postern.Credential{Kind: postern.CredentialCertificate}}
}

func (d rotations) Status(_ context.Context, id postern.IntegrationID) (postern.CredentialStatus, error) {
	r := someRotation(id)
	return postern.CredentialStatus{IntegrationID: id, Credential: r.From, Level: postern.CredentialFine, Rotation: &r}, d.call("CredentialStatus", id)
}

func (d rotations) Begin(_ context.Context, id postern.IntegrationID, in postern.RotationInput) (postern.Rotation, error) {
	return someRotation(id), d.call("BeginRotation", in)
}

func (d rotations) Cancel(_ context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error) {
	return someRotation(id), d.call("CancelRotation", act)
}

func (d rotations) SignIn(_ context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error) {
	return someRotation(id), d.call("SignInForRotation", act)
}

func (d rotations) Finish(_ context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error) {
	return someRotation(id), d.call("FinishRotation", act)
}

func (d rotations) SetSettings(_ context.Context, _ postern.IntegrationID, in postern.RotationSettings) (postern.RotationSettings, error) {
	return in, d.call("SetRotationSettings", in)
}
