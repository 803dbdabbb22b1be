package postern

// HTTP status codes (RFC 9110 §15). The names are those of net/http, which is not imported: it would bring TLS and
// everything below it into programs that run in a browser.
const (
	statusBadRequest            = 400
	statusUnauthorized          = 401
	statusForbidden             = 403
	statusNotFound              = 404
	statusConflict              = 409
	statusGone                  = 410
	statusRequestEntityTooLarge = 413
	statusUnprocessableEntity   = 422
	statusTooManyRequests       = 429
	statusInternalServerError   = 500
	statusBadGateway            = 502
	statusServiceUnavailable    = 503
)

// Entry is what the catalogue knows of a code: the HTTP status, the sentence used when nothing more exact is known,
// and the next step.
type Entry struct {
	Status  int
	Message string
	Next    string
}

// Codes of Postern itself.
const (
	CodeInternal        Code = "internal"
	CodeInvalid         Code = "invalid"
	CodeNotFound        Code = "not_found"
	CodeConflict        Code = "conflict"
	CodeStale           Code = "stale_version"
	CodeUnauthenticated Code = "unauthenticated"
	CodeForbidden       Code = "forbidden"
	CodeTooMany         Code = "too_many_requests"
	CodeTooLarge        Code = "too_large"
	CodeUnavailable     Code = "unavailable"
	CodeCrossOrigin     Code = "cross_origin"

	CodeIntegrationDisabled Code = "integration_disabled"
	CodeFlagOff             Code = "feature_flag_off"
	CodeDomainRefused       Code = "domain_not_accepted"
	CodePrivilegedUser      Code = "privileged_user"
	CodeGuestUser           Code = "guest_user"
	CodeAccountDisabled     Code = "account_disabled"

	CodeInvitationInvalid Code = "invitation_code_invalid"
	CodeInvitationUsed    Code = "invitation_used"
	CodeInvitationExpired Code = "invitation_expired"

	CodePhoneUnknown       Code = "phone_unknown"
	CodePhoneRevoked       Code = "phone_revoked"
	CodePhoneProof         Code = "phone_proof_invalid"
	CodePhoneClock         Code = "phone_clock_wrong"
	CodePhoneReplay        Code = "phone_request_replayed"
	CodePhoneAssurance     Code = "phone_assurance_too_low"
	CodeProvisioningState  Code = "provisioning_wrong_state"
	CodeChallengeExpired   Code = "challenge_expired"
	CodeCredentialRefused  Code = "credential_refused"
	CodeProvisioningHalted Code = "provisioning_gave_up"
	CodeProvisioningTaken  Code = "provisioning_taken_over"
	CodePasskeyNotListed   Code = "passkey_not_listed"
	CodePasskeyGoing       Code = "passkey_being_revoked"

	CodeWorkstationUnknown Code = "workstation_unknown"
	CodeWorkstationRevoked Code = "workstation_revoked"
	CodeWorkstationProof   Code = "workstation_proof_invalid"
	CodeWorkstationClock   Code = "workstation_clock_wrong"
	CodeWorkstationReplay  Code = "workstation_request_replayed"
	CodeInstallToken       Code = "install_token_invalid"
	CodeInstallExpired     Code = "install_token_expired"
	CodeInstallRevoked     Code = "install_token_revoked"
	CodeInstallUsedUp      Code = "install_token_used_up"
	CodeInstallNeeded      Code = "install_token_needed"
	CodeDesktopMissing     Code = "desktop_client_missing"
	CodePairingExpired     Code = "pairing_expired"
	CodePairingTaken       Code = "pairing_taken"
	CodePairingState       Code = "pairing_wrong_state"
	CodePairingForeign     Code = "pairing_other_integration"
	CodeNotPaired          Code = "not_paired"
	CodePairingOver        Code = "pairing_ended"
	CodeUserSuspended      Code = "user_suspended"
	CodeUserRevoked        Code = "user_revoked"

	CodeIdentityProof       Code = "identity_proof_needed"
	CodeEnrolmentMandatory  Code = "enrolment_mandatory"
	CodeEnrolmentOff        Code = "enrolment_not_offered"
	CodeEnrolmentHits       Code = "enrolment_hits_people"
	CodeEnrolmentImpossible Code = "enrolment_impossible"
	CodeApprovalRepeated    Code = "approval_repeated"
	CodeSignInExpired       Code = "sign_in_expired"
	CodeSignInRefused       Code = "sign_in_refused"
	CodeSignInOther         Code = "sign_in_other_person"
	CodeSignInNumber        Code = "sign_in_number_wrong"
	CodeSignInPending       Code = "sign_in_pending"

	CodeSecurityKeyMissing   Code = "security_key_missing"
	CodeSecurityKeySeveral   Code = "security_key_several"
	CodeSecurityKeyClosed    Code = "security_key_not_accessible"
	CodeSecurityKeyUnfit     Code = "security_key_unfit"
	CodeSecurityKeyPIN       Code = "security_key_pin_wrong"
	CodeSecurityKeyPINNeeded Code = "security_key_pin_needed"
	CodeSecurityKeyPINPolicy Code = "security_key_pin_refused"
	CodeSecurityKeyPaused    Code = "security_key_pin_paused"
	CodeSecurityKeyLocked    Code = "security_key_locked"
	CodeSecurityKeyTouch     Code = "security_key_not_touched"
	CodeSecurityKeyFull      Code = "security_key_full"
	CodeSecurityKeyKnown     Code = "security_key_registered_already"
	CodeSecurityKeyFault     Code = "security_key_fault"

	CodeLinkProtocol          Code = "link_protocol"
	CodeLinkSessionGone       Code = "link_session_gone"
	CodeLinkReplaced          Code = "link_replaced"
	CodeLinkCut               Code = "link_cut"
	CodeLinkNotPaired         Code = "link_not_paired"
	CodeLinkPeerGone          Code = "link_peer_gone"
	CodeLinkPeerSlow          Code = "link_peer_slow"
	CodeLinkRendezvousUnknown Code = "link_rendezvous_unknown"
	CodeLinkRendezvousTaken   Code = "link_rendezvous_taken"

	CodeCertificateInvalid  Code = "certificate_invalid"
	CodeCertificateExpired  Code = "certificate_expired"
	CodeCertificateMismatch Code = "certificate_key_mismatch"
	CodeCertificateWeak     Code = "certificate_weak"

	CodeMailOff       Code = "mail_off"
	CodeMailAddress   Code = "mail_address_missing"
	CodeMailServer    Code = "mail_server_unreachable"
	CodeMailTLS       Code = "mail_server_untrusted"
	CodeMailLogin     Code = "mail_login_refused"
	CodeMailSender    Code = "mail_sender_refused"
	CodeMailRecipient Code = "mail_recipient_refused"
	CodeMailRefused   Code = "mail_refused"

	CodeBulkState     Code = "bulk_wrong_state"
	CodeBulkCancelled Code = "bulk_cancelled"
	CodeBulkRunning   Code = "bulk_running_already"
	CodeBulkCount     Code = "bulk_count_differs"
	CodeUserUnknown   Code = "user_unknown"
	CodeNothingToDo   Code = "nothing_to_do"
	CodePhoneMissing  Code = "phone_missing"
	CodePhoneWaiting  Code = "waiting_for_phone"
	CodePhoneSilent   Code = "phone_did_not_answer"

	CodePolicyDocument Code = "policy_document_invalid"
	CodePolicyLimit    Code = "policy_limit"
	CodePolicyTarget   Code = "policy_target"
	CodePolicyChanged  Code = "policy_changed"
	CodePolicyLockOut  Code = "policy_lock_out"
	CodePolicyNothing  Code = "policy_nothing_to_do"
	CodePolicyBusy     Code = "policy_busy"
	CodePolicyMissing  Code = "policy_not_stored"

	CodeRotationBusy          Code = "rotation_under_way"
	CodeRotationState         Code = "rotation_wrong_state"
	CodeRotationAdministrator Code = "rotation_needs_administrator"
	CodeRotationUnproven      Code = "rotation_not_proven"
	CodeRotationKept          Code = "rotation_old_one_stays"

	CodeOfflineOff     Code = "offline_off"
	CodeOfflineState   Code = "offline_wrong_state"
	CodeOfflineConsent Code = "offline_not_agreed"
	CodeOfflineSeal    Code = "offline_needs_tpm"
	CodeRecoveryOff    Code = "recovery_off"
	CodeRecoveryState  Code = "recovery_wrong_state"
	CodeRecoverySelf   Code = "recovery_second_person"

	CodeSetupSignIn         Code = "setup_sign_in_needed"
	CodeSetupDeclined       Code = "setup_sign_in_declined"
	CodeSetupRole           Code = "setup_role_missing"
	CodeSetupState          Code = "setup_wrong_state"
	CodeSetupTenant         Code = "setup_other_tenant"
	CodeSetupNotShown       Code = "setup_not_shown"
	CodeInventoryIncomplete Code = "inventory_incomplete"
	CodeModelListSignature  Code = "model_list_signature"
	CodeModelListOld        Code = "model_list_old"

	CodeAuditBroken Code = "audit_chain_broken"
)

// Codes for what Entra and Microsoft Graph answer. The connector is the only place that gives them.
const (
	CodeEntraSecretWrong       Code = "entra_secret_wrong"
	CodeEntraSecretExpired     Code = "entra_secret_expired"
	CodeEntraTenantUnknown     Code = "entra_tenant_unknown"
	CodeEntraClientUnknown     Code = "entra_client_unknown"
	CodeEntraCertUnknown       Code = "entra_certificate_unknown"
	CodeEntraMFADemanded       Code = "entra_mfa_demanded"
	CodeEntraPasswordWrong     Code = "entra_password_wrong"
	CodeEntraConsentMissing    Code = "entra_consent_missing"
	CodeEntraPermission        Code = "entra_permission_missing"
	CodeEntraTokenRefused      Code = "entra_token_refused"
	CodeEntraThrottled         Code = "entra_throttled"
	CodeEntraUnavailable       Code = "entra_unavailable"
	CodeEntraUnreachable       Code = "entra_unreachable"
	CodeEntraUserNotFound      Code = "entra_user_not_found"
	CodeEntraNotFound          Code = "entra_not_found"
	CodeEntraRefused           Code = "entra_refused"
	CodeEntraPasskeyRefused    Code = "entra_passkey_refused"
	CodeEntraPasskeyOff        Code = "entra_passkey_policy_off"
	CodeEntraSelfServiceOff    Code = "entra_self_service_off"
	CodeEntraChallengeRange    Code = "entra_challenge_timeout_range"
	CodeEntraAlreadyExists     Code = "entra_already_exists"
	CodeEntraAnswerUnexpected  Code = "entra_answer_unexpected"
	CodeEntraAuthorityRejected Code = "entra_authority_rejected"
	CodeEntraLicence           Code = "entra_licence_missing"
	CodeEntraDirectoryClosed   Code = "entra_directory_not_readable"
)

// Catalogue returns the whole list, for the documentation and for clients that want to know every code.
func Catalogue() map[Code]Entry {
	all := make(map[Code]Entry, len(catalogue))
	for code, entry := range catalogue {
		all[code] = entry
	}
	return all
}

var catalogue = map[Code]Entry{
	CodeInternal:        {statusInternalServerError, "Something went wrong inside Postern.", "Try again. If it happens again, give the request id to whoever runs Postern; the log has the cause."},
	CodeInvalid:         {statusUnprocessableEntity, "A value is not acceptable.", "Correct the named field and send it again."},
	CodeNotFound:        {statusNotFound, "There is nothing with that identifier.", "Check the identifier; it may have been removed."},
	CodeConflict:        {statusConflict, "That clashes with something that exists already.", "Look at what is there and decide which one to keep."},
	CodeStale:           {statusConflict, "Somebody else changed this since you opened it.", "Load it again, look at the change, and repeat yours if it is still wanted."},
	CodeUnauthenticated: {statusUnauthorized, "You are not signed in, or the token is not valid.", "Sign in, or use a token that has not expired."},
	CodeForbidden:       {statusForbidden, "Your role does not allow that.", "Ask an owner or administrator of this Postern."},
	CodeTooMany:         {statusTooManyRequests, "Too many requests from here.", "Wait for the time given in Retry-After, then try again."},
	CodeTooLarge:        {statusRequestEntityTooLarge, "The request is larger than Postern accepts.", "Send less at once."},
	CodeUnavailable:     {statusServiceUnavailable, "Postern is not ready for that at the moment.", "Try again shortly."},
	CodeCrossOrigin:     {statusForbidden, "The request came from another site.", "Open the console itself and repeat the action there."},

	CodeIntegrationDisabled: {statusConflict, "The integration is DISABLED, so nobody can register or authenticate with it.", "Ask an administrator to enable the integration."},
	CodeFlagOff:             {statusConflict, "A feature flag that this needs is off for the integration.", "Switch the flag on under Integration Settings."},
	CodeDomainRefused:       {statusForbidden, "The domain of the user name is not accepted by this integration.", "Use an account of an accepted domain, or ask an administrator to add the domain under Login Settings."},
	CodePrivilegedUser:      {statusForbidden, "The user holds a privileged Entra role. Postern does not provision passkeys for such accounts on one person's word.", "Let the user register the passkey at Security info."},
	CodeGuestUser:           {statusForbidden, "The user is a guest of this tenant. Entra does not register passkeys for guests.", "Provision the passkey in the user's home tenant."},
	CodeAccountDisabled:     {statusConflict, "The user's account is disabled in Entra.", "Enable the account in Entra first."},

	CodeInvitationInvalid: {statusForbidden, "The code is not right.", "Check each character. After several wrong codes the invitation locks, and a new one is needed."},
	CodeInvitationUsed:    {statusConflict, "The code has been used already.", "Ask for a new invitation. If you did not use the code yourself, tell your help desk."},
	CodeInvitationExpired: {statusGone, "The code has expired.", "Ask for a new invitation."},

	CodePhoneUnknown:       {statusUnauthorized, "This phone is not known here.", "Pair the phone again."},
	CodePhoneRevoked:       {statusForbidden, "This phone was removed by your organisation.", "If you still have the phone, ask your help desk for a new invitation."},
	CodePhoneProof:         {statusUnauthorized, "The request was not signed by this phone's key.", "Try again. If it stays so, pair the phone again."},
	CodePhoneClock:         {statusUnauthorized, "The phone's clock is more than two minutes off.", "Set the phone to automatic time and try again."},
	CodePhoneReplay:        {statusUnauthorized, "This request has been seen before.", "Try again; the phone makes a new request by itself."},
	CodePhoneAssurance:     {statusForbidden, "This phone cannot protect the passkey with its own biometric, and the integration asks for that.", "Use a phone and browser that support it, or ask an administrator to accept lower assurance."},
	CodeProvisioningState:  {statusConflict, "The provisioning is not at the step this belongs to.", "Look at its state; it may be finished, declined or waiting for Entra."},
	CodeChallengeExpired:   {statusConflict, "Entra's registration challenge ran out before the phone answered.", "Nothing to do: a new challenge is being fetched. Answer on the phone when it asks again."},
	CodeCredentialRefused:  {statusUnprocessableEntity, "The credential from the phone is not one that Entra would accept.", "Try again on the phone. If it stays so, pair the phone again."},
	CodeProvisioningHalted: {statusBadGateway, "Entra could not be reached often enough, so the provisioning gave up.", "Start the provisioning again when Entra answers."},
	CodeProvisioningTaken:  {statusConflict, "Somebody asked for new options for the same user meanwhile, so this credential answers a challenge that no longer counts.", "Agree on who provisions the key, and begin again."},
	CodePasskeyGoing: {
		statusConflict, "The new passkey waits until Entra no longer lists the old one on this phone.",
		"Wait a moment: it goes on by itself.",
	},
	CodePasskeyNotListed: {statusConflict, "Microsoft does not list the passkey that this phone made, so it cannot be used to sign in.", "Open Security info again, and add the phone as a security key through to the last page, where the key is given a name."},

	CodeWorkstationUnknown: {statusUnauthorized, "This workstation is not known here. One that is never paired is forgotten: after a day, or with an install token after 90 days of silence.", "Pair the workstation with a phone again."},
	CodeWorkstationRevoked: {statusForbidden, "This workstation was removed by your organisation.", "Ask your help desk; a workstation that is wanted again has to be set up anew."},
	CodeWorkstationProof:   {statusUnauthorized, "The request was not signed by this workstation's key.", "Try again. If it stays so, set the workstation up anew and pair it."},
	CodeWorkstationClock:   {statusUnauthorized, "The workstation's clock is more than two minutes off.", "Set the workstation to automatic time and try again."},
	CodeWorkstationReplay:  {statusUnauthorized, "This request has been seen before.", "Try again; the workstation makes a new request by itself."},
	CodeInstallToken:       {statusForbidden, "The install token is not one of this control center.", "Download the desktop client again from the console, and install that."},
	CodeInstallExpired:     {statusForbidden, "The install token has expired.", "Ask an administrator to download the desktop client again from the console, and install that."},
	CodeInstallRevoked:     {statusForbidden, "The install token was revoked.", "Ask an administrator to download the desktop client again from the console, and install that."},
	CodeInstallUsedUp:      {statusForbidden, "The install token has enrolled as many workstations as it may.", "Ask an administrator to download the desktop client again from the console, and install that."},
	CodeInstallNeeded:      {statusForbidden, "The organisation takes workstations in with an install token alone.", "Ask an administrator for the desktop client from the console; its postern.json holds one."},
	CodeDesktopMissing:     {statusNotFound, "This control center has no installer of the desktop client.", "Ask whoever runs it to put the packages of the release into its packages folder."},
	CodePairingExpired:     {statusGone, "The pairing code has expired.", "Show a new code at the workstation and scan it within a minute."},
	CodePairingTaken:       {statusConflict, "Another phone opened this pairing code first.", "If that was not yours, refuse the pairing at the workstation. Then show a new code and scan it."},
	CodePairingState:       {statusConflict, "The pairing is not at the step this belongs to.", "Look at its state; it may be active or ended already, or no phone has come yet."},
	CodePairingForeign:     {statusForbidden, "Phone and workstation belong to different integrations.", "Set the workstation up for the integration of the phone, or use a phone of the workstation's integration."},
	CodeNotPaired:          {statusForbidden, "These two devices are not paired.", "Pair phone and workstation first."},
	CodePairingOver:        {statusForbidden, "The pairing of these two devices has ended.", "Pair phone and workstation again if it is still wanted."},
	CodeUserSuspended:      {statusForbidden, "The user is suspended by an administrator.", "Ask your help desk to lift the suspension."},
	CodeUserRevoked:        {statusForbidden, "Access was taken away from the user.", "Ask your help desk for a new invitation."},

	CodeIdentityProof:       {statusConflict, "It is not proved yet who holds this phone.", "Open the app; it says what is missing."},
	CodeEnrolmentMandatory:  {statusConflict, "Your organisation requires a passkey on this phone, so it cannot be skipped.", "Set the passkey up. If you cannot, ask your help desk."},
	CodeEnrolmentOff:        {statusForbidden, "Your organisation does not offer a passkey to everybody.", "Ask your help desk for an invitation."},
	CodeEnrolmentHits:       {statusConflict, "The policy names people who cannot enrol.", "Look at the impact, and save again with the number of people hit, if that is meant."},
	CodeEnrolmentImpossible: {statusConflict, "With this policy nobody could enrol, and they would have to.", "Remove what stands in the way first."},
	CodeApprovalRepeated:    {statusConflict, "You have approved this phone already; the other approval has to come from somebody else.", "Ask a second administrator."},
	CodeSignInExpired:       {statusGone, "This sign-in was used already, or took longer than ten minutes.", "Go back to the app and begin the sign-in again."},
	CodeSignInRefused:       {statusForbidden, "The sign-in at Microsoft proves nothing to Postern.", "Go back to the app and begin the sign-in again. If it stays so, tell your help desk."},
	CodeSignInNumber:        {statusForbidden, "This is not the number that the phone's app shows.", "Look at the app on your phone and type the three digits it shows."},
	CodeSignInPending:       {statusConflict, "The sign-in at Microsoft is not confirmed yet.", "Sign in, and type the number that the app shows on the page after it."},
	CodeSignInOther:         {statusForbidden, "Somebody else signed in than the user of this phone.", "Sign out at Microsoft, go back to the app, and sign in with the account that the app shows."},

	CodeSecurityKeyMissing:   {statusNotFound, "No security key is plugged in.", "Plug the security key in and run the command again."},
	CodeSecurityKeySeveral:   {statusConflict, "Several security keys are plugged in.", "Leave only the one that is meant, or name it with --device."},
	CodeSecurityKeyClosed:    {statusForbidden, "The security key cannot be opened from here.", "Give your account access to the device (on Linux by a udev rule such as those of libfido2), or run the command as an administrator."},
	CodeSecurityKeyUnfit:     {statusConflict, "The security key cannot keep a passkey for Microsoft Entra ID.", "Use a FIDO2 security key that has a PIN or a fingerprint and keeps discoverable credentials."},
	CodeSecurityKeyPIN:       {statusForbidden, "The PIN is not the one of this security key.", "Try again with the right PIN. After eight wrong ones in all the key locks for good."},
	CodeSecurityKeyPINNeeded: {statusConflict, "The security key has no PIN yet.", "Have one made with --generate-pin, or give one with --new-pin-file."},
	CodeSecurityKeyPINPolicy: {statusUnprocessableEntity, "The security key does not take that PIN.", "Choose a PIN of the length the key asks for, at most 63 bytes, and not one that it had before."},
	CodeSecurityKeyPaused:    {statusConflict, "The security key takes no further PIN before it is unplugged: three in a row were wrong.", "Unplug the key, plug it in again, and use the right PIN."},
	CodeSecurityKeyLocked:    {statusConflict, "The security key is locked: too many wrong PINs.", "Reset the key with its maker's tool, which deletes everything on it, and begin again."},
	CodeSecurityKeyTouch:     {statusConflict, "Nobody touched the security key in time, or the touch was cancelled.", "Run the command again and touch the key when it blinks."},
	CodeSecurityKeyFull:      {statusConflict, "The security key has no room for another passkey.", "Remove a passkey from it with its maker's tool, or use another key."},
	CodeSecurityKeyKnown:     {statusConflict, "Entra knows a passkey of this user on this very security key.", "Nothing to do if that one works; otherwise revoke it first, or use another key."},
	CodeSecurityKeyFault:     {statusBadGateway, "The security key answered in a way that Postern does not understand.", "Unplug the key, plug it in again, and try once more."},

	CodeLinkProtocol:          {statusBadRequest, "The other end of the link sent something that is not in its protocol.", "Update the older of the two, app or control center. If both are current, report it: it is a fault."},
	CodeLinkSessionGone:       {statusGone, "The connection was away for too long to go on where it broke.", "Nothing to do: the device connects anew by itself, and what was under way begins again."},
	CodeLinkReplaced:          {statusConflict, "This device connected a second time, and the newer connection counts.", "Use the app where it was opened last, or close it there and open it here again."},
	CodeLinkCut:               {statusForbidden, "The control center ended the connection of this device, because it was removed, suspended or may no longer connect.", "If you still use the device, ask your help desk."},
	CodeLinkNotPaired:         {statusForbidden, "The two devices are not paired with each other.", "Pair the phone with the workstation."},
	CodeLinkPeerGone:          {statusConflict, "The other device is not connected.", "Open the app on the phone, check that both devices are online, and try again."},
	CodeLinkPeerSlow:          {statusServiceUnavailable, "The other device does not take up what was sent to it.", "Check its network, open the app on the phone, and try again."},
	CodeLinkRendezvousUnknown: {statusGone, "The QR code has expired, or the workstation that showed it is not connected.", "Show a new QR code at the workstation and scan that."},
	CodeLinkRendezvousTaken:   {statusConflict, "Another phone scanned the QR code first.", "Show a new QR code at the workstation and scan that. If nobody of yours scanned the first, tell your help desk."},

	CodeCertificateInvalid:  {statusUnprocessableEntity, "The certificate or key cannot be read.", "Paste the whole PEM text, with its BEGIN and END lines."},
	CodeCertificateExpired:  {statusUnprocessableEntity, "The certificate is not valid today.", "Make a new certificate and upload it to the app registration and here."},
	CodeCertificateMismatch: {statusUnprocessableEntity, "The private key does not belong to the certificate.", "Give the key that was made together with this certificate."},
	CodeCertificateWeak:     {statusUnprocessableEntity, "Entra does not accept a certificate of this kind.", "Use an RSA certificate of at least 2048 bits signed with SHA-256."},

	CodeMailOff:       {statusConflict, "No mail server is set, so nothing can be sent.", "Ask an administrator to fill in the mail settings, or hand the code over yourself."},
	CodeMailAddress:   {statusConflict, "The user has no address that mail could be sent to.", "Enter a mail address for the user in Entra, or hand the code over yourself."},
	CodeMailServer:    {statusBadGateway, "The mail server cannot be reached.", "Check name and port of the mail server, and that this machine may reach it."},
	CodeMailTLS:       {statusBadGateway, "The connection to the mail server cannot be protected.", "Choose the kind of protection that the server offers, and check its certificate."},
	CodeMailLogin:     {statusBadGateway, "The mail server refused user name or password.", "Enter the password again. Some providers want a password made for applications."},
	CodeMailSender:    {statusBadGateway, "The mail server does not take messages from this sender.", "Use a sender's address that the account may send from."},
	CodeMailRecipient: {statusBadGateway, "The mail server does not take messages for this address.", "Check the user's mail address in Entra."},
	CodeMailRefused:   {statusBadGateway, "The mail server refused the message.", "Read the server's own words, and ask whoever runs it."},

	CodeBulkState:     {statusConflict, "The job is in another state.", "Look at the job again; it may have ended meanwhile."},
	CodeBulkCancelled: {statusConflict, "The job was cancelled.", "Start another job for these users if it should be done after all."},
	CodeBulkRunning:   {statusConflict, "The same job for the same users is under way already.", "Watch that one; cancel it if it should begin anew."},
	CodeBulkCount:     {statusConflict, "The number of users is not the one that was confirmed.", "Look at the plan again and confirm the number it names."},
	CodeUserUnknown:   {statusNotFound, "Postern knows nobody by that name.", "Check the spelling. Somebody who was never invited has to be invited first."},
	CodeNothingToDo:   {statusConflict, "There is nothing to do for this user.", "Nothing needs to be done."},
	CodePhoneMissing:  {statusConflict, "The user has no phone that is paired.", "Invite the user; the phone is asked when it is paired."},
	CodePhoneWaiting:  {statusConflict, "Waiting for the phone: its owner opens the app and accepts.", "Ask the user to open the app."},
	CodePhoneSilent:   {statusConflict, "The phone has not answered.", "Remind the user. The request stays on the phone; look at the user's page."},

	CodePolicyDocument:        {statusUnprocessableEntity, "The policy document is not valid.", "Read which line and field is named, and correct it there."},
	CodePolicyLimit:           {statusUnprocessableEntity, "The policy would be larger than Entra takes.", "Use fewer targets, profiles or models; a block list or attestation may need fewer."},
	CodePolicyTarget:          {statusUnprocessableEntity, "The policy names a target that Entra does not take.", "Only security groups can be targets. Name one of that kind by its name or object id."},
	CodePolicyChanged:         {statusConflict, "The tenant's policy was changed by somebody else since the plan was made. Nothing was written.", "Make the plan again and look at what changed."},
	CodePolicyLockOut:         {statusConflict, "The plan would lock people out. Nothing was written.", "Look at the impact. Keep the models they use, or name everybody who may be locked out."},
	CodePolicyNothing:         {statusConflict, "The tenant is as the document says; there is nothing to apply.", "Nothing needs to be done."},
	CodePolicyBusy:            {statusConflict, "Another plan is being applied in this tenant.", "Wait until it has ended."},
	CodePolicyMissing:         {statusBadGateway, "Entra took the change and does not show it.", "Look at the steps that are missing, make a plan with the same document, and apply it again. Undo takes back what did land."},
	CodeRotationBusy:          {statusConflict, "The credential is being rotated.", "Wait until the rotation has ended, or cancel it, before the credential is changed in another way."},
	CodeRotationState:         {statusConflict, "The rotation is not at a point where this can be done.", "Look at the rotation; it says what comes next."},
	CodeRotationAdministrator: {statusConflict, "The application cannot renew this credential by itself.", "Have an administrator of the tenant sign in, or upload the new certificate by hand."},
	CodeRotationUnproven:      {statusBadGateway, "Entra does not accept the new credential. The old one stays in use.", "Look at the registration's Certificates & secrets in the Entra admin center, and begin again."},
	CodeRotationKept:          {statusConflict, "The credential that is no longer used could not be removed at Entra.", "Remove it in the Entra admin center under App registrations, Certificates & secrets."},
	CodeInventoryIncomplete:   {statusConflict, "Not all users of the tenant were looked at yet, so nobody can say who would be locked out.", "Wait until the inventory is complete, or apply with a word that you accept the unknown."},
	CodeOfflineOff:            {statusForbidden, "Signing in offline is switched off for this integration.", "Switch it on under Workstation Settings of the integration."},
	CodeOfflineState:          {statusConflict, "The offline passkey is not at a point where this can be done.", "Look at the page of the workstation or of the user; it says what comes next."},
	CodeOfflineConsent:        {statusForbidden, "The user has not agreed on the phone.", "Accept the request on the phone, then try again."},
	CodeOfflineSeal:           {statusForbidden, "Your organisation asks for a TPM that seals the offline passkey, and this workstation has none that can be used.", "Switch the TPM on in the firmware of the machine, or ask your administrator."},
	CodeRecoveryOff:           {statusForbidden, "Recovery PINs are switched off for this integration.", "Switch them on under Workstation Settings of the integration."},
	CodeRecoveryState:         {statusConflict, "The recovery PIN is not at a point where this can be done.", "Ask for a new one."},
	CodeRecoverySelf:          {statusForbidden, "The user holds a privileged role, so a second person has to agree.", "Have another administrator agree in the console."},

	CodeSetupSignIn:        {statusConflict, "An administrator of the tenant has to sign in first.", "Sign in with the code that the set-up shows; Postern keeps no password."},
	CodeSetupDeclined:      {statusConflict, "The sign-in was declined, or its code ran out.", "Ask for a new code, and type it within fifteen minutes."},
	CodeSetupRole:          {statusForbidden, "The administrator who signed in does not have the role that this step needs.", "Sign in again with an account that has the role named, or have somebody who has it do the step by hand."},
	CodeSetupState:         {statusConflict, "The set-up is not at a point where this can be done.", "Look at the set-up; it says what comes next."},
	CodeSetupTenant:        {statusConflict, "The administrator who signed in belongs to another tenant.", "Sign in with an account of the tenant named, or begin a new set-up for the other one."},
	CodeSetupNotShown:      {statusBadGateway, "Entra took the change and does not show it after two minutes.", "Wait a few minutes and continue the set-up; it looks again before it writes anything."},
	CodeModelListSignature: {statusUnprocessableEntity, "The list of models is not signed by whom it says.", "Fetch it again from its publisher, and check that nothing on the way changes it."},
	CodeModelListOld:       {statusConflict, "The list of models is older than the one in use.", "Fetch the newest one."},

	CodeAuditBroken: {statusInternalServerError, "The audit trail does not verify.", "Keep the database as it is, compare it with the last checkpoint and the last backup, and treat this as an incident."},

	CodeEntraSecretWrong:       {statusUnprocessableEntity, "Entra says that the client secret is wrong.", "Copy the secret's Value, not its Secret ID, from Certificates & secrets. It is shown only once; make a new one if it is gone."},
	CodeEntraSecretExpired:     {statusUnprocessableEntity, "Entra says that the client secret has expired.", "Make a new client secret under Certificates & secrets and enter it here. A certificate lasts longer and is safer."},
	CodeEntraTenantUnknown:     {statusUnprocessableEntity, "Entra knows no tenant with that ID.", "Copy Directory (tenant) ID from the app registration's overview."},
	CodeEntraClientUnknown:     {statusUnprocessableEntity, "That tenant has no application with that client ID.", "Copy Application (client) ID from the app registration's overview, and check that the tenant is the right one."},
	CodeEntraCertUnknown:       {statusUnprocessableEntity, "The certificate is not registered on the application in Entra.", "Upload the certificate under Certificates & secrets > Certificates, wait a minute, and try again."},
	CodeEntraMFADemanded:       {statusUnprocessableEntity, "Entra demands multifactor authentication of the service account, which an unattended service cannot give.", "Exclude the service account from that Conditional Access policy, or better, use a certificate instead of a service account."},
	CodeEntraPasswordWrong:     {statusUnprocessableEntity, "Entra says that the service account's user name or password is wrong.", "Sign in once by hand in a private browser window with that account; a first password must be changed there."},
	CodeEntraConsentMissing:    {statusUnprocessableEntity, "An administrator has not consented to the permissions of the application.", "In the app registration, open API permissions and choose Grant admin consent."},
	CodeEntraPermission:        {statusForbidden, "The application lacks a permission that this needs.", "Add the named permission of the right type under API permissions and grant admin consent. It can take some minutes to take effect."},
	CodeEntraTokenRefused:      {statusBadGateway, "Entra did not accept the access token.", "Test the connection. If it stays so, check that the application still exists and is enabled."},
	CodeEntraThrottled:         {statusServiceUnavailable, "Microsoft Graph asks us to slow down.", "Nothing to do: Postern waits as long as Graph asked and goes on by itself."},
	CodeEntraUnavailable:       {statusBadGateway, "Microsoft Graph has a fault at the moment.", "Try again in some minutes. Work that was already accepted goes on by itself."},
	CodeEntraUnreachable:       {statusBadGateway, "Entra cannot be reached from this server.", "Check the server's network, its proxy and DNS, and that outgoing HTTPS to Microsoft is allowed."},
	CodeEntraUserNotFound:      {statusNotFound, "The tenant has no such user.", "Check the user name. A user made a moment ago may take a minute to appear."},
	CodeEntraNotFound:          {statusNotFound, "Entra has nothing with that identifier.", "It may have been removed in Entra, or was made a moment ago and has not replicated yet."},
	CodeEntraRefused:           {statusBadGateway, "Microsoft Graph refused the request.", "Read Graph's own words in the details. The request id helps Microsoft's support."},
	CodeEntraPasskeyRefused:    {statusConflict, "Entra refused the passkey.", "Read Graph's own words. Most often the passkey policy does not allow this kind of key: check key restrictions and attestation."},
	CodeEntraPasskeyOff:        {statusConflict, "The passkey method is not enabled for this user in the tenant's policy.", "In Entra, open Authentication methods > Policies > Passkey (FIDO2) and include the user's group."},
	CodeEntraSelfServiceOff:    {statusConflict, "\"Allow self-service set up\" is off in the passkey policy, and Entra then refuses registration on behalf of users too.", "Switch \"Allow self-service set up\" on under Passkey (FIDO2) > Configure."},
	CodeEntraChallengeRange:    {statusUnprocessableEntity, "The challenge timeout must lie between 5 and 43200 minutes.", "Choose a value in that range; 5 is Graph's default."},
	CodeEntraAlreadyExists:     {statusConflict, "Entra has that already.", "Nothing to do if it is the same one; otherwise remove the old one first."},
	CodeEntraAnswerUnexpected:  {statusBadGateway, "Entra answered in a way that Postern does not understand.", "Switch HTTP Debug on, repeat the action, and send the log to the project."},
	CodeEntraAuthorityRejected: {statusUnprocessableEntity, "The sign-in address of the cloud is not acceptable.", "The authority must be an https address. Check entra.authority in the configuration."},
	CodeEntraLicence:           {statusConflict, "The tenant's licence does not include what this needs.", "Reports and sign-in data need Microsoft Entra ID P1 or P2 in the tenant."},
	CodeEntraDirectoryClosed:   {statusConflict, "The application has no permission to read the directory, so the user cannot be looked up.", "Give the user principal name or object id exactly, or add User.Read.All to the application."},
}
