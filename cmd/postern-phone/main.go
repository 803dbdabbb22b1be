// Command postern-phone is a phone without a screen, for scripts and machines: it enrols with a control center, makes
// passkeys when it is asked to, and signs in with them.
//
// Running a command is the user's consent: nothing asks again, but for serve and answer, which ask for each use. Keys lie in a sealed file, which is why the control
// center records such a phone as lower assurance. main.go owns the command tree and the exit codes, vault.go the files;
// each command stands in the file of its name.
package main

import (
	"errors"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone/websignin"
)

// commands is the command tree. What stands beside the commands goes with all of them.
type commands struct {
	options

	Enroll    enrollCmd    `cmd:"" aliases:"enrol" help:"Enrol this phone with the one-time code of an invitation."`
	Provision provisionCmd `cmd:"" help:"Make the passkey that is asked for, and wait until Entra has it."`
	Passkeys  passkeysCmd  `cmd:"" help:"List the passkeys on this phone."`
	SignIn    signInCmd    `cmd:"" help:"Sign in at Entra's web pages with a passkey of this phone."`
	Status    statusCmd    `cmd:"" help:"Show what the control center knows of this phone; remove what was revoked."`
	Serve     serveCmd     `cmd:"" help:"Be a security key for programs on this machine, until stopped."`
	Pair      pairCmd      `cmd:"" help:"Pair with a workstation, by the text of its QR code or the code it shows to type."`
	Pairings  pairingsCmd  `cmd:"" help:"List the workstations this phone is paired with."`
	Unpair    unpairCmd    `cmd:"" help:"End a pairing."`
	Answer    answerCmd    `cmd:"" help:"Answer what paired workstations ask, until stopped."`
	Offline   offlineCmd   `cmd:"" help:"Codes for signing in at workstations without a network: list, code, forget."`
	Forget    forgetCmd    `cmd:"" help:"Have this phone and its passkeys revoked, and delete its files."`
	Version   cli.Version  `cmd:"" help:"Print the version."`
}

// options go with every command.
type options struct {
	File string `help:"File that holds the phone's keys." env:"POSTERN_PHONE_FILE" placeholder:"FILE"`
	JSON bool   `help:"Print JSON."`
}

const description = `A phone without a screen: makes passkeys for Microsoft Entra ID and signs in with them.

Its keys lie in FILE, sealed with the passphrase in POSTERN_PHONE_PASSPHRASE, or where there is none with a key in FILE.key;
its passkeys in FILE.passkeys. With POSTERN_PHONE_SEAL=tpm the TPM of this machine seals FILE, and checks the passphrase if there
is one: a copy opens on no other machine, and an older copy not at all.

Exit codes: 0 done, 1 failed, 2 wrong usage or value, 3 not found or not enrolled, 4 conflict or changed meanwhile,
5 not allowed, 6 Entra refused or cannot be reached, 7 still under way when the time was over, 130 stopped.`

func main() { program().Main() }

func program() cli.Program {
	tree := new(commands)
	return cli.Program{Name: "postern-phone", Description: description, Tree: tree, Bind: []any{&tree.options}, Explain: explain}
}

// explain finds or makes the error for people; nil if err speaks for itself.
func explain(err error) *postern.Error {
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return e
	}
	if refusal, ok := errors.AsType[*websignin.Refusal](err); ok {
		return postern.Errorf(postern.CodeEntraRefused, "Entra refused the sign-in: %s", refusal.Message).
			WithNext("Look at the user's passkeys and sign-in log in Entra.").Because(err)
	}
	if _, ok := errors.AsType[*client.Error](err); ok {
		return postern.Errorf(postern.CodeForbidden, "The passkey could not be used: %v.", err).
			WithNext("See postern-phone passkeys for what is here.").Because(err)
	}
	switch {
	case errors.Is(err, sealedfile.ErrInUse):
		return postern.Errorf(postern.CodeConflict, "Another postern-phone is at work with this file.").WithNext("Wait until it is done.").Because(err)
	case errors.Is(err, sealedfile.ErrUnreadable):
		return postern.Errorf(postern.CodeForbidden, "The phone's file does not open: %v.", err).
			WithNext("Set POSTERN_PHONE_PASSPHRASE to the passphrase the phone was enrolled with.").Because(err)
	}
	return nil
}
