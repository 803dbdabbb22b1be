package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/lifecycle"
)

// domain stands in for the domain services: this package only translates, so what is tested is what reaches them and
// what becomes of their answers. The door and its store are the real ones.
type domain struct {
	mu    sync.Mutex
	fail  error    // answered by everything, if set
	calls []string // names of the methods called
	last  any      // last argument of interest

	users   []postern.User
	trail   []postern.AuditEvent
	created bool
	self    postern.PhoneSelf
	signed  device.SignedRequest
	breaks  int           // when set, that call of Events fails
	entered chan struct{} // when set, told of each long poll that waits …
	waits   chan struct{} // … for this
}

func (d *domain) call(name string, argument any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, name)
	d.last = argument
	return d.fail
}

func (d *domain) called() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

type (
	integrations struct{ *domain }
	users        struct{ *domain }
	phones       struct{ *domain }
	passkeys     struct{ *domain }
	trail        struct{ *domain }
	statements   struct{ *domain }
)

func (d statements) Statement(_ context.Context, id postern.IntegrationID) (json.RawMessage, error) {
	return json.RawMessage(`{"schema": 3}`), d.call("Statement", id)
}

var anIntegration = postern.Integration{ID: "int_1", Version: 7, ApplicationName: "Contoso", State: postern.StateDisabled}

func (d integrations) List(context.Context) ([]postern.Integration, error) {
	return []postern.Integration{anIntegration}, d.call("List", nil)
}

func (d integrations) Get(_ context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return anIntegration, d.call("Get", id)
}

func (d integrations) Add(_ context.Context, in postern.IntegrationInput) (postern.Integration, error) {
	return anIntegration, d.call("Add", in)
}

func (d integrations) Update(_ context.Context, _ postern.IntegrationID, in postern.IntegrationInput) (postern.Integration, error) {
	return anIntegration, d.call("Update", in)
}

func (d integrations) SetState(_ context.Context, _ postern.IntegrationID, version int64, _ postern.State) (postern.Integration, error) {
	return anIntegration, d.call("SetState", version)
}

func (d integrations) SetFlags(_ context.Context, _ postern.IntegrationID, version int64, _ postern.FlagSet) (postern.Integration, error) {
	return anIntegration, d.call("SetFlags", version)
}

func (d integrations) SetLogin(_ context.Context, _ postern.IntegrationID, in postern.LoginSettings) (postern.Integration, error) {
	return anIntegration, d.call("SetLogin", in)
}

func (d integrations) SetHTTPDebug(_ context.Context, _ postern.IntegrationID, version int64, _ bool) (postern.Integration, error) {
	return anIntegration, d.call("SetHTTPDebug", version)
}

func (d integrations) Remove(_ context.Context, _ postern.IntegrationID, version int64) error {
	return d.call("Remove", version)
}

func (d integrations) Test(_ context.Context, id postern.IntegrationID) (postern.ConnectionTest, error) {
	return postern.ConnectionTest{OK: true}, d.call("Test", id)
}

func (d integrations) TestInput(_ context.Context, in postern.IntegrationInput) (postern.ConnectionTest, error) {
	return postern.ConnectionTest{OK: true}, d.call("TestInput", in)
}

func (d integrations) ValidateCertificate(_ context.Context, certificate, key string) (postern.CertificateInfo, error) {
	return postern.CertificateInfo{}, d.call("ValidateCertificate", certificate+key)
}

func (d integrations) Offered(context.Context) (postern.FlagSet, error) {
	return postern.AllFlags(), d.call("Offered", nil)
}

func (d integrations) SetOffered(_ context.Context, set postern.FlagSet) error {
	return d.call("SetOffered", set)
}

func (d integrations) MendGroups(_ context.Context, id postern.IntegrationID) ([]postern.GroupFinding, error) {
	return nil, d.call("MendGroups", id)
}

func (d users) Search(_ context.Context, _ postern.IntegrationID, query string, _ int) ([]postern.DirectoryUser, error) {
	return nil, d.call("Search", query)
}

func (d users) Invite(_ context.Context, _ postern.IntegrationID, in postern.InvitationInput) (postern.InvitationCreated, error) {
	return postern.InvitationCreated{Code: "ABCD-EFGH-JKMN-PQRS"}, d.call("Invite", in)
}

func (d users) Withdraw(_ context.Context, id postern.InvitationID) error {
	return d.call("Withdraw", id)
}

func (d users) Invitations(_ context.Context, id postern.UserID) ([]postern.Invitation, error) {
	return nil, d.call("Invitations", id)
}

func (d users) Users(_ context.Context, q lifecycle.UserQuery) ([]postern.User, error) {
	err := d.call("Users", q)
	from := min(q.Offset, len(d.users))
	return d.users[from:min(from+q.Limit, len(d.users))], err
}

func (d users) User(_ context.Context, id postern.UserID) (postern.User, error) {
	return postern.User{ID: id}, d.call("User", id)
}

func (d users) Suspend(_ context.Context, id postern.UserID, note string) (postern.User, error) {
	return postern.User{ID: id, Phase: postern.PhaseSuspended}, d.call("Suspend", note)
}

func (d users) Resume(_ context.Context, id postern.UserID, note string) (postern.User, error) {
	return postern.User{ID: id}, d.call("Resume", note)
}

func (d users) LeaverPolicy(_ context.Context, id postern.IntegrationID) (postern.LeaverPolicy, error) {
	return postern.DefaultLeaverPolicy(), d.call("LeaverPolicy", id)
}

func (d users) SetLeaverPolicy(_ context.Context, _ postern.IntegrationID, p postern.LeaverPolicy) (postern.LeaverPolicy, error) {
	return p, d.call("SetLeaverPolicy", p)
}

func (d users) Counts(_ context.Context, id postern.IntegrationID) (map[postern.Phase]int, error) {
	return map[postern.Phase]int{postern.PhaseActive: 3}, d.call("Counts", id)
}

func (d phones) Enrol(_ context.Context, in postern.PhoneEnrolment) (postern.Phone, error) {
	return d.self.Phone, d.call("Enrol", in)
}

func (d phones) Authenticate(_ context.Context, r device.SignedRequest) (postern.Phone, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signed = r
	if r.Proof != "good" {
		return postern.Phone{}, postern.Errorf(postern.CodePhoneProof, "")
	}
	return d.self.Phone, nil
}

func (d phones) Phones(_ context.Context, id postern.UserID) ([]postern.Phone, error) {
	return nil, d.call("Phones", id)
}

func (d phones) Phone(_ context.Context, id postern.PhoneID) (postern.Phone, error) {
	return postern.Phone{ID: id}, d.call("Phone", id)
}

func (d phones) Workstations(_ context.Context, id postern.IntegrationID) ([]postern.Workstation, error) {
	return nil, d.call("Workstations", id)
}

func (d phones) RevokeWorkstation(_ context.Context, id postern.WorkstationID) (postern.Workstation, error) {
	return postern.Workstation{ID: id}, d.call("RevokeWorkstation", id)
}

func (d passkeys) Begin(_ context.Context, id postern.PhoneID) (postern.Provisioning, bool, error) {
	return postern.Provisioning{ID: "prv_1", PhoneID: id}, d.created, d.call("Begin", id)
}

func (d passkeys) BeginSecurityKey(_ context.Context, _ postern.IntegrationID, in postern.SecurityKeyInput) (postern.Provisioning, bool, error) {
	return postern.Provisioning{ID: "prv_1", Carrier: postern.CarrierSecurityKey}, d.created, d.call("BeginSecurityKey", in)
}

func (d passkeys) SecurityKeyOptions(_ context.Context, id postern.ProvisioningID) (postern.SecurityKeyOptions, error) {
	return postern.SecurityKeyOptions{Provisioning: postern.Provisioning{ID: id}, PublicKey: []byte(theOptions)}, d.call("SecurityKeyOptions", id)
}

func (d passkeys) SubmitSecurityKey(_ context.Context, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.Provisioning, error) {
	return postern.Provisioning{ID: id}, d.call("SubmitSecurityKey", in)
}

func (d passkeys) Provisioning(_ context.Context, id postern.ProvisioningID) (postern.Provisioning, error) {
	return postern.Provisioning{ID: id}, d.call("Provisioning", id)
}

func (d passkeys) Provisionings(_ context.Context, id postern.UserID) ([]postern.Provisioning, error) {
	return nil, d.call("Provisionings", id)
}

func (d passkeys) Cancel(_ context.Context, id postern.ProvisioningID) (postern.Provisioning, error) {
	return postern.Provisioning{ID: id}, d.call("Cancel", id)
}

func (d passkeys) Passkeys(_ context.Context, id postern.UserID) ([]postern.Passkey, error) {
	return nil, d.call("Passkeys", id)
}

func (d passkeys) RevokePasskey(_ context.Context, id postern.PasskeyID) (postern.Passkey, error) {
	return postern.Passkey{ID: id}, d.call("RevokePasskey", id)
}

func (d passkeys) RevokePhone(_ context.Context, id postern.PhoneID) (postern.Phone, error) {
	return postern.Phone{ID: id}, d.call("RevokePhone", id)
}

func (d passkeys) RevokeUser(_ context.Context, id postern.UserID, reason postern.RevocationReason, note string) (postern.User, error) {
	return postern.User{ID: id}, d.call("RevokeUser", string(reason)+": "+note)
}

func (d passkeys) RevokeIntegration(_ context.Context, _ postern.IntegrationID, in postern.IntegrationRevocation) (postern.Integration, error) {
	return anIntegration, d.call("RevokeIntegration", in)
}

func (d passkeys) ReplacePasskey(_ context.Context, id postern.PasskeyID) (postern.Provisioning, error) {
	return postern.Provisioning{ID: "prv_1"}, d.call("ReplacePasskey", id)
}

func (d passkeys) Self(context.Context, postern.Phone) (postern.PhoneSelf, error) {
	return d.self, d.call("Self", nil)
}

func (d passkeys) ForPhone(_ context.Context, _ postern.Phone, id postern.ProvisioningID) (postern.PhoneProvisioning, error) {
	return postern.PhoneProvisioning{Provisioning: postern.Provisioning{ID: id}}, d.call("ForPhone", id)
}

func (d passkeys) WaitOffered(ctx context.Context, _ postern.Phone, wait time.Duration) ([]postern.PhoneProvisioning, error) {
	err := d.call("WaitOffered", wait)
	if d.waits != nil {
		d.entered <- struct{}{}
		select {
		case <-d.waits:
		case <-ctx.Done():
		}
	}
	return nil, err
}

func (d passkeys) WaitChange(_ context.Context, _ postern.Phone, id postern.ProvisioningID, _ int64, wait time.Duration) (postern.PhoneProvisioning, error) {
	return postern.PhoneProvisioning{Provisioning: postern.Provisioning{ID: id}}, d.call("WaitChange", wait)
}

func (d passkeys) Attest(_ context.Context, _ postern.Phone, _ postern.ProvisioningID, in postern.AttestationRequest) (postern.AttestationLeaf, error) {
	return postern.AttestationLeaf{Certificates: []postern.Bytes{{1}}}, d.call("Attest", in)
}

func (d passkeys) Submit(_ context.Context, _ postern.Phone, _ postern.ProvisioningID, in postern.CredentialSubmission) (postern.PhoneProvisioning, error) {
	return postern.PhoneProvisioning{}, d.call("Submit", in)
}

func (d passkeys) Decline(_ context.Context, _ postern.Phone, _ postern.ProvisioningID, reason string) (postern.PhoneProvisioning, error) {
	return postern.PhoneProvisioning{}, d.call("Decline", reason)
}

func (d trail) Events(_ context.Context, q audit.Query) ([]postern.AuditEvent, error) {
	err := d.call("Events", q)
	if d.breaks > 0 {
		if d.breaks--; d.breaks == 0 {
			err = errors.New("the database went away")
		}
	}
	var out []postern.AuditEvent
	for i := range d.domain.trail {
		e := d.domain.trail[i]
		if q.Descending {
			e = d.domain.trail[len(d.domain.trail)-1-i]
		}
		if e.Sequence > q.AfterSequence && (q.Before == 0 || e.Sequence < q.Before) && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	return out, err
}

func (d trail) Verify(context.Context) (postern.AuditVerification, error) {
	return postern.AuditVerification{OK: true}, d.call("Verify", nil)
}

func (d trail) Checkpoint(context.Context) (string, error) {
	return "postern/test\n1\n", d.call("Checkpoint", nil)
}

func (d trail) Details(_ context.Context, sequence int64) (postern.AuditEventDetails, error) {
	return postern.AuditEventDetails{Event: postern.AuditEvent{Sequence: sequence}}, d.call("Details", sequence)
}

func (d trail) NoteExport(_ context.Context, format string, s postern.AuditSelection, after int64) error {
	return d.call("NoteExport", []any{format, s, after})
}

func (d trail) Exported(_ context.Context, after, through int64) error {
	return d.call("Exported", []int64{after, through})
}

func (d trail) Retention(context.Context) (postern.AuditRetention, error) {
	return postern.AuditRetention{Version: 1}, d.call("Retention", nil)
}

func (d trail) SetRetention(_ context.Context, in postern.AuditRetentionInput) (postern.AuditRetention, error) {
	return postern.AuditRetention{Version: in.Version + 1, Days: in.Days}, d.call("SetRetention", in)
}

func (d trail) Filters(context.Context) ([]postern.SavedAuditFilter, error) {
	return []postern.SavedAuditFilter{{ID: "afl_1"}}, d.call("Filters", nil)
}

func (d trail) SaveFilter(_ context.Context, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error) {
	return postern.SavedAuditFilter{ID: "afl_1", Name: in.Name, Filter: in.Filter}, d.call("SaveFilter", in)
}

func (d trail) UpdateFilter(_ context.Context, id postern.SavedFilterID, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error) {
	return postern.SavedAuditFilter{ID: id, Name: in.Name}, d.call("UpdateFilter", in)
}

func (d trail) RemoveFilter(_ context.Context, id postern.SavedFilterID, version int64) error {
	return d.call("RemoveFilter", []any{id, version})
}

type streams struct{ *domain }

func (d streams) List(context.Context) ([]postern.AuditStream, error) {
	return []postern.AuditStream{aStream()}, d.call("ListStreams", nil)
}

func aStream() postern.AuditStream {
	return postern.AuditStream{ID: "aus_1", Kind: postern.StreamWebhook, Format: postern.AuditJSON, State: postern.StreamCurrent}
}

func (d streams) Get(_ context.Context, id postern.AuditStreamID) (postern.AuditStream, error) {
	return aStream(), d.call("GetStream", id)
}

func (d streams) Create(_ context.Context, in postern.AuditStreamInput) (postern.AuditStreamSecret, error) {
	return postern.AuditStreamSecret{Stream: aStream(), Secret: "whsec_eA=="}, d.call("CreateStream", in)
}

func (d streams) Update(_ context.Context, _ postern.AuditStreamID, in postern.AuditStreamInput) (postern.AuditStream, error) {
	return aStream(), d.call("UpdateStream", in)
}

func (d streams) Pause(_ context.Context, _ postern.AuditStreamID, version int64, paused bool) (postern.AuditStream, error) {
	return aStream(), d.call("PauseStream", []any{version, paused})
}

func (d streams) Rotate(_ context.Context, _ postern.AuditStreamID, version int64) (postern.AuditStreamSecret, error) {
	return postern.AuditStreamSecret{Stream: aStream(), Secret: "whsec_eQ=="}, d.call("RotateStream", version)
}

func (d streams) Remove(_ context.Context, _ postern.AuditStreamID, version int64) error {
	return d.call("RemoveStream", version)
}

func (d streams) Test(_ context.Context, id postern.AuditStreamID) (postern.AuditStreamTest, error) {
	return postern.AuditStreamTest{OK: true}, d.call("TestStream", id)
}

// Record lets the door keep its entries here too.
func (d trail) Record(_ context.Context, e postern.AuditEvent) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.domain.trail = append(d.domain.trail, e)
	return nil
}
