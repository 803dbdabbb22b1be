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

// The tenants there are: one by itself, and the control center's.
const (
	tenantVisit = "visit.json"
	centerVisit = "center.json"
)

const (
	securityInfo = "https://login.microsoft.com/mysecurityinfo"
	startTime    = 5 * time.Minute // emulated, Chromium takes its time until the first page
	pageTime     = 5 * time.Minute
	pageGlance   = 200 * time.Millisecond
	passkeyName  = "Key in the rig"
)

// browse registers a passkey at the emulated tenant's Security info page and signs in with it. The authenticator is the
// security key on this machine's HID bus; nothing of it is simulated by the browser.
//
// The user is named first, and then found by the passkey alone. Where a key does not say that its user saw the account, Chromium
// shows a window to confirm it, which a browser without a screen cannot be told to close.
func browse(ctx context.Context, path string) error {
	content, err := os.ReadFile(path) // #nosec G304 -- of the rig
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
		chromedp.WindowSize(480, 640), chromedp.Flag("disable-site-isolation-trials", true), chromedp.Flag("renderer-process-limit", "1"),
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

	name := `document.querySelector("#login_hint")`
	passkey := `document.querySelector("#fido button")`
	for _, step := range []struct {
		what   string // for the rig's table, if it is of interest there
		script string
		until  string
	}{
		{"first page", `location.href = "` + securityInfo + `"`, name},
		{"", fill("#login_hint", v.UPN) + press("button.primary"), `document.querySelector("#passwd")`},
		{"", fill("#passwd", v.Password) + press("#password button"), shows("Stay signed in?")},
		{"", press("button[value='3']"), shows("You have no passkey yet")},
		{"", press("a[href='/mysecurityinfo/add']"), `document.querySelector("#add #name")`},
		{"registered", fill("#name", passkeyName) + press("#add button.primary"), shows("was added")},
		{"", press(".bar button"), shows("You signed out")},
		{"", `location.href = "` + securityInfo + `"`, name},
		{"", fill("#login_hint", v.UPN) + press("button.primary"), passkey + ` && document.querySelector("#passwd")`},
		{"signed in", press("#fido button"), shows("Stay signed in?")},
		{"", press("button[value='3']"), shows(passkeyName)},
		{"", press(".bar button"), shows("You signed out")},
		{"", `location.href = "` + securityInfo + `"`, name + " && " + passkey},
		{"signed in without a name", press("#fido button"), shows("Stay signed in?")},
		{"", press("button[value='3']"), shows(passkeyName)},
	} {
		start := time.Now()
		if err := do(ctx, step.script, step.until); err != nil {
			return err
		}
		if step.what != "" {
			fmt.Printf("@ %s %d\n", step.what, time.Since(start).Milliseconds())
		}
	}
	return nil
}

// Pages are worked by script: emulated, each key and each movement of a mouse would cost a picture of the page.

func fill(selector, value string) string {
	return fmt.Sprintf("document.querySelector(%q).value = %q;", selector, value)
}

func press(selector string) string {
	return fmt.Sprintf("document.querySelector(%q).click();", selector)
}

func shows(text string) string { return fmt.Sprintf("document.body?.innerText.includes(%q)", text) }

// do runs a script in the page, waits until a condition holds there, over navigations, and tells what the page shows if that
// does not come.
func do(ctx context.Context, script, until string) error {
	limited, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	_, err := chromedp.Run(limited, chromedp.Evaluate[bool](script+"; true"))
	for err == nil {
		// A navigation breaks an evaluation off: only the time decides.
		if there, e := chromedp.Run(limited, chromedp.Evaluate[bool](`document.readyState === "complete" && !!(`+until+`)`)); e == nil && there {
			return nil
		}
		select {
		case <-limited.Done():
			err = limited.Err()
		case <-time.After(pageGlance):
		}
	}
	limited, cancel = context.WithTimeout(ctx, pageTime)
	defer cancel()
	where, _ := chromedp.Run(limited, chromedp.Location())
	shown, _ := chromedp.Run(limited, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return fmt.Errorf("waiting for %s: %w\nat %s:\n%s", until, err, where, shown)
}
