package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/chromedp"
)

// inGuest as the first argument makes this program drive Chromium inside the guest instead of running the rig.
const inGuest = "browse"

// visit is what the driver in the guest has to know. It lies in the job folder.
type visit struct {
	Emulator string `json:"emulator"` // host and port, as the guest sees it
	SPKI     string `json:"spki"`     // base64 of the SHA-256 of the emulator's public key
	UPN      string `json:"upn"`
	Password string `json:"password"`
}

const visitFile = "visit.json"

const (
	securityInfo = "https://login.microsoft.com/mysecurityinfo"
	startTime    = 2 * time.Minute // emulated, Chromium takes its time until the first page
	pageTime     = 90 * time.Second
)

// browse registers a passkey at the emulated tenant's Security info page and signs in with it. The authenticator is the
// security key on this machine's HID bus; nothing of it is simulated by the browser.
//
// The user is named first. Where nobody is, Chromium shows a window to confirm the account, which a browser without a screen
// cannot be told to close; libfido2 and python-fido2 sign in that way.
func browse(ctx context.Context, folder string) error {
	content, err := os.ReadFile(folder + "/" + visitFile)
	if err != nil {
		return err
	}
	var v visit
	if err := json.Unmarshal(content, &v); err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WSURLReadTimeout(startTime),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("host-resolver-rules", "MAP login.microsoft.com "+v.Emulator),
		chromedp.Flag("ignore-certificate-errors-spki-list", v.SPKI),
	)
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	start := time.Now()
	// A browser lives as long as the context of the first action, which therefore has no time limit.
	if err := chromedp.Do(ctx); err != nil {
		return fmt.Errorf("starting Chromium: %w", err)
	}
	fmt.Printf("@ started %d\n", time.Since(start).Milliseconds())

	tab := tab{ctx}
	name := chromedp.WaitVisible("#login_hint")
	for _, step := range []struct {
		what string // in the table, if told
		do   []chromedp.Action[chromedp.Void]
		see  string
	}{
		{"first page", []chromedp.Action[chromedp.Void]{chromedp.Navigate(securityInfo), name}, "Next"},
		{"", []chromedp.Action[chromedp.Void]{chromedp.SendKeys("#login_hint", v.UPN), chromedp.Click("button.primary"), chromedp.WaitVisible("#passwd")}, ""},
		{"", []chromedp.Action[chromedp.Void]{chromedp.SendKeys("#passwd", v.Password), chromedp.Click("#password button")}, "Stay signed in?"},
		{"", []chromedp.Action[chromedp.Void]{chromedp.Click("button[value='3']")}, "You have no passkey yet"},
		{"", []chromedp.Action[chromedp.Void]{chromedp.Click(`a[href="/mysecurityinfo/add"]`), chromedp.WaitVisible("#name"), chromedp.SendKeys("#name", "Key in the rig")}, ""},
		{"registered", []chromedp.Action[chromedp.Void]{chromedp.Click("#add button.primary")}, "was added"},
		{"", []chromedp.Action[chromedp.Void]{chromedp.Click(".bar button")}, "You signed out"},
		{"", []chromedp.Action[chromedp.Void]{chromedp.Navigate(securityInfo), name, chromedp.SendKeys("#login_hint", v.UPN), chromedp.Click("button.primary"), chromedp.WaitVisible("#passwd")}, ""},
		{"signed in", []chromedp.Action[chromedp.Void]{chromedp.Click("#fido button")}, "Stay signed in?"},
		{"", []chromedp.Action[chromedp.Void]{chromedp.Click("button[value='3']")}, "Key in the rig"},
	} {
		start := time.Now()
		if err := tab.do(step.see, step.do...); err != nil {
			return err
		}
		if step.what != "" {
			fmt.Printf("@ %s %d\n", step.what, time.Since(start).Milliseconds())
		}
	}
	return nil
}

// tab is the browser's only tab.
type tab struct{ ctx context.Context }

// do runs actions, waits until the page shows a text, and tells what it shows if that does not come.
func (t tab) do(text string, actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, pageTime)
	defer cancel()
	err := chromedp.Do(ctx, actions...)
	for err == nil && text != "" {
		var seen bool
		seen, err = chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.body !== null && document.body.innerText.includes(%q)`, text)))
		if seen {
			return nil
		}
		if ctx.Err() == nil {
			err = nil // a navigation breaks an evaluation off
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err == nil {
		return nil
	}
	ctx, cancel = context.WithTimeout(t.ctx, pageTime)
	defer cancel()
	where, _ := chromedp.Run(ctx, chromedp.Location())
	shown, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return fmt.Errorf("waiting for %q: %w\nat %s:\n%s", text, err, where, shown)
}
