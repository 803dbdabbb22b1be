package test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/entra"
)

// envAhead, if it is set, makes this process a control center whose clock runs ahead by so much. It is `postern serve`, whose
// own clock cannot be moved, in everything else.
const envAhead = "TEST_AHEAD"

func serveAhead(ahead string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	by, err := time.ParseDuration(ahead)
	if err != nil {
		return err
	}
	config, err := center.ReadConfig("")
	if err != nil {
		return err
	}
	s, err := center.New(ctx, config, center.Options{
		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Now: func() time.Time { return time.Now().Add(by) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	// Jobs go by the clock on the wall: those that wait for their time run now, and look themselves what time it is.
	if _, err := s.Store.DB().ExecContext(ctx,
		`UPDATE river_job SET state = 'available', scheduled_at = created_at WHERE state IN ('retryable', 'scheduled') AND scheduled_at > created_at`); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Listen)
	if err != nil {
		return err
	}
	return s.Serve(ctx, l)
}

// ahead DURATION has the control center and its tenant wake up so much later than it is, however far they were ahead before.
func ahead(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: ahead DURATION")
	}
	end(ts, "serve", syscall.SIGTERM)
	sim(ts, false, []string{http.MethodPut, "clock", fmt.Sprintf(`{"offset":%q}`, args[0])})
	self, err := os.Executable()
	ts.Check(err)
	serveBy(ts, self, envAhead+"="+args[0])
}

// owner NAME gives a control center that is not running an owner, whose identifier goes into OWNER: one who never met a
// browser, and so has no passkey.
func owner(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: owner NAME")
	}
	ctx := context.Background()
	config, err := center.Config{
		Data: ts.MkAbs("data"), Listen: ts.Getenv("LISTEN"), PublicURL: ts.Getenv("CONSOLE"),
		Entra: center.EntraConfig{Authority: ts.Getenv("AUTHORITY"), Graph: ts.Getenv("GRAPH"), CAFile: ts.Getenv("CA")},
	}.Complete()
	ts.Check(err)
	s, err := center.New(ctx, config, center.Options{})
	ts.Check(err)
	id := postern.NewID[postern.AdministratorID](postern.PrefixAdministrator)
	ts.Check(errors.Join(s.Store.CreateAdministrator(ctx, postern.Administrator{
		ID: id, Version: 1, Name: args[0], Role: postern.RoleOwner, CreatedAt: time.Now().UTC(),
	}), s.Close()))
	ts.Setenv("OWNER", string(id))
}

// mailbox starts a mail server of another make, whose port goes into SMTP. What it takes goes into the file mailbox, a JSON
// object a line.
func mailbox(ts *testscript.TestScript, _ bool, _ []string) {
	certificate, key, err := entra.MakeCertificate("localhost", time.Now(), 24*time.Hour)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("mail.pem"), certificate, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("mail.key"), key, 0o600))
	took, err := os.Create(ts.MkAbs("mailbox"))
	ts.Check(err)
	cmd := exec.Command("/usr/bin/python3", "../center/mail/testdata/server.py", "none", ts.MkAbs("mail.pem"), ts.MkAbs("mail.key"))
	cmd.Stdout, cmd.Stderr = took, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { ts.Check(errors.Join(in.Close(), cmd.Wait(), took.Close())) })
	for end := time.Now().Add(startWithin); ; time.Sleep(20 * time.Millisecond) {
		said, err := os.ReadFile(ts.MkAbs("mailbox"))
		ts.Check(err)
		if first, _, whole := strings.Cut(string(said), "\n"); whole {
			port, err := pick([]byte(first), "port")
			ts.Check(err)
			ts.Setenv("SMTP", port)
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("the mail server does not start")
		}
	}
}

// left LOW HIGH holds that the metric of the credential's end is between so many days.
func left(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: left DAYS DAYS")
	}
	low, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	high, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	ts.Check(ts.Exec("curl", "-sS", "--fail", ts.Getenv("CONSOLE")+"/metrics"))
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if !strings.HasPrefix(line, "postern_entra_credential_end_seconds{") {
			continue
		}
		_, text, _ := strings.Cut(line, "} ")
		seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		ts.Check(err)
		if days := seconds / (24 * 60 * 60); days < low || days > high {
			ts.Fatalf("%f days are left", days)
		}
		return
	}
	ts.Fatalf("the metric is not there")
}
