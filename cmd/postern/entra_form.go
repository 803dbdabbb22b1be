package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// entraForm is the form of an integration as flags. Secrets come from files, standard input or the environment.
type entraForm struct {
	TenantID                   string `name:"tenant-id" help:"Directory (tenant) ID." placeholder:"GUID"`
	ClientID                   string `name:"client-id" help:"Application (client) ID." placeholder:"GUID"`
	ClientSecretFile           string `help:"File that holds the client secret, - for standard input. Or set POSTERN_CLIENT_SECRET." placeholder:"FILE"`
	CertificateFile            string `help:"PEM file with the client certificate." placeholder:"FILE"`
	PrivateKeyFile             string `help:"PEM file with the certificate's private key, - for standard input." placeholder:"FILE"`
	ServiceAccountUsername     string `help:"Legacy mode: user name of the service account." placeholder:"NAME"`
	ServiceAccountPasswordFile string `help:"Legacy mode: file that holds its password. Or set POSTERN_SERVICE_ACCOUNT_PASSWORD." placeholder:"FILE"`
	CredentialEnds             string `help:"Day on which the client secret ends, as Entra shows it. Without a new secret it is noted for the stored one." placeholder:"YYYY-MM-DD"`
	PermissionSet              string `help:"What the integration is meant to be able to do: passkeys, standard or full; directory and legacy are those of other guides." enum:",passkeys,standard,full,directory,legacy" default:"" placeholder:"SET"`
	ChallengeTimeout           int    `help:"Minutes that a user has to accept a passkey, 5 to 43200." placeholder:"MINUTES"`
	Attestation                string `help:"Attestation of new passkeys: none or packed." enum:",none,packed" default:"" placeholder:"MODE"`
	AllowLowAssurance          *bool  `negatable:"" help:"Accept phones that cannot bind the passkey to their own biometric."`
}

// fill puts what was given into in.
func (f *entraForm) fill(in *postern.IntegrationInput, stdin io.Reader) (err error) {
	give(&in.TenantID, f.TenantID)
	give(&in.ClientID, f.ClientID)
	give(&in.ServiceAccountUsername, f.ServiceAccountUsername)
	if f.CredentialEnds != "" {
		ends, err := time.Parse(time.DateOnly, f.CredentialEnds)
		if err != nil {
			return postern.FieldErrorf("credential_ends_at", "%q is not a day such as 2027-03-31.", f.CredentialEnds)
		}
		in.CredentialEndsAt = &ends
	}
	if f.PermissionSet != "" {
		in.PermissionSet = postern.PermissionSet(f.PermissionSet)
	}
	if f.Attestation != "" {
		in.Attestation = postern.AttestationMode(f.Attestation)
	}
	if f.ChallengeTimeout != 0 {
		in.ChallengeTimeout = f.ChallengeTimeout
	}
	if f.AllowLowAssurance != nil {
		in.AllowLowAssurance = *f.AllowLowAssurance
	}
	if in.ClientSecret, err = secretFrom(f.ClientSecretFile, "POSTERN_CLIENT_SECRET", stdin); err != nil {
		return err
	}
	if in.ServiceAccountPassword, err = secretFrom(f.ServiceAccountPasswordFile, "POSTERN_SERVICE_ACCOUNT_PASSWORD", stdin); err != nil {
		return err
	}
	if f.CertificateFile != "" {
		if in.ClientCertificate, err = readSecret(f.CertificateFile, stdin); err != nil {
			return err
		}
	}
	if f.PrivateKeyFile != "" {
		if in.ClientPrivateKey, err = readSecret(f.PrivateKeyFile, stdin); err != nil {
			return err
		}
	}
	return nil
}

func give(to *string, value string) {
	if value != "" {
		*to = value
	}
}

type entraAddCmd struct {
	Name string `arg:"" help:"Application name: what people see on the phone; at most 23 characters."`
	entraForm
	TestOnly bool `help:"Only test the connection; store nothing."`
}

// Run connects a tenant.
func (cmd *entraAddCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	in := postern.IntegrationInput{ApplicationName: cmd.Name, Experience: postern.ExperienceNative}
	if err := cmd.fill(&in, std.In); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "Testing the connection to Entra …")
	if cmd.TestOnly {
		test, err := c.TestIntegrationInput(ctx, in)
		if err != nil {
			return err
		}
		return showTest(std, group.JSON, test)
	}
	i, err := c.AddIntegration(ctx, in)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s is connected and DISABLED. To put it into use: postern entra enable %s\n", i.ApplicationName, i.ID)
	return showIntegration(std, group.JSON, i)
}

type entraUpdateCmd struct {
	named
	Name string `help:"New application name." placeholder:"NAME"`
	entraForm
}

// Run changes an integration.
func (cmd *entraUpdateCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	in := postern.IntegrationInput{
		Version: i.Version, ApplicationName: i.ApplicationName, Experience: i.Experience, TenantID: i.TenantID, ClientID: i.ClientID,
		PermissionSet: i.PermissionSet, ChallengeTimeout: i.ChallengeTimeout, Attestation: i.Attestation, AllowLowAssurance: i.AllowLowAssurance,
	}
	give(&in.ApplicationName, cmd.Name)
	if err := cmd.fill(&in, std.In); err != nil {
		return err
	}
	if i, err = c.UpdateIntegration(ctx, i.ID, in); err != nil {
		return err
	}
	return showIntegration(std, group.JSON, i)
}

type entraCertificateCmd struct {
	CertificateFile string `help:"PEM file with the client certificate." required:"" placeholder:"FILE"`
	PrivateKeyFile  string `help:"PEM file with its private key, - for standard input." required:"" placeholder:"FILE"`
}

// Run checks a certificate.
func (cmd *entraCertificateCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	var in postern.CertificateInput
	if in.Certificate, err = readSecret(cmd.CertificateFile, std.In); err != nil {
		return err
	}
	if in.PrivateKey, err = readSecret(cmd.PrivateKeyFile, std.In); err != nil {
		return err
	}
	info, err := c.ValidateCertificate(ctx, in)
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, info,
		field{"Subject", info.Subject}, field{"Thumbprint", info.Thumbprint}, field{"SHA-256", info.SHA256},
		field{"Valid", when(info.NotBefore) + " to " + when(info.NotAfter)}, field{"Algorithm", info.Algorithm},
		field{"Warnings", strings.Join(info.Warnings, " ")})
}
