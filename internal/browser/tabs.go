package browser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Beside opens another tab of the same browser.
func (b *Tab) Beside() *Tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	return take(b.t, ctx)
}

// take makes the tab of a context. What is made first in a context lives as long as what it was made with, so it must not be
// a step, whose time is limited.
func take(t testing.TB, ctx context.Context) *Tab {
	t.Helper()
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &Tab{t, ctx}
}

// Find takes hold of a page that the browser opened by itself, as soon as there is one whose address holds the text.
func (b *Tab) Find(text string) *Tab {
	b.t.Helper()
	deadline, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	for {
		all, err := chromedp.Targets(b.ctx)
		if err != nil {
			b.fail(err)
		}
		for _, info := range all {
			if strings.Contains(info.URL, text) && info.Type == "page" {
				ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(info.TargetID))
				b.t.Cleanup(cancel)
				return take(b.t, ctx)
			}
		}
		select {
		case <-deadline.Done():
			var have []string
			for _, info := range all {
				have = append(have, info.Type+" "+info.URL)
			}
			b.t.Fatal(fmt.Errorf("no page is at …%s…: there are %q", text, have))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// EndWorker ends the service worker of an extension, as the browser does with one that has nothing to do.
func (b *Tab) EndWorker(extension string) {
	b.t.Helper()
	all, err := chromedp.Targets(b.ctx)
	if err != nil {
		b.fail(err)
	}
	for _, info := range all {
		if info.Type != "service_worker" || !strings.Contains(info.URL, extension) {
			continue
		}
		if _, err := chromedp.CallBrowser(b.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID}); err != nil {
			b.fail(err)
		}
		return
	}
	b.t.Fatalf("no service worker of %s is running", extension)
}

// Closed waits until no page is at an address that holds the text.
func (b *Tab) Closed(text string) {
	b.t.Helper()
	deadline, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	for {
		all, err := chromedp.Targets(b.ctx)
		if err != nil {
			b.fail(err)
		}
		if !slices.ContainsFunc(all, func(i *target.Info) bool { return strings.Contains(i.URL, text) }) {
			return
		}
		select {
		case <-deadline.Done():
			b.t.Fatalf("the page at …%s… does not close", text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
