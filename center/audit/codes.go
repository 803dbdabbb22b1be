package audit

// Code of an event: family, number, weight (I information, W warning, E failure). A code is never used for anything
// else, even when its event is no longer produced.
type Code struct {
	Code string
	Name string
	Text string // for the documentation
}

// The events.
var (
	SystemStarted = Code{"SYS001I", "system.started", "Postern started."}
	SystemStopped = Code{"SYS002I", "system.stopped", "Postern stopped."}
	BackupTaken   = Code{"SYS003I", "system.backup", "A backup was taken."}

	SetupLinkMade      = Code{"ADM001W", "administrator.setup_link", "A one-time link for the first administrator was printed."}
	AdministratorMade  = Code{"ADM002I", "administrator.created", "An administrator was created."}
	PasskeyAdded       = Code{"ADM003I", "administrator.passkey_added", "An administrator added a passkey for the console."}
	SignedIn           = Code{"ADM004I", "administrator.signed_in", "An administrator signed in."}
	SignInFailed       = Code{"ADM005W", "administrator.sign_in_failed", "A sign-in to the console failed."}
	SignedOut          = Code{"ADM006I", "administrator.signed_out", "An administrator signed out."}
	AdministratorEdit  = Code{"ADM007I", "administrator.updated", "An administrator's role or name was changed."}
	AdministratorGone  = Code{"ADM008W", "administrator.removed", "An administrator was removed."}
	AdministratorAsked = Code{"ADM009I", "administrator.invited", "An administrator was invited."}
	TokenMade          = Code{"TOK001I", "token.created", "An API token was made."}
	TokenRevoked       = Code{"TOK002I", "token.revoked", "An API token was revoked."}
	AccessDenied       = Code{"ADM010W", "administrator.denied", "Somebody tried what their role does not allow."}

	IntegrationAdded       = Code{"INT001I", "integration.created", "An integration was added."}
	IntegrationAddFailed   = Code{"INT002E", "integration.create_failed", "Adding an integration failed; nothing was left behind."}
	IntegrationUpdated     = Code{"INT003I", "integration.updated", "An integration was changed."}
	IntegrationEnabled     = Code{"INT004I", "integration.enabled", "An integration was enabled."}
	IntegrationDisabled    = Code{"INT005W", "integration.disabled", "An integration was disabled."}
	IntegrationTested      = Code{"INT006I", "integration.tested", "The connection of an integration was tested."}
	IntegrationTestFailed  = Code{"INT007E", "integration.test_failed", "The test of a connection failed."}
	IntegrationFlags       = Code{"INT008W", "integration.flags", "Feature flags were changed."}
	IntegrationLogin       = Code{"INT009I", "integration.login_settings", "Login settings were changed."}
	IntegrationDebugOn     = Code{"INT010W", "integration.http_debug_on", "HTTP Debug was switched on."}
	IntegrationDebugOff    = Code{"INT011I", "integration.http_debug_off", "HTTP Debug was switched off."}
	IntegrationRemoved     = Code{"INT012W", "integration.removed", "An integration was removed."}
	IntegrationUpdateError = Code{"INT013E", "integration.update_failed", "Changing an integration failed; the old values stay."}
	GroupsReady            = Code{"INT014I", "integration.groups_ready", "The three groups exist in the tenant."}
	GroupsFailed           = Code{"INT015E", "integration.groups_failed", "The groups could not be kept."}

	UserInvited         = Code{"USR001I", "user.invited", "A user was invited."}
	InvitationWithdrawn = Code{"USR002I", "user.invitation_withdrawn", "An invitation was withdrawn."}
	InvitationUsed      = Code{"USR003I", "user.invitation_used", "A user enrolled a phone with the one-time code."}
	InvitationRefused   = Code{"USR004W", "user.invitation_refused", "A one-time code was refused."}
	PhaseChanged        = Code{"USR005I", "user.phase_changed", "A user's phase changed."}
	GroupMoved          = Code{"USR006I", "user.group_moved", "A user was moved to the group of the phase."}
	GroupMoveFailed     = Code{"USR007E", "user.group_move_failed", "Moving a user to the group of the phase failed."}
	InviteFailed        = Code{"USR008E", "user.invite_failed", "An invitation was refused."}

	PhoneEnrolled = Code{"PHN001I", "phone.enrolled", "A phone was enrolled."}
	PhoneRevoked  = Code{"PHN002W", "phone.revoked", "A phone was revoked."}

	WorkstationEnrolled = Code{"WKS001I", "workstation.enrolled", "A workstation enrolled."}
	WorkstationLapsed   = Code{"WKS002I", "workstation.lapsed", "A workstation that never paired was forgotten."}
	WorkstationRevoked  = Code{"WKS003W", "workstation.revoked", "A workstation was revoked."}
	WorkstationRenamed  = Code{"WKS004I", "workstation.renamed", "A workstation changed its name."}

	PairingOpened  = Code{"PAI001I", "pairing.opened", "A workstation showed a code to pair with."}
	PairingJoined  = Code{"PAI002I", "pairing.joined", "A phone opened a workstation's code."}
	PairingActive  = Code{"PAI003I", "pairing.active", "Phone and workstation are paired."}
	PairingEnded   = Code{"PAI004W", "pairing.ended", "A pairing ended."}
	PairingRefused = Code{"PAI005W", "pairing.refused", "A pairing was refused."}

	ProvisioningAsked      = Code{"PRV001I", "provisioning.requested", "The provisioning of a passkey was asked for."}
	ProvisioningOffered    = Code{"PRV002I", "provisioning.offered", "Entra's options were sealed to the phone, or given out for a security key."}
	ProvisioningSubmitted  = Code{"PRV003I", "provisioning.submitted", "The phone or security key made the credential."}
	ProvisioningRegistered = Code{"PRV004I", "provisioning.registered", "Entra registered the passkey."}
	ProvisioningActive     = Code{"PRV005I", "provisioning.active", "Entra lists the passkey."}
	ProvisioningDeclined   = Code{"PRV006I", "provisioning.declined", "The user declined."}
	ProvisioningFailed     = Code{"PRV007E", "provisioning.failed", "A provisioning failed."}
	ProvisioningCancelled  = Code{"PRV008I", "provisioning.cancelled", "A provisioning was cancelled."}
	ProvisioningUndone     = Code{"PRV009W", "provisioning.undone", "A passkey whose provisioning was given up was deleted from Entra."}
	ProvisioningWaits      = Code{"PRV010W", "provisioning.waits", "A provisioning waits."}

	PasskeyRevocation = Code{"KEY001W", "passkey.revocation_requested", "The revocation of a passkey was asked for."}
	PasskeyRevoked    = Code{"KEY002I", "passkey.revoked", "Entra no longer lists the passkey."}
	PasskeyRevokeFail = Code{"KEY003E", "passkey.revocation_failed", "Revoking a passkey failed; it is tried again."}
	PasskeyClaimed    = Code{"KEY004I", "passkey.claimed", "A phone said that it made a passkey at Security info."}
	PasskeyAdopted    = Code{"KEY005I", "passkey.self_service", "A passkey that its user registered at Security info is managed from now on."}
	PasskeyClaimEnded = Code{"KEY006W", "passkey.claim_given_up", "Entra did not list the passkey that a phone said it had made."}

	EnrolmentPolicySet = Code{"ENR001W", "enrolment.policy", "The enrolment policy of an integration was changed."}
	ProofGiven         = Code{"ENR002I", "enrolment.proof", "A user proved who they are for a phone."}
	SignInRefused      = Code{"ENR003W", "enrolment.sign_in_refused", "A sign-in at Entra did not prove the user of a phone."}
	PhoneApproved      = Code{"ENR004I", "enrolment.approved", "Somebody vouched for the user of a phone."}
	PhoneRejected      = Code{"ENR005W", "enrolment.rejected", "Somebody refused to vouch for the user of a phone, and the phone was revoked."}
)
