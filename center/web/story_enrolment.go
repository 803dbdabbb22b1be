package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/enrolment"
)

func fixturePolicy() postern.EnrolmentPolicy {
	return postern.EnrolmentPolicy{
		Version: 3, Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode, postern.ProofSignIn},
		Rules: []postern.EnrolmentRule{
			{GroupID: "6c1f2bd4-8a0e-4d5f-9b1c-0a2b3c4d5e6f", GroupName: "Contractors", Mode: postern.EnrolmentOff},
			{GroupID: "0a2b3c4d-5e6f-4d5f-9b1c-6c1f2bd48a0e", GroupName: "Passkey pilot", Mode: postern.EnrolmentMandatory},
			{GroupID: "9b1c6c1f-5e6f-4d5f-8a0e-0a2b3c4d2bd4", GroupName: "Technology", Mode: postern.EnrolmentOptional},
		},
	}
}

func fixtureImpact() *postern.EnrolmentImpact {
	return &postern.EnrolmentImpact{
		Members: 412, Offered: 377, Active: 28, Hit: 7,
		Rules: []postern.RuleImpact{
			{GroupID: "a", GroupName: "Contractors", Mode: postern.EnrolmentOff, Members: 31},
			{GroupID: "b", GroupName: "Passkey pilot", Mode: postern.EnrolmentMandatory, Members: 40, Offered: 9, Active: 28, Hit: 3, Why: []postern.EnrolmentProblem{
				{Code: postern.CodeAccountDisabled, Message: "Their accounts are disabled in Entra.", Count: 3, Hit: true, Names: []string{"ana@contoso.example", "ben@contoso.example", "cleo@contoso.example"}},
				{Code: postern.CodePrivilegedUser, Message: "They hold a privileged role, so two administrators have to approve each of their phones.", Count: 2, Names: []string{"dora@contoso.example", "emil@contoso.example"}},
			}},
			{GroupID: "c", GroupName: "Technology", Mode: postern.EnrolmentOptional, Members: 372, Offered: 368, Hit: 4, Why: []postern.EnrolmentProblem{
				{Code: postern.CodeGuestUser, Message: "They are guests of this tenant, and Entra does not register passkeys for guests.", Count: 4, Hit: true, Names: []string{"fay_partner.example#EXT#@contoso.example"}},
			}},
			{Mode: postern.EnrolmentOff},
		},
	}
}

func fixtureApproval(privileged bool) postern.AwaitedApproval {
	phone := fixturePhone()
	phone.IntegrationID = fixtureIntegration().ID
	u := fixtureUser(1, postern.PhasePaired)
	u.Privileged = privileged
	r := postern.AwaitedApproval{
		Phone: phone, User: u, Fingerprint: "4711 0815 2342 9001", Missing: []postern.Proof{postern.ProofApproval}, Needed: 1,
		Proofs: []postern.IdentityProof{{Kind: postern.ProofCode, At: ago(20 * time.Minute), Addr: "198.51.100.7"}}, InvitedBy: "Ada", Addr: "198.51.100.7",
	}
	if privileged {
		r.Needed = 2
		r.Proofs = append(r.Proofs, postern.IdentityProof{Kind: postern.ProofApproval, At: ago(time.Minute), ByID: "adm_1", ByName: "Ada", Note: "Called back on the number in the directory."})
	}
	return r
}

func addEnrolmentStories(add, part func(string, templ.Component)) {
	i := fixtureIntegration()
	page := func(p postern.EnrolmentPolicy) enrolmentPage {
		return enrolmentPage{integrationFrame: shell(i, tabEnrolment), Policy: p, Redirect: "https://postern.contoso.example/proof/callback"}
	}
	none := page(postern.EnrolmentPolicy{Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode}})
	add("enrolment/none", enrolmentView(none))
	saved := page(fixturePolicy())
	saved.Note = notes["enrolment"]
	add("enrolment/rules", enrolmentView(saved))
	waiting := page(fixturePolicy())
	waiting.Waiting = []postern.AwaitedApproval{fixtureApproval(true), fixtureApproval(false)}
	add("enrolment/waiting", enrolmentView(waiting))
	assessed := page(fixturePolicy())
	assessed.Impact = &impactPart{Impact: fixtureImpact()}
	add("enrolment/impact", enrolmentView(assessed))
	hit := assessed
	hit.Problems = problems{postern.Errorf(postern.CodeEnrolmentHits, "The policy names 7 people who cannot enrol.").OnField("acknowledged_hit")}
	add("enrolment/not-acknowledged", enrolmentView(hit))
	impossible := page(fixturePolicy())
	stopped := fixtureImpact()
	off := postern.Errorf(postern.CodeIntegrationDisabled, "")
	stopped.Refused, stopped.Obstacles = true, []postern.EnrolmentProblem{{Code: off.Code, Message: off.Message, Next: off.Next, Hit: true}}
	impossible.Impact = &impactPart{Impact: stopped}
	add("enrolment/impossible", enrolmentView(impossible))
	auditor := waiting
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("enrolment/auditor", enrolmentView(auditor))
	part("enrolment/groups", groupList(groupChoices{Query: "pa", Groups: []postern.GroupChoice{{ID: "0a2b3c4d-5e6f-4d5f-9b1c-6c1f2bd48a0e", Name: "Passkey pilot"}, {ID: "9b1c6c1f-5e6f-4d5f-8a0e-0a2b3c4d2bd4", Name: "Partners"}}}))
	part("enrolment/no-groups", groupList(groupChoices{Query: "zebra"}))

	ask := func(reject bool) approvalPage {
		return approvalPage{frame: inDialog(fixtureFrame(sectionIntegrations, "Approve the phone of Elena?")), Request: fixtureApproval(true), Path: "/x", Reject: reject}
	}
	part("enrolment/approve", decision(ask(false)))
	repeated := ask(false)
	repeated.Reason, repeated.Problems = "Known by voice.", problems{postern.Errorf(postern.CodeApprovalRepeated, "")}
	part("enrolment/approve-again", decision(repeated))
	part("enrolment/reject", decision(ask(true)))

	device := enrolment.Device{Name: fixturePhone().Name, Platform: "Android 16, Chrome 142", At: fixtureNow, Addr: "203.0.113.24"}
	user := fixtureUser(1, postern.PhasePaired).UPN
	for _, german := range []bool{false, true} {
		end := ""
		if german {
			end = "-german"
		}
		proof := proofPage{frame: frame{Title: "Sign-in", Now: fixtureNow}, German: german}
		show := func(name string, edit func(p *proofPage)) {
			p := proof
			edit(&p)
			add("proof/"+name+end, proofView(p))
		}
		show("question", func(p *proofPage) { p.Question = &enrolment.Question{User: user, Device: device, Left: 3} })
		show("wrong-number", func(p *proofPage) {
			p.Question = &enrolment.Question{User: user, Device: device, Left: 1}
			p.Problem = postern.Errorf(postern.CodeSignInNumber, "")
		})
		show("done", func(p *proofPage) { p.Outcome = &enrolment.Outcome{User: user, Device: device} })
		show("done-before-enrolment", func(p *proofPage) { p.Outcome = &enrolment.Outcome{User: user, Device: device, Enrols: true} })
		show("disowned", func(p *proofPage) { p.Disowned = true })
		show("other-person", func(p *proofPage) { p.Problem = postern.Errorf(postern.CodeSignInOther, "") })
	}
}
