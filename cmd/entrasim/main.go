// Command entrasim runs an emulated Microsoft Entra tenant: token endpoints, Graph and the pages people sign in with, over
// HTTPS with a certificate authority of its own. It is for development and tests only.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/postern/postern/entrasim"
)

// options are the flags.
type options struct {
	Listen string   `default:"127.0.0.1:0" help:"Address to listen on; port 0 takes a free one." placeholder:"HOST:PORT"`
	Users  int      `default:"50" help:"Size of the tenant's directory."`
	Seed   uint64   `default:"1" help:"Decides every id, name and secret: the same seed makes the same tenant."`
	Empty  bool     `help:"A tenant nobody set up: a Global Administrator, no application, no groups, passkeys off."`
	Domain string   `default:"contoso.onmicrosoft.com" help:"The tenant's domain."`
	State  string   `type:"path" help:"Keep the tenants in this file across restarts. It holds secrets and keys." placeholder:"FILE"`
	CAFile string   `type:"path" help:"Write the certificate of the throw-away certificate authority here, in PEM." placeholder:"FILE"`
	Local  bool     `name:"local-passkeys" help:"Make passkeys belong to this address instead of login.microsoft.com, so that any browser can use them."`
	Host   []string `help:"Further name or address the certificate is good for; may be repeated." placeholder:"NAME"`
	JSON   bool     `help:"Print one line of JSON with all a program needs to use the tenant."`
	Log    bool     `help:"Log every request to standard error: method, path and status."`

	Latency          time.Duration `help:"Lever: added to every answer." group:"Levers:"`
	ErrorRate        float64       `help:"Lever: share of Graph calls, 0 to 1, that fail with 503." group:"Levers:"`
	ReplicationDelay time.Duration `help:"Lever: how long reads do not show new users, groups, members and passkeys." group:"Levers:"`
	ReportLag        time.Duration `help:"Lever: how far reports and logs lie behind." group:"Levers:"`
	Throttle         bool          `default:"true" negatable:"" help:"Lever: apply the documented throttling limits." group:"Levers:"`
	ThrottleScale    float64       `default:"1" help:"Lever: multiply every throttling window; at 0.01 ten seconds take 100 ms." group:"Levers:"`
	ThrottleMethods  bool          `help:"Lever: hold /users/{id}/authentication to 5 requests in 10 s." group:"Levers:"`
}

// levers turns flags into levers; nil when every flag has its default, so that levers kept in a state file stay.
func (o *options) levers() *entrasim.Levers {
	l := entrasim.DefaultLevers()
	d := entrasim.Duration(o.ReplicationDelay)
	l.Latency, l.ErrorRate, l.ReportLag = entrasim.Duration(o.Latency), o.ErrorRate, entrasim.Duration(o.ReportLag)
	l.ReplicationDelay, l.MembershipDelay, l.MethodDelay = d, d, d
	l.Throttle, l.ThrottleScale, l.ThrottleMethods = o.Throttle, o.ThrottleScale, o.ThrottleMethods
	if reflect.DeepEqual(l, entrasim.DefaultLevers()) {
		return nil
	}
	return &l
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "entrasim:", err)
		os.Exit(1)
	}
}

// run is the program without its surroundings: it serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	exited := false
	parser, err := kong.New(&o, kong.Name("entrasim"), kong.Description("An emulated Microsoft Entra tenant, for development and tests only."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { exited = true }), kong.UsageOnError())
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); exited {
		return nil // --help
	} else if err != nil {
		return err
	}
	c := entrasim.Config{Addr: o.Listen, Users: o.Users, Seed: o.Seed, Domain: o.Domain, Empty: o.Empty, StateFile: o.State, CAFile: o.CAFile, Hosts: o.Host, Levers: o.levers(), LocalPasskeys: o.Local}
	if o.Users <= 0 {
		c.Users = -1
	}
	if o.Log {
		c.Log = slog.New(slog.NewTextHandler(stderr, nil))
	}
	r, err := entrasim.Listen(ctx, c)
	if err != nil {
		return err
	}
	if err := announce(stdout, r, o.JSON); err != nil {
		_ = r.Close() // the announcement's error is the one to report
		return err
	}
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = r.Shutdown(grace) // its error comes back from the Shutdown below
	}()
	if err := r.Wait(); err != nil {
		return err
	}
	return r.Close()
}

// announce tells how to use the tenant.
func announce(w io.Writer, r *entrasim.Running, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, `entrasim: an emulated Entra tenant. For development and tests only.

  Graph           %s/v1.0
  Authority       %s
  Tenant          %s (%s)
`, r.GraphURL, r.AuthorityURL, r.TenantID, r.Domain)
	if err == nil && r.ClientID != "" {
		_, err = fmt.Fprintf(w, `  Client ID       %s
  Client secret   %s
  Sign-in client  %s
  Service account %s
`, r.ClientID, r.ClientSecret, r.SignInClientID, r.ServiceAccount.UPN)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, `  Administrator   %s  password %s
  Security info   %s/mysecurityinfo
  Device login    %s/devicelogin
  Control API     %s/_entrasim/
`, r.Administrator.UPN, r.Administrator.Password, r.GraphURL, r.GraphURL, r.GraphURL)
	}
	if err == nil && r.CAFile != "" {
		_, err = fmt.Fprintf(w, "  CA certificate  %s\n", r.CAFile)
	}
	for _, u := range r.Users {
		if err == nil {
			_, err = fmt.Fprintf(w, "  User            %s  password %s\n", u.UPN, u.Password)
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w, "\nCtrl-C stops it.")
	}
	return err
}
