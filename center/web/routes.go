package web

import (
	"net/http"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

// routes is every address of the console.
func (c *console) routes() http.Handler {
	const (
		look       = postern.PermIntegrationsRead
		configure  = postern.PermIntegrationsWrite
		see        = postern.PermUsersRead
		invites    = postern.PermUsersInvite
		provisions = postern.PermPasskeysProvision
		revokes    = postern.PermPasskeysRevoke
		audits     = postern.PermAuditRead
		knows      = postern.PermAdministratorsRead
		appoints   = postern.PermAdministrators
		mints      = postern.PermTokens
	)
	m := http.NewServeMux()
	m.Handle("GET /static/", static())

	m.Handle("GET /{$}", c.need("", c.home))
	m.Handle("GET /sign-in", c.open(c.signIn))
	m.Handle("POST /sign-in/begin", c.ceremony(c.beginSignIn))
	m.Handle("POST /sign-in/finish", c.ceremony(c.finishSignIn))
	m.Handle("POST /sign-out", c.open(c.signOut))
	m.Handle("GET /welcome", c.open(c.welcome))
	m.Handle("POST /welcome/check", c.ceremony(c.checkWelcome))
	m.Handle("POST /welcome/begin", c.ceremony(c.beginWelcome))
	m.Handle("POST /welcome/finish", c.ceremony(c.finishWelcome))

	m.Handle("GET /account", c.need("", c.account))
	m.Handle("POST /account/passkeys/begin", c.own(c.beginAddPasskey))
	m.Handle("POST /account/passkeys/finish", c.own(c.finishAddPasskey))
	m.Handle("POST /account/passkeys/remove", c.need("", c.removeOwnPasskey))

	m.Handle("GET /integrations", c.need(look, c.integrations))
	m.Handle("POST /integrations", c.need(configure, c.addIntegration))
	m.Handle("GET /integrations/new", c.need(configure, c.chooseIntegration))
	m.Handle("GET /integrations/new/flags", c.need(configure, c.offeredFlags))
	m.Handle("POST /integrations/new/flags", c.need(configure, c.setOfferedFlag))
	m.Handle("GET /integrations/new/experience", c.need(configure, c.chooseExperience))
	m.Handle("GET /integrations/new/settings", c.need(configure, c.newIntegration))
	m.Handle("POST /integrations/new/test", c.need(configure, c.testNew))
	m.Handle("POST /integrations/new/certificate", c.need(configure, c.validateNew))

	m.Handle("GET /integrations/{integration}", c.need(see, c.users))
	m.Handle("GET /integrations/{integration}/invite", c.need(invites, c.invite))
	m.Handle("POST /integrations/{integration}/invite", c.need(invites, c.sendInvitation))
	m.Handle("GET /integrations/{integration}/directory", c.need(invites, c.directory))
	m.Handle("GET /integrations/{integration}/directory/users", c.need(see, c.people))
	m.Handle("GET /integrations/{integration}/directory/state", c.need(see, c.directoryState))
	m.Handle("POST /integrations/{integration}/directory/sync", c.need(invites, c.askDirectory))
	m.Handle("GET /integrations/{integration}/directory/removals", c.need(configure, c.confirmRemovals))
	m.Handle("POST /integrations/{integration}/directory/removals", c.need(configure, c.confirmRemovals))
	m.Handle("GET /proof/callback", c.open(c.proofCallback))
	m.Handle("GET /integrations/{integration}/lifecycle", c.need(look, c.lifecycle))
	m.Handle("POST /integrations/{integration}/lifecycle", c.need(configure, c.setLeavers))
	m.Handle("POST /integrations/{integration}/lifecycle/groups", c.need(configure, c.checkGroups))
	m.Handle("GET /integrations/{integration}/lifecycle/revoke", c.need(configure, c.revokeEverything))
	m.Handle("POST /integrations/{integration}/lifecycle/revoke", c.need(configure, c.revokeEverything))
	m.Handle("GET /integrations/{integration}/enrolment", c.need(look, c.enrolment))
	m.Handle("POST /integrations/{integration}/enrolment", c.need(configure, c.setEnrolment))
	m.Handle("POST /integrations/{integration}/enrolment/impact", c.need(look, c.enrolmentImpact))
	m.Handle("GET /integrations/{integration}/enrolment/groups", c.need(look, c.searchGroups))
	m.Handle("GET /integrations/{integration}/approvals/{phone}/approve", c.need(postern.PermUsersApprove, c.approve))
	m.Handle("POST /integrations/{integration}/approvals/{phone}/approve", c.need(postern.PermUsersApprove, c.approve))
	m.Handle("GET /integrations/{integration}/approvals/{phone}/reject", c.need(postern.PermUsersApprove, c.reject))
	m.Handle("POST /integrations/{integration}/approvals/{phone}/reject", c.need(postern.PermUsersApprove, c.reject))
	m.Handle("GET /integrations/{integration}/workstations", c.need(see, c.workstations))
	m.Handle("GET /integrations/{integration}/workstations/{workstation}/revoke", c.need(revokes, c.revokeWorkstation))
	m.Handle("POST /integrations/{integration}/workstations/{workstation}/revoke", c.need(revokes, c.revokeWorkstation))
	m.Handle("GET /integrations/{integration}/drift", c.need(see, c.drift))
	m.Handle("POST /integrations/{integration}/drift", c.need(revokes, c.beginDrift))
	m.Handle("GET /integrations/{integration}/drift/{run}/approve", c.need(configure, c.approveDrift))
	m.Handle("POST /integrations/{integration}/drift/{run}/approve", c.need(configure, c.approveDrift))
	m.Handle("GET /integrations/{integration}/audit", c.need(audits, c.auditOfIntegration))
	m.Handle("GET /integrations/{integration}/login", c.need(look, c.login))
	m.Handle("POST /integrations/{integration}/login", c.need(configure, c.setLogin))
	m.Handle("GET /integrations/{integration}/settings", c.need(look, c.settings))
	m.Handle("POST /integrations/{integration}/settings", c.need(configure, c.updateIntegration))
	m.Handle("POST /integrations/{integration}/test", c.need(configure, c.testStored))
	m.Handle("POST /integrations/{integration}/certificate", c.need(configure, c.validateStored))
	m.Handle("GET /integrations/{integration}/enable", c.need(configure, c.confirmEnable))
	m.Handle("POST /integrations/{integration}/enable", c.need(configure, c.enable))
	m.Handle("GET /integrations/{integration}/disable", c.need(configure, c.confirmDisable))
	m.Handle("POST /integrations/{integration}/disable", c.need(configure, c.disable))
	m.Handle("GET /integrations/{integration}/remove", c.need(configure, c.confirmRemove))
	m.Handle("POST /integrations/{integration}/remove", c.need(configure, c.remove))
	m.Handle("POST /integrations/{integration}/flags", c.need(configure, c.setFlag))
	m.Handle("POST /integrations/{integration}/http-debug", c.need(configure, c.setHTTPDebug))

	m.Handle("GET /users/{user}", c.need(see, c.user))
	m.Handle("GET /users/{user}/progress", c.need(see, c.userProgress))
	m.Handle("GET /users/{user}/invitations/{invitation}/withdraw", c.need(invites, c.withdraw))
	m.Handle("POST /users/{user}/invitations/{invitation}/withdraw", c.need(invites, c.withdraw))
	m.Handle("GET /users/{user}/suspend", c.need(revokes, c.suspendUser))
	m.Handle("POST /users/{user}/suspend", c.need(revokes, c.suspendUser))
	m.Handle("GET /users/{user}/resume", c.need(revokes, c.resumeUser))
	m.Handle("POST /users/{user}/resume", c.need(revokes, c.resumeUser))
	m.Handle("GET /users/{user}/revoke", c.need(revokes, c.revokeUser))
	m.Handle("POST /users/{user}/revoke", c.need(revokes, c.revokeUser))
	m.Handle("GET /users/{user}/passkeys/{passkey}/replace", c.need(provisions, c.replacePasskey))
	m.Handle("POST /users/{user}/passkeys/{passkey}/replace", c.need(provisions, c.replacePasskey))
	m.Handle("POST /users/{user}/phones/{phone}/provision", c.need(provisions, c.provision))
	m.Handle("GET /users/{user}/phones/{phone}/revoke", c.need(revokes, c.revokePhone))
	m.Handle("POST /users/{user}/phones/{phone}/revoke", c.need(revokes, c.revokePhone))
	m.Handle("GET /users/{user}/pairings/{pairing}/end", c.need(revokes, c.endPairing))
	m.Handle("POST /users/{user}/pairings/{pairing}/end", c.need(revokes, c.endPairing))
	m.Handle("GET /users/{user}/provisionings/{provisioning}/cancel", c.need(provisions, c.cancelProvisioning))
	m.Handle("POST /users/{user}/provisionings/{provisioning}/cancel", c.need(provisions, c.cancelProvisioning))
	m.Handle("GET /users/{user}/passkeys/{passkey}/revoke", c.need(revokes, c.revokePasskey))
	m.Handle("POST /users/{user}/passkeys/{passkey}/revoke", c.need(revokes, c.revokePasskey))

	m.Handle("GET /jobs", c.need(see, c.jobs))
	m.Handle("GET /jobs/{job}", c.need(see, c.job))
	m.Handle("GET /jobs/{job}/progress", c.need(see, c.jobProgress))
	m.Handle("GET /jobs/{job}/results.csv", c.need(see, c.jobFile("results", c.Bulk.Results)))
	m.Handle("POST /jobs/{job}/codes", c.need(invites, c.jobFile("codes", c.Bulk.Codes)))
	m.Handle("POST /jobs/{job}/pause", c.need(see, c.steerJob("job-paused", c.Bulk.Pause)))
	m.Handle("POST /jobs/{job}/resume", c.need(see, c.steerJob("job-resumed", c.Bulk.Resume)))
	m.Handle("POST /jobs/{job}/retry", c.need(see, c.steerJob("job-retried", c.Bulk.RetryFailed)))
	m.Handle("GET /jobs/{job}/cancel", c.need(see, c.cancelJob))
	m.Handle("POST /jobs/{job}/cancel", c.need(see, c.cancelJob))
	m.Handle("GET /integrations/{integration}/jobs/new", c.need(see, c.newJob))
	m.Handle("POST /integrations/{integration}/jobs/new", c.need(see, c.startJob))
	m.Handle("GET /integrations/{integration}/jobs/groups", c.need(see, c.jobGroups))

	m.Handle("GET /integrations/{integration}/messages", c.need(look, c.messages))
	m.Handle("POST /integrations/{integration}/messages", c.need(postern.PermMessagesWrite, c.setMessages))
	m.Handle("GET /integrations/{integration}/messages/{kind}/{language}", c.need(look, c.text))
	m.Handle("POST /integrations/{integration}/messages/{kind}/{language}", c.need(look, c.setText))
	m.Handle("GET /integrations/{integration}/messages/{kind}/{language}/preview", c.need(look, c.previewText))
	m.Handle("POST /integrations/{integration}/messages/outbox/{message}/resend", c.need(invites, c.resendMessage))
	m.Handle("POST /users/{user}/remind", c.need(invites, c.remind))
	m.Handle("GET /mail", c.need(postern.PermMessagesWrite, c.mailSettings))
	m.Handle("POST /mail", c.need(postern.PermMessagesWrite, c.setMailSettings))
	m.Handle("POST /mail/test", c.need(postern.PermMessagesWrite, c.testMail))
	m.Handle("GET "+mail.HelpPath, c.open(c.help))
	m.Handle("GET "+mail.HelpPath+"/{integration}", c.open(c.help))

	m.Handle("GET /audit", c.need(audits, c.auditOfAll))
	m.Handle("POST /audit/verify", c.need(audits, c.verifyTrail))

	m.Handle("GET /administrators", c.need(knows, c.administrators))
	m.Handle("GET /administrators/invite", c.need(appoints, c.inviteAdministrator))
	m.Handle("POST /administrators/invite", c.need(appoints, c.sendAdministratorInvitation))
	m.Handle("GET /administrators/{administrator}", c.need(appoints, c.editAdministrator))
	m.Handle("POST /administrators/{administrator}", c.need(appoints, c.updateAdministrator))
	m.Handle("GET /administrators/{administrator}/remove", c.need(appoints, c.removeAdministrator))
	m.Handle("POST /administrators/{administrator}/remove", c.need(appoints, c.removeAdministrator))

	m.Handle("GET /tokens", c.need(mints, c.tokens))
	m.Handle("POST /tokens", c.need(mints, c.createToken))
	m.Handle("GET /tokens/new", c.need(mints, c.newToken))
	m.Handle("GET /tokens/{token}/revoke", c.need(mints, c.revokeToken))
	m.Handle("POST /tokens/{token}/revoke", c.need(mints, c.revokeToken))

	if c.Stories {
		m.Handle("GET /storybook/", Storybook())
	}
	m.Handle("GET /about", c.need("", c.about))
	m.Handle("/", c.need("", c.notFound))
	return m
}
