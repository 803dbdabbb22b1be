// Package browser drives a real headless Chromium in tests: one browser for a test, a passkey provider built in, and
// pictures of what a person would see, and the accessibility checker axe-core.
//
// It owns starting and ending the browser and the steps that several tests share. It owns no expectation.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// stepTimeout bounds one step. It is far above what a step takes, so that only a wrong page fails.
const stepTimeout = 30 * time.Second

// lifetime bounds a browser whose test hangs without a step. It is far above what the longest story takes.
const lifetime = 15 * time.Minute

// Tab is one tab of a browser that belongs to a test.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// Open starts a browser for the test. Its flags keep it off the network but for what the test serves; more add to them.
func Open(t testing.TB, more ...chromedp.ExecAllocatorOption) *Tab {
	t.Helper()
	path, err := find()
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.WindowSize(1280, 900),
	)
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	t.Cleanup(cancel)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, append(options, more...)...)
	t.Cleanup(cancelAllocator)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	return take(t, ctx)
}

func find() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("this test needs Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM")
}

// AddAuthenticator gives the tab a platform authenticator that verifies its user by itself.
func (b *Tab) AddAuthenticator() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatal(err)
	}
	_, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Do runs steps, and says what the page shows if one fails.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.fail(err)
	}
}

func (b *Tab) fail(err error) {
	b.t.Helper()
	showing := b.Showing()
	if picture := b.keepFailure(); picture != "" {
		showing += "\nas in " + picture
	}
	b.t.Fatalf("%v\nat %s", err, showing)
}

// Showing tells where the tab is and what stands there, for the message of a test that failed. It never fails itself.
func (b *Tab) Showing() string {
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	where, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return where + ":\n" + text
}

// Open goes to an address.
func (b *Tab) Open(url string) { b.t.Helper(); b.Do(chromedp.Navigate(url)) }

// Type fills in the field with that name.
func (b *Tab) Type(name, text string) {
	b.t.Helper()
	field := fmt.Sprintf(`[name=%q]`, name)
	b.Do(chromedp.WaitVisible(field), chromedp.SendKeys(field, text))
}

// loaded is true once the page's own scripts have taken over its links and forms; a click before that is answered as a
// browser without scripts would be: by a page of its own instead of a sheet.
const loaded = `document.readyState === "complete"`

// Press clicks the link or button with that text, as soon as the page has it and has loaded.
func (b *Tab) Press(text string) {
	b.t.Helper()
	b.until(`pressing `+text, loaded+` && (() => {
		const e = [...document.querySelectorAll("dialog[open] a, dialog[open] button, dialog[open] summary")].concat([...document.querySelectorAll("a, button, summary, label")])
			.find((e) => e.innerText.trim() === `+quote(text)+` && e.checkVisibility() && !e.disabled);
		if (e) e.click();
		return !!e;
	})()`)
}

// See waits for a text on the page.
func (b *Tab) See(text string) {
	b.t.Helper()
	b.until("seeing "+text, `document.body !== null && document.body.innerText.includes(`+quote(text)+`)`)
}

// Gone waits until a text is not on the page any more.
func (b *Tab) Gone(text string) {
	b.t.Helper()
	b.until("the end of "+text, `document.body !== null && !document.body.innerText.includes(`+quote(text)+`)`)
}

// Follow clicks the first element that the selector finds, for links whose text is not theirs alone.
func (b *Tab) Follow(selector string) {
	b.t.Helper()
	b.until("following "+selector, loaded+` && (() => {
		const e = document.querySelector(`+quote(selector)+`);
		if (e) e.click();
		return !!e;
	})()`)
}

// Text is the text of the element, as soon as it is there.
func (b *Tab) Text(selector string) string {
	b.t.Helper()
	text, err := look(b, stepTimeout, chromedp.Evaluate[string](`document.querySelector(`+quote(selector)+`).innerText`))
	if err != nil {
		b.fail(err)
	}
	return strings.TrimSpace(text)
}

// until evaluates a script, over navigations, until it is true.
func (b *Tab) until(what, script string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	for {
		done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		if err == nil && done {
			return
		}
		if ctx.Err() != nil {
			b.fail(fmt.Errorf("%s: %w", what, ctx.Err()))
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Look sets colour scheme and width, as another person's device would.
func (b *Tab) Look(scheme string, width int64) { b.t.Helper(); b.Size(scheme, width, 900) }

// Size is [Tab.Look] with a height too.
func (b *Tab) Size(scheme string, width, height int64) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		b.fail(err)
	}
}

func quote(text string) string { return fmt.Sprintf("%q", text) }

// Check ticks the box with that name.
func (b *Tab) Check(name string) {
	b.t.Helper()
	b.until("ticking "+name, fmt.Sprintf(`(() => {
		const e = document.querySelector('[name=%q]');
		if (e && !e.checked) { e.closest("details")?.setAttribute("open", ""); e.click(); }
		return !!e && e.checked;
	})()`, name))
}

// Fill replaces what stands in the field with that name, without typing it key by key. Folded sections open for it.
func (b *Tab) Fill(name, text string) {
	b.t.Helper()
	b.until("filling in "+name, fmt.Sprintf(`(() => {
		const e = document.querySelector('[name=%q]');
		if (!e) return false;
		e.closest("details")?.setAttribute("open", "");
		e.value = %q;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		return true;
	})()`, name, text))
}
