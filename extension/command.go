package extension

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postern/postern"
)

// The names of the commands. Each takes the struct of its name as JSON, or nothing. A command answers when what it began is
// under way or done; what comes of it the view shows. One that cannot be begun answers a [*postern.Error].
const (
	CommandEnrol    = "enrol"
	CommandLeave    = "leave"
	CommandPair     = "pair"
	CommandSame     = "same"
	CommandStop     = "stop" // the digits differ, or nobody wants the pairing any more; or it is done and is put away
	CommandUnpair   = "unpair"
	CommandAttach   = "attach"
	CommandResume   = "resume" // phones again, before the pause is over
	CommandRefresh  = "refresh"
	CommandDiagnose = "diagnose"
	CommandChoose   = "choose"
	CommandRetry    = "retry"
	CommandAnother  = "another" // another way: the browser's own keys
	CommandCancel   = "cancel"
	CommandClosed   = "closed" // the window of the request was closed
)

type (
	// Enrol makes this browser known to a control center.
	Enrol struct {
		Server      string `json:"server"`
		Integration string `json:"integration"`
		Name        string `json:"name"`
	}
	// Pair opens a pairing.
	Pair struct {
		Typed bool `json:"typed"` // with a code to type instead of a QR code
	}
	// Unpair ends a pairing.
	Unpair struct {
		Pairing postern.PairingID `json:"pairing"`
	}
	// Attach is the switch whether phones are used.
	Attach struct {
		Wanted bool `json:"wanted"`
	}
	// Diagnose checks everything. The page says what only it can know.
	Diagnose struct {
		Online bool `json:"online"` // navigator.onLine
	}
	// Choose picks the phone that is asked.
	Choose struct {
		Request int             `json:"request"`
		Phone   postern.PhoneID `json:"phone"`
	}
	// On names the request a command is about: retry, another, cancel, closed.
	On struct {
		Request int `json:"request"`
	}
)

// Call carries out a command.
func (a *App) Call(ctx context.Context, command string, data []byte) error {
	do, ok := map[string]func() error{
		CommandEnrol:    func() error { return with(data, func(c Enrol) error { return a.enrol(ctx, c) }) },
		CommandLeave:    func() error { return a.leave(ctx) },
		CommandPair:     func() error { return with(data, func(c Pair) error { return a.pair(ctx, c.Typed) }) },
		CommandSame:     func() error { return a.same() },
		CommandStop:     func() error { return a.stop() },
		CommandUnpair:   func() error { return with(data, func(c Unpair) error { return a.unpair(ctx, c.Pairing) }) },
		CommandAttach:   func() error { return with(data, func(c Attach) error { return a.attach(ctx, c.Wanted) }) },
		CommandResume:   func() error { return a.resume(ctx) },
		CommandRefresh:  func() error { return a.refresh(ctx) },
		CommandDiagnose: func() error { return with(data, func(c Diagnose) error { return a.diagnose(ctx, c.Online) }) },
		CommandChoose:   func() error { return with(data, func(c Choose) error { return a.act(c.Request, act{phone: c.Phone}) }) },
		CommandRetry:    func() error { return with(data, func(c On) error { return a.act(c.Request, act{retry: true}) }) },
		CommandAnother:  func() error { return with(data, func(c On) error { return a.another(ctx, c.Request) }) },
		CommandCancel:   func() error { return with(data, func(c On) error { return a.giveUp(c.Request, errPerson) }) },
		CommandClosed:   func() error { return with(data, func(c On) error { return a.giveUp(c.Request, errPerson) }) },
	}[command]
	if !ok {
		return postern.Errorf(postern.CodeInvalid, "The extension knows no command %q.", command)
	}
	return do()
}

func with[T any](data []byte, do func(T) error) error {
	var in T
	if len(data) > 0 {
		if err := json.Unmarshal(data, &in); err != nil {
			return postern.Errorf(postern.CodeInvalid, "The page sent something the extension does not understand.").Because(fmt.Errorf("command: %w", err))
		}
	}
	return do(in)
}
