//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/internal/cli"
)

// terminal is a pseudo terminal: what is typed goes into keyboard, and what it shows comes out of it.
func terminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	open := func(name string) *os.File {
		file, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	keyboard = open("/dev/ptmx")
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, open(fmt.Sprintf("/dev/pts/%d", n))
}

// messages are what is said, and a signal for each question in it.
type messages struct {
	bytes.Buffer
	asked chan struct{}
}

// Write implements [io.Writer].
func (m *messages) Write(p []byte) (int, error) {
	if bytes.HasSuffix(p, []byte(": ")) {
		m.asked <- struct{}{}
	}
	return m.Buffer.Write(p)
}

// typeBlind types a line once it was asked for and the terminal shows nothing of it. Before the question the terminal may
// still be hiding the line before.
func typeBlind(t *testing.T, asked <-chan struct{}, keyboard, tty *os.File, line string) {
	t.Helper()
	<-asked
	for {
		state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
		if err != nil {
			t.Error(err)
			return
		}
		if state.Lflag&unix.ECHO == 0 {
			break
		}
	}
	if _, err := keyboard.WriteString(line + "\n"); err != nil {
		t.Error(err)
	}
}

// shown is what the terminal has shown so far.
func shown(t *testing.T, keyboard *os.File) string {
	t.Helper()
	const end = "the end"
	if _, err := keyboard.WriteString(end); err != nil { // which it shows again
		t.Fatal(err)
	}
	var all []byte
	for !bytes.Contains(all, []byte(end)) {
		some := make([]byte, 256)
		n, err := keyboard.Read(some)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some[:n]...)
	}
	return string(all)
}

func TestPINIsNotShown(t *testing.T) {
	keyboard, tty := terminal(t)
	said := messages{asked: make(chan struct{}, 16)}
	pad := &keypad{std: cli.Streams{In: tty, Out: io.Discard, Err: &said}}
	for _, c := range []struct {
		prompt client.PINPrompt
		typed  []string
		want   string
	}{
		{client.PINPrompt{}, []string{"first secret"}, "first secret"},
		{client.PINPrompt{}, nil, "first secret"}, // it is remembered
		{client.PINPrompt{Wrong: true, Retries: 7}, []string{"second secret"}, "second secret"},
		{client.PINPrompt{New: true, MinLength: 6}, []string{"new secret", "mistyped secret", "new secret", "new secret"}, "new secret"},
		{client.PINPrompt{}, nil, "new secret"},
	} {
		typed := make(chan struct{})
		go func() {
			defer close(typed)
			for _, line := range c.typed {
				typeBlind(t, said.asked, keyboard, tty, line)
			}
		}()
		got, err := pad.ask(t.Context(), c.prompt)
		if err != nil || got != c.want {
			t.Fatalf("%+v: %q, %v", c.prompt, got, err)
		}
		<-typed
	}
	for where, text := range map[string]string{"the terminal": shown(t, keyboard), "the messages": said.String()} {
		if strings.Contains(text, "secret") {
			t.Errorf("%s show a PIN: %q", where, text)
		}
	}
	for _, want := range []string{"7 attempts are left", "at least 6 characters", "not the same"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q: %s", want, said.String())
		}
	}
}

func TestPINFromElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(file, []byte(" with spaces \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := client.PINPrompt{Wrong: true, Retries: 3}
	fresh := client.PINPrompt{New: true, MinLength: 4}
	for name, c := range map[string]struct {
		from   whichPIN
		in     string
		prompt client.PINPrompt
		want   string
		code   postern.Code
	}{
		"a file":                     {whichPIN{PINFile: file}, "", client.PINPrompt{}, " with spaces ", ""},
		"a file, and wrong":          {whichPIN{PINFile: file}, "", wrong, "", postern.CodeSecurityKeyPIN},
		"a pipe":                     {whichPIN{}, "1234\nmore\n", client.PINPrompt{}, "1234", ""},
		"standard input, as a file":  {whichPIN{PINFile: "-"}, "1234\n", client.PINPrompt{}, "1234", ""},
		"a pipe, and wrong":          {whichPIN{}, "1234\n", wrong, "", postern.CodeSecurityKeyPIN},
		"an empty pipe":              {whichPIN{}, "", client.PINPrompt{}, "", postern.CodeInvalid},
		"a new one from a file":      {whichPIN{NewPINFile: file}, "", fresh, " with spaces ", ""},
		"a new one, and no terminal": {whichPIN{}, "1234\n", fresh, "", postern.CodeSecurityKeyPINNeeded},
		"a new one that is too weak": {whichPIN{NewPINFile: file}, "", client.PINPrompt{New: true, Problem: "Longer."}, "", postern.CodeSecurityKeyPINPolicy},
	} {
		pad := &keypad{whichPIN: c.from, std: cli.Streams{In: strings.NewReader(c.in), Out: io.Discard, Err: io.Discard}}
		got, err := pad.ask(t.Context(), c.prompt)
		if got != c.want || c.code == "" && err != nil || c.code != "" && !postern.IsCode(err, c.code) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.code)
		}
	}
}
