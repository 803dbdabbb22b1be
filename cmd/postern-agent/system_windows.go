package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/postern/postern/internal/cli"
)

// serviceName is how Windows knows the service.
const serviceName = "postern-agent"

// service runs the program under the service control manager, and is false where something else started it.
func service() bool {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return false
	}
	if err := svc.Run(serviceName, handler{}); err != nil {
		os.Exit(cli.ExitFailure)
	}
	return true
}

// handler is the service to its manager.
type handler struct{}

// Execute implements [svc.Handler]. The arguments are those of the program.
func (handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	const accepts = svc.AcceptStop | svc.AcceptShutdown
	status <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		log := logFile()
		args := os.Args[1:]
		if len(args) == 0 {
			args = []string{"run"}
		}
		ended <- program().Run(ctx, args, cli.Streams{In: eof{}, Out: log, Err: log})
	}()
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending}
				stop()
			default:
			}
		case code := <-ended:
			if ctx.Err() != nil {
				code = cli.ExitOK // it was told to stop
			}
			return code != cli.ExitOK, uint32(code) // #nosec G115 -- exit codes are small
		}
	}
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

func systemName() string {
	v := windows.RtlGetVersion()
	name := "Windows 10"
	if v.BuildNumber >= 22000 {
		name = "Windows 11"
	}
	return fmt.Sprintf("%s (build %d)", name, v.BuildNumber)
}

// opener opens an address in the browser.
func opener(address string) []string {
	return []string{filepath.Join(os.Getenv("SystemRoot"), "System32", "rundll32.exe"), "url.dll,FileProtocolHandler", address}
}
