package mail

import "github.com/postern/postern"

var english = language{
	greeting: "Hello %s,",
	footer:   "This message was sent automatically about the account %s. Nobody will ever ask you for a code, a PIN or a password by mail or on the phone.",
	help:     "Questions? %s",
	noHelp:   "your help desk",
	moment:   "%[1]s, %[2]d %[3]s %[4]d, %02[5]d:%02[6]d (%[7]s)",
	weekdays: [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	months: [12]string{
		"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
	},
	texts: map[postern.MessageKind]postern.MessageText{
		postern.MessageInvitation: {
			Subject:   "You can soon sign in with your phone: {application}",
			Intro:     "{organisation} invites you to sign in to Microsoft 365 and Windows with your phone in place of a password. Your fingerprint, your face or the screen lock of the phone is all you need.",
			Signature: "Kind regards\n{organisation}",
		},
		postern.MessageCode: {
			Subject:   "Your one-time code for {application}",
			Intro:     "With this code you pair your phone.",
			Signature: "{organisation}",
		},
		postern.MessageEnding: {
			Subject:   "Your invitation to {application} ends soon",
			Intro:     "You were invited to sign in with your phone in place of a password, and have not paired a phone yet.",
			Signature: "Kind regards\n{organisation}",
		},
		postern.MessageReminder: {
			Subject:   "Pairing incomplete: one step is left for {application}",
			Intro:     "Your phone is paired with {application}. That is the first half: Microsoft does not know it yet, so you cannot sign in with it.",
			Signature: "Kind regards\n{organisation}",
		},
		postern.MessagePhoneRevoked: {
			Subject:   "A phone was removed from your account: {application}",
			Intro:     "{organisation} has removed a phone with which you could sign in.",
			Signature: "Kind regards\n{organisation}",
		},
	},
	body: map[postern.MessageKind]func(s scene, f facts) []block{
		postern.MessageInvitation: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "There is nothing to do in this message, and no link in it pairs a phone. You get a one-time code separately. Have it and your phone at hand, and follow the steps on this page:"},
				{Link: &link{"Pairing with " + s.application, s.helpURL}},
				{Paragraph: "The invitation is open until " + s.moment(f.Ends) + "."},
			}
		},
		postern.MessageCode: func(s scene, f facts) []block {
			return []block{
				{Code: f.Code},
				{Paragraph: "It works once, until " + s.moment(f.Ends) + "."},
				{Steps: []string{
					"On your phone, open " + s.appURL + " in the browser. Type the address or take it from the page “Pairing with " + s.application + "”.",
					"Enter the code.",
					"Confirm with your fingerprint, your face or the screen lock.",
				}},
				{Notice: "Enter the code nowhere else, and give it to nobody. No one from your help desk needs it. If you did not expect it, tell them."},
			}
		},
		postern.MessageEnding: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "The invitation ends on " + s.moment(f.Ends) + ". After that its code no longer works, and you need a new one."},
				{Link: &link{"Pairing with " + s.application, s.helpURL}},
			}
		},
		postern.MessageReminder: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "Phone pairing almost complete! It takes about a minute:"},
				{Steps: []string{
					"Open the app on your phone (" + s.appURL + "). An account that is not done yet carries the mark “Pairing incomplete”.",
					"If the app offers to set up the passkey, accept, and confirm with your fingerprint, your face or the screen lock. That is all.",
					"If it does not, finish at Microsoft: on a computer that is paired with the phone, open Security info, choose Add sign-in method and then Security key, and accept on the phone when it asks. Where “mobile device” and “security key” are both offered, take the one the page “Pairing with " + s.application + "” names.",
				}},
				{Link: &link{"Security info", securityInfo}},
				{Link: &link{"Pairing with " + s.application, s.helpURL}},
				{Paragraph: "The mark goes away by itself when you are done, and so do these messages."},
			}
		},
		postern.MessagePhoneRevoked: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "The phone “" + firstLine(f.Phone) + "” no longer signs you in, and its passkey is removed from Microsoft. Other ways in which you sign in stay as they are."},
				{Paragraph: "If you know why, for instance because you reported it lost, there is nothing to do. To use a phone again, ask for a new invitation."},
				{Notice: "If you did not expect this, ask your help desk. Use an address or number that you know already."},
			}
		},
	},
}
