package device

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// maxUnpaired is how many workstations of an integration may wait for their first pairing. Anybody may enrol one, so
// this bounds what a flood from many addresses leaves behind until it lapses.
const maxUnpaired = 10_000

// WorkstationTopic is what is published on the backbone when a workstation has news.
func WorkstationTopic(id postern.WorkstationID) string { return "workstation/" + string(id) }

// EnrolWorkstation makes a workstation known; the signature proves its identity key. The caller limits the rate: this
// needs no one-time code. Enrolling again with the same keys finds the same workstation, creates none, and uses no install
// token up.
func (s *Service) EnrolWorkstation(ctx context.Context, in postern.WorkstationEnrolment) (w postern.Workstation, created bool, err error) {
	var none postern.Workstation
	if err := checkWorkstation(&in); err != nil {
		return none, false, err
	}
	i, token, err := s.homeOf(ctx, in)
	if err != nil {
		return none, false, err
	}
	if !i.Flags[postern.FlagWorkstation] {
		return none, false, flagOff(i, postern.FlagWorkstation)
	}
	now := s.Now().UTC()
	fresh := postern.Workstation{
		ID: postern.NewID[postern.WorkstationID](postern.PrefixWorkstation), IntegrationID: i.ID, Version: 1, Kind: in.Kind,
		Name: in.Name, Software: in.Software, OS: in.OS, JoinState: in.JoinState, EnterpriseJoined: in.EnterpriseJoined,
		State: postern.WorkstationActive, IdentityKey: in.IdentityKey, LinkKey: in.LinkKey, CreatedAt: now, LastSeenAt: &now,
		InstallTokenID: token,
	}
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorWorkstation, ID: string(fresh.ID), Name: fresh.Name, Addr: postern.ActorFrom(ctx).Addr})
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		w, created = fresh, false
		known, err := s.Store.WorkstationByKey(ctx, in.IdentityKey)
		if !postern.IsCode(err, postern.CodeNotFound) {
			w = known
			return sameWorkstation(known, i, in, err)
		}
		if err := s.letIn(ctx, i, in, token); err != nil {
			return err
		}
		if err := s.Store.CreateWorkstation(ctx, w); err != nil {
			return err
		}
		created = true
		fields := map[string]string{"kind": string(w.Kind), "software": w.Software, "os": w.OS, "join_state": string(w.JoinState)}
		if token != "" {
			fields["install_token"] = string(token)
		}
		return s.Audit.Record(ctx, workstationEvent(audit.WorkstationEnrolled, w, "The workstation "+w.Name+" enrolled.", fields))
	})
	if err != nil {
		return none, false, err
	}
	return w, created, nil
}

// homeOf finds the integration that a workstation wants to belong to: that of its install token, or the one it names.
func (s *Service) homeOf(ctx context.Context, in postern.WorkstationEnrolment) (postern.Integration, postern.InstallTokenID, error) {
	if in.InstallToken == "" {
		i, err := s.integrationNamed(ctx, in.Integration)
		return i, "", err
	}
	if s.Installs == nil {
		return postern.Integration{}, "", postern.Errorf(postern.CodeInstallToken, "")
	}
	token, err := s.Installs.Bearer(ctx, in.InstallToken)
	if err != nil {
		return postern.Integration{}, "", err
	}
	i, err := s.Integrations.Get(ctx, token.IntegrationID)
	if err != nil {
		return i, "", err
	}
	if in.Integration != "" && !isNamed(i, in.Integration) {
		return i, "", postern.Errorf(postern.CodeInstallToken, "The install token belongs to another integration than the one named.").OnField("integration")
	}
	return i, token.ID, nil
}

// letIn decides whether a workstation that nobody knows may enrol, in the transaction of ctx.
func (s *Service) letIn(ctx context.Context, i postern.Integration, in postern.WorkstationEnrolment, token postern.InstallTokenID) error {
	if token != "" {
		return s.Installs.Spend(ctx, token)
	}
	if s.Installs != nil && in.Kind == postern.WorkstationAgent {
		needed, err := s.Installs.Needed(ctx, i.ID)
		if err != nil {
			return err
		}
		if needed {
			return postern.Errorf(postern.CodeInstallNeeded, "")
		}
	}
	waiting, err := s.Store.CountUnpairedWorkstations(ctx, i.ID)
	if err != nil {
		return err
	}
	if waiting >= maxUnpaired {
		return postern.Errorf(postern.CodeUnavailable, "Too many workstations of %s wait for their first pairing.", i.ApplicationName).
			WithNext("Pair those that are wanted. The others are forgotten after a day.")
	}
	return nil
}

func sameWorkstation(known postern.Workstation, i postern.Integration, in postern.WorkstationEnrolment, err error) error {
	switch {
	case err != nil:
		return err
	case known.State != postern.WorkstationActive:
		return postern.Errorf(postern.CodeWorkstationRevoked, "")
	case known.IntegrationID != i.ID || !bytes.Equal(known.LinkKey, in.LinkKey):
		return postern.Errorf(postern.CodeConflict, "The identity key has been enrolled already, for another integration or with another link key.").
			WithNext("Make new keys and enrol again.").OnField("identity_key")
	}
	return nil
}

// integrationNamed finds an integration by its id or application name, or the only one when there is no name.
func (s *Service) integrationNamed(ctx context.Context, name string) (postern.Integration, error) {
	var none postern.Integration
	all, err := s.Store.Integrations(ctx)
	if err != nil {
		return none, err
	}
	if name == "" && len(all) > 1 {
		return none, postern.FieldErrorf("integration", "There are several integrations.").WithNext("Name the one that this workstation belongs to.")
	}
	for _, i := range all {
		if name == "" || isNamed(i, name) {
			return i, nil
		}
	}
	return none, postern.Errorf(postern.CodeNotFound, "There is no such integration.").OnField("integration").
		WithNext("Check the name of the integration with an administrator.")
}

func isNamed(i postern.Integration, name string) bool {
	return name == string(i.ID) || strings.EqualFold(name, i.ApplicationName)
}

func checkWorkstation(in *postern.WorkstationEnrolment) error {
	in.Name = strings.TrimSpace(in.Name)
	switch {
	case len(in.Integration) > 120:
		return postern.FieldErrorf("integration", "The integration is longer than 120 bytes.")
	case in.Kind != postern.WorkstationAgent && in.Kind != postern.WorkstationExtension:
		return postern.FieldErrorf("kind", "There is no workstation of kind %q.", in.Kind)
	case in.InstallToken != "" && in.Kind != postern.WorkstationAgent:
		return postern.FieldErrorf("install_token", "An install token is for the agent alone.")
	case len(in.IdentityKey) != ed25519.PublicKeySize:
		return postern.FieldErrorf("identity_key", "The identity key is not an Ed25519 public key of 32 bytes.")
	case len(in.LinkKey) != postern.LinkKeySize:
		return postern.FieldErrorf("link_key", "The link key is not an X25519 public key of 32 bytes.")
	}
	if !ed25519.Verify(ed25519.PublicKey(in.IdentityKey), in.Message(), in.Proof) {
		return postern.Errorf(postern.CodeWorkstationProof, "").OnField("proof")
	}
	return checkWords(in.Name, in.Software, in.OS, in.JoinState)
}

// checkWords bounds what a workstation says of itself.
func checkWords(name, software, system string, join postern.JoinState) error {
	switch {
	case name == "" || len(name) > 64:
		return postern.FieldErrorf("name", "A workstation needs a name of 1 to 64 bytes.")
	case len(software) > 120:
		return postern.FieldErrorf("software", "The software is longer than 120 bytes.")
	case len(system) > 120:
		return postern.FieldErrorf("os", "The operating system is longer than 120 bytes.")
	case !postern.Showable(name):
		return unshowable("name")
	case !postern.Showable(software):
		return unshowable("software")
	case !postern.Showable(system):
		return unshowable("os")
	case !join.Valid():
		return postern.FieldErrorf("join_state", "There is no join state %q.", join)
	}
	return nil
}

func unshowable(field string) error {
	return postern.FieldErrorf(field, "The %s holds signs that cannot be shown, such as those that change the direction of writing.", field).
		WithNext("Use letters, digits and punctuation.")
}

// Workstations lists the workstations of an integration, oldest first.
func (s *Service) Workstations(ctx context.Context, integration postern.IntegrationID) ([]postern.Workstation, error) {
	return s.Store.Workstations(ctx, integration)
}

// Workstation returns one workstation.
func (s *Service) Workstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error) {
	return s.Store.Workstation(ctx, id)
}

func workstationEvent(code audit.Code, w postern.Workstation, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: w.IntegrationID, Target: string(w.ID), TargetName: w.Name,
		Success: true, Message: message, Fields: fields,
	}
}
