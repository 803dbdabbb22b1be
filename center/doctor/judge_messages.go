package doctor

import (
	"errors"
	"fmt"

	"github.com/postern/postern"
)

func mail(f Server) []postern.Finding {
	if f.MailSettings != nil {
		return unreadable("The mail settings")
	}
	if !f.Mail.Configured() {
		return []postern.Finding{bad(postern.FindingNote, "No mail server is set.", "Invitations are handed out by hand, and nobody is reminded or warned by mail.", "Set one under Mail, if people shall be written to.", "/mail")}
	}
	var found []postern.Finding
	if f.MailErr != nil {
		p := problemOf(f.MailErr)
		found = append(found, bad(postern.FindingFailure, "Mail cannot be sent: "+p.Message, "Messages wait in the outbox and go out when it can.",
			orElse(p.Next, "Correct the settings under Mail and send a test message."), "/mail"))
	} else {
		found = ok("The mail server %s takes messages.", f.Mail.Host)
	}
	for _, m := range f.MailFailures {
		message := fmt.Sprintf("%d messages could not be sent yet: %s", m.Count, m.Message)
		state := postern.FindingNote
		if m.Code == string(postern.MessageFailed) {
			message, state = fmt.Sprintf("%d messages were given up since yesterday: %s", m.Count, m.Message), postern.FindingWarning
		}
		b := bad(state, message, "The people they were for do not know what the message says.", "See the outbox for whom they were; correct the address in Entra and send again.", "/mail")
		b.Subject = m.Message
		found = append(found, b)
	}
	return found
}

func waking(f Server) []postern.Finding {
	c := f.Waking
	switch {
	case c.KeyProblem != nil:
		return []postern.Finding{bad(postern.FindingFailure, "The key by which push services know this Postern cannot be opened.",
			"Phones are not woken; people have to open the app themselves to answer a workstation.",
			"Start Postern with the key file that belongs to this database.", "")}
	case f.WakingErr != nil:
		return unreadable("The phones' push subscriptions")
	case c.Phones == 0:
		return ok("No phone has asked to be woken.")
	}
	var found []postern.Finding
	if c.Lost > 0 {
		found = append(found, bad(postern.FindingWarning, fmt.Sprintf("The push subscriptions of %d phones cannot be opened.", c.Lost), "These phones are not woken.",
			"Have their users turn notifications off and on again in the app; if it is all of them, start Postern with the key file that belongs to this database.", ""))
	}
	for _, w := range f.Push {
		if problem := w.broken(); problem != "" {
			b := bad(postern.FindingFailure, fmt.Sprintf("The push service %s cannot be reached: %s.", w.Host, problem), "Phones that use it are not woken; people have to open the app themselves.",
				"Allow connections to "+w.Host+" on port 443, or set push.proxy.", "")
			b.Subject = w.Host
			found = append(found, b)
		}
	}
	if s := c.Stats; s.Failed > 0 && s.Failed*5 >= s.Sent+s.Failed {
		found = append(found, bad(postern.FindingWarning, fmt.Sprintf("Push services refused %d of %d messages since Postern started.", s.Failed, s.Sent+s.Failed), "Phones are not woken each time.",
			"See the log for what they say. Some refuse messages without a contact: set push.contact.", ""))
	}
	if found == nil {
		return ok("%d phones may be woken, and their push services can be reached.", c.Phones)
	}
	return found
}

// unreadable is for what the database did not give.
func unreadable(what string) []postern.Finding {
	return []postern.Finding{bad(postern.FindingUnknown, what+" could not be looked at.", "The database did not answer.", "See the check database.", "")}
}

// problemOf is an error as people may read it.
func problemOf(err error) Problem {
	if err == nil {
		return Problem{}
	}
	var e *postern.Error
	if !errors.As(err, &e) {
		e = postern.AsError(err)
	}
	filled := postern.AsError(e)
	return Problem{Code: filled.Code, Message: stop(filled.Message), Next: filled.Next}
}
