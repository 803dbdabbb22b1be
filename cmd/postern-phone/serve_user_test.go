package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// TestChooseAccount: the accounts are shown, and what is typed is taken for what it says or for a refusal.
func TestChooseAccount(t *testing.T) {
	p := authenticator.Prompt{
		Reason: authenticator.ReasonSignIn, RPID: "login.microsoft.com",
		Accounts: []ctap.User{{ID: []byte{1}, Name: "alex@contoso.example"}, {ID: []byte{2}, DisplayName: "Kim\x1b[2J"}, {ID: []byte{3}}},
	}
	for typed, want := range map[string]int{"\n": 0, "1\n": 0, " 3 \n": 2, "n\n": -1, "0\n": -1, "4\n": -1, "alex\n": -1, "": -1} {
		var out bytes.Buffer
		user := &terminal{out: &out, in: strings.NewReader(typed), lines: make(chan string)}
		got, err := user.Choose(t.Context(), p)
		if want < 0 {
			if !errors.Is(err, authenticator.ErrDenied) {
				t.Errorf("%q: %d, %v", typed, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", typed, got, err, want)
		}
		for _, shown := range []string{"login.microsoft.com", "1  alex@contoso.example", "2  Kim", "3  03"} {
			if !strings.Contains(out.String(), shown) {
				t.Errorf("%q is not in %q", shown, out.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("an account moves the terminal's cursor")
		}
	}
}
