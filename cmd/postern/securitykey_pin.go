package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/internal/cli"
)

// whichPIN says where the PIN of a security key comes from.
type whichPIN struct {
	PINFile        string `name:"pin-file" help:"File with the key's PIN, - for standard input; asked for if left out." placeholder:"FILE" group:"key"`
	NewPINFile     string `name:"new-pin-file" help:"File with the PIN for a key that has none or demands another." placeholder:"FILE" group:"key"`
	GeneratePIN    bool   `name:"generate-pin" help:"Make a random PIN for a key that has none or demands another, and print it once." group:"key"`
	ForcePINChange bool   `name:"force-pin-change" help:"Have the key demand another PIN when its user first uses it." group:"key"`
}

func (w whichPIN) check() error {
	if w.GeneratePIN && w.NewPINFile != "" {
		return postern.FieldErrorf("generate-pin", "--generate-pin and --new-pin-file exclude each other.").WithNext("Give one of them.")
	}
	return nil
}

// keypad answers a key that asks for its PIN. It remembers the right one while the command runs, because a key asks for
// every act anew.
type keypad struct {
	whichPIN
	std  cli.Streams
	user string // whose key it will be

	pin       string
	generated bool // pin was made here
	lines     *bufio.Reader
}

// ask is a [client.AskPIN].
func (k *keypad) ask(_ context.Context, p client.PINPrompt) (string, error) {
	if p.New {
		return k.askNew(p)
	}
	again := p.Wrong || p.Problem != ""
	if k.pin != "" && !again {
		return k.pin, nil
	}
	if again && (k.PINFile != "" || !atTerminal(k.std.In)) {
		return "", wrongPIN(p)
	}
	if again {
		fmt.Fprintln(k.std.Err, wrongPIN(p).Message)
	}
	var err error
	if k.PINFile != "" {
		k.pin, err = readPIN(k.PINFile, k.std.In)
	} else {
		k.pin, err = k.read("PIN of the security key: ")
	}
	return k.pin, err
}

func wrongPIN(p client.PINPrompt) *postern.Error {
	message := p.Problem
	if p.Wrong {
		message = "The PIN is not the one of this security key."
		if p.Retries == 1 {
			message += " One attempt is left before it locks for good."
		} else if p.Retries > 1 {
			message += fmt.Sprintf(" %d attempts are left before it locks for good.", p.Retries)
		}
	}
	return postern.Errorf(postern.CodeSecurityKeyPIN, "%s", message)
}

// pinDigits is the length of a generated PIN, unless the key asks for a longer one. Eight wrong ones lock the key.
const pinDigits = 8

func (k *keypad) askNew(p client.PINPrompt) (string, error) {
	if p.Problem != "" && (k.GeneratePIN || k.NewPINFile != "" || !atTerminal(k.std.In)) {
		return "", postern.Errorf(postern.CodeSecurityKeyPINPolicy, "%s", p.Problem)
	}
	var err error
	switch {
	case k.GeneratePIN:
		if k.pin, err = generatePIN(max(pinDigits, p.MinLength)); err != nil {
			return "", err
		}
		k.generated = true
		// Before the key has it: whatever happens next, nobody is left with a key whose PIN nobody knows.
		fmt.Fprintf(k.std.Err, "The key gets this PIN, which is shown only here: %s\nHand it to %s separately from the key.\n", k.pin, cli.Clean(k.user))
	case k.NewPINFile != "":
		k.pin, err = readPIN(k.NewPINFile, k.std.In)
	case !atTerminal(k.std.In):
		return "", postern.Errorf(postern.CodeSecurityKeyPINNeeded, "")
	default:
		k.pin, err = k.typeTwice(p)
	}
	return k.pin, err
}

// typeTwice has a new PIN typed until both agree.
func (k *keypad) typeTwice(p client.PINPrompt) (string, error) {
	if p.Problem != "" {
		fmt.Fprintln(k.std.Err, p.Problem)
	} else {
		fmt.Fprintf(k.std.Err, "The security key needs a new PIN of at least %d characters.\n", p.MinLength)
	}
	for {
		first, err := k.read("New PIN: ")
		if err != nil {
			return "", err
		}
		second, err := k.read("New PIN again: ")
		if err != nil || first == second {
			return first, err
		}
		fmt.Fprintln(k.std.Err, "The two are not the same.")
	}
}

// read reads a line: from a terminal without showing it, else the next of the input.
func (k *keypad) read(prompt string) (string, error) {
	if file, ok := k.std.In.(*os.File); ok && atTerminal(file) {
		fmt.Fprint(k.std.Err, prompt)
		typed, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(k.std.Err)
		if err != nil {
			return "", errNoPIN
		}
		return string(typed), nil
	}
	if k.lines == nil {
		k.lines = bufio.NewReader(io.LimitReader(k.std.In, maxSecret))
	}
	line, err := k.lines.ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" || err != nil && !errors.Is(err, io.EOF) {
		return "", errNoPIN
	}
	return line, nil
}

var errNoPIN = postern.Errorf(postern.CodeInvalid, "No PIN was given.").OnField("pin-file").
	WithNext("Run the command in a terminal, or give the PIN with --pin-file.")

// readPIN reads a PIN from a file. Only the end of its line is no part of it.
func readPIN(name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	pin := strings.TrimRight(string(data), "\r\n")
	if pin == "" {
		return "", postern.Errorf(postern.CodeInvalid, "%s is empty.", name).WithNext("Put the PIN into it.")
	}
	return pin, nil
}

// generatePIN makes a PIN of digits. Those that keys refuse as too simple are not made: all the same, or in a row.
func generatePIN(length int) (string, error) {
	for {
		digits := make([]byte, length)
		for i := range digits {
			n, err := rand.Int(rand.Reader, big.NewInt(10))
			if err != nil {
				return "", err
			}
			digits[i] = '0' + byte(n.Int64()) // #nosec G115 -- below ten
		}
		if !simple(digits) {
			return string(digits), nil
		}
	}
}

// simple reports whether every digit follows from the one before in the same way.
func simple(digits []byte) bool {
	if len(digits) < 3 {
		return true
	}
	step := digits[1] - digits[0]
	for i := 2; i < len(digits); i++ {
		if digits[i]-digits[i-1] != step {
			return false
		}
	}
	return true
}
