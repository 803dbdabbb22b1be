package app

import (
	"context"
	"encoding/json"
	"fmt"
)

// maxCommand bounds the JSON of a command, in bytes.
const maxCommand = 64 << 10

// command is one row of what people can do.
type command struct {
	// before says that it may be given before the phone is enrolled.
	before bool
	run    func(a *App, ctx context.Context, in, output []byte) error
}

var commands = map[string]command{
	CommandEnrol:     {true, taking((*App).enrol)},
	CommandOffer:     {true, taking(plain((*App).lookForSignIn))},
	CommandBegin:     {true, taking(plain((*App).enrolBySignIn))},
	CommandPair:      {false, taking(plain((*App).pair))},
	CommandSame:      {false, taking(plain(func(a *App, _ context.Context, _ Same) error { return a.compared(true) }))},
	CommandDifferent: {false, taking(plain(func(a *App, _ context.Context, _ Different) error { return a.compared(false) }))},
	CommandClose:     {false, taking(plain((*App).close))},
	CommandApprove:   {false, taking((*App).approve)},
	CommandChoose:    {false, taking(plain((*App).choose))},
	CommandDeny:      {false, taking(plain((*App).deny))},
	CommandAsk:       {false, taking(plain((*App).ask))},
	CommandSignIn:    {false, taking(plain((*App).signIn))},
	CommandAccept:    {false, taking((*App).accept)},
	CommandDecline:   {false, taking(plain((*App).decline))},
	CommandLook:      {false, taking(plain((*App).lookAnew))},
	CommandRename:    {false, taking(plain((*App).rename))},
	CommandDelete:    {false, taking(plain((*App).delete))},
	CommandUnpair:    {false, taking(plain((*App).unpair))},
	CommandDismiss:   {false, taking(plain((*App).dismiss))},
	CommandPush:      {false, taking(plain((*App).subscribe))},
	CommandVisible:   {true, taking(plain((*App).visible))},
	CommandDiagnose:  {true, taking(plain((*App).diagnose))},
	CommandForget:    {true, taking(plain((*App).forget))},
	CommandCode:      {false, taking((*App).showCode)},
	CommandHide:      {false, taking(plain((*App).hideCode))},
	CommandNoCodes:   {false, taking(plain((*App).forgetCodes))},
}

func taking[T any](f func(*App, context.Context, T, []byte) error) func(*App, context.Context, []byte, []byte) error {
	return func(a *App, ctx context.Context, in, output []byte) error {
		var v T
		if err := json.Unmarshal(in, &v); err != nil {
			return wrong("", "The app was told something that it does not understand.", "Close the app and open it again, so that it updates.")
		}
		return f(a, ctx, v, output)
	}
}

func plain[T any](f func(*App, context.Context, T) error) func(*App, context.Context, T, []byte) error {
	return func(a *App, ctx context.Context, v T, _ []byte) error { return f(a, ctx, v) }
}

// Do does what a person said. output is what the gate gave, where the command carries it; it is the caller's to wipe, at
// once when Do has returned. A [Problem] says why a command cannot be begun; no other error is returned.
func (a *App) Do(ctx context.Context, name string, in, output []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			a.host.Log.Error("a command failed", "command", name, "panic", fmt.Sprintf("%T", r))
			err = problemOf(errFault)
			a.suspect(func() {})
		}
		a.changed()
	}()
	if a.faulty.Load() {
		return problemOf(errFault)
	}
	c, ok := commands[name]
	switch {
	case !ok, len(in) > maxCommand:
		return wrong("", "The app was told something that it does not understand.", "Close the app and open it again, so that it updates.")
	case !c.before && !a.enrolled():
		return wrong("", "This phone is not set up yet.", "Set it up with the code of your invitation.")
	}
	if len(in) == 0 {
		in = []byte("{}")
	}
	if err := c.run(a, ctx, in, output); err != nil {
		p := problemOf(err)
		a.host.Log.Debug("a command was not begun", "command", name, "code", p.Code)
		return p
	}
	return nil
}

func (a *App) enrolled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.phone != nil
}
