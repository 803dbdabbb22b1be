package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone/vault"
)

// The checks of a [Diagnosis].
const (
	checkNetwork     = "network"
	checkClock       = "clock"
	checkCenter      = "control center"
	checkRelay       = "relay"
	checkIntegration = "integration"
	checkBrowser     = "browser"
	checkStorage     = "storage"
	checkGate        = "gate"
)

// diagnosisTime bounds the question to the control center.
const diagnosisTime = 10 * time.Second

// diagnose checks everything, and says of each in one sentence what is so or what to do.
func (a *App) diagnose(ctx context.Context, in Diagnose) error {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTime)
	defer cancel()
	answer, err := a.reach(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.diagnosis = []Diagnosis{
		a.checkNetwork(err), a.checkClock(answer), a.checkCenter(err), a.checkRelay(), a.checkIntegration(),
		checkLacks(in.Missing), checkKept(in.Persistent), a.checkGate(in.Missing),
	}
	return nil
}

// reach asks the control center for something, signed where the phone is enrolled, and notes the time it tells.
func (a *App) reach(ctx context.Context) (answer *signed.Response, err error) {
	a.mu.Lock()
	p := a.phone
	a.mu.Unlock()
	answer, err = a.traffic.RoundTrip(ctx, signed.Request{Method: "GET", URL: a.host.Server + postern.PhoneAPIPath + "/self", Header: map[string]string{"Accept": "application/json"}})
	if err != nil || p == nil {
		return answer, err
	}
	_, err = p.API.Self(ctx)
	return answer, err
}

func fine(check, text string) Diagnosis { return Diagnosis{Check: check, OK: true, Text: text} }

func bad(check string, code postern.Code, text string) Diagnosis {
	return Diagnosis{Check: check, Code: code, Text: text}
}

func (a *App) checkNetwork(err error) Diagnosis {
	if errors.Is(err, errNoAnswer) || errors.Is(err, context.DeadlineExceeded) {
		return bad(checkNetwork, CodeNoNetwork, "Nothing answers at "+a.host.Server+": check that this phone is online, and whether a VPN or a captive portal is in the way.")
	}
	return fine(checkNetwork, "The network works.")
}

func (a *App) checkClock(answer *signed.Response) Diagnosis {
	off := time.Duration(0)
	if a.phone != nil {
		off = a.phone.API.Offset()
	}
	if answer != nil && !answer.Date.IsZero() {
		off = answer.Date.Sub(a.host.Now())
	}
	off = off.Round(time.Second)
	if off.Abs() >= postern.PhoneProofWindow {
		way := "behind"
		if off < 0 {
			way = "ahead"
		}
		return bad(checkClock, postern.CodePhoneClock, fmt.Sprintf("This phone's clock is %v %s, so pairing codes and requests look expired: set date and time to automatic in the phone's settings.", off.Abs(), way))
	}
	if answer == nil {
		return fine(checkClock, "The clock could not be compared, because nothing answers.")
	}
	return fine(checkClock, "The clock is right.")
}

func (a *App) checkCenter(err error) Diagnosis {
	switch {
	case err == nil:
		return fine(checkCenter, "The control center at "+a.host.Server+" answers and knows this phone.")
	case errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return bad(checkCenter, postern.CodeUnavailable, "The control center at "+a.host.Server+" could not be asked, because nothing answers there.")
	}
	p := problemOf(err)
	return bad(checkCenter, p.Code, "The control center says: "+p.Message+" "+p.Next)
}

func (a *App) checkRelay() Diagnosis {
	l := a.viewLink()
	switch {
	case a.phone == nil:
		return fine(checkRelay, "The connection to computers begins when this phone is set up.")
	case l.State == LinkOnline:
		return fine(checkRelay, "The connection to computers stands.")
	case l.Problem != nil:
		return bad(checkRelay, l.Problem.Code, "The connection to computers is refused: "+l.Problem.Message+" "+l.Problem.Next)
	}
	return bad(checkRelay, CodeRelay, "The connection to computers does not come up although it is tried again and again: if the network works otherwise, something in between does not let WebSockets through, so try another network or tell your help desk.")
}

func (a *App) checkIntegration() Diagnosis {
	if n := a.forbidden(); n != nil {
		return bad(checkIntegration, n.Code, n.Message+" "+n.Next)
	}
	if a.phone == nil {
		return fine(checkIntegration, "What your organisation allows is known when this phone is set up.")
	}
	return fine(checkIntegration, "Your organisation lets this phone sign in.")
}

var lacks = map[string]string{
	"prf": "keys that only the biometric opens", "webauthn": "the biometric (WebAuthn)", "camera": "the camera for QR codes",
	"push": "notifications", "indexeddb": "storage", "serviceworker": "working offline",
}

func checkLacks(missing []string) Diagnosis {
	var words []string
	for _, m := range missing[:min(len(missing), len(lacks))] {
		if word, ok := lacks[m]; ok {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return fine(checkBrowser, "The browser has everything the app needs.")
	}
	return bad(checkBrowser, CodeBrowser, "This browser lacks "+strings.Join(words, ", ")+": use a current Safari on an iPhone or Chrome on Android, and open the app from the home screen.")
}

func checkKept(persistent bool) Diagnosis {
	if persistent {
		return fine(checkStorage, "What this phone keeps is safe from the browser's tidying up.")
	}
	return bad(checkStorage, CodeNotPersistent, "The browser may delete the keys of this app when it needs room: add the app to the home screen and open it from there.")
}

func (a *App) checkGate(missing []string) Diagnosis {
	switch {
	case a.phone == nil && contains(missing, "webauthn"):
		return bad(checkGate, CodeGateMissing, "This browser cannot check that it is you: set up a screen lock, and use a current Safari or Chrome.")
	case a.phone != nil && a.kind == vault.KindNone, a.phone == nil && contains(missing, "prf"):
		return bad(checkGate, CodeNoPRF, "The biometric cannot open the keys on this phone, it can only be asked before they are used: update the phone, and set the app up anew if your organisation asks for more.")
	}
	return fine(checkGate, "The keys open by the biometric alone.")
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}
