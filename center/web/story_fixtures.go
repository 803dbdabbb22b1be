package web

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

// The people and things of the storybook. Nothing here is secret: codes and tokens are made up and valid nowhere.

var fixtureNow = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return fixtureNow.Add(-d) }

func fixtureID[T ~string](prefix string, n byte) T {
	// Sixteen bytes in base 32: the last character carries three bits.
	return T(prefix + "_0698g2rk5rs6vd8e4kzt0000" + string([]byte{'0' + n/8, "048cgmrw"[n%8]}))
}

func pointer[T any](v T) *T { return &v }

func fixtureIdentity(name string, role postern.Role, n byte) auth.Identity {
	id := fixtureID[postern.AdministratorID](postern.PrefixAdministrator, n)
	return auth.Identity{
		Actor:       postern.Actor{Kind: postern.ActorAdministrator, ID: string(id), Name: name, Addr: "192.0.2.10"},
		Permissions: role.Permissions(), Administrator: id, Role: role,
	}
}

var (
	fixtureOwner    = fixtureIdentity("Ada Lindqvist", postern.RoleOwner, 1)
	fixtureHelpDesk = fixtureIdentity("Bo Marchetti", postern.RoleHelpDesk, 2)
	fixtureAuditor  = fixtureIdentity("Chidi Okafor", postern.RoleAuditor, 3)
)

func fixtureFrame(s section, title string) frame {
	return frame{Title: title, Section: s, Who: fixtureOwner, Now: fixtureNow}
}

func as(who auth.Identity, f frame) frame {
	f.Who = who
	return f
}

func inDialog(f frame) frame {
	f.InDialog = true
	return f
}

var fixtureReport = postern.PermissionReport{
	Granted: []postern.GrantedPermission{
		{Name: "UserAuthMethod-Passkey.ReadWrite.All", Type: "application"},
		{Name: "User.Read.All", Type: "application"},
		{Name: "GroupMember.ReadWrite.All", Type: "application"},
		{Name: "Group.Create", Type: "application"},
	},
}

var fixtureBadReport = postern.PermissionReport{
	Granted: []postern.GrantedPermission{
		{Name: "UserAuthMethod-Passkey.ReadWrite.All", Type: "application"},
		{Name: "Directory.ReadWrite.All", Type: "application"},
		{Name: "User.Read.All", Type: "delegated"},
	},
	Missing:   []string{"GroupMember.ReadWrite.All", "Group.Create"},
	WrongType: []string{"User.Read.All"},
	Surplus:   []string{"Directory.ReadWrite.All"},
	Unproven:  []string{"AuditLog.Read.All"},
}

var fixtureGoodTest = postern.ConnectionTest{
	At: ago(2 * time.Hour), OK: true, Message: "Entra accepted the certificate, and every permission that is needed was proven by a harmless call.",
	TenantName: "Contoso", Permissions: fixtureReport,
}

var fixtureFailedTest = postern.ConnectionTest{
	At: ago(10 * time.Minute), Code: postern.CodeEntraSecretExpired, Message: "Entra says that the client secret has expired.",
	Next: "Make a new client secret under Certificates & secrets and enter it here. A certificate lasts longer and is safer.",
}

var fixturePartialTest = postern.ConnectionTest{
	At: ago(10 * time.Minute), OK: true, Code: postern.CodeEntraPermission, Message: "The application lacks permissions that the Standard set needs.",
	Next: "Grant the missing ones in the app registration and give admin consent.", TenantName: "Contoso", Permissions: fixtureBadReport,
}

func fixtureCertificate(end time.Time) postern.CertificateInfo {
	return postern.CertificateInfo{
		Subject: "CN=postern.contoso.example", Thumbprint: "3F1E08C95D7A4B6620E1B7A9C3D45E6F70812A9B",
		SHA256:    "9c1f0d2e4b6a8c7d5e3f1a0b2c4d6e8f9a7b5c3d1e0f2a4b6c8d7e5f3a1b0c2d",
		NotBefore: end.AddDate(-1, 0, 0), NotAfter: end, Algorithm: "RSA 3072, SHA256-RSA",
	}
}

func fixtureIntegration() postern.Integration {
	certificate := fixtureCertificate(fixtureNow.AddDate(0, 9, 3))
	return postern.Integration{
		ID: fixtureID[postern.IntegrationID](postern.PrefixIntegration, 1), Version: 7, ApplicationName: "Postern Passkeys",
		Experience: postern.ExperienceNative, State: postern.StateEnabled,
		TenantID: "5b1f6a9e-8f0d-4c32-9a57-2d1c7be04f11", TenantName: "Contoso", ClientID: "d2a4c7f0-63b1-4f5e-8c9d-0e1f2a3b4c5d",
		Credential:    postern.Credential{Kind: postern.CredentialCertificate, Certificate: &certificate, SetAt: ago(90 * 24 * time.Hour)},
		PermissionSet: postern.PermissionsStandard, Flags: postern.AllFlags(), ChallengeTimeout: 10, Attestation: postern.AttestationPacked,
		Groups: []postern.PhaseGroup{
			{Phase: postern.PhaseEligible, ID: "0d6f0e3a-7d52-4a7e-a2b0-93a9c6f9d001", Name: "Postern Group (Eligible for Pairing)"},
			{Phase: postern.PhasePaired, ID: "0d6f0e3a-7d52-4a7e-a2b0-93a9c6f9d002", Name: "Postern Group (Client Paired with Postern)"},
			{Phase: postern.PhaseActive, ID: "0d6f0e3a-7d52-4a7e-a2b0-93a9c6f9d003", Name: "Postern Group (Client Paired with Azure)"},
		},
		Check: &fixtureGoodTest, CreatedAt: ago(90 * 24 * time.Hour), UpdatedAt: ago(26 * time.Hour),
	}
}

// fixtureDisabled is an integration that was added a moment ago, with a flag off and a secret.
func fixtureDisabled() postern.Integration {
	i := fixtureIntegration()
	i.ID, i.ApplicationName, i.State = fixtureID[postern.IntegrationID](postern.PrefixIntegration, 2), "Fabrikam Pilot", postern.StateDisabled
	i.TenantID, i.TenantName = "9c8b7a65-4d3e-4f21-8a90-b1c2d3e4f506", "Fabrikam"
	i.Flags = postern.AllFlags()
	i.Flags[postern.FlagWorkstation] = false
	i.Credential = postern.Credential{Kind: postern.CredentialSecret, SetAt: ago(time.Hour)}
	i.Attestation, i.Check, i.Groups = postern.AttestationNone, nil, nil
	return i
}

var fixturePeople = []struct{ name, upn string }{
	{"Elena Petrova", "elena.petrova@contoso.example"},
	{"Farid Haddad", "farid.haddad@contoso.example"},
	{"Grace O'Malley", "grace.omalley@contoso.example"},
	{"Hiroshi Tanaka", "hiroshi.tanaka@contoso.example"},
	{"Ingrid Sørensen", "ingrid.sorensen@contoso.example"},
	{"Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine the Elder", "hubert.blaine.wolfeschlegelsteinhausenbergerdorff@verylongdepartment.contoso.example"},
}

func fixtureUser(n int, phase postern.Phase) postern.User {
	person := fixturePeople[n%len(fixturePeople)]
	return postern.User{
		ID: fixtureID[postern.UserID](postern.PrefixUser, byte(n)), IntegrationID: fixtureIntegration().ID, Version: 3,
		ObjectID: "6f2d1c0b-9a8e-47d6-b5c4-a3f2e1d0c9b8", UPN: person.upn, DisplayName: person.name, Mail: person.upn,
		Phase: phase, GroupPhase: phase, CreatedAt: ago(8 * 24 * time.Hour), UpdatedAt: ago(3 * 24 * time.Hour),
	}
}

func fixturePhone() postern.Phone {
	return postern.Phone{
		ID: fixtureID[postern.PhoneID](postern.PrefixPhone, 1), Name: "Elena's Pixel", Platform: "Android 16, Chrome 148",
		State: postern.PhoneActive, Assurance: postern.AssuranceGated, CreatedAt: ago(7 * 24 * time.Hour), LastSeenAt: pointer(ago(12 * time.Minute)),
	}
}

func fixtureProvisioning(state postern.ProvisioningState) postern.Provisioning {
	v := postern.Provisioning{
		ID: fixtureID[postern.ProvisioningID](postern.PrefixProvisioning, 1), Carrier: postern.CarrierPhone, PhoneID: fixturePhone().ID, Version: 2, State: state,
		DisplayName: "Postern Passkeys k7m2xq", RequestedBy: "Ada Lindqvist", CreatedAt: ago(4 * time.Minute), UpdatedAt: ago(time.Minute),
	}
	switch state {
	case postern.ProvisioningOffered:
		v.ExpiresAt = pointer(fixtureNow.Add(6 * time.Minute))
	case postern.ProvisioningRegistered, postern.ProvisioningActive:
		v.MethodID = "AZ6Yx3q0vJm1"
	case postern.ProvisioningDeclined:
		v.ExpiresAt = pointer(fixtureNow)
		v.Next = "Ask the user, then start again."
	case postern.ProvisioningFailed:
		v.Code = postern.CodeEntraPasskeyOff
		v.Message = "The passkey method is not enabled for this user in the tenant's policy."
		v.Next = "In Entra, open Authentication methods, Passkey (FIDO2), and include the user."
	case postern.ProvisioningRequested:
		v.Code = postern.CodeEntraThrottled
		v.Message = "Microsoft Graph asks us to slow down."
		v.Next = "Nothing to do: Postern waits as long as Graph asked and goes on by itself."
	}
	return v
}

// fixtureKeyProvisioning is one on a hardware security key.
func fixtureKeyProvisioning(state postern.ProvisioningState) postern.Provisioning {
	v := fixtureProvisioning(state)
	v.Carrier, v.PhoneID = postern.CarrierSecurityKey, ""
	if state == postern.ProvisioningFailed {
		refused := postern.Errorf(postern.CodeEntraPasskeyRefused, "")
		v.Code, v.Message, v.Next = refused.Code, refused.Message, refused.Next
	}
	return v
}

func fixtureSecurityKey() postern.Passkey {
	return postern.Passkey{
		ID: fixtureID[postern.PasskeyID](postern.PrefixPasskey, 3), Managed: true, Carrier: postern.CarrierSecurityKey,
		ProvisioningID: fixtureID[postern.ProvisioningID](postern.PrefixProvisioning, 1), State: postern.PasskeyActive,
		DisplayName: "Postern Passkeys w4h8zc", AAGUID: "2fc0579f-8113-47ea-b116-bb5a8db9202a", Model: "YubiKey 5 Series with NFC",
		Attested: true, CreatedAt: ago(2 * time.Minute),
	}
}

func fixturePasskeys() []postern.Passkey {
	return []postern.Passkey{
		{
			ID: fixtureID[postern.PasskeyID](postern.PrefixPasskey, 1), Managed: true, ProvisioningID: fixtureID[postern.ProvisioningID](postern.PrefixProvisioning, 1), State: postern.PasskeyActive, DisplayName: "Postern Passkeys k7m2xq",
			AAGUID: "8a208249-8aef-41b3-907f-776d51e6526f", Model: "Postern", Attested: true, CreatedAt: ago(7 * 24 * time.Hour),
		},
		{
			ID: fixtureID[postern.PasskeyID](postern.PrefixPasskey, 2), Managed: true, State: postern.PasskeyRevocation, DisplayName: "Postern Passkeys p3v9ta",
			AAGUID: "8a208249-8aef-41b3-907f-776d51e6526f", Model: "Postern", CreatedAt: ago(60 * 24 * time.Hour),
			Problem: "Entra still lists it. The deletion is tried again.",
		},
		{
			State: postern.PasskeyActive, DisplayName: "iCloud Keychain", AAGUID: "fbfc3007-154e-4ecc-8c0b-6e020557d7bd",
			Model: "iCloud Keychain", Synced: true, CreatedAt: ago(200 * 24 * time.Hour),
		},
	}
}

func fixtureInvitation(state postern.InvitationState) postern.Invitation {
	inv := postern.Invitation{
		ID: fixtureID[postern.InvitationID](postern.PrefixInvitation, 1), State: state, InvitedBy: "Ada Lindqvist",
		CreatedAt: ago(26 * time.Hour), ExpiresAt: fixtureNow.Add(46 * time.Hour),
	}
	switch state {
	case postern.InvitationUsed:
		inv.UsedAt = pointer(ago(20 * time.Hour))
	case postern.InvitationLocked:
		inv.Failures = 5
	}
	return inv
}

func fixtureEvents() []postern.AuditEvent {
	actor := postern.Actor{Kind: postern.ActorAdministrator, ID: string(fixtureOwner.Administrator), Name: "Ada Lindqvist", Addr: "192.0.2.10"}
	hash := "5f2b7c8d9e0a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3"
	return []postern.AuditEvent{
		{Sequence: 42, At: ago(2 * time.Minute), Code: "PRV005I", Name: "provisioning.active", Actor: postern.Actor{Kind: postern.ActorSystem, Name: "Postern"}, Success: true, Target: string(fixtureID[postern.UserID](postern.PrefixUser, 0)), TargetName: "elena.petrova@contoso.example", Message: "Entra lists the passkey.", Fields: map[string]string{"display_name": "Postern Passkeys k7m2xq"}, Hash: hash},
		{Sequence: 41, At: ago(9 * time.Minute), Code: "INT007E", Name: "integration.test_failed", Actor: actor, TargetName: "Postern Passkeys", Message: "Entra says that the client secret has expired.", ErrorCode: postern.CodeEntraSecretExpired, Hash: hash},
		{Sequence: 40, At: ago(26 * time.Hour), Code: "USR001I", Name: "user.invited", Actor: actor, Success: true, TargetName: "elena.petrova@contoso.example", Message: "A user was invited.", Fields: map[string]string{"valid_until": "2026-11-22T07:30:00Z"}, Hash: hash},
		{Sequence: 39, At: ago(27 * time.Hour), Code: "ADM005W", Name: "administrator.sign_in_failed", Actor: postern.Actor{Kind: postern.ActorAnonymous, Addr: "203.0.113.77"}, Message: "The passkey was not accepted.", ErrorCode: postern.CodeUnauthenticated, Hash: hash},
		{Sequence: 38, At: ago(90 * 24 * time.Hour), Code: "INT001I", Name: "integration.created", Actor: actor, Success: true, TargetName: "Postern Passkeys", Message: "An integration was added.", Hash: hash},
	}
}
