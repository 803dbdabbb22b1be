package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern/postern"
)

// client is the Go client, talking to the API over a real connection.
func (h *house) client(scopes ...postern.Permission) *postern.Client {
	h.t.Helper()
	server := httptest.NewServer(h.handler)
	h.t.Cleanup(server.Close)
	return &postern.Client{BaseURL: server.URL, Token: h.token(scopes...), HTTPClient: server.Client()}
}

// TestClientKnowsEveryOperation calls every method of the client, and holds what was reached against the document: an
// operation without a method is a failure, and so is a method that no operation answers.
func TestClientKnowsEveryOperation(t *testing.T) {
	h := newHouse(t)
	if err := os.WriteFile(filepath.Join(h.packages, "Postern-1.0.0_x64.msi"), []byte("an installer"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := h.client(postern.Permissions...)
	one := func(_ any, err error) error { return err }
	ctx := t.Context()
	token, err := c.CreateToken(ctx, postern.APITokenInput{Name: "x", Scopes: []postern.Permission{postern.PermAuditRead}, ValidDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	link, err := c.InviteAdministrator(ctx, postern.AdministratorInvitationInput{Name: "Ada", Role: postern.RoleAuditor})
	if err != nil || !strings.HasPrefix(link.Link, "https://postern.example.com/welcome#") {
		t.Fatalf("%v %v", link, err)
	}
	in := postern.IntegrationInput{Version: 7, ApplicationName: "Contoso", TenantID: "t", ClientID: "c", PermissionSet: postern.PermissionsStandard, Experience: postern.ExperienceNative, Attestation: postern.AttestationNone}
	for name, err := range map[string]error{
		"Me":                      one(c.Me(ctx)),
		"Integrations":            one(c.Integrations(ctx)),
		"Integration":             one(c.Integration(ctx, "int_1")),
		"AddIntegration":          one(c.AddIntegration(ctx, in)),
		"UpdateIntegration":       one(c.UpdateIntegration(ctx, "int_1", in)),
		"RemoveIntegration":       c.RemoveIntegration(ctx, "int_1", 7),
		"TestIntegration":         one(c.TestIntegration(ctx, "int_1")),
		"TestIntegrationInput":    one(c.TestIntegrationInput(ctx, in)),
		"SetIntegrationState":     one(c.SetIntegrationState(ctx, "int_1", postern.StateInput{Version: 7, State: postern.StateEnabled})),
		"SetIntegrationFlags":     one(c.SetIntegrationFlags(ctx, "int_1", postern.FlagsInput{Version: 7, Flags: postern.AllFlags()})),
		"SetLoginSettings":        one(c.SetLoginSettings(ctx, "int_1", postern.LoginSettings{Version: 7, Domains: []string{}})),
		"InstallTokens":           one(c.InstallTokens(ctx, "int_1")),
		"CreateInstallToken":      one(c.CreateInstallToken(ctx, "int_1", postern.InstallTokenInput{Name: "Sales"})),
		"RevokeInstallToken":      one(c.RevokeInstallToken(ctx, "int_1", "itk_1")),
		"WorkstationSettings":     one(c.WorkstationSettings(ctx, "int_1")),
		"SetWorkstationSettings":  one(c.SetWorkstationSettings(ctx, "int_1", postern.DefaultWorkstationSettings())),
		"OfflineOfUser":           one(c.OfflineOfUser(ctx, "usr_1")),
		"OfflineOfWorkstation":    one(c.OfflineOfWorkstation(ctx, "wks_1")),
		"EndOffline":              one(c.EndOffline(ctx, "qrvM3e7_ABEiM0RVZneImQ", postern.UserActInput{Note: "Sold."})),
		"Recover":                 one(c.Recover(ctx, "qrvM3e7_ABEiM0RVZneImQ", postern.RecoveryInput{Note: "Phone lost."})),
		"Recoveries":              one(c.Recoveries(ctx, postern.RecoveryFilter{State: postern.RecoveryReady, IntegrationID: "int_1", UserID: "usr_1"})),
		"Recovery":                one(c.Recovery(ctx, "rcv_1")),
		"ApproveRecovery":         one(c.ApproveRecovery(ctx, "rcv_1", postern.RecoveryInput{Note: "Known."})),
		"RejectRecovery":          one(c.RejectRecovery(ctx, "rcv_1", postern.RecoveryInput{Note: "Unknown."})),
		"WithdrawRecovery":        one(c.WithdrawRecovery(ctx, "rcv_1", postern.RecoveryInput{Note: "Found it."})),
		"RecoveryCode":            one(c.RecoveryCode(ctx, "rcv_1")),
		"DesktopInstallers":       one(c.DesktopInstallers(ctx)),
		"WriteDesktopClient":      c.WriteDesktopClient(ctx, "int_1", postern.DesktopClientInput{Architecture: postern.ArchitectureX64}, io.Discard),
		"DesktopSettings":         one(c.DesktopSettings(ctx, "int_1")),
		"SetDesktopSettings":      one(c.SetDesktopSettings(ctx, "int_1", postern.DesktopSettings{Client: postern.DefaultDesktopClientSettings()})),
		"SetHTTPDebug":            one(c.SetHTTPDebug(ctx, "int_1", postern.HTTPDebugInput{Version: 7, On: true})),
		"ValidateCertificate":     one(c.ValidateCertificate(ctx, postern.CertificateInput{Certificate: "c", PrivateKey: "k"})),
		"OfferedFlags":            one(c.OfferedFlags(ctx)),
		"SetOfferedFlags":         one(c.SetOfferedFlags(ctx, postern.AllFlags())),
		"EnrolmentPolicy":         one(c.EnrolmentPolicy(ctx, "int_1")),
		"SetEnrolmentPolicy":      one(c.SetEnrolmentPolicy(ctx, "int_1", postern.EnrolmentPolicyInput{EnrolmentPolicy: somePolicy, AcknowledgedHit: 3})),
		"EnrolmentImpact":         one(c.EnrolmentImpact(ctx, "int_1", somePolicy)),
		"SearchGroups":            one(c.SearchGroups(ctx, "int_1", "sal", 5)),
		"Approvals":               one(c.Approvals(ctx, "int_1")),
		"Approval":                one(c.Approval(ctx, "phn_1")),
		"ApprovePhone":            one(c.ApprovePhone(ctx, "phn_1", postern.ApprovalInput{Reason: "Known by voice."})),
		"RejectPhone":             one(c.RejectPhone(ctx, "phn_1", postern.ApprovalInput{Reason: "A stranger."})),
		"SearchDirectory":         one(c.SearchDirectory(ctx, "int_1", "ada", 5)),
		"Directory":               drain(c.Directory(ctx, "int_1", postern.DirectoryFilter{Search: "a", Account: postern.AccountDisabled, Guest: new(true), Privileged: new(false), Group: "g"})),
		"DirectoryStatus":         one(c.DirectoryStatus(ctx, "int_1")),
		"SyncDirectory":           one(c.SyncDirectory(ctx, "int_1", postern.DirectorySyncInput{Full: true})),
		"ConfirmRemovals":         one(c.ConfirmDirectoryRemovals(ctx, "int_1")),
		"MetadataStatement":       one(c.MetadataStatement(ctx, "int_1")),
		"CountUsers":              one(c.CountUsers(ctx, "int_1")),
		"MailSettings":            one(c.MailSettings(ctx)),
		"SetMailSettings":         one(c.SetMailSettings(ctx, postern.MailSettingsInput{MailSettings: postern.MailSettings{Security: postern.MailTLS}})),
		"TestMail":                one(c.TestMail(ctx, postern.MailTestInput{To: "ada@contoso.com"})),
		"Messages":                one(c.Messages(ctx, "int_1")),
		"SetMessages":             one(c.SetMessages(ctx, "int_1", postern.Messages{Language: postern.German, Texts: []postern.MessageText{}, Campaign: someCampaign})),
		"PreviewMessage":          one(c.PreviewMessage(ctx, "int_1", postern.MessageText{Kind: postern.MessageCode, Language: postern.English})),
		"PreviewCampaign":         one(c.PreviewCampaign(ctx, "int_1", someCampaign)),
		"Outbox":                  drain(c.Outbox(ctx, postern.OutboxFilter{IntegrationID: "int_1", UserID: "usr_1", State: postern.MessageFailed})),
		"ResendMessage":           c.ResendMessage(ctx, "msg_1"),
		"RemindUser":              c.RemindUser(ctx, "usr_1"),
		"InviteUser":              one(c.InviteUser(ctx, "int_1", postern.InvitationInput{User: "ada@contoso.com"})),
		"Users":                   drain(c.Users(ctx, postern.UserFilter{Search: "a", Phase: postern.PhaseActive, IntegrationID: "int_1"})),
		"User":                    one(c.User(ctx, "usr_1")),
		"Invitations":             one(c.Invitations(ctx, "usr_1")),
		"SuspendUser":             one(c.SuspendUser(ctx, "usr_1", postern.UserActInput{Note: "Left."})),
		"ResumeUser":              one(c.ResumeUser(ctx, "usr_1", postern.UserActInput{})),
		"RevokeUser":              one(c.RevokeUser(ctx, "usr_1", postern.UserActInput{Note: "Left."})),
		"ReplacePasskey":          one(c.ReplacePasskey(ctx, "pky_1")),
		"RevokeIntegration":       one(c.RevokeIntegration(ctx, "int_1", postern.IntegrationRevocation{ApplicationName: "Contoso"})),
		"CheckGroups":             one(c.CheckGroups(ctx, "int_1")),
		"LeaverPolicy":            one(c.LeaverPolicy(ctx, "int_1")),
		"SetLeaverPolicy":         one(c.SetLeaverPolicy(ctx, "int_1", postern.DefaultLeaverPolicy())),
		"WithdrawInvitation":      c.WithdrawInvitation(ctx, "inv_1"),
		"Phones":                  one(c.Phones(ctx, "usr_1")),
		"Phone":                   one(c.Phone(ctx, "phn_1")),
		"RevokePhone":             one(c.RevokePhone(ctx, "phn_1")),
		"Workstations":            one(c.Workstations(ctx, "int_1")),
		"RevokeWorkstation":       one(c.RevokeWorkstation(ctx, "wks_1")),
		"Pairings":                one(c.Pairings(ctx, "usr_1")),
		"EndPairing":              one(c.EndPairing(ctx, "qrvM3e7_ABEiM0RVZneImQ")),
		"BeginProvisioning":       one(c.BeginProvisioning(ctx, "phn_1")),
		"BeginSecurityKey":        one(c.BeginSecurityKey(ctx, "int_1", postern.SecurityKeyInput{User: "ada@contoso.com"})),
		"SecurityKeyOptions":      one(c.SecurityKeyOptions(ctx, "prv_1")),
		"SubmitSecurityKey":       one(c.SubmitSecurityKey(ctx, "prv_1", postern.CredentialSubmission{ID: []byte{1}, ClientDataJSON: []byte("{}"), AttestationObject: []byte{0xa0}})),
		"Provisioning":            one(c.Provisioning(ctx, "prv_1")),
		"Provisionings":           one(c.Provisionings(ctx, "usr_1")),
		"CancelProvisioning":      one(c.CancelProvisioning(ctx, "prv_1")),
		"Passkeys":                one(c.Passkeys(ctx, "usr_1")),
		"RevokePasskey":           one(c.RevokePasskey(ctx, "pky_1")),
		"PlanBulkJob":             one(c.PlanBulkJob(ctx, "int_1", postern.BulkInput{Kind: postern.BulkInvite, Users: []string{"ada@contoso.com"}})),
		"StartBulkJob":            one(c.StartBulkJob(ctx, "int_1", postern.BulkInput{Kind: postern.BulkRevokeUser, CSV: "user\nada@contoso.com", Expect: 1})),
		"Reconcile":               one(c.Reconcile(ctx, "int_1", postern.ReconcileInput{Mode: postern.ReconcileFull})),
		"ReconcileStatus":         one(c.ReconcileStatus(ctx, "int_1")),
		"ReconcileRun":            one(c.ReconcileRun(ctx, "rec_1")),
		"Models":                  one(c.Models(ctx, "int_1")),
		"Model":                   one(c.Model(ctx, "8a208249-8aef-41b3-907f-776d51e6526f")),
		"UpdateModels":            one(c.UpdateModels(ctx, postern.ModelListInput{Version: 7, Content: "{}", DryRun: true})),
		"CredentialStatus":        one(c.CredentialStatus(ctx, "int_1")),
		"BeginRotation":           one(c.BeginRotation(ctx, "int_1", postern.RotationInput{Version: 7, To: postern.CredentialCertificate, Now: true})),
		"CancelRotation":          one(c.CancelRotation(ctx, "int_1", postern.RotationAct{Version: 7})),
		"SignInForRotation":       one(c.SignInForRotation(ctx, "int_1", postern.RotationAct{Version: 7})),
		"FinishRotation":          one(c.FinishRotation(ctx, "int_1", postern.RotationAct{Version: 7})),
		"SetRotationSettings":     one(c.SetRotationSettings(ctx, "int_1", postern.RotationSettings{Version: 7, Automatic: true, OverlapHours: 12})),
		"Policy":                  one(c.Policy(ctx, "int_1")),
		"ExportPolicy":            one(c.ExportPolicy(ctx, "int_1")),
		"Strengths":               one(c.Strengths(ctx, "int_1")),
		"PlanPolicy":              one(c.PlanPolicy(ctx, "int_1", postern.PolicyPlanInput{Document: "version: 1", Note: "Why."})),
		"PolicyPlans":             one(c.PolicyPlans(ctx, "int_1")),
		"PolicyPlan":              one(c.PolicyPlan(ctx, "pol_1")),
		"BeginSetup":              one(c.BeginSetup(ctx, postern.SetupInput{ApplicationName: "Contoso", PermissionSet: postern.PermissionsStandard, Credential: postern.CredentialCertificate, Windows: postern.SetupWindowsOff})),
		"Setups":                  one(c.Setups(ctx)),
		"Setup":                   one(c.Setup(ctx, "sup_1")),
		"SignInSetup":             one(c.SignInSetup(ctx, "sup_1", postern.SetupAct{Version: 7})),
		"LookSetup":               one(c.LookSetup(ctx, "sup_1", postern.SetupAct{Version: 7})),
		"ApplySetup":              one(c.ApplySetup(ctx, "sup_1", postern.SetupAct{Version: 7})),
		"UndoSetup":               one(c.UndoSetup(ctx, "sup_1", postern.SetupAct{Version: 7})),
		"FinishSetup":             one(c.FinishSetup(ctx, "sup_1", postern.SetupFinish{Version: 7})),
		"SetupScript":             one(c.SetupScript(ctx, "sup_1", postern.SetupCurl)),
		"ForgetSetup":             c.ForgetSetup(ctx, "sup_1", 7),
		"PolicyImpact":            one(c.PolicyImpact(ctx, "pol_1", postern.ImpactQuery{Effect: postern.EffectLockedOut, Privileged: true, OnlyMethod: true, Offset: 2, Limit: 1})),
		"WritePolicyImpact":       c.WritePolicyImpact(ctx, "pol_1", io.Discard),
		"ApplyPolicyPlan":         one(c.ApplyPolicyPlan(ctx, "pol_1", postern.PolicyApplyInput{Version: 3, LockOut: []string{"ada@contoso.com"}})),
		"UndoPolicyPlan":          one(c.UndoPolicyPlan(ctx, "pol_1", postern.PolicyNoteInput{Note: "Why."})),
		"PolicyDrift":             one(c.PolicyDrift(ctx, "int_1")),
		"SetPolicyDrift":          one(c.SetPolicyDrift(ctx, "int_1", postern.PolicyDriftInput{IntervalS: 600})),
		"CheckPolicyDrift":        one(c.CheckPolicyDrift(ctx, "int_1")),
		"AcceptPolicyDrift":       one(c.AcceptPolicyDrift(ctx, "int_1", postern.PolicyNoteInput{})),
		"PlanPolicyBack":          one(c.PlanPolicyBack(ctx, "int_1", postern.PolicyNoteInput{})),
		"ReadInventory":           one(c.ReadInventory(ctx, "int_1", postern.InventoryInput{Full: true})),
		"InventoryStatus":         one(c.InventoryStatus(ctx, "int_1")),
		"InventorySummary":        one(c.InventorySummary(ctx, "int_1")),
		"InventoryPasskeys":       one(c.InventoryPasskeys(ctx, postern.InventoryQuery{IntegrationID: "int_1", View: postern.InventoryStale, AAGUID: "a", Text: "b c", Offset: 2, Limit: 1})),
		"InventoryUsers":          one(c.InventoryUsers(ctx, postern.InventoryQuery{IntegrationID: "int_1", View: postern.InventoryOnlyOne})),
		"WriteInventory":          c.WriteInventory(ctx, "int_1", postern.InventoryLines, io.Discard),
		"ApproveReconcile":        one(c.ApproveReconcile(ctx, "rec_1")),
		"Differences":             drain(c.Differences(ctx, "int_1", true)),
		"BulkJobs":                drain(c.BulkJobs(ctx, postern.BulkFilter{IntegrationID: "int_1", State: postern.BulkPaused})),
		"BulkJob":                 one(c.BulkJob(ctx, "blk_1")),
		"BulkRows":                drain(c.BulkRows(ctx, "blk_1", postern.BulkRowFailed)),
		"PauseBulkJob":            one(c.PauseBulkJob(ctx, "blk_1", 3)),
		"ResumeBulkJob":           one(c.ResumeBulkJob(ctx, "blk_1", 3)),
		"CancelBulkJob":           one(c.CancelBulkJob(ctx, "blk_1", 3)),
		"RetryBulkJob":            one(c.RetryBulkJob(ctx, "blk_1", 3)),
		"ExportBulkRows":          c.ExportBulkRows(ctx, "blk_1", io.Discard),
		"TakeBulkCodes":           c.TakeBulkCodes(ctx, "blk_1", io.Discard),
		"AuditEvents":             drain(c.AuditEvents(ctx, postern.AuditFilter{Name: "token.", FailuresOnly: true, OldestFirst: true, After: 1})),
		"ExportAudit":             drain(c.ExportAudit(ctx, postern.AuditFilter{})),
		"VerifyAudit":             one(c.VerifyAudit(ctx)),
		"WriteAudit":              c.WriteAudit(ctx, postern.AuditFilter{Text: "a b", Events: []string{"passkey.", "KEY003E"}, Outcome: "failure", User: "usr_1", From: time.Unix(0, 0), To: time.Unix(9, 0)}, postern.AuditCEF, io.Discard),
		"AuditEvent":              one(c.AuditEvent(ctx, 7)),
		"AuditFilters":            one(c.AuditFilters(ctx)),
		"SaveAuditFilter":         one(c.SaveAuditFilter(ctx, postern.SavedAuditFilterInput{Name: "x"})),
		"UpdateAuditFilter":       one(c.UpdateAuditFilter(ctx, "afl_1", postern.SavedAuditFilterInput{Version: 1, Name: "x"})),
		"RemoveAuditFilter":       c.RemoveAuditFilter(ctx, "afl_1", 2),
		"AuditRetention":          one(c.AuditRetention(ctx)),
		"SetAuditRetention":       one(c.SetAuditRetention(ctx, postern.AuditRetentionInput{Version: 1, Days: 30})),
		"AuditStreams":            one(c.AuditStreams(ctx)),
		"AuditStream":             one(c.AuditStream(ctx, "aus_1")),
		"CreateAuditStream":       one(c.CreateAuditStream(ctx, postern.AuditStreamInput{Name: "x", Kind: "webhook", Format: "jsonl", Address: "https://x.example.com"})),
		"UpdateAuditStream":       one(c.UpdateAuditStream(ctx, "aus_1", postern.AuditStreamInput{Version: 1, Name: "x", Kind: "webhook", Format: "jsonl", Address: "https://x.example.com"})),
		"PauseAuditStream":        one(c.PauseAuditStream(ctx, "aus_1", 1)),
		"ResumeAuditStream":       one(c.ResumeAuditStream(ctx, "aus_1", 1)),
		"RotateAuditStreamSecret": one(c.RotateAuditStreamSecret(ctx, "aus_1", 1)),
		"RemoveAuditStream":       c.RemoveAuditStream(ctx, "aus_1", 1),
		"TestAuditStream":         one(c.TestAuditStream(ctx, "aus_1")),
		"AuditCheckpoint":         one(c.AuditCheckpoint(ctx)),
		"AuditCodes":              one(c.AuditCodes(ctx)),
		"ErrorCodes":              one(c.ErrorCodes(ctx)),
		"Doctor":                  one(c.Doctor(ctx)),
		"IntegrationDoctor":       one(c.IntegrationDoctor(ctx, "int_1")),
		"Administrators":          one(c.Administrators(ctx)),
		"Tokens":                  one(c.Tokens(ctx)),
		"RevokeToken":             one(c.RevokeToken(ctx, token.Token.ID)),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"Administrator":         one(c.Administrator(ctx, "adm_1")),
		"UpdateAdministrator":   one(c.UpdateAdministrator(ctx, "adm_1", postern.AdministratorInput{Version: 1, Name: "A", Role: postern.RoleOwner})),
		"RemoveAdministrator":   c.RemoveAdministrator(ctx, "adm_1", 1),
		"AdministratorPasskeys": one(c.AdministratorPasskeys(ctx, "adm_1")),
	} {
		if !postern.IsCode(err, postern.CodeNotFound) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
	operations(h.api.OpenAPI(), func(_, path string, op *huma.Operation) {
		switch {
		case strings.HasPrefix(path, postern.PhoneAPIPath), strings.HasPrefix(path, postern.WorkstationAPIPath): // of devices
		case op.OperationID == "get-error-code", op.OperationID == "remove-own-passkey": // a link in a problem; for people only
		case !h.reached[op.OperationID]:
			t.Errorf("no method of the client calls %s", op.OperationID)
		}
	})
}

func drain[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestClientTellsWhatTheServerSaid(t *testing.T) {
	h := newHouse(t)
	h.loose = true
	c := h.client(postern.PermIntegrationsRead)
	sent := postern.Errorf(postern.CodeEntraThrottled, "Slowly.").OnField("tenant_id").WithNext("Breathe.")
	sent.After = 7 * time.Second
	h.domain.fail = sent
	_, err := c.Integrations(t.Context())
	var e *postern.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Code != sent.Code || e.Message != sent.Message || e.Next != sent.Next || e.Field != sent.Field || e.After != sent.After || e.RequestID == "" {
		t.Fatalf("got %+v", e)
	}
}

func TestClientWalksPages(t *testing.T) {
	h := newHouse(t)
	for i := range 250 {
		h.domain.users = append(h.domain.users, postern.User{ID: postern.UserID(fmt.Sprintf("usr_%d", i))})
		h.domain.trail = append(h.domain.trail, postern.AuditEvent{Sequence: int64(i + 1)})
	}
	c := h.client(postern.PermUsersRead, postern.PermAuditRead)
	n := 0
	for u, err := range c.Users(t.Context(), postern.UserFilter{}) {
		if err != nil || u.ID != h.domain.users[n].ID {
			t.Fatalf("user %d is %s, %v", n, u.ID, err)
		}
		n++
	}
	if n != 250 {
		t.Fatalf("%d users", n)
	}
	total := int64(len(h.domain.trail)) // the token of the client is in it too
	h.domain.trail[total-1].Sequence = total
	for i, f := range []postern.AuditFilter{{}, {OldestFirst: true}} {
		want, step := total, int64(-1)
		if f.OldestFirst {
			want, step = 1, 1
		}
		seen := int64(0)
		for e, err := range c.AuditEvents(t.Context(), f) {
			if err != nil || e.Sequence != want {
				t.Fatalf("%d: entry %d, want %d: %v", i, e.Sequence, want, err)
			}
			want += step
			seen++
		}
		if seen != total {
			t.Fatalf("%d: %d of %d entries", i, seen, total)
		}
	}
	calls := len(h.domain.called())
	for range c.Users(t.Context(), postern.UserFilter{}) {
		break
	}
	if got := len(h.domain.called()) - calls; got != 1 {
		t.Fatalf("breaking off after one user read %d pages", got)
	}
}

func TestClientExports(t *testing.T) {
	h := newHouse(t)
	for i := range 1201 {
		h.domain.trail = append(h.domain.trail, postern.AuditEvent{Sequence: int64(i + 1)})
	}
	c := h.client(postern.PermAuditRead)
	h.domain.trail[len(h.domain.trail)-1].Sequence = int64(len(h.domain.trail))
	want := int64(10)
	for e, err := range c.ExportAudit(t.Context(), postern.AuditFilter{After: 10}) {
		if want++; err != nil || e.Sequence != want {
			t.Fatalf("entry %d, want %d: %v", e.Sequence, want, err)
		}
	}
	if want != int64(len(h.domain.trail)) {
		t.Fatalf("the export ends at %d", want)
	}
}

// TestExportThatFails: half a trail never looks like a whole one.
func TestExportThatFails(t *testing.T) {
	h := newHouse(t)
	for i := range 600 {
		h.domain.trail = append(h.domain.trail, postern.AuditEvent{Sequence: int64(i + 1), Message: strings.Repeat("x", 200)})
	}
	c := h.client(postern.PermAuditRead)
	h.domain.breaks = 2
	n, failed := 0, error(nil)
	for _, err := range c.ExportAudit(t.Context(), postern.AuditFilter{}) {
		if err != nil {
			failed = err
			break
		}
		n++
	}
	if !postern.IsCode(failed, postern.CodeUnavailable) || n > 500 {
		t.Fatalf("%d of 601 entries, then %v", n, failed)
	}
	h.domain.breaks = 1
	if err := drain(c.ExportAudit(t.Context(), postern.AuditFilter{})); !postern.IsCode(err, postern.CodeInternal) {
		t.Fatalf("an export that fails at once: %v", err)
	}
}

func TestClientKeepsItsTokenToItself(t *testing.T) {
	for url, fine := range map[string]bool{
		"http://postern.example.com": false, "ftp://postern.example.com": false, "postern.example.com": false, "": false,
		"http://localhost:1": true, "http://127.0.0.1:1": true, "https://localhost:1/": true,
	} {
		sent := false
		c := postern.Client{BaseURL: url, Token: "ptn_secret", HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			sent = true
			return nil, errors.New("no network here")
		})}}
		_, err := c.Me(t.Context())
		if err == nil || sent != fine || strings.Contains(err.Error(), "ptn_secret") {
			t.Errorf("%q: sent %v, %v", url, sent, err)
		}
		if fine && !postern.IsCode(err, postern.CodeUnavailable) || !fine && !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClientStopsAtOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := postern.Client{BaseURL: server.URL, HTTPClient: server.Client()}
	if _, err := c.Me(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestClientAtAnotherServer(t *testing.T) {
	for _, answer := range []string{"<html>Sign in</html>", `{"error":"x"}`, "", "null"} {
		for _, status := range []int{http.StatusOK, http.StatusBadGateway, http.StatusFound} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprint(w, answer)
			}))
			c := postern.Client{BaseURL: server.URL, HTTPClient: server.Client()}
			_, err := c.Integrations(t.Context())
			if status != http.StatusOK && !postern.IsCode(err, postern.CodeUnavailable) {
				t.Errorf("%d %q: %v", status, answer, err)
			}
			server.Close()
		}
	}
}
