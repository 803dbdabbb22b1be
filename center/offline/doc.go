// Package offline owns what an integration allows of signing in without a network, and what the control center knows of
// each workstation that can: who asked, whether the user agreed on the phone, which codes are in use, what happened there
// while nobody was listening, and the recovery codes that the help desk gives out. docs/offline.md is its page.
//
// It does not register passkeys (package provision does, on its word) and it never sees the codes of the phone.
package offline
