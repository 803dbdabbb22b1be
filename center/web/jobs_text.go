package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
)

// kindNames are what pages call the kinds.
var kindNames = map[postern.BulkKind]struct{ name, doing, help string }{
	postern.BulkInvite:       {"Invite", "Inviting", "Each gets a one-time code to pair a phone."},
	postern.BulkProvision:    {"Register passkeys", "Registering passkeys", "Every paired phone without a passkey is asked to make one."},
	postern.BulkRemind:       {"Remind", "Reminding", "Writes to those who are not done yet."},
	postern.BulkSuspend:      {"Suspend", "Suspending", "Holds access back; passkeys stay registered."},
	postern.BulkResume:       {"Give access back", "Giving access back", "Ends a suspension."},
	postern.BulkRevokePhones: {"Revoke phones", "Revoking phones", "Cuts all phones off and removes the passkeys on them from Entra."},
	postern.BulkRevokeUser:   {"Revoke users", "Revoking users", "Takes all phones, passkeys and invitations away."},
}

func kindNeeds(k postern.BulkKind) postern.Permission {
	switch k {
	case postern.BulkInvite, postern.BulkRemind:
		return postern.PermUsersInvite
	case postern.BulkProvision:
		return postern.PermPasskeysProvision
	}
	return postern.PermPasskeysRevoke
}

func jobTitle(j postern.BulkJob) string {
	return kindNames[j.Kind].doing + ": " + usersText(j.Counts.Total)
}

func usersText(n int) string {
	if n == 1 {
		return "1 user"
	}
	return thousands(n) + " users"
}

// thousands writes a number with a comma between groups of three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

func jobStateText(j postern.BulkJob) (kind, text string) {
	switch {
	case j.State == postern.BulkPaused:
		return "warn", "paused"
	case j.State == postern.BulkCancelled:
		return "warn", "cancelled"
	case j.State == postern.BulkDone && j.Counts.Failed > 0:
		return "bad", "done, " + thousands(j.Counts.Failed) + " failed"
	case j.State == postern.BulkDone:
		return "ok", "done"
	case j.Counts.Pending+j.Counts.Running == 0:
		return "info", "waiting for phones"
	}
	return "info", "running"
}

var rowNames = map[postern.BulkRowState]struct{ kind, name string }{
	postern.BulkRowPending: {"", "To do"},
	postern.BulkRowRunning: {"info", "Being done"},
	postern.BulkRowWaiting: {"info", "Waiting for the phone"},
	postern.BulkRowDone:    {"ok", "Done"},
	postern.BulkRowSkipped: {"warn", "Left out"},
	postern.BulkRowFailed:  {"bad", "Failed"},
}

// paceText says how fast a job is and how long it takes, as far as anybody can know.
func paceText(j postern.BulkJob) string {
	if j.State != postern.BulkRunning || j.Counts.Pending+j.Counts.Running == 0 {
		return ""
	}
	if j.PerMinute <= 0 {
		return "How long it takes cannot be told yet."
	}
	return "About " + thousands(max(1, int(j.PerMinute))) + " a minute; about " + lasting(time.Duration(j.SecondsLeft)*time.Second) + " left."
}

func lasting(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return strconv.Itoa(int(d/time.Second)) + " seconds"
	case d < 90*time.Minute:
		return strconv.Itoa(int((d+30*time.Second)/time.Minute)) + " minutes"
	case d < 36*time.Hour:
		return strconv.Itoa(int((d+30*time.Minute)/time.Hour)) + " hours"
	}
	return strconv.Itoa(int((d+12*time.Hour)/(24*time.Hour))) + " days"
}

// rowText is why a row stands where it stands.
func rowText(r postern.BulkRow) string {
	text := strings.TrimSpace(r.Message + " " + r.Next)
	if r.Times > 1 {
		text = strings.TrimSpace(text + " Named " + strconv.Itoa(r.Times) + " times; done once.")
	}
	return text
}

func rowName(r postern.BulkRow) string {
	if r.UPN != "" {
		return r.UPN
	}
	return r.Given
}
