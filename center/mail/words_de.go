package mail

import "github.com/postern/postern"

var german = language{
	greeting: "Guten Tag %s,",
	footer:   "Diese Nachricht wurde automatisch verschickt und betrifft das Konto %s. Niemand wird Sie je per E-Mail oder Telefon nach einem Code, einer PIN oder einem Kennwort fragen.",
	help:     "Fragen? %s",
	noHelp:   "Ihr Helpdesk",
	moment:   "%[1]s, %[2]d. %[3]s %[4]d, %02[5]d:%02[6]d Uhr (%[7]s)",
	weekdays: [7]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
	months: [12]string{
		"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
	},
	texts: map[postern.MessageKind]postern.MessageText{
		postern.MessageInvitation: {
			Subject:   "Bald melden Sie sich mit dem Smartphone an: {application}",
			Intro:     "{organisation} lädt Sie ein, sich bei Microsoft 365 und Windows mit dem Smartphone statt mit einem Kennwort anzumelden. Es genügen Fingerabdruck, Gesicht oder Bildschirmsperre des Smartphones.",
			Signature: "Mit freundlichen Grüßen\n{organisation}",
		},
		postern.MessageCode: {
			Subject:   "Ihr Einmalcode für {application}",
			Intro:     "Mit diesem Code koppeln Sie Ihr Smartphone.",
			Signature: "{organisation}",
		},
		postern.MessageEnding: {
			Subject:   "Ihre Einladung zu {application} läuft bald ab",
			Intro:     "Sie wurden eingeladen, sich mit dem Smartphone statt mit einem Kennwort anzumelden, und haben noch kein Smartphone gekoppelt.",
			Signature: "Mit freundlichen Grüßen\n{organisation}",
		},
		postern.MessageReminder: {
			Subject:   "Kopplung unvollständig: Bei {application} fehlt noch ein Schritt",
			Intro:     "Ihr Smartphone ist mit {application} gekoppelt. Das ist die erste Hälfte: Microsoft kennt es noch nicht, darum können Sie sich damit noch nicht anmelden.",
			Signature: "Mit freundlichen Grüßen\n{organisation}",
		},
		postern.MessagePhoneRevoked: {
			Subject:   "Ein Smartphone wurde von Ihrem Konto entfernt: {application}",
			Intro:     "{organisation} hat ein Smartphone entfernt, mit dem Sie sich anmelden konnten.",
			Signature: "Mit freundlichen Grüßen\n{organisation}",
		},
	},
	body: map[postern.MessageKind]func(s scene, f facts) []block{
		postern.MessageInvitation: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "In dieser Nachricht ist nichts zu tun, und kein Link darin koppelt ein Smartphone. Einen Einmalcode erhalten Sie getrennt davon. Legen Sie ihn und Ihr Smartphone bereit und folgen Sie den Schritten auf dieser Seite:"},
				{Link: &link{"Koppeln mit " + s.application, s.helpURL + "?lang=de"}},
				{Paragraph: "Die Einladung gilt bis " + s.moment(f.Ends) + "."},
			}
		},
		postern.MessageCode: func(s scene, f facts) []block {
			return []block{
				{Code: f.Code},
				{Paragraph: "Er gilt einmal, und zwar bis " + s.moment(f.Ends) + "."},
				{Steps: []string{
					"Öffnen Sie auf dem Smartphone im Browser " + s.appURL + ". Tippen Sie die Adresse ein oder nehmen Sie sie von der Seite „Koppeln mit " + s.application + "“.",
					"Geben Sie den Code ein.",
					"Bestätigen Sie mit Fingerabdruck, Gesicht oder Bildschirmsperre.",
				}},
				{Notice: "Geben Sie den Code nirgendwo sonst ein und niemandem weiter. Auch der Helpdesk braucht ihn nicht. Haben Sie ihn nicht erwartet, melden Sie es dort."},
			}
		},
		postern.MessageEnding: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "Die Einladung läuft am " + s.moment(f.Ends) + " ab. Danach gilt ihr Code nicht mehr, und Sie brauchen einen neuen."},
				{Link: &link{"Koppeln mit " + s.application, s.helpURL + "?lang=de"}},
			}
		},
		postern.MessageReminder: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "Die Kopplung ist fast geschafft! Es dauert etwa eine Minute:"},
				{Steps: []string{
					"Öffnen Sie die App auf dem Smartphone (" + s.appURL + "). Ein Konto, das noch nicht fertig ist, trägt den Vermerk „Pairing incomplete“ (Kopplung unvollständig).",
					"Bietet die App an, den Passkey einzurichten, nehmen Sie an und bestätigen Sie mit Fingerabdruck, Gesicht oder Bildschirmsperre. Das ist alles.",
					"Andernfalls schließen Sie bei Microsoft ab: Öffnen Sie an einem Computer, der mit dem Smartphone gekoppelt ist, die Sicherheitsinformationen, wählen Sie „Anmeldemethode hinzufügen“ und „Sicherheitsschlüssel“, und nehmen Sie am Smartphone an, wenn es fragt. Werden „Mobiles Gerät“ und „Sicherheitsschlüssel“ angeboten, nehmen Sie das, was die Seite „Koppeln mit " + s.application + "“ nennt.",
				}},
				{Link: &link{"Sicherheitsinformationen", securityInfo}},
				{Link: &link{"Koppeln mit " + s.application, s.helpURL + "?lang=de"}},
				{Paragraph: "Der Vermerk verschwindet von selbst, wenn Sie fertig sind, und diese Nachrichten bleiben dann aus."},
			}
		},
		postern.MessagePhoneRevoked: func(s scene, f facts) []block {
			return []block{
				{Paragraph: "Mit dem Smartphone „" + firstLine(f.Phone) + "“ können Sie sich nicht mehr anmelden; sein Passkey wird bei Microsoft entfernt. Andere Arten, sich anzumelden, bleiben, wie sie sind."},
				{Paragraph: "Wenn Sie den Grund kennen, zum Beispiel weil Sie es als verloren gemeldet haben, ist nichts zu tun. Um wieder ein Smartphone zu verwenden, bitten Sie um eine neue Einladung."},
				{Notice: "Wenn Sie das nicht erwartet haben, fragen Sie Ihren Helpdesk. Verwenden Sie dafür eine Adresse oder Nummer, die Sie schon kennen."},
			}
		},
	},
}
