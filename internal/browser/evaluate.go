package browser

import (
	"errors"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Evaluate runs a script in the page once, waits for it if it is a promise, and returns what it comes to.
func Evaluate[T any](b *Tab, script string) T {
	b.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
		if err == nil {
			return v
		}
		if !betweenPages(err) || time.Since(began) > stepTimeout {
			b.fail(err)
		}
	}
}

// betweenPages is true of the answer that there is no page just now in which the script could have run.
func betweenPages(err error) bool {
	var said *cdproto.Error
	return errors.As(err, &said) && said.Message == "Cannot find default execution context"
}

// watch collects in the page whatever a person would find red in the console.
const watch = `window.wrong = [];
addEventListener("securitypolicyviolation", (e) => wrong.push("content security policy: " + e.violatedDirective + " " + e.blockedURI));
addEventListener("error", (e) => wrong.push("error: " + (e.message || "cannot load " + (e.target.src || e.target.href))), true);
addEventListener("unhandledrejection", (e) => wrong.push("rejection: " + e.reason));`

// Watch makes every page from now on take note of what goes wrong in it; see [Tab.Wrong].
func (b *Tab) Watch() {
	b.t.Helper()
	b.OnEveryPage(watch)
}

// OnEveryPage runs a script in every page from now on, before any of its own.
func (b *Tab) OnEveryPage(script string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.fail(err)
	}
}

// Wrong lists what went wrong in the page since it was opened: violations of the content security policy, exceptions,
// things that could not be loaded.
func (b *Tab) Wrong() []string {
	b.t.Helper()
	return Evaluate[[]string](b, `window.wrong`)
}

// Until waits until a script of the page is true, over navigations.
func (b *Tab) Until(what, script string) { b.t.Helper(); b.until(what, script) }

// Shown waits until an element is to be seen.
func (b *Tab) Shown(selector string) {
	b.t.Helper()
	b.until("seeing "+selector, `document.querySelector(`+quote(selector)+`)?.checkVisibility() === true`)
}

// Click clicks an element, as soon as it is to be seen and takes clicks.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	b.until("clicking "+selector, loaded+` && (() => {
		const e = document.querySelector(`+quote(selector)+`);
		if (!e?.checkVisibility() || e.disabled) return false;
		e.click();
		return true;
	})()`)
}

// Set fills in an element, as soon as it is to be seen.
func (b *Tab) Set(selector, text string) {
	b.t.Helper()
	b.until("filling in "+selector, `(() => {
		const e = document.querySelector(`+quote(selector)+`);
		if (!e?.checkVisibility()) return false;
		e.value = `+quote(text)+`;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		return true;
	})()`)
}
