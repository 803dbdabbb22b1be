package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// fixtureTexts are texts of an integration as the Messages tab lists them.
func fixtureTexts() []postern.MessageText {
	var all []postern.MessageText
	for _, k := range postern.MessageKinds {
		for _, l := range postern.Languages {
			all = append(all, postern.MessageText{
				Kind: k, Language: l, Subject: "Pairing incomplete: one step is left for {application}",
				Intro: "Your phone is paired with {application}. That is the first half.", Signature: "Kind regards\n{organisation}",
			})
		}
	}
	return all
}

func fixtureMessages() []postern.Message {
	one := func(n byte, k postern.MessageKind, s postern.MessageState) postern.Message {
		return postern.Message{
			ID: fixtureID[postern.MessageID](postern.PrefixMessage, n), UserID: fixtureUser(int(n), postern.PhasePaired).ID, Kind: k,
			Language: postern.English, Address: fixturePeople[n].upn, Name: fixturePeople[n].name, State: s, Attempts: 1, CreatedAt: ago(3 * time.Hour),
		}
	}
	sent, waits, failed, back := one(0, postern.MessageReminder, postern.MessageSent), one(1, postern.MessageCode, postern.MessageQueued),
		one(2, postern.MessageInvitation, postern.MessageFailed), one(1, postern.MessageCode, postern.MessageWithdrawn)
	sent.SentAt = pointer(ago(2 * time.Hour))
	waits.NextAt, waits.Problem, waits.Attempts = pointer(fixtureNow.Add(4*time.Minute)), "The mail server refused the recipient: 452 4.2.2 Mailbox full, come back later", 3
	failed.Problem = "The mail server refused the recipient: 550 5.1.1 No such mailbox"
	back.Problem = "The invitation was used or withdrawn before the message was sent."
	return []postern.Message{sent, waits, failed, back}
}

func addMessageStories(add, part func(string, templ.Component)) {
	on := fixtureIntegration()
	campaign := postern.Campaign{
		FirstDays: 2, EveryDays: 3, AtMost: 5, Invited: true, Weekdays: []string{"mon", "tue", "wed", "thu", "fri"}, FromHour: 8, UntilHour: 17, TimeZone: "Europe/Berlin",
	}
	off := messagesPage{integrationFrame: shell(on, tabMessages), Messages: postern.Messages{Language: postern.English, Texts: fixtureTexts(), Campaign: campaign}}
	add("messages/no-server", messages(off))
	running := off
	running.MailOn, running.Messages.Version, running.Messages.RevokeNotice, running.Messages.Campaign.On = true, 3, true, true
	running.Due = postern.CampaignPreview{Due: 37, Sample: []string{fixturePeople[0].name, fixturePeople[1].name, fixturePeople[2].name}}
	running.Outbox, running.Page, running.More = fixtureMessages(), 1, true
	add("messages/campaign", messages(running))
	counted := running
	counted.Note = "Not saved yet. With these settings the campaign would write to 37 people now."
	counted.Messages.Campaign.On, counted.Page, counted.More = false, 0, false
	add("messages/counted", messages(counted))
	wrongForm := running
	wrongForm.Messages.Campaign.TimeZone = "Berlin"
	wrongForm.Problems = problems{postern.FieldErrorf("time_zone", "There is no time zone named %q.", "Berlin")}
	add("messages/wrong", messages(wrongForm))
	auditor := running
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("messages/auditor", messages(auditor))

	text := textPage{
		frame: fixtureFrame(sectionIntegrations, "Pairing incomplete (English)"), Integration: on, Version: 3, Text: fixtureTexts()[6],
		Preview: postern.MessagePreview{Subject: "Pairing incomplete: one step is left for Postern Passkeys", Text: "Hello Zoë,\n\nYour phone is paired with Postern Passkeys. That is the first half.\n\n-- \nThis message was sent automatically.\n"},
	}
	text.Trail = []crumb{{"Integrations", "/integrations"}, {on.ApplicationName, integrationPath(on.ID)}, {"Messages", messagesPath(on.ID)}}
	add("messages/text", messageText(text))
	bad := text
	bad.Text.Intro, bad.Preview = "Hello {nome}", postern.MessagePreview{}
	bad.Problems = problems{postern.FieldErrorf("intro", "There is no placeholder {nome}.").WithNext("Known are {name}, {application}, {organisation}, {help}.")}
	add("messages/text-wrong", messageText(bad))
	part("messages/sent", sent(fixtureFrame(sectionIntegrations, ""), fixtureUser(0, postern.PhasePaired), fixtureMessages()))
	part("messages/nothing-sent", sent(fixtureFrame(sectionIntegrations, ""), fixtureUser(0, postern.PhaseActive), nil))

	set := postern.MailSettings{Port: 587, Security: postern.MailSTARTTLS, PerMinute: 60}
	page := func(set postern.MailSettings) mailPage {
		return mailPage{frame: fixtureFrame(sectionMail, "Mail"), Form: postern.MailSettingsInput{MailSettings: set}}
	}
	add("mail/empty", mailSettings(page(set)))
	set.Version, set.Host, set.Username, set.PasswordSet = 2, "smtp.contoso.example", "postern", true
	set.From, set.Organisation, set.Help = "passkeys@contoso.example", "Contoso", "helpdesk@contoso.example"
	works, fails, wrongMail := page(set), page(set), page(set)
	works.Test, works.To = &postern.MailTest{OK: true, Message: "The mail server took the message for ada@contoso.example. Look whether it arrived."}, "ada@contoso.example"
	fails.Test = &postern.MailTest{Message: "The certificate of smtp.contoso.example is not trusted: it is for another name.", Next: "Use the name that stands in the certificate, and have this machine trust who issued it."}
	wrongMail.Problems = problems{postern.FieldErrorf("password", "Server, protection or user name changed, so the stored password is not used any more.").WithNext("Enter the password that belongs to the new settings.")}
	add("mail/works", mailSettings(works))
	add("mail/fails", mailSettings(fails))
	add("mail/wrong", mailSettings(wrongMail))

	guide := helpPage{Application: "Postern Passkeys", AppAddress: "https://postern.contoso.example/app/", Language: postern.English, Path: "/help/pairing"}
	add("help/english", help(guide))
	guide.Language = postern.German
	add("help/german", help(guide))
}
