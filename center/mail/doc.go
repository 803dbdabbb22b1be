// Package mail writes to users: invitations, one-time codes, reminders and notices.
//
// It owns the mail settings, the texts and their languages, the outbox, the conversation with the mail server, and the
// reminder campaigns. It does not own what a message is about: package lifecycle decides who is invited, and calls
// here in the same transaction, so that a message exists exactly if what it tells does.
//
// Administrators are written to about what needs them: a credential that ends, a policy that somebody else changed. Each
// such message is a job of its own.
//
// A message waits in the outbox until a job hands it to the mail server. What it is made of is sealed there, because
// one kind carries a one-time code, and is wiped when the message is sent, failed for good or was taken back. Sending
// is at least once: when the process dies after the server took a message and before that is stored, the message goes
// out again, under the same Message-ID (RFC 5322 §3.6.4), by which mail systems know it for the same one.
package mail
