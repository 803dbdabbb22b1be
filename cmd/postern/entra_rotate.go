package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

type entraRotateCmd struct {
	named
	Status    bool           `help:"Only say when the credential ends and how the rotation goes." xor:"do"`
	Cancel    bool           `help:"Take the new credential away, as long as it is not in use." xor:"do"`
	SignIn    bool           `help:"Have an administrator of the tenant sign in, even where the application could do it by itself; or go on with a rotation that waits for one." xor:"do"`
	ByHand    bool           `help:"Print a certificate that somebody uploads in the Entra admin center, and go on once Entra takes it." xor:"do"`
	Automatic *bool          `negatable:"" help:"From now on rotate the certificate by itself 30 days before it ends." xor:"do"`
	Overlap   *time.Duration `help:"From now on leave the old credential good for that long, such as 24h." placeholder:"TIME"`
	To        string         `help:"Kind of the new credential: certificate or secret; by default the kind there is." enum:",certificate,secret" default:"" placeholder:"KIND"`
	Days      int            `help:"How long the new credential is good; a year for a certificate, half a year for a secret." placeholder:"DAYS"`
	Now       bool           `help:"Remove the old credential as soon as the new one is in use; also of a rotation whose overlap runs."`
	CerFile   string         `help:"Also write the new certificate to this file, to upload it." placeholder:"FILE"`
	Wait      time.Duration  `help:"How long to watch the rotation; 0 returns at once. It goes on without being watched." default:"15m"`
}

// Run begins a rotation, or goes on with one, and watches it.
func (cmd *entraRotateCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.CredentialStatus(ctx, i.ID)
	if err != nil {
		return err
	}
	if cmd.Automatic != nil || cmd.Overlap != nil {
		set := s.Settings
		change(&set.Automatic, cmd.Automatic)
		if cmd.Overlap != nil {
			set.OverlapHours = int(*cmd.Overlap / time.Hour)
		}
		if _, err := c.SetRotationSettings(ctx, i.ID, set); err != nil {
			return err
		}
		if s, err = c.CredentialStatus(ctx, i.ID); err != nil || !cmd.Now && cmd.To == "" {
			return show(err, func() error { return showCredential(std, group.JSON, s) })
		}
	}
	if cmd.Status {
		return showCredential(std, group.JSON, s)
	}
	if s.Rotation, err = cmd.act(ctx, c, i, s.Rotation); err != nil {
		return err
	}
	if s.Rotation.PEM != "" && cmd.CerFile != "" {
		if err := os.WriteFile(cmd.CerFile, []byte(s.Rotation.PEM), 0o644); err != nil { //nolint:gosec // a certificate is public
			return fmt.Errorf("write the certificate: %w", err)
		}
	}
	cmd.instruct(std, i, *s.Rotation)
	if s, err = cmd.watch(ctx, std, c, i.ID, s); err != nil {
		return err
	}
	if err := showCredential(std, group.JSON, s); err != nil {
		return err
	}
	if s.Rotation.State == postern.RotationFailed || s.Rotation.State == postern.RotationWaiting {
		return cli.Answer(cli.ExitFailure)
	}
	return nil
}

func show(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}

// act does what was asked for to the rotation there is, or begins one.
func (cmd *entraRotateCmd) act(ctx context.Context, c *postern.Client, i postern.Integration, last *postern.Rotation) (*postern.Rotation, error) {
	running := last != nil && !last.State.Over()
	var r postern.Rotation
	var err error
	switch {
	case cmd.Cancel && !running:
		return nil, postern.Errorf(postern.CodeRotationState, "The credential of %s is not being rotated.", i.ApplicationName).
			WithNext("Nothing needs to be done.")
	case cmd.Cancel:
		r, err = c.CancelRotation(ctx, i.ID, postern.RotationAct{Version: last.Version})
	case running && cmd.Now && last.State == postern.RotationOverlap:
		r, err = c.FinishRotation(ctx, i.ID, postern.RotationAct{Version: last.Version})
	case running && last.State == postern.RotationWaiting:
		r, err = c.SignInForRotation(ctx, i.ID, postern.RotationAct{Version: last.Version})
	case running:
		return last, nil
	default:
		to := map[string]postern.CredentialKind{"certificate": postern.CredentialCertificate, "secret": postern.CredentialSecret}[cmd.To]
		r, err = c.BeginRotation(ctx, i.ID, postern.RotationInput{
			Version: i.Version, To: to, ByHand: cmd.ByHand, SignIn: cmd.SignIn, Days: cmd.Days, Now: cmd.Now,
		})
	}
	return &r, err
}

// instruct says what a person has to do.
func (cmd *entraRotateCmd) instruct(std cli.Streams, i postern.Integration, r postern.Rotation) {
	switch {
	case r.SignIn != nil:
		fmt.Fprintf(std.Err, "An administrator of the tenant opens %s\nand types the code %s, until %s.\n", r.SignIn.VerificationURI, cli.Clean(r.SignIn.UserCode), when(r.SignIn.ExpiresAt))
	case r.Way == postern.RotationByHand && r.State == postern.RotationProving:
		fmt.Fprintf(std.Err, "Upload this certificate in the Entra admin center, under App registrations, the application %s,\nCertificates & secrets, Certificates, Upload certificate. Leave the others there. Its thumbprint is %s.\n",
			i.ClientID, r.Certificate.Thumbprint)
		if cmd.CerFile != "" {
			fmt.Fprintf(std.Err, "It is in the file %s.\n", cmd.CerFile)
			return
		}
		fmt.Fprint(std.Err, r.PEM)
	}
}

// rotationPause is how often the command looks.
const rotationPause = 500 * time.Millisecond

// watch follows the rotation until it is over, or until the old credential waits for its end.
func (cmd *entraRotateCmd) watch(ctx context.Context, std cli.Streams, c *postern.Client, id postern.IntegrationID, s postern.CredentialStatus) (postern.CredentialStatus, error) {
	end := time.Now().Add(cmd.Wait)
	said := postern.RotationState("")
	for {
		r := s.Rotation
		if r.State != said {
			said = r.State
			fmt.Fprintln(std.Err, rotationSays(*r))
		}
		if r.State.Over() || r.State == postern.RotationWaiting || r.State == postern.RotationOverlap && r.OverlapUntil.After(time.Now().Add(time.Minute)) || !time.Now().Before(end) {
			return c.CredentialStatus(ctx, id)
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(rotationPause):
		}
		now, err := c.CredentialStatus(ctx, id)
		if err != nil {
			return s, err
		}
		if now.Rotation == nil || now.Rotation.ID != r.ID {
			return now, postern.Errorf(postern.CodeConflict, "Another rotation was begun meanwhile.")
		}
		s = now
	}
}

func rotationSays(r postern.Rotation) string {
	switch r.State {
	case postern.RotationSigningIn:
		return "Waiting for the administrator to sign in …"
	case postern.RotationAdding:
		return "Registering the new credential with Entra …"
	case postern.RotationProving:
		if r.Way == postern.RotationByHand {
			return "Waiting until Entra takes the new certificate …"
		}
		return "Proving the new credential …"
	case postern.RotationOverlap:
		return "The new credential is in use; the old one stays good until " + whenever(r.OverlapUntil) + "."
	case postern.RotationRemoving:
		return "Removing the old credential …"
	case postern.RotationUndoing:
		return "Taking the new credential away …"
	case postern.RotationDone:
		return "Done."
	case postern.RotationCancelled:
		return "Cancelled. The old credential stays in use."
	case postern.RotationFailed:
		return "Failed. The old credential stays in use."
	}
	return "The rotation needs a person."
}

func showCredential(std cli.Streams, asJSON bool, s postern.CredentialStatus) error {
	ends, left := "not known", ""
	if s.EndsAt != nil {
		ends, left = when(*s.EndsAt), fmt.Sprint(*s.DaysLeft)
	}
	fields := []field{
		{"Credential", string(s.Credential.Kind)}, {"Ends", ends}, {"Days left", left}, {"Level", string(s.Level)},
	}
	if s.Credential.Certificate != nil {
		fields = append(fields, field{"Thumbprint", s.Credential.Certificate.Thumbprint})
	}
	fields = append(fields, field{"Automatic", yesNo(s.Settings.Automatic)}, field{"Overlap", fmt.Sprintf("%d hours", s.Settings.OverlapHours)})
	if r := s.Rotation; r != nil {
		fields = append(fields, field{"Rotation", string(r.State)}, field{"To", string(r.To)}, field{"By", string(r.Way)}, field{"Old one good until", whenever(r.OverlapUntil)})
		if r.Problem != nil {
			fields = append(fields, field{"Problem", r.Problem.Message}, field{"Next", r.Problem.Next})
		}
	}
	return showFields(std, asJSON, s, fields...)
}
