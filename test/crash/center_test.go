package crash_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postern/postern/center"
	"github.com/postern/postern/link/offline"
)

// The environment of a control center that is to die.
const (
	envListen   = "CRASH_LISTEN" // its address; set: this process is a control center
	envData     = "CRASH_DATA"
	envDatabase = "CRASH_DATABASE" // empty: SQLite below the data directory
	envEntra    = "CRASH_ENTRA"    // address of the tenant
	envCA       = "CRASH_CA"       // file with whom to believe that it is the tenant
	envAhead    = "CRASH_AHEAD"    // how far its clock runs ahead
)

// TestMain is the test, or the control center that the test kills.
func TestMain(m *testing.M) {
	if os.Getenv(envListen) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "control center:", err)
		os.Exit(1)
	}
}

// config is that of a control center. Its public address stays the same wherever it listens: it goes into what is kept.
func config(listen, data, database, entra, ca string) (center.Config, error) {
	return center.Config{
		Data: data, Database: database, Listen: listen, PublicURL: "http://localhost:8080", Workers: 2,
		Entra: center.EntraConfig{Authority: entra + "/", Graph: entra, CAFile: ca},
	}.Complete()
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config(os.Getenv(envListen), os.Getenv(envData), os.Getenv(envDatabase), os.Getenv(envEntra), os.Getenv(envCA))
	if err != nil {
		return err
	}
	start, err := time.ParseDuration(os.Getenv(envAhead))
	if err != nil {
		return err
	}
	var ahead atomic.Int64
	ahead.Store(int64(start))
	s, err := center.New(ctx, c, center.Options{
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Sleep: func(ctx context.Context, d time.Duration) error { // time goes by for everybody instead
			ahead.Add(int64(d))
			fmt.Println("slept " + d.String())
			return ctx.Err()
		},
	})
	if err != nil {
		return err
	}
	d := &deadly{}
	pem, err := os.ReadFile(c.Entra.CAFile)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	s.Integrations.Transport = wire{&http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}}, d}
	s.Passkeys.Store, s.Users.Store, s.Phones.Store, s.Reconcile.Store = points{s.Store, d}, points{s.Store, d}, points{s.Store, d}, points{s.Store, d}
	s.Passkeys.Queue, s.Users.Queue, s.Reconcile.Queue = queue{s.Jobs, d}, queue{s.Jobs, d}, queue{s.Jobs, d}
	s.Policies.Store, s.Policies.Queue = points{s.Store, d}, queue{s.Jobs, d}
	s.Rotations.Store, s.Rotations.Queue = points{s.Store, d}, queue{s.Jobs, d}
	s.Setups.Store, s.Setups.Queue, s.Setups.Entra.Transport = points{s.Store, d}, queue{s.Jobs, d}, s.Integrations.Transport
	s.Offline.Store, s.Offline.Queue = points{s.Store, d}, queue{s.Jobs, d}
	offline.DefaultCost = offline.Cost{Time: 1, Memory: 8} // nobody steals these codes
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			verb, what, _ := strings.Cut(lines.Text(), " ")
			switch verb {
			case "record", "die":
				d.arm(what)
			case "pass":
				by, err := time.ParseDuration(what)
				if err == nil {
					ahead.Add(int64(by))
					err = hasten(ctx, s)
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, "control center:", err)
				}
			}
			fmt.Println("done")
		}
	}()
	fmt.Println("listening")
	return errors.Join(s.Serve(ctx, l), s.Close())
}

// hasten has jobs that wait for their time run now. Jobs go by the clock on the wall, which runs ahead of nobody.
func hasten(ctx context.Context, s *center.Center) error {
	_, err := s.Store.DB().ExecContext(ctx,
		`UPDATE river_job SET state = 'available', scheduled_at = created_at WHERE state IN ('available', 'retryable', 'scheduled') AND scheduled_at > created_at`)
	s.Jobs.Wake()
	return err
}
