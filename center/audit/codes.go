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

	TokenRefused       = Code{"TOK003W", "token.refused", "A request with an API token that is wrong, expired or revoked was refused."}
	PhoneRefused       = Code{"PHN003W", "phone.refused", "A request that did not prove to come from a known phone was refused."}
	WorkstationRefused = Code{"WKS005W", "workstation.refused", "A request that did not prove to come from a known workstation was refused."}

	TrailExported    = Code{"AUD001I", "audit.exported", "The audit trail was exported."}
	RetentionChanged = Code{"AUD002W", "audit.retention", "How long entries of the audit trail are kept was changed."}
	EntriesRemoved   = Code{"AUD003W", "audit.removed", "Entries of the audit trail that were old enough were removed."}
	StreamMade       = Code{"AUD004W", "audit.stream_created", "A stream of the audit trail was set up; its secret was shown once."}
	StreamChanged    = Code{"AUD005W", "audit.stream_updated", "A stream of the audit trail was changed."}
	StreamRemoved    = Code{"AUD006W", "audit.stream_removed", "A stream of the audit trail was removed."}
	StreamPaused     = Code{"AUD007W", "audit.stream_paused", "A stream of the audit trail was paused."}
	StreamResumed    = Code{"AUD008I", "audit.stream_resumed", "A stream of the audit trail goes on."}
	StreamRotated    = Code{"AUD009W", "audit.stream_secret", "A stream was given a new signing secret, which was shown once."}
	StreamTested     = Code{"AUD010I", "audit.stream_tested", "A test message was sent to the sink of a stream."}
	StreamFailing    = Code{"AUD011E", "audit.stream_failing", "A sink does not take the audit trail; it is tried again."}
	StreamWorks      = Code{"AUD012I", "audit.stream_works", "A sink takes the audit trail again."}
	FilterShared     = Code{"AUD013I", "audit.filter_shared", "A filter of the audit trail was shared, changed for all, or taken back."}

	SetupBegun       = Code{"SUP001I", "setup.begun", "A set-up of a tenant was begun."}
	SetupSignInAsked = Code{"SUP002I", "setup.sign_in_asked", "A code was asked for, with which an administrator signs in for a set-up."}
	SetupSignedIn    = Code{"SUP003W", "setup.signed_in", "An administrator of the tenant signed in for a set-up."}
	SetupNotSignedIn = Code{"SUP004W", "setup.not_signed_in", "Nobody signed in for a set-up, or nobody who can go on with it."}
	SetupLooked      = Code{"SUP005I", "setup.looked", "A tenant was looked at for a set-up."}
	SetupApplying    = Code{"SUP006W", "setup.applying", "A set-up began to write at Entra."}
	SetupStepDone    = Code{"SUP007W", "setup.step_done", "A step of a set-up was done, and read back."}
	SetupStopped     = Code{"SUP008E", "setup.stopped", "A set-up stopped; a person is needed."}
	SetupReady       = Code{"SUP009I", "setup.ready", "A set-up ended: the integration stands, and nothing secret is held for the set-up any more."}
	SetupFinishing   = Code{"SUP010I", "setup.finishing", "Somebody told what they made by hand for a set-up."}
	SetupUndoing     = Code{"SUP011W", "setup.undoing", "A set-up began to be undone."}
	SetupStepUndone  = Code{"SUP012W", "setup.step_undone", "A step of a set-up was taken back."}
	SetupUndone      = Code{"SUP013W", "setup.undone", "A set-up was undone; what was there before, or is used by others, stays."}
	SetupForgotten   = Code{"SUP014I", "setup.forgotten", "A set-up was forgotten; what it made stays."}

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
	GroupMended            = Code{"INT016W", "integration.group_mended", "A group was renamed, deleted or made unusable by somebody, and mended."}
	GroupStuck             = Code{"INT017E", "integration.group_stuck", "A group cannot be kept until a person sets it right."}
	LeaverPolicyChanged    = Code{"INT018W", "integration.leaver_policy", "The policy for leavers was changed."}
	IntegrationRevocation  = Code{"INT019W", "integration.revoked", "Everything of an integration is taken away."}
	RevocationFailed       = Code{"INT021E", "integration.revocation_failed", "Not everything of an integration could be taken away; it is tried again."}
	StatementRead          = Code{"INT020I", "integration.metadata_statement", "The metadata statement of an integration's phones was read."}

	UserInvited         = Code{"USR001I", "user.invited", "A user was invited."}
	InvitationWithdrawn = Code{"USR002I", "user.invitation_withdrawn", "An invitation was withdrawn."}
	InvitationUsed      = Code{"USR003I", "user.invitation_used", "A user enrolled a phone with the one-time code."}
	InvitationRefused   = Code{"USR004W", "user.invitation_refused", "A one-time code was refused."}
	PhaseChanged        = Code{"USR005I", "user.phase_changed", "A user's phase changed."}
	GroupMoved          = Code{"USR006I", "user.group_moved", "A user was moved to the group of the phase."}
	GroupMoveFailed     = Code{"USR007E", "user.group_move_failed", "Moving a user to the group of the phase failed."}
	InviteFailed        = Code{"USR008E", "user.invite_failed", "An invitation was refused."}
	UserSuspended       = Code{"USR009W", "user.suspended", "A user was suspended."}
	UserResumed         = Code{"USR010I", "user.resumed", "The suspension of a user ended."}
	UserRevoked         = Code{"USR011W", "user.revoked", "Every phone and passkey of a user was taken away."}
	UserChanged         = Code{"USR012I", "user.changed", "The directory has other details of a user."}
	UserLeft            = Code{"USR013W", "user.left", "The account of a user was disabled or deleted."}
	UserSessionsEnded   = Code{"USR014I", "user.sessions_ended", "The sessions of a suspended user at Entra were ended."}
	LeaverFailed        = Code{"USR015E", "user.leaver_failed", "What the policy says about leavers could not be done; it is tried again."}

	PhoneEnrolled = Code{"PHN001I", "phone.enrolled", "A phone was enrolled."}
	PhoneRevoked  = Code{"PHN002W", "phone.revoked", "A phone was revoked."}

	WorkstationEnrolled = Code{"WKS001I", "workstation.enrolled", "A workstation enrolled."}
	WorkstationLapsed   = Code{"WKS002I", "workstation.lapsed", "A workstation that never paired was forgotten."}
	WorkstationRevoked  = Code{"WKS003W", "workstation.revoked", "A workstation was revoked."}
	WorkstationRenamed  = Code{"WKS004I", "workstation.renamed", "A workstation changed its name."}

	InstallTokenMade    = Code{"DSK001W", "desktop.install_token_made", "An install token was made."}
	InstallTokenRevoked = Code{"DSK002W", "desktop.install_token_revoked", "An install token was revoked."}
	InstallTokenRefused = Code{"DSK003W", "desktop.install_token_refused", "An enrolment with an install token was refused."}
	DesktopDownloaded   = Code{"DSK004I", "desktop.client_downloaded", "The desktop client was downloaded, with an install token of its own."}
	DesktopSettings     = Code{"DSK005W", "desktop.settings", "How an integration takes desktop clients in was changed."}

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
	PasskeyReplaced   = Code{"KEY007I", "passkey.replacement_requested", "Another passkey was asked for in place of one that no longer works."}
	PasskeyClaimEnded = Code{"KEY006W", "passkey.claim_given_up", "Entra did not list the passkey that a phone said it had made."}

	OfflineSettings     = Code{"OFF001W", "offline.settings", "What an integration allows of signing in offline was changed."}
	OfflineAsked        = Code{"OFF002I", "offline.asked", "A workstation asked for an offline passkey."}
	OfflineConsented    = Code{"OFF003I", "offline.agreed", "A user agreed on the phone that a workstation may sign in offline."}
	OfflineActive       = Code{"OFF004I", "offline.active", "A workstation can be signed in to offline."}
	OfflineFailed       = Code{"OFF005E", "offline.failed", "An offline passkey was not registered."}
	OfflineRenewed      = Code{"OFF006I", "offline.renewed", "Phone and workstation share new codes."}
	OfflineTaken        = Code{"OFF007W", "offline.taken", "An offline passkey is taken away."}
	OfflineEnded        = Code{"OFF008I", "offline.ended", "Entra no longer lists an offline passkey."}
	OfflineSignedIn     = Code{"OFF009I", "offline.signed_in", "Somebody signed in offline with a code of the phone."}
	OfflineRecovered    = Code{"OFF010W", "offline.recovered", "Somebody signed in offline with a recovery code."}
	OfflineWrongCode    = Code{"OFF011W", "offline.wrong_code", "A wrong code was typed at a workstation that was offline."}
	OfflineLocked       = Code{"OFF012W", "offline.locked", "Too many wrong codes locked an offline passkey."}
	OfflineUnlocked     = Code{"OFF013I", "offline.unlocked", "An offline passkey works again, because its user signed in with the phone."}
	OfflineClockSetBack = Code{"OFF014W", "offline.clock_set_back", "The clock of a workstation was set back while it was offline."}

	RecoveryAsked     = Code{"RCV001W", "recovery.asked", "A recovery code was asked for."}
	RecoveryApproved  = Code{"RCV002W", "recovery.approved", "A second person agreed to a recovery code."}
	RecoveryRejected  = Code{"RCV003W", "recovery.rejected", "A recovery code was refused."}
	RecoveryWithdrawn = Code{"RCV004I", "recovery.withdrawn", "A recovery code was withdrawn, or ran out."}
	RecoveryShown     = Code{"RCV005W", "recovery.shown", "A recovery code was shown to who asked for it."}
	RecoveryUsed      = Code{"RCV006W", "recovery.used", "A workstation was signed in to with a recovery code."}
	RecoveryRefused   = Code{"RCV007W", "recovery.refused", "Somebody tried to agree to a recovery code that they had asked for."}

	EnrolmentPolicySet = Code{"ENR001W", "enrolment.policy", "The enrolment policy of an integration was changed."}
	ProofGiven         = Code{"ENR002I", "enrolment.proof", "A user proved who they are for a phone."}
	SignInRefused      = Code{"ENR003W", "enrolment.sign_in_refused", "A sign-in at Entra did not prove the user of a phone."}
	PhoneApproved      = Code{"ENR004I", "enrolment.approved", "Somebody vouched for the user of a phone."}
	PhoneRejected      = Code{"ENR005W", "enrolment.rejected", "Somebody refused to vouch for the user of a phone, and the phone was revoked."}

	ReconcileAsked     = Code{"REC001I", "reconcile.requested", "Somebody asked for Entra and Postern to be compared."}
	ReconcileFound     = Code{"REC002W", "reconcile.differences", "Entra and Postern did not agree."}
	ReconcileStopped   = Code{"REC003E", "reconcile.stopped", "A comparison stopped, because Entra's answer was too far from the books."}
	ReconcileApproved  = Code{"REC004W", "reconcile.approved", "Somebody had a stopped comparison go on."}
	ReconcileFailed    = Code{"REC005E", "reconcile.failed", "A comparison failed."}
	PasskeyGone        = Code{"REC006W", "passkey.removed_at_entra", "A passkey was removed at Entra by somebody else."}
	PasskeyListedAgain = Code{"REC007W", "passkey.listed_again", "Entra lists a passkey that was revoked; it is deleted again."}
	MemberPutBack      = Code{"REC008W", "group.member_put_back", "A user who was missing in the group of the phase was put back."}
	MemberTakenOut     = Code{"REC009W", "group.member_taken_out", "A user was taken out of the group of another phase."}
	DifferenceReported = Code{"REC010W", "reconcile.reported", "A difference was found that is not Postern's to mend."}

	PolicyPlanned     = Code{"POL001I", "policy.planned", "A plan for the passkey policy was made."}
	PolicyPlanFailed  = Code{"POL002E", "policy.plan_failed", "Whom a plan concerns could not be worked out."}
	PolicyApplying    = Code{"POL003W", "policy.applying", "A plan is being applied."}
	PolicyRefused     = Code{"POL004W", "policy.refused", "Applying a plan was refused, and nothing was written."}
	PolicyLanded      = Code{"POL005I", "policy.landed", "Entra shows everything that a plan wrote."}
	PolicyPartly      = Code{"POL006E", "policy.partly", "Entra does not show everything that a plan wrote."}
	PolicyApplyFailed = Code{"POL007E", "policy.failed", "A plan could not be applied; nothing was changed."}
	PolicyDrifted     = Code{"POL008W", "policy.drifted", "Somebody else changed the policy."}
	PolicyDriftWho    = Code{"POL009I", "policy.drift_author", "Entra's log says who changed the policy."}
	PolicyDriftOver   = Code{"POL010I", "policy.drift_over", "The policy is as it should be again."}
	PolicyAccepted    = Code{"POL011W", "policy.accepted", "The policy as it is was accepted as what it should be."}
	PolicyWatchSet    = Code{"POL012W", "policy.drift_interval", "How often the policy is looked at was changed."}
	PolicyWatchFailed = Code{"POL013E", "policy.drift_failed", "The policy could not be looked at; it is tried again."}

	RotationBegun     = Code{"CRD001I", "rotation.begun", "A credential is being rotated."}
	RotationSignIn    = Code{"CRD002W", "rotation.sign_in", "An administrator of the tenant was asked to sign in for a rotation."}
	RotationSignedIn  = Code{"CRD003W", "rotation.signed_in", "An administrator of the tenant signed in for a rotation."}
	RotationWaits     = Code{"CRD004W", "rotation.waiting", "A rotation needs a person."}
	RotationSwitched  = Code{"CRD005W", "rotation.switched", "The integration uses a new credential, for which Entra gave a token."}
	RotationDone      = Code{"CRD006I", "rotation.done", "The old credential was removed at Entra; the rotation is done."}
	RotationKept      = Code{"CRD007W", "rotation.kept", "A credential that is no longer used could not be removed at Entra."}
	RotationCancelled = Code{"CRD008I", "rotation.cancelled", "A rotation was taken back; the old credential stays in use."}
	RotationFailed    = Code{"CRD009E", "rotation.failed", "A new credential did not prove itself; the old one stays in use."}
	RotationSettings  = Code{"CRD010W", "rotation.settings", "How credentials are rotated was changed."}
	CredentialEnding  = Code{"CRD011W", "credential.ending", "The credential of an integration ends soon."}
	CredentialEnded   = Code{"CRD012E", "credential.ended", "The credential of an integration has ended."}

	InventoryAsked  = Code{"IVT001I", "inventory.requested", "Somebody asked for the passkeys of a tenant to be read."}
	InventoryRead   = Code{"IVT002I", "inventory.read", "The passkeys of everybody in a tenant were read."}
	InventoryFailed = Code{"IVT003E", "inventory.failed", "The passkeys of a tenant could not be read."}
	InventoryTaken  = Code{"IVT004I", "inventory.exported", "The inventory of passkeys was exported."}

	ModelsUpdated     = Code{"MDL001W", "models.updated", "The list of models was updated; bundles that policies name may hold other models now."}
	ModelsRefused     = Code{"MDL002W", "models.refused", "An update of the list of models was refused, because its signature does not hold or it is older than the list in use."}
	ModelsNewer       = Code{"MDL003I", "models.newer", "There is a list of models that says something else than the one in use. It was not applied."}
	ModelsCheckFailed = Code{"MDL004E", "models.check_failed", "Looking for a newer list of models failed; it is tried again."}

	DirectoryRead       = Code{"DIR001I", "directory.read", "The whole directory was read."}
	DirectoryHeld       = Code{"DIR002W", "directory.removals_held", "A reading of the directory missed so many known users that nobody was taken for gone."}
	DirectoryConfirmed  = Code{"DIR003W", "directory.removals_confirmed", "Somebody confirmed that users whom the directory did not show are gone."}
	DirectoryFailed     = Code{"DIR004E", "directory.failed", "The directory could not be read; it is tried again."}
	DirectorySubscribed = Code{"DIR005I", "directory.subscribed", "Entra tells of changes in the directory from now on."}
	DirectoryUnnotified = Code{"DIR006W", "directory.unsubscribed", "Entra no longer tells of changes in the directory."}

	BulkStarted    = Code{"BLK001I", "bulk.started", "A job over many users was started."}
	BulkPaused     = Code{"BLK002I", "bulk.paused", "A job was paused."}
	BulkResumed    = Code{"BLK003I", "bulk.resumed", "A paused job goes on."}
	BulkCancelled  = Code{"BLK004W", "bulk.cancelled", "A job was cancelled; the rows that had not begun were left alone."}
	BulkRetried    = Code{"BLK005I", "bulk.retried", "The failed rows of a job are tried again."}
	BulkFinished   = Code{"BLK006I", "bulk.finished", "All rows of a job are done, skipped or failed."}
	BulkCodesRead  = Code{"BLK007W", "bulk.codes_read", "The one-time codes of a job were read."}
	BulkCodesWiped = Code{"BLK008I", "bulk.codes_wiped", "The one-time codes of a job were wiped because nobody fetched them in time."}

	MailSettings     = Code{"MSG001W", "mail.settings", "The mail settings were changed."}
	MailTested       = Code{"MSG002I", "mail.tested", "A test message was sent."}
	MailTestFailed   = Code{"MSG003E", "mail.test_failed", "A test message could not be sent."}
	MessageSent      = Code{"MSG004I", "message.sent", "The mail server took a message to a user."}
	MessageFailed    = Code{"MSG005E", "message.failed", "A message to a user could not be sent, and is not tried again."}
	MessagesChanged  = Code{"MSG006W", "message.texts", "What an integration writes to its users was changed."}
	CampaignSwitched = Code{"MSG007W", "message.campaign", "A reminder campaign was switched on or off."}
	CampaignRan      = Code{"MSG008I", "message.campaign_ran", "A reminder campaign wrote to users."}
	UserReminded     = Code{"MSG009I", "user.reminded", "Somebody had a message written to a user."}
	AlarmSent        = Code{"MSG010I", "message.alarm_sent", "The mail server took a message to an administrator."}
	AlarmFailed      = Code{"MSG011E", "message.alarm_failed", "A message to an administrator could not be sent, and is not tried again."}
)
