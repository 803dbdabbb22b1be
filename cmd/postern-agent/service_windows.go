package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/machine"
	"github.com/postern/postern/internal/cli"
)

const (
	// serviceName is how Windows knows the service, and the source of its events, which the installer registers.
	serviceName = "postern-agent"
	// restTime bounds what is done before the machine sleeps. Windows gives its services two seconds.
	restTime = 1500 * time.Millisecond
)

// asService is the argument with which the installer has the service manager start the program. What follows are arguments of
// run.
const asService = "service"

// service runs the program under the service control manager if it was started for that.
func service() bool {
	if len(os.Args) < 2 || os.Args[1] != asService {
		return false
	}
	h := new(handler)
	if events, err := eventlog.Open(serviceName); err == nil { // without it there is the log alone
		defer events.Close()
		h.host.journal = events
	}
	if err := svc.Run(serviceName, h); err != nil {
		fmt.Fprintln(os.Stderr, "postern-agent: this is for the service manager of Windows; use postern-agent run:", err)
		os.Exit(cli.ExitFailure)
	}
	return true
}

// handler is the service to its manager.
type handler struct{ host host }

// Execute implements [svc.Handler]. The arguments are those of the program.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	const accepts = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptSessionChange | svc.AcceptPowerEvent
	status <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan int, 1)
	log := &lastWords{to: logFile()}
	go func() {
		args := append([]string{"run"}, os.Args[2:]...)
		if err := restartAfterFailure(); err != nil {
			_, _ = io.WriteString(log, "Windows was not told to start the service again after a failure: "+err.Error()+"\n")
		}
		h.note(func(j journal) error { return j.Info(eventStarted, "The service has started: "+postern.Version()+".") })
		ended <- programOf(&h.host).Run(ctx, args, cli.Streams{In: eof{}, Out: log, Err: log})
	}()
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.SessionChange:
				h.tell(ctx, machine.OfSession(request.EventType))
			case svc.PowerEvent:
				h.tell(ctx, machine.OfPower(request.EventType))
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending}
				stop()
			default:
			}
		case code := <-ended:
			if ctx.Err() != nil {
				code = cli.ExitOK // it was told to stop
			}
			h.note(func(j journal) error {
				if code == cli.ExitOK {
					return j.Info(eventStopped, "The service has stopped.")
				}
				return j.Error(eventFailed, eventText("The service has failed.\r\n"+log.String()))
			})
			return code != cli.ExitOK, uint32(code) // #nosec G115 -- exit codes are small
		}
	}
}

func (h *handler) tell(ctx context.Context, e machine.Event) {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	h.host.tell(ctx, e)
}

// note writes to the event log, which nothing depends on.
func (h *handler) note(write func(journal) error) {
	if h.host.journal != nil {
		_ = write(h.host.journal) // a full event log stops nothing
	}
}

// restartAfterFailure has Windows start the service again when it fails: soon, then after a minute each time. A day without
// a failure begins anew.
func restartAfterFailure() error {
	manager, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer func() { _ = manager.Disconnect() }()
	s, err := manager.OpenService(serviceName)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	again := func(after time.Duration) mgr.RecoveryAction {
		return mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after}
	}
	const day = 24 * 60 * 60 // seconds
	return errors.Join(
		s.SetRecoveryActions([]mgr.RecoveryAction{again(5 * time.Second), again(15 * time.Second), again(time.Minute)}, day),
		s.SetRecoveryActionsOnNonCrashFailures(true),
	)
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// maxLog is from where on the log of the service is begun anew; the one before is kept beside it.
const maxLog = 8 << 20

// logFile is where a service writes, which has no streams. The directory is the state's, which nobody else may read.
func logFile() io.Writer {
	dir, err := (&options{}).dir()
	if err != nil {
		return io.Discard
	}
	path := filepath.Join(dir, "agent.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		_ = os.Rename(path, path+".1") // else it goes on growing, and is tried again
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return io.Discard
	}
	return f
}
