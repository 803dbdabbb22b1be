package authenticator_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// pinModel is what the standard says of retries and tokens, in a few lines.
type pinModel struct {
	pin              string // empty: none
	failures, misses int
	forced           bool
	powered          time.Time
	token            bool
	begun            time.Time
	used             bool
}

// guess gives the answer to one attempt; OK where the PIN is right.
func (m *pinModel) guess(pin string) ctap.Status {
	switch {
	case m.pin == "":
		return ctap.ErrPINNotSet
	case m.failures >= 8:
		return ctap.ErrPINBlocked
	case m.misses >= 3:
		return ctap.ErrPINAuthBlocked
	case pin == m.pin:
		m.failures, m.misses = 0, 0
		return ctap.OK
	}
	m.failures++
	m.misses++
	switch {
	case m.failures >= 8:
		return ctap.ErrPINBlocked
	case m.misses >= 3:
		return ctap.ErrPINAuthBlocked
	}
	return ctap.ErrPINInvalid
}

func (m *pinModel) live(now time.Time) bool {
	age := now.Sub(m.begun)
	return m.token && age <= 600*time.Second && (m.used || age <= 30*time.Second)
}

// TestPINModel compares random histories with the model: what is answered, what
// is counted, and which token is good.
func TestPINModel(t *testing.T) {
	pins := rapid.SampledFrom([]string{"1234", "9999", "lange PIN"})
	protocols := rapid.SampledFrom(bothProtocols)
	rapid.Check(t, func(r *rapid.T) {
		p := newPlatform(t, withPIN)
		m := &pinModel{powered: p.Clock.Now()}
		var token []byte
		var a *agreement
		// wrong counts misses in a row over all power cycles.
		wrong, left := 0, uint64(8)
		want := func(what string, got, want ctap.Status) {
			if got != want {
				r.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
		count := func(s ctap.Status) {
			switch {
			case s == ctap.OK:
				wrong = 0
			case s == ctap.ErrPINInvalid || m.failures > wrong:
				wrong++
			}
		}
		ask := func(what string, request func(*agreement) *ctap.ClientPINRequest, pin string, mustChange ctap.Status) bool {
			b := p.agree(protocols.Draw(r, "protocol"))
			expected := m.guess(pin)
			count(expected)
			if expected == ctap.OK && m.forced {
				expected = mustChange
			}
			status, result := p.send(request(b))
			want(what, status, expected)
			if status != ctap.OK {
				return false
			}
			resp, err := ctap.DecodeClientPINResponse(result)
			if err != nil {
				r.Fatal(err)
			}
			if token, err = b.secret.Decrypt(resp.Token); err != nil {
				r.Fatal(err)
			}
			a, m.token, m.begun, m.used = b, true, p.Clock.Now(), false
			return true
		}
		r.Repeat(map[string]func(*rapid.T){
			"setPIN": func(r *rapid.T) {
				pin := pins.Draw(r, "pin")
				status, _ := p.send(p.agree(protocols.Draw(r, "protocol")).setPIN(pin))
				if m.pin != "" {
					want("setPIN", status, ctap.ErrPINAuthInvalid)
					return
				}
				want("setPIN", status, ctap.OK)
				m.pin, m.failures, m.token = pin, 0, false
			},
			"changePIN": func(r *rapid.T) {
				current, pin := pins.Draw(r, "current"), pins.Draw(r, "pin")
				expected := m.guess(current)
				count(expected)
				if expected == ctap.OK && m.forced && pin == m.pin {
					expected = ctap.ErrPINPolicyViolation
				}
				status, _ := p.send(p.agree(protocols.Draw(r, "protocol")).changePIN(current, pin))
				want("changePIN", status, expected)
				if status == ctap.OK {
					m.pin, m.forced, m.token = pin, false, false
				}
			},
			"getPinToken": func(r *rapid.T) {
				pin := pins.Draw(r, "pin")
				if ask("getPinToken", func(b *agreement) *ctap.ClientPINRequest { return b.oldPINToken(pin) }, pin, ctap.ErrPINInvalid) {
					m.token = false // not one that may configure
				}
			},
			"UsingPinWithPermissions": func(r *rapid.T) {
				pin := pins.Draw(r, "pin")
				ask("UsingPinWithPermissions", func(b *agreement) *ctap.ClientPINRequest {
					return b.pinToken(pin, ctap.PermitAuthenticatorConfig, "")
				}, pin, ctap.ErrPINPolicyViolation)
			},
			"use": func(r *rapid.T) {
				if token == nil {
					return
				}
				force := rapid.Bool().Draw(r, "force")
				params, err := (&ctap.SetMinPINLengthParams{ForceChangePIN: &force}).Encode()
				if err != nil {
					r.Fatal(err)
				}
				c := &ctap.ConfigRequest{Subcommand: ctap.SetMinPINLength, Params: params, Protocol: &a.protocol}
				c.AuthParam = pinuvauth.Authenticate(a.protocol, token, c.AuthMessage())
				status, _ := p.send(c)
				switch {
				case m.pin == "" && force:
					want("use", status, ctap.ErrPINNotSet)
				case m.pin == "" || m.live(p.Clock.Now()):
					want("use", status, ctap.OK)
					m.used, m.forced = true, m.forced || force
				default:
					want("use of a dead token", status, ctap.ErrPINAuthInvalid)
					m.token = false
				}
			},
			"power cycle": func(*rapid.T) {
				p.PowerCycle()
				m.misses, m.token, m.powered = 0, false, p.Clock.Now()
			},
			"wait": func(r *rapid.T) {
				p.Clock.Advance(time.Duration(rapid.IntRange(1, 400).Draw(r, "seconds")) * time.Second)
			},
			"reset": func(*rapid.T) {
				status, _ := p.raw([]byte{byte(ctap.Reset)})
				if p.Clock.Now().Sub(m.powered) > 10*time.Second {
					want("late reset", status, ctap.ErrNotAllowed)
					return
				}
				want("reset", status, ctap.OK)
				*m = pinModel{powered: m.powered}
				wrong = 0
			},
			"": func(r *rapid.T) {
				retries, cycle := p.pinRetries()
				if retries != uint64(8-m.failures) || cycle != (m.misses >= 3) {
					r.Fatalf("%d retries, power cycle %v; want %d, %v", retries, cycle, 8-m.failures, m.misses >= 3)
				}
				if wrong > 8 || (wrong != 0 && retries > left) {
					r.Fatalf("%d wrong guesses; retries went from %d to %d", wrong, left, retries)
				}
				left = retries
				if p.info().Options["clientPin"] != (m.pin != "") {
					r.Fatal("clientPin does not tell whether there is a PIN")
				}
			},
		})
	})
}

// cutStore loses power at one of the next writes of the state: before the write
// or right after it.
type cutStore struct {
	authenticator.Store
	at    int // writes from now; 0: none
	after bool
}

var errPowerLost = errors.New("the power is gone")

func (s *cutStore) SetState(ctx context.Context, st *authenticator.State) error {
	if s.at == 0 {
		return s.Store.SetState(ctx, st)
	}
	if s.at--; s.at > 0 {
		return s.Store.SetState(ctx, st)
	}
	if s.after {
		if err := s.Store.SetState(ctx, st); err != nil {
			return err
		}
	}
	return errPowerLost
}

// TestPINWithoutPower: whoever cuts the power at whatever write learns nothing
// without paying for it, and pays with one of eight tries.
func TestPINWithoutPower(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var store *cutStore
		p := newPlatform(t, withPIN, func(c *authenticator.Config) {
			store = &cutStore{Store: c.Store}
			c.Store = store
		})
		p.SetPIN(t, rightPIN)
		learnt := 0
		r.Repeat(map[string]func(*rapid.T){
			"guess": func(r *rapid.T) {
				pin := rapid.SampledFrom([]string{wrongPIN, wrongPIN, rightPIN}).Draw(r, "pin")
				store.at, store.after = rapid.IntRange(0, 2).Draw(r, "write"), rapid.Bool().Draw(r, "after")
				first := store.at == 1
				left, _ := p.pinRetries()
				status := p.guess(pin)
				store.at = 0
				p.PowerCycle()
				now, _ := p.pinRetries()
				switch {
				case left == 0:
					if status != ctap.ErrPINBlocked || now != 0 {
						r.Fatalf("blocked, and yet %v with %d retries", status, now)
					}
				case first:
					// Cut before the comparison: the same answer to any PIN.
					if status != ctap.ErrOther || now > left {
						r.Fatalf("%v with %d retries, %d before", status, now, left)
					}
				case status == ctap.OK:
					if pin != rightPIN || now != 8 {
						r.Fatalf("a token for %q, with %d retries", pin, now)
					}
					learnt = 0
				case pin == wrongPIN:
					if learnt++; now != left-1 || learnt > 8 {
						r.Fatalf("learnt %d times; %d retries, %d before", learnt, now, left)
					}
				default: // right, but its success was not written
					if status != ctap.ErrOther || (now != left-1 && now != 8) {
						r.Fatalf("right PIN: %v, %d retries, %d before", status, now, left)
					}
					if now == 8 {
						learnt = 0
					}
				}
			},
		})
	})
}
