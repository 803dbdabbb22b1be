package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// entraSetupCmd takes a tenant from nothing to an integration, and back.
type entraSetupCmd struct {
	Name string `arg:"" optional:"" help:"Application name of the integration: what people see on the phone; at most 23 characters." default:"Postern"`

	setupForm
	DryRun bool   `help:"Only look, with rights to read, and say what would be written."`
	ByHand string `help:"Write down the steps for somebody who does them by hand: powershell, curl or portal." enum:",powershell,curl,portal" default:"" placeholder:"FORM"`
	Output string `help:"With --by-hand: write to this file instead of standard output." short:"o" placeholder:"FILE"`

	Resume string `help:"Go on with this set-up." placeholder:"SUP" xor:"which"`
	Finish string `help:"Tell this set-up what was made by hand, and add the integration." placeholder:"SUP" xor:"which"`
	Undo   string `help:"Take back what this set-up made or changed." placeholder:"SUP" xor:"which"`
	Forget string `help:"Forget this set-up; what it made stays." placeholder:"SUP" xor:"which"`
	List   bool   `help:"List set-ups." xor:"which"`

	ClientID                   string `name:"client-id" help:"With --finish: application (client) ID." placeholder:"GUID"`
	ClientSecretFile           string `help:"With --finish: file that holds the client secret, - for standard input. Or set POSTERN_CLIENT_SECRET." placeholder:"FILE"`
	ServiceAccountPasswordFile string `help:"With --finish, legacy set: file that holds the password. Or set POSTERN_SERVICE_ACCOUNT_PASSWORD." placeholder:"FILE"`
	sure
}

// setupForm is what a person chooses, as flags.
type setupForm struct {
	TenantID               string `name:"tenant-id" help:"Directory (tenant) ID, or a verified domain. By default that of whoever signs in." placeholder:"GUID"`
	RegistrationName       string `help:"Display name of the app registration in Entra." placeholder:"NAME"`
	PermissionSet          string `help:"What the integration is meant to be able to do: passkeys, standard or full; directory and legacy are those of other guides." enum:",passkeys,standard,full,directory,legacy" default:"" placeholder:"SET"`
	Credential             string `help:"How the application proves itself: certificate or secret." enum:",certificate,secret" default:"" placeholder:"KIND"`
	CredentialDays         int    `help:"How long the credential is good; a year for a certificate, half a year for a secret." placeholder:"DAYS"`
	Policy                 bool   `help:"Enable the method Passkey (FIDO2) for all users and allow what Postern needs." default:"true" negatable:""`
	Windows                string `help:"Allow security keys at the Windows sign-in screen by Intune: off, settings-catalog or oma-uri." enum:",off,settings-catalog,oma-uri" default:"" placeholder:"WAY"`
	WindowsGroup           string `help:"Group, by name or object id, whose devices get the Intune setting; all devices by default." placeholder:"GROUP"`
	ServiceAccountUsername string `help:"Legacy set: user name of the service account; with --finish its whole name." placeholder:"NAME"`
}

func (f setupForm) input(name string) postern.SetupInput {
	return postern.SetupInput{
		TenantID: f.TenantID, RegistrationName: f.RegistrationName, ApplicationName: name, PermissionSet: postern.PermissionSet(f.PermissionSet),
		Credential:     map[string]postern.CredentialKind{"certificate": postern.CredentialCertificate, "secret": postern.CredentialSecret}[f.Credential],
		CredentialDays: f.CredentialDays, Policy: f.Policy, Windows: postern.SetupWindows(strings.ReplaceAll(f.Windows, "-", "_")),
		WindowsGroup: f.WindowsGroup, ServiceAccountUsername: f.ServiceAccountUsername,
	}
}

// Run does what was asked for to a set-up there is, or begins one.
func (cmd *entraSetupCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	if cmd.DryRun && cmd.ByHand != "" {
		return postern.Errorf(postern.CodeInvalid, "--dry-run looks at the tenant, --by-hand writes down what to do without; both at once cannot be.").
			WithNext("Look first; then write it down with --resume and --by-hand.")
	}
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r := &setupRun{std: std, c: c, json: group.JSON, sure: cmd.sure}
	switch {
	case cmd.List:
		return r.list(ctx)
	case cmd.Forget != "":
		return r.forget(ctx, postern.SetupID(cmd.Forget))
	case cmd.Undo != "":
		return r.undo(ctx, postern.SetupID(cmd.Undo))
	case cmd.Finish != "":
		return cmd.finish(ctx, r)
	case cmd.Resume != "":
		r.s, err = c.Setup(ctx, postern.SetupID(cmd.Resume))
	default:
		r.s, err = c.BeginSetup(ctx, cmd.input(cmd.Name))
	}
	if err != nil {
		return err
	}
	if cmd.ByHand != "" {
		return cmd.byHand(ctx, r)
	}
	if cmd.Resume == "" {
		fmt.Fprintf(std.Err, "Set-up %s. If this is broken off, go on with: postern entra setup --resume %s\n", r.s.ID, r.s.ID)
	}
	if cmd.DryRun {
		return r.dryRun(ctx)
	}
	return r.goOn(ctx)
}

// byHand writes the steps down for somebody else.
func (cmd *entraSetupCmd) byHand(ctx context.Context, r *setupRun) error {
	script, err := r.c.SetupScript(ctx, r.s.ID, postern.SetupForm(cmd.ByHand))
	if err != nil {
		return err
	}
	fmt.Fprintf(r.std.Err, "Set-up %s. When the steps are done: postern entra setup --finish %s --tenant-id … --client-id …\n", r.s.ID, r.s.ID)
	switch {
	case cmd.Output != "" && cmd.Output != "-":
		return os.WriteFile(cmd.Output, []byte(script.Text), 0o644) //nolint:gosec // no secret is in it
	case r.json:
		return cli.JSON(r.std.Out, script)
	}
	_, err = io.WriteString(r.std.Out, script.Text)
	return err
}

// finish tells what was made by hand.
func (cmd *entraSetupCmd) finish(ctx context.Context, r *setupRun) (err error) {
	if r.s, err = r.c.Setup(ctx, postern.SetupID(cmd.Finish)); err != nil {
		return err
	}
	in := postern.SetupFinish{Version: r.s.Version, TenantID: cmd.TenantID, ClientID: cmd.ClientID, ServiceAccountUsername: cmd.ServiceAccountUsername}
	if in.ClientSecret, err = secretFrom(cmd.ClientSecretFile, "POSTERN_CLIENT_SECRET", r.std.In); err != nil {
		return err
	}
	if in.ServiceAccountPassword, err = secretFrom(cmd.ServiceAccountPasswordFile, "POSTERN_SERVICE_ACCOUNT_PASSWORD", r.std.In); err != nil {
		return err
	}
	if r.s, err = r.c.FinishSetup(ctx, r.s.ID, in); err != nil {
		return err
	}
	return r.end(ctx)
}

// setupRun is a set-up that somebody watches.
type setupRun struct {
	sure
	std  cli.Streams
	c    *postern.Client
	json bool
	s    postern.Setup
	said map[string]string // by step
}

// setupPause is how often the command looks.
const setupPause = 300 * time.Millisecond

// follow waits until nothing is under way, with one line a step.
func (r *setupRun) follow(ctx context.Context) error {
	for {
		r.tell()
		switch r.s.State {
		case postern.SetupSigningIn, postern.SetupLooking, postern.SetupApplying, postern.SetupUndoing:
		default:
			return nil
		}
		select {
		case <-ctx.Done():
			fmt.Fprintf(r.std.Err, "It goes on without being watched: postern entra setup --resume %s\n", r.s.ID)
			return ctx.Err()
		case <-time.After(setupPause):
		}
		var err error
		if r.s, err = r.c.Setup(ctx, r.s.ID); err != nil {
			return err
		}
	}
}

// tell says what changed of the steps, while they are written or taken back.
func (r *setupRun) tell() {
	if r.said == nil {
		r.said = make(map[string]string)
	}
	for _, step := range r.s.Steps {
		said := setupStepWords[step.State]
		known, before := r.said[step.Key]
		r.said[step.Key] = said
		if said != known && (before || step.State != postern.SetupStepTodo) && r.acting() {
			fmt.Fprintf(r.std.Err, "%s: %s\n", step.Title, said)
		}
	}
}

func (r *setupRun) acting() bool {
	switch r.s.State {
	case postern.SetupApplying, postern.SetupUndoing, postern.SetupReady, postern.SetupUndone, postern.SetupStopped:
		return true
	}
	return false
}

// signIn has an administrator sign in, and waits until the tenant was looked at.
func (r *setupRun) signIn(ctx context.Context, write bool) (err error) {
	if r.s.State != postern.SetupSigningIn || r.s.SignIn == nil || r.s.SignIn.Write != write {
		if r.s, err = r.c.SignInSetup(ctx, r.s.ID, postern.SetupAct{Version: r.s.Version, Write: write}); err != nil {
			return err
		}
	}
	if code := r.s.SignIn; code != nil {
		fmt.Fprintf(r.std.Err, "An administrator of the tenant opens %s\nand types the code %s, until %s.\n", cli.Clean(code.VerificationURI), cli.Clean(code.UserCode), when(code.ExpiresAt))
	}
	if err := r.follow(ctx); err != nil {
		return err
	}
	if r.s.Problem != nil {
		return setupError(r.s)
	}
	return nil
}

// signedIn reports whether somebody is signed in who may write.
func (r *setupRun) signedIn(write bool) bool {
	return r.s.Administrator != nil && (r.s.Administrator.Write || !write)
}

// dryRun looks with rights to read, and says what would be written.
func (r *setupRun) dryRun(ctx context.Context) error {
	if err := r.follow(ctx); err != nil {
		return err
	}
	if !r.signedIn(false) {
		if err := r.signIn(ctx, false); err != nil {
			return err
		}
	} else if r.s.State != postern.SetupPlanned {
		return setupError(r.s)
	}
	return r.show(true)
}

// goOn brings a set-up to its end, from wherever it stands.
func (r *setupRun) goOn(ctx context.Context) (err error) {
	if r.s.State != postern.SetupSigningIn {
		if err := r.follow(ctx); err != nil {
			return err
		}
	}
	for r.s.State != postern.SetupReady {
		switch {
		case r.s.State == postern.SetupUndone:
			return r.end(ctx)
		case r.s.State == postern.SetupStopped && (r.s.Problem == nil || r.s.Problem.Code != postern.CodeSetupRole):
			// What was agreed to goes on, if whoever signed in is signed in still, and may.
			s, err := r.c.ApplySetup(ctx, r.s.ID, postern.SetupAct{Version: r.s.Version})
			if err == nil {
				r.s = s
				return r.end(ctx)
			}
			if !postern.IsCode(err, postern.CodeSetupSignIn) {
				return err
			}
		}
		if r.s.State != postern.SetupPlanned || !r.signedIn(true) {
			if err := r.signIn(ctx, true); err != nil {
				return err
			}
		}
		if err := r.print(false); err != nil {
			return err
		}
		if err := r.ask(r.std, "Write this to the tenant?"); err != nil {
			return err
		}
		if r.s, err = r.c.ApplySetup(ctx, r.s.ID, postern.SetupAct{Version: r.s.Version}); err != nil {
			return err
		}
		if err := r.follow(ctx); err != nil {
			return err
		}
		if r.s.State != postern.SetupReady {
			return r.end(ctx)
		}
	}
	return r.end(ctx)
}

// undo takes a set-up back.
func (r *setupRun) undo(ctx context.Context, id postern.SetupID) (err error) {
	if r.s, err = r.c.Setup(ctx, id); err != nil {
		return err
	}
	if r.s.State != postern.SetupUndoing {
		if err := r.ask(r.std, fmt.Sprintf("Take back what the set-up of %s made or changed in the tenant?", r.s.Input.ApplicationName)); err != nil {
			return err
		}
		s, err := r.c.UndoSetup(ctx, id, postern.SetupAct{Version: r.s.Version})
		if postern.IsCode(err, postern.CodeSetupSignIn) {
			if err := r.signIn(ctx, true); err != nil {
				return err
			}
			s, err = r.c.UndoSetup(ctx, id, postern.SetupAct{Version: r.s.Version})
		}
		if err != nil {
			return err
		}
		r.s = s
	}
	return r.end(ctx)
}

// forget removes a set-up.
func (r *setupRun) forget(ctx context.Context, id postern.SetupID) (err error) {
	if r.s, err = r.c.Setup(ctx, id); err != nil {
		return err
	}
	if err := r.ask(r.std, "Forget the set-up? What it made stays in the tenant."); err != nil {
		return err
	}
	return r.c.ForgetSetup(ctx, id, r.s.Version)
}

// end follows a set-up to its end, and says how it ended.
func (r *setupRun) end(ctx context.Context) error {
	if err := r.follow(ctx); err != nil {
		return err
	}
	switch r.s.State {
	case postern.SetupReady:
		fmt.Fprintf(r.std.Err, "%s is connected and DISABLED. To put it into use: postern entra enable %s\n", r.s.Input.ApplicationName, r.s.IntegrationID)
		return r.show(false)
	case postern.SetupUndone:
		return r.show(false)
	}
	return setupError(r.s)
}

// setupError is why a set-up stopped, with how it goes on.
func setupError(s postern.Setup) error {
	if s.Problem == nil {
		return postern.Errorf(postern.CodeSetupState, "The set-up is %s.", s.State)
	}
	next := s.Problem.Next
	if next != "" {
		next += " "
	}
	return postern.Errorf(s.Problem.Code, "%s", s.Problem.Message).WithNext(next + "Then: postern entra setup --resume " + string(s.ID))
}
