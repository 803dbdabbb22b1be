package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
)

// onKey is the provisioning of a passkey on a hardware security key at this machine.
type onKey struct {
	SecurityKey bool   `help:"Register a hardware security key that is plugged into this machine, instead of the user's phone." group:"key"`
	Integration string `help:"Identifier or application name of the integration, where there are several." short:"i" placeholder:"NAME" group:"key"`
	whichKey
	whichPIN
}

// wanted reports whether a security key is meant. Its other flags alone do not say so clearly enough.
func (o onKey) wanted() (bool, error) {
	if o.SecurityKey || o.SecurityKeyAt != "" || o.Device != "" {
		return true, nil
	}
	if o != (onKey{}) {
		return false, postern.FieldErrorf("security-key", "A flag of security keys is given, but not --security-key.").
			WithNext("Add --security-key, or leave the flag out.")
	}
	return false, nil
}

// keyOutcome is what came of it, as printed with --json.
type keyOutcome struct {
	Provisioning postern.Provisioning `json:"provisioning"`
	Passkey      *postern.Passkey     `json:"passkey,omitempty"`
	NewPIN       string               `json:"new_pin,omitempty"`
}

// keyRun is one run of the command. It stands at the key's side of a provisioning, as a phone does: what it fails at,
// it tells the control center, and what it leaves on the key, it removes.
type keyRun struct {
	*postern.Client
	cmd    *passkeysProvisionCmd
	std    cli.Streams
	key    *securityKey
	pad    *keypad
	record postern.Provisioning
	made   *client.Registration
}

// provisionKey registers a security key for a user.
func (cmd *passkeysProvisionCmd) provisionKey(ctx context.Context, std cli.Streams, group *passkeysCmd) (err error) {
	if err := cmd.whichPIN.check(); err != nil {
		return err
	}
	if cmd.Phone != "" {
		return postern.FieldErrorf("phone", "--phone and --security-key exclude each other.").WithNext("Give one of them.")
	}
	c, i, user, err := cmd.whose(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	// The key comes first: without one nothing begins.
	key, err := cmd.whichKey.open(ctx, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, key.close.Close()) }()
	if err := key.fit(cmd.ForcePINChange); err != nil {
		return err
	}
	pad := &keypad{whichPIN: cmd.whichPIN, std: std, user: cmd.User}
	key.PIN = pad.ask
	run := &keyRun{Client: c, cmd: cmd, std: std, key: key, pad: pad}
	if run.record, err = c.BeginSecurityKey(ctx, i.ID, postern.SecurityKeyInput{User: user}); err != nil {
		return err
	}
	if err := run.goOn(ctx); err != nil {
		return err
	}
	return run.show(ctx, group.JSON)
}

// whose finds the user's integration, and the name by which the directory knows the user.
func (cmd *passkeysProvisionCmd) whose(ctx context.Context, r *remote, std cli.Streams) (*postern.Client, postern.Integration, string, error) {
	if !postern.ValidID(cmd.User, postern.PrefixUser) {
		c, i, err := named{cmd.Integration}.open(ctx, r, std)
		return c, i, cmd.User, err
	}
	c, u, err := cmd.who.open(ctx, r, std)
	if err != nil {
		return nil, postern.Integration{}, "", err
	}
	i, err := c.Integration(ctx, u.IntegrationID)
	return c, i, u.ObjectID, err
}

// goOn takes the provisioning from where it stands to its end.
func (r *keyRun) goOn(ctx context.Context) error {
	if r.record.State == postern.ProvisioningRequested || r.record.State == postern.ProvisioningOffered {
		if err := r.makeAndSubmit(ctx); err != nil {
			return r.giveUp(ctx, err)
		}
	} else {
		fmt.Fprintln(r.std.Err, "An earlier run has handed a credential in for this user. This one waits for it, and leaves the key alone.")
	}
	p, err := r.cmd.watch(ctx, r.Client, r.std, r.record)
	if err != nil {
		fmt.Fprintf(r.std.Err, "The registration goes on without this command. See what came of it with: postern passkeys list %s\n", cli.Clean(r.cmd.User))
		return err
	}
	r.record = p
	if p.State != postern.ProvisioningActive {
		return r.giveUp(ctx, ended(p))
	}
	return r.demandPINChange(ctx)
}

// makeAndSubmit has the key make the credential and hands it in.
func (r *keyRun) makeAndSubmit(ctx context.Context) error {
	if r.key.lacksPIN() {
		if err := r.key.SetPIN(ctx); err != nil {
			return explainKey(err)
		}
	}
	offer, err := r.SecurityKeyOptions(ctx, r.record.ID)
	if err != nil {
		return err
	}
	r.record = offer.Provisioning
	options, err := client.ParseCreationOptions(offer.PublicKey)
	if err != nil {
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Entra's creation options cannot be read.").Because(err)
	}
	// Entra's own timeout is for a browser, and a PIN may have to be typed first. What counts is when the challenge runs out.
	options.Timeout = 0
	fmt.Fprintf(r.std.Err, "Making a passkey for %s on the security key.\n", cli.Clean(options.User.Name))
	if r.made, err = r.key.Create(ctx, options, "https://"+options.RP.ID); err != nil {
		return explainKey(err)
	}
	return r.submit(ctx)
}

// submitTries is how often the credential is handed in when the control center cannot be reached. Handing it in again
// changes nothing.
const submitTries = 5

func (r *keyRun) submit(ctx context.Context) error {
	in := postern.CredentialSubmission{ID: r.made.ID, ClientDataJSON: r.made.ClientDataJSON, AttestationObject: r.made.AttestationObject}
	for try := 1; ; try++ {
		p, err := r.SubmitSecurityKey(ctx, r.record.ID, in)
		if err == nil {
			r.record = p
			return nil
		}
		if try == submitTries || !postern.IsCode(err, postern.CodeUnavailable) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.cmd.Every):
		}
	}
}

// demandPINChange has the key ask for another PIN at its next use. It comes last, because the key takes no PIN for
// anything else afterwards.
func (r *keyRun) demandPINChange(ctx context.Context) error {
	if !r.cmd.ForcePINChange || r.made == nil { // of an earlier run it may have been another key
		return nil
	}
	if err := r.key.SetMinPINLength(ctx, ctap.SetMinPINLengthParams{ForceChangePIN: new(true)}); err != nil {
		e := postern.AsError(explainKey(err))
		return e.WithNext("The passkey is registered and works. Tell the user to change the key's PIN.")
	}
	return nil
}

// cleanUpWithin bounds what is done after a failure, or after somebody pressed Ctrl-C.
const cleanUpWithin = 30 * time.Second

// giveUp undoes what a failed run did, and returns why it failed. The credential leaves the key only when it is certain
// that Entra will not have it.
func (r *keyRun) giveUp(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpWithin)
	defer cancel()
	// Where another run has taken the provisioning over, it is that one's to end.
	certain := postern.IsCode(why, postern.CodeProvisioningTaken)
	if !certain {
		certain = r.cancel(ctx)
	}
	switch {
	case r.made == nil:
	case !certain:
		fmt.Fprintln(r.std.Err, "Whether Entra has the passkey is not known, so it stays on the key. Run the same command again: it goes on where this one stopped.")
	default:
		r.removeFromKey(ctx)
	}
	return why
}

// cancel ends the provisioning, and reports whether it has ended without a passkey.
func (r *keyRun) cancel(ctx context.Context) bool {
	if r.record.State.Final() {
		return r.record.State != postern.ProvisioningActive
	}
	p, err := r.CancelProvisioning(ctx, r.record.ID)
	if postern.IsCode(err, postern.CodeProvisioningState) { // it ended by itself
		p, err = r.Client.Provisioning(ctx, r.record.ID)
	}
	return err == nil && p.State.Final() && p.State != postern.ProvisioningActive
}

func (r *keyRun) removeFromKey(ctx context.Context) {
	err := r.key.DeleteCredential(ctx, r.made.ID)
	if err == nil {
		fmt.Fprintln(r.std.Err, "The passkey that was left on the key has been removed from it.")
		return
	}
	fmt.Fprintf(r.std.Err, "A passkey that opens nothing was left on the key: %v.\nRemove it with the key's own tool, or run this command again: a new passkey for the same user takes its place.\n", err)
}

// show prints what came of it.
func (r *keyRun) show(ctx context.Context, asJSON bool) error {
	out := keyOutcome{Provisioning: r.record}
	if r.pad.generated {
		out.NewPIN = r.pad.pin
	}
	fields := []field{{"ID", string(r.record.ID)}, {"State", string(r.record.State)}, {"Display name", r.record.DisplayName}}
	all, err := r.Passkeys(ctx, r.record.UserID)
	if err != nil {
		fmt.Fprintf(r.std.Err, "The passkey is registered, but cannot be looked up now: %s\n", cli.Clean(postern.AsError(err).Message))
	}
	for n := range all {
		if all[n].ProvisioningID == r.record.ID {
			out.Passkey = &all[n]
			fields = append(fields, field{"Passkey", string(all[n].ID)}, field{"Model", all[n].Model}, field{"AAGUID", all[n].AAGUID})
		}
	}
	return showFields(r.std, asJSON, out, fields...)
}
