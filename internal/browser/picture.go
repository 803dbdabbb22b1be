package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// Screenshot keeps a picture of the page in the folder that POSTERN_PICTURES names; without it, nothing.
func (b *Tab) Screenshot(name string) { b.t.Helper(); b.keep(name, chromedp.CaptureScreenshot()) }

// WholePage is [Tab.Screenshot] of everything that scrolling would show.
func (b *Tab) WholePage(name string) { b.t.Helper(); b.keep(name, chromedp.FullScreenshot(100)) }

func (b *Tab) keep(name string, action chromedp.Action[[]byte]) {
	b.t.Helper()
	folder := os.Getenv("POSTERN_PICTURES")
	if folder == "" {
		return
	}
	if err := write(filepath.Join(folder, name+".png"), b.picture(name, action)); err != nil {
		b.t.Fatal(err)
	}
}

// keepFailure keeps a picture of what the tab shows when its test fails, in the folder that POSTERN_ARTIFACTS names, and gives
// its path; without the folder, or if there is no picture to be had, nothing.
func (b *Tab) keepFailure() string {
	folder := os.Getenv("POSTERN_ARTIFACTS")
	if folder == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout/3)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	path := filepath.Join(folder, "failed", b.t.Name()+".png")
	if err != nil || write(path, picture) != nil {
		return ""
	}
	return path
}

func write(path string, picture []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, picture, 0o644)
}

func (b *Tab) picture(of string, action chromedp.Action[[]byte]) []byte {
	b.t.Helper()
	// Chromium never answers when the page goes away meanwhile, so one try may not take all the time there is.
	picture, err := look(b, stepTimeout/3, action)
	if err != nil {
		b.fail(fmt.Errorf("picture of %s: %w", of, err))
	}
	return picture
}

// look asks the page for what asking does not change, again until it answers: between one page and the next there is none, and
// Chromium says so at once.
func look[T any](b *Tab, try time.Duration, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, try)
		seen, err := chromedp.Run(once, action)
		cancel()
		if err == nil || ctx.Err() != nil {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return seen, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
