package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
)

// bench is a key on the table, with a control center that does what a test says.
type bench struct {
	t     *testing.T
	store *memory.Store
	user  *authtest.User
	key   *securityKey
	said  bytes.Buffer
	force bool // --force-pin-change

	mu    sync.Mutex
	asked []string
	// answer decides requests by method and last part of the path; nil cuts the connection.
	answer func(request string, n int) (status int, body any)
}

// noSelf is a key without a fingerprint reader.
var noSelf = authenticator.VerificationNone

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, store: memory.New(4), user: &authtest.User{State: &noSelf}}
	b.key = b.plug(b.user)
	return b
}

func (b *bench) plug(user authenticator.User) *securityKey {
	b.t.Helper()
	a, err := authenticator.New(authenticator.Config{
		AAGUID: authtest.AAGUID, Store: b.store, User: user, Random: rand.Reader, Now: time.Now, PIN: true,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	k := &securityKey{name: "test", close: io.NopCloser(nil), Client: &client.Client{
		Random:  rand.Reader,
		Channel: client.ChannelFunc(func(ctx context.Context, r []byte) ([]byte, error) { return a.Handle(ctx, r), nil }),
	}}
	if k.info, err = k.Info(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return k
}

// run goes on from a state, with a PIN made for the new key.
func (b *bench) run(ctx context.Context, from postern.ProvisioningState) error {
	b.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	defer server.Close()
	std := cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &b.said}
	cmd := &passkeysProvisionCmd{Every: time.Millisecond, onKey: onKey{whichPIN: whichPIN{GeneratePIN: true, ForcePINChange: b.force}}}
	pad := &keypad{whichPIN: cmd.whichPIN, std: std}
	b.key.PIN = pad.ask
	run := &keyRun{
		Client: &postern.Client{BaseURL: server.URL, HTTPClient: server.Client()}, cmd: cmd, std: std, key: b.key, pad: pad,
		record: record(from),
	}
	return run.goOn(ctx)
}

func record(state postern.ProvisioningState) postern.Provisioning {
	return postern.Provisioning{ID: "prv_1", Carrier: postern.CarrierSecurityKey, State: state}
}

func (b *bench) serve(w http.ResponseWriter, r *http.Request) {
	request := r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	b.mu.Lock()
	n := 1
	for _, earlier := range b.asked {
		if earlier == request {
			n++
		}
	}
	b.asked = append(b.asked, request)
	b.mu.Unlock()
	status, body := http.StatusOK, any(nil)
	if request == "POST options" {
		body = postern.SecurityKeyOptions{Provisioning: record(postern.ProvisioningOffered), PublicKey: json.RawMessage(entraOptions)}
	}
	if s, v := b.answer(request, n); s != 0 {
		status, body = s, v
	} else if body == nil {
		panic(http.ErrAbortHandler)
	}
	if e, ok := body.(*postern.Error); ok {
		status, body = e.Status(), postern.ProblemOf(e)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

const entraOptions = `{"rp":{"id":"login.microsoft.com","name":"Microsoft"},"user":{"id":"T0Y6MQ","name":"ada@contoso.example","displayName":"Ada"},
	"challenge":"Y2hhbGxlbmdl","pubKeyCredParams":[{"type":"public-key","alg":-7}],"timeout":60000,"excludeCredentials":[],
	"authenticatorSelection":{"authenticatorAttachment":"cross-platform","requireResidentKey":true,"userVerification":"required"},"attestation":"direct"}`

func (b *bench) count(request string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, asked := range b.asked {
		if asked == request {
			n++
		}
	}
	return n
}

// TestNothingIsLeftOnTheKey tells every way a run can end, and what must then be on the key and at the control center.
func TestNothingIsLeftOnTheKey(t *testing.T) {
	refused := postern.Errorf(postern.CodeCredentialRefused, "")
	failed := record(postern.ProvisioningFailed)
	failed.Code, failed.Message = postern.CodeEntraPasskeyRefused, "Entra refused the passkey."
	for name, c := range map[string]struct {
		answer  func(request string, n int) (int, any)
		code    postern.Code // "" is success
		onKey   int
		cancels bool
		says    string
	}{
		"all goes well": {
			answer: func(request string, _ int) (int, any) {
				switch request {
				case "POST credential":
					return http.StatusAccepted, record(postern.ProvisioningSubmitted)
				case "GET prv_1":
					return http.StatusOK, record(postern.ProvisioningActive)
				}
				return 0, nil
			},
			onKey: 1, says: "active",
		},
		"the answer is lost once": {
			answer: func(request string, n int) (int, any) {
				switch {
				case request == "POST credential" && n > 1:
					return http.StatusAccepted, record(postern.ProvisioningSubmitted)
				case request == "GET prv_1":
					return http.StatusOK, record(postern.ProvisioningActive)
				}
				return 0, nil
			},
			onKey: 1,
		},
		"no options": {
			answer: func(request string, _ int) (int, any) {
				if request == "POST options" {
					return http.StatusOK, postern.Errorf(postern.CodeEntraThrottled, "")
				}
				return http.StatusOK, record(postern.ProvisioningCancelled)
			},
			code: postern.CodeEntraThrottled, cancels: true,
		},
		"the credential is refused": {
			answer: func(request string, _ int) (int, any) {
				switch request {
				case "POST credential":
					return http.StatusOK, refused
				case "DELETE prv_1":
					return http.StatusOK, record(postern.ProvisioningCancelled)
				}
				return 0, nil
			},
			code: postern.CodeCredentialRefused, cancels: true, says: "has been removed from it",
		},
		"Entra refuses": {
			answer: func(request string, _ int) (int, any) {
				switch request {
				case "POST credential":
					return http.StatusAccepted, record(postern.ProvisioningSubmitted)
				case "GET prv_1":
					return http.StatusOK, failed
				}
				return 0, nil
			},
			code: postern.CodeEntraPasskeyRefused, says: "has been removed from it",
		},
		"another run took over": {
			answer: func(request string, _ int) (int, any) {
				if request == "POST credential" {
					return http.StatusOK, postern.Errorf(postern.CodeProvisioningTaken, "")
				}
				return 0, nil
			},
			code: postern.CodeProvisioningTaken, says: "has been removed from it",
		},
		"the control center is gone": {
			answer: func(string, int) (int, any) { return 0, nil },
			code:   postern.CodeUnavailable, onKey: 1, cancels: true, says: "stays on the key. Run the same command again",
		},
		"it is registered, and nobody said so": {
			answer: func(request string, _ int) (int, any) {
				switch request {
				case "DELETE prv_1":
					return http.StatusOK, postern.Errorf(postern.CodeProvisioningState, "")
				case "GET prv_1":
					return http.StatusOK, record(postern.ProvisioningActive)
				}
				return 0, nil
			},
			code: postern.CodeUnavailable, onKey: 1, cancels: true, says: "stays on the key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.answer = c.answer
			err := b.run(t.Context(), postern.ProvisioningRequested)
			if c.code == "" && err != nil || c.code != "" && !postern.IsCode(err, c.code) {
				t.Errorf("%v, want %q", err, c.code)
			}
			if on, err := b.store.List(t.Context()); err != nil || len(on) != c.onKey {
				t.Errorf("%d credentials on the key, want %d, %v", len(on), c.onKey, err)
			}
			if cancelled := b.count("DELETE prv_1") > 0; cancelled != c.cancels {
				t.Errorf("cancelled is %t", cancelled)
			}
			if !strings.Contains(b.said.String(), c.says) {
				t.Errorf("it says %q, not %q", b.said.String(), c.says)
			}
			if touches := len(slices.DeleteFunc(b.user.Asked(), func(q authtest.Question) bool { return q.Reason != authenticator.ReasonRegister })); touches > 1 {
				t.Errorf("the key was touched %d times", touches)
			}
		})
	}
}

// TestStoppedAtTheTouch: Ctrl-C while the key blinks ends the intent, and nothing is made.
func TestStoppedAtTheTouch(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.user.Answer = func(ctx context.Context, p authenticator.Prompt, _ bool) error {
		if p.Reason == authenticator.ReasonRegister {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	b.answer = func(request string, _ int) (int, any) {
		if request == "DELETE prv_1" {
			return http.StatusOK, record(postern.ProvisioningCancelled)
		}
		return 0, nil
	}
	if err := b.run(ctx, postern.ProvisioningOffered); err == nil {
		t.Error("it succeeded")
	}
	if b.count("DELETE prv_1") != 1 || b.count("POST credential") != 0 {
		t.Errorf("asked %v", b.asked)
	}
	if on, err := b.store.List(t.Context()); err != nil || len(on) != 0 {
		t.Errorf("%d credentials on the key, %v", len(on), err)
	}
}

// TestEarlierRunLeavesTheKeyAlone: what another run handed in is waited for. The key that is plugged in now may be another.
func TestEarlierRunLeavesTheKeyAlone(t *testing.T) {
	for _, end := range []postern.ProvisioningState{postern.ProvisioningActive, postern.ProvisioningFailed} {
		b := newBench(t)
		b.force = true
		b.answer = func(request string, _ int) (int, any) {
			if request == "GET prv_1" {
				return http.StatusOK, record(end)
			}
			return 0, nil
		}
		if err := b.run(t.Context(), postern.ProvisioningSubmitted); (err == nil) != (end == postern.ProvisioningActive) {
			t.Errorf("%s: %v", end, err)
		}
		if asked := b.user.Asked(); len(asked) > 0 || b.count("POST options") > 0 {
			t.Errorf("%s: the key was asked %v", end, asked)
		}
		if info, err := b.key.Info(t.Context()); err != nil || info.Options[ctap.OptionClientPIN] {
			t.Errorf("%s: the key got a PIN, %v", end, err)
		}
	}
}

func TestSelectTheTouchedKey(t *testing.T) {
	b := newBench(t)
	never := &authtest.User{State: &noSelf, Answer: func(ctx context.Context, _ authenticator.Prompt, _ bool) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	first, second, third := b.plug(never), b.plug(&authtest.User{State: &noSelf}), b.plug(never)
	std := cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &b.said}
	got, err := selectKey(t.Context(), std, []*securityKey{first, second, third})
	if err != nil || got != second {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := selectKey(ctx, std, []*securityKey{first, third}); !postern.IsCode(err, postern.CodeSecurityKeySeveral) {
		t.Error(err)
	}
}

func TestUnfitKeys(t *testing.T) {
	good := map[string]bool{ctap.OptionRK: true, ctap.OptionClientPIN: true, ctap.OptionConfig: true, ctap.OptionMinPINLength: true}
	for name, c := range map[string]struct {
		without []string
		force   bool
		fits    bool
	}{
		"all":                    {nil, true, true},
		"no discoverable ones":   {[]string{ctap.OptionRK}, false, false},
		"no way to verify":       {[]string{ctap.OptionClientPIN}, false, false},
		"nothing can be forced":  {[]string{ctap.OptionMinPINLength}, true, false},
		"nothing can be set":     {[]string{ctap.OptionConfig}, true, false},
		"nothing is to be force": {[]string{ctap.OptionMinPINLength, ctap.OptionConfig}, false, true},
	} {
		options := make(map[string]bool)
		for option, on := range good {
			if !slices.Contains(c.without, option) {
				options[option] = on
			}
		}
		err := (&securityKey{info: &ctap.Info{Options: options}}).fit(c.force)
		if (err == nil) != c.fits || err != nil && !postern.IsCode(err, postern.CodeSecurityKeyUnfit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGeneratedPINs(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		pin, err := generatePIN(8)
		if err != nil || len(pin) != 8 || strings.Trim(pin, "0123456789") != "" || seen[pin] {
			t.Fatalf("%q, %v", pin, err)
		}
		seen[pin] = true
	}
	for _, bad := range []string{"11111111", "12345678", "87654321", "00000000", "13579"} {
		if !simple([]byte(bad)) {
			t.Errorf("%s is taken for random", bad)
		}
	}
}

func TestExplainKey(t *testing.T) {
	own := postern.Errorf(postern.CodeSecurityKeyPIN, "x")
	for _, c := range []struct {
		err  error
		want postern.Code
	}{
		{ctap.ErrPINBlocked, postern.CodeSecurityKeyLocked},
		{ctap.ErrPINAuthBlocked, postern.CodeSecurityKeyPaused},
		{ctap.ErrKeyStoreFull, postern.CodeSecurityKeyFull},
		{ctap.ErrCredentialExcluded, postern.CodeSecurityKeyKnown},
		{errors.Join(errors.New("wrapped"), ctap.ErrUserActionTimeout), postern.CodeSecurityKeyTouch},
		{errors.Join(errors.New("no PIN was given"), own), postern.CodeSecurityKeyPIN},
		{io.EOF, postern.CodeSecurityKeyMissing},
		{context.DeadlineExceeded, postern.CodeSecurityKeyTouch},
		{errors.New("gibberish"), postern.CodeSecurityKeyFault},
	} {
		if err := explainKey(c.err); !postern.IsCode(err, c.want) {
			t.Errorf("%v: %v, want %s", c.err, err, c.want)
		}
	}
	if err := explainKey(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
