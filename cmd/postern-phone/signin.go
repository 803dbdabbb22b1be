package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone/websignin"
)

// signInCmd signs in at Entra's web pages.
type signInCmd struct {
	Authority   string `help:"Address of the authority." default:"https://login.microsoftonline.com" placeholder:"URL"`
	UPN         string `name:"upn" help:"User principal name; the phone's user if left out." placeholder:"UPN"`
	Tenant      string `help:"Tenant ID or domain." default:"organizations" placeholder:"TENANT"`
	ClientID    string `help:"Application (client) ID of a public client." required:"" placeholder:"ID"`
	RedirectURI string `help:"Redirect URI registered with the application. Nothing is sent there." default:"http://localhost" placeholder:"URI"`
	RPID        string `name:"rp-id" help:"Relying party of the passkeys." default:"login.microsoft.com" placeholder:"DOMAIN"`
	CAFile      string `name:"ca-file" help:"PEM file with the certificate authority of the authority. It is remembered." type:"existingfile" placeholder:"FILE"`
	keyAtPort
}

// microsoft are the authorities of Microsoft's clouds.
var microsoft = []string{"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.microsoft.com"}

// signInTime bounds a whole sign-in.
const signInTime = 2 * time.Minute

// Run signs in.
func (c *signInCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	if c.SecurityKeyAt != "" {
		return c.signInWithKey(ctx, std, o)
	}
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	if err := c.remember(v); err != nil {
		return err
	}
	if err := c.trusted(v.content.AuthorityCAFile); err != nil {
		return err
	}
	p, err := v.phone()
	if err != nil {
		return err
	}
	asserter, err := p.Client()
	if err != nil {
		return err
	}
	if c.UPN == "" {
		c.UPN = p.State.UPN
	}
	err = c.signIn(ctx, std, o, v.content.AuthorityCAFile, noting{asserter, v})
	return errors.Join(err, v.keepUses(context.WithoutCancel(ctx))) // it is told at the next contact
}

// signIn signs in with whatever asserts.
func (c *signInCmd) signIn(ctx context.Context, std cli.Streams, o *options, caFile string, asserter websignin.Asserter) error {
	transport, err := trusting(caFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, signInTime)
	defer cancel()
	result, err := websignin.SignIn(ctx, &http.Client{Transport: transport}, asserter, websignin.Request{
		Authority: c.Authority, Tenant: c.Tenant, ClientID: c.ClientID, RedirectURI: c.RedirectURI, UPN: c.UPN, RPID: c.RPID,
	})
	if err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, result)
	}
	_, err = fmt.Fprintf(std.Out, "Signed in as %s (%s), object %s, tenant %s.\n", cli.Clean(result.UPN), cli.Clean(result.Name), cli.Clean(result.ObjectID), cli.Clean(result.TenantID))
	return err
}

// remember keeps the certificate authority for the next time.
func (c *signInCmd) remember(v *vault) error {
	if c.CAFile == "" {
		return nil
	}
	path, err := filepath.Abs(c.CAFile)
	if err != nil || path == v.content.AuthorityCAFile {
		return err
	}
	v.content.AuthorityCAFile = path
	return v.save()
}

// trusted refuses to sign for an authority that is neither Microsoft's, nor on this machine, nor vouched for by a
// certificate authority of the caller's own. A browser binds an assertion to the page it came from; here the address is
// all there is, and a passkey that signs for any address is phishing-resistant no longer.
func (c *signInCmd) trusted(caFile string) error {
	u, err := url.Parse(c.Authority)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return postern.FieldErrorf("authority", "The authority must be an https URL such as https://login.microsoftonline.com.").WithNext("Correct the address.")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if local || caFile != "" || slices.Contains(microsoft, u.Hostname()) {
		return nil
	}
	return postern.FieldErrorf("authority", "%s is not an authority of Microsoft's, and a passkey must not sign for others.", u.Hostname()).
		WithNext("Correct the address; for an emulator on another machine give its certificate authority with --ca-file.")
}
