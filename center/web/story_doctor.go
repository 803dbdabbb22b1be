package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/doctor"
)

func fixtureDoctor(subject string, findings ...postern.Finding) *postern.DoctorReport {
	r := postern.NewDoctorReport(ago(20*time.Second), subject, findings)
	return &r
}

func fixtureServerFindings() []postern.Finding {
	return []postern.Finding{
		{Check: "version", State: postern.FindingOK, Message: "Postern 1.0.0 runs."},
		{Check: "database", State: postern.FindingOK, Message: "PostgreSQL 17.6 answers; the database has 412 MB."},
		{Check: "disk", State: postern.FindingOK, Subject: "/var/lib/postern", Message: "61.2 GB is free at /var/lib/postern."},
		{Check: "clock", State: postern.FindingOK, Subject: "Entra", Message: "The clock agrees with that of Entra."},
		{Check: "public_url", State: postern.FindingOK, Message: "Postern answers at its public address https://postern.contoso.example."},
	}
}

func addDoctorStories(add, part func(string, templ.Component)) {
	page := func(p doctor.Progress) doctorPage {
		p.Looks = []string{"authority", "graph", "public_url", "push", "mail", "database"}
		return doctorPage{
			frame: fixtureFrame(sectionDoctor, "Doctor"), Integrations: []postern.Integration{fixtureIntegration()},
			doctorView: doctorView{Path: doctorPath, Progress: p, Still: true},
		}
	}
	add("doctor/looking", serverDoctor(page(doctor.Progress{Done: []string{"database", "authority", "graph"}})))
	add("doctor/well", serverDoctor(page(doctor.Progress{Report: fixtureDoctor("", fixtureServerFindings()...)})))
	bad := append(fixtureServerFindings(),
		postern.Finding{
			Check: "relay", State: postern.FindingFailure, Message: "The relay cannot be reached through the public address: the server answered 400 Bad Request.",
			Why:  "Phones and workstations find each other by a WebSocket; a proxy that does not pass it on leaves them apart.",
			Next: "Have the proxy pass WebSockets on (the headers Upgrade and Connection), with a read timeout above one minute.",
		},
		postern.Finding{
			Check: "administrators", State: postern.FindingWarning, Subject: "Ada Lovelace", Message: "Ada Lovelace, an owner, has only one passkey.",
			Why: "If that one is lost, only somebody with a shell on the server can let them in again.", Next: "Have Ada Lovelace sign in and add a second passkey under their account.", Link: "/account",
		},
		postern.Finding{
			Check: "backups", State: postern.FindingNote, Message: "No backup lies in /var/lib/postern/backups.",
			Why:  "If the database is lost, so is which passkeys are Postern's, the audit trail and every pairing. Backups that are made elsewhere cannot be seen from here.",
			Next: "Run postern backup every day, for example by a timer, and keep the archives on another machine.",
		})
	add("doctor/bad", serverDoctor(page(doctor.Progress{Report: fixtureDoctor("", bad...)})))
	failed := page(doctor.Progress{})
	failed.Problem = postern.Errorf(postern.CodeUnavailable, "The database does not answer.")
	add("doctor/failed", serverDoctor(failed))

	on := fixtureIntegration()
	tab := doctorTab{shell(on, tabDoctor), doctorView{Path: doctorTabPath(on.ID), Still: true, Progress: doctor.Progress{Report: fixtureDoctor(on.ApplicationName, fixtureTenantFindings(on)...)}}}
	add("doctor/integration", integrationDoctor(tab))
	part("doctor/body", doctorBody(tab.doctorView))
}

func fixtureTenantFindings(i postern.Integration) []postern.Finding {
	const entra = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/6b0f2a4e-6c39-4bb0-9a3e-58a4f9e9a1c2"
	return []postern.Finding{
		{Check: "integration", State: postern.FindingOK, Message: "The integration is ENABLED."},
		{Check: "token", State: postern.FindingOK, Message: "Entra takes the credential."},
		{
			Check: "permissions", State: postern.FindingFailure, Subject: "UserAuthMethod-Passkey.ReadWrite.All",
			Message: "UserAuthMethod-Passkey.ReadWrite.All is granted as delegated permission, and is needed as application.",
			Why:     "The permission set of the integration needs it. A permission of the other type does not count.",
			Next:    "Add UserAuthMethod-Passkey.ReadWrite.All of the type Application, grant admin consent, and remove the delegated one. Entra does not always ask for the type.", Link: entra,
		},
		{
			Check: "conditional_access", State: postern.FindingWarning, Subject: "Managed devices only",
			Message: "The Conditional Access policy “Managed devices only” demands a managed device for registering security information.",
			Why:     "On a phone or computer that is not managed nobody can register a passkey by themselves; Security info sends them round in circles.",
			Next:    "Have Postern register passkeys on behalf of users, let a Temporary Access Pass count instead, or exclude newcomers from the policy.",
			Link:    "https://entra.microsoft.com/#view/Microsoft_AAD_ConditionalAccess/ConditionalAccessBlade/~/Policies",
		},
		{
			Check: "windows", State: postern.FindingUnknown, Message: "Intune's setting for security keys at the Windows sign-in screen could not be looked at.",
			Why:  "The application has none of the permissions that allow it.",
			Next: "Grant DeviceManagementConfiguration.Read.All (application) under API permissions.", Link: entra,
		},
		{
			Check: "drift", State: postern.FindingNote, Message: "Nobody watches the policy.", Why: "A change that somebody else makes goes unnoticed.",
			Next: "Apply a plan, or accept the policy as it is, under Passkey policy > Drift.", Link: policyPath(i.ID) + "/drift",
		},
	}
}
