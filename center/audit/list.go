package audit

// Codes lists every event, in the order of codes.go.
func Codes() []Code {
	return []Code{
		SystemStarted, SystemStopped, BackupTaken, SetupLinkMade, AdministratorMade, PasskeyAdded, SignedIn, SignInFailed,
		SignedOut, AdministratorEdit, AdministratorGone, AdministratorAsked, TokenMade, TokenRevoked, AccessDenied,
		SetupBegun, SetupSignInAsked, SetupSignedIn, SetupNotSignedIn, SetupLooked, SetupApplying, SetupStepDone, SetupStopped,
		SetupReady, SetupFinishing, SetupUndoing, SetupStepUndone, SetupUndone, SetupForgotten,
		IntegrationAdded, IntegrationAddFailed, IntegrationUpdated, IntegrationEnabled, IntegrationDisabled,
		IntegrationTested, IntegrationTestFailed, IntegrationFlags, IntegrationLogin, IntegrationDebugOn,
		IntegrationDebugOff, IntegrationRemoved, IntegrationUpdateError, GroupsReady, GroupsFailed,
		GroupMended, GroupStuck, LeaverPolicyChanged, IntegrationRevocation, StatementRead, RevocationFailed, UserInvited,
		InvitationWithdrawn, InvitationUsed, InvitationRefused, PhaseChanged, GroupMoved, GroupMoveFailed, InviteFailed, UserSuspended, UserResumed,
		UserRevoked, UserChanged, UserLeft, UserSessionsEnded, LeaverFailed,
		PhoneEnrolled, PhoneRevoked, WorkstationEnrolled, WorkstationLapsed, WorkstationRevoked, WorkstationRenamed,
		InstallTokenMade, InstallTokenRevoked, InstallTokenRefused, DesktopDownloaded, DesktopSettings, PairingOpened, PairingJoined,
		PairingActive, PairingEnded, PairingRefused, ProvisioningAsked, ProvisioningOffered, ProvisioningSubmitted, ProvisioningRegistered,
		ProvisioningActive, ProvisioningDeclined, ProvisioningFailed, ProvisioningCancelled, ProvisioningUndone,
		ProvisioningWaits, PasskeyRevocation, PasskeyRevoked, PasskeyRevokeFail,
		PasskeyClaimed, PasskeyAdopted, PasskeyClaimEnded, PasskeyReplaced,
		EnrolmentPolicySet, ProofGiven, SignInRefused, PhoneApproved, PhoneRejected,
		DirectoryRead, DirectoryHeld, DirectoryConfirmed, DirectoryFailed, DirectorySubscribed, DirectoryUnnotified,
		PolicyPlanned, PolicyPlanFailed, PolicyApplying, PolicyRefused, PolicyLanded, PolicyPartly, PolicyApplyFailed,
		PolicyDrifted, PolicyDriftWho, PolicyDriftOver, PolicyAccepted, PolicyWatchSet, PolicyWatchFailed,
		RotationBegun, RotationSignIn, RotationSignedIn, RotationWaits, RotationSwitched, RotationDone, RotationKept,
		RotationCancelled, RotationFailed, RotationSettings, CredentialEnding, CredentialEnded,
		InventoryAsked, InventoryRead, InventoryFailed, InventoryTaken,
		ModelsUpdated, ModelsRefused, ModelsNewer, ModelsCheckFailed,
		ReconcileAsked, ReconcileFound, ReconcileStopped, ReconcileApproved, ReconcileFailed, PasskeyGone, PasskeyListedAgain,
		MemberPutBack, MemberTakenOut, DifferenceReported,
		MailSettings, MailTested, MailTestFailed, MessageSent, MessageFailed, MessagesChanged, CampaignSwitched, CampaignRan, UserReminded, AlarmSent, AlarmFailed,
		BulkStarted, BulkPaused, BulkResumed, BulkCancelled, BulkRetried, BulkFinished, BulkCodesRead, BulkCodesWiped,
		TokenRefused, PhoneRefused, WorkstationRefused, TrailExported, RetentionChanged, EntriesRemoved, StreamMade,
		StreamChanged, StreamRemoved, StreamPaused, StreamResumed, StreamRotated, StreamTested, StreamFailing, StreamWorks,
		FilterShared,
	}
}
