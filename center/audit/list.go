package audit

// Codes lists every event, in the order of codes.go.
func Codes() []Code {
	return []Code{
		SystemStarted, SystemStopped, BackupTaken, SetupLinkMade, AdministratorMade, PasskeyAdded, SignedIn, SignInFailed,
		SignedOut, AdministratorEdit, AdministratorGone, AdministratorAsked, TokenMade, TokenRevoked, AccessDenied,
		IntegrationAdded, IntegrationAddFailed, IntegrationUpdated, IntegrationEnabled, IntegrationDisabled,
		IntegrationTested, IntegrationTestFailed, IntegrationFlags, IntegrationLogin, IntegrationDebugOn,
		IntegrationDebugOff, IntegrationRemoved, IntegrationUpdateError, GroupsReady, GroupsFailed, UserInvited,
		InvitationWithdrawn, InvitationUsed, InvitationRefused, PhaseChanged, GroupMoved, GroupMoveFailed, InviteFailed,
		PhoneEnrolled, PhoneRevoked, WorkstationEnrolled, WorkstationLapsed, WorkstationRevoked, WorkstationRenamed, PairingOpened, PairingJoined,
		PairingActive, PairingEnded, PairingRefused, ProvisioningAsked, ProvisioningOffered, ProvisioningSubmitted, ProvisioningRegistered,
		ProvisioningActive, ProvisioningDeclined, ProvisioningFailed, ProvisioningCancelled, ProvisioningUndone,
		ProvisioningWaits, PasskeyRevocation, PasskeyRevoked, PasskeyRevokeFail,
		PasskeyClaimed, PasskeyAdopted, PasskeyClaimEnded,
		EnrolmentPolicySet, ProofGiven, SignInRefused, PhoneApproved, PhoneRejected,
	}
}
