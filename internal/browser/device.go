package browser

import (
	"context"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Before runs a script in every page from now on, before the page's own.
func (b *Tab) Before(script string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.fail(err)
	}
}

// Permit answers what an origin asks people for, such as "camera" or "notifications", with granted or denied.
func (b *Tab) Permit(origin, name string, granted bool) {
	b.t.Helper()
	setting := cdpbrowser.PermissionSettingDenied
	if granted {
		setting = cdpbrowser.PermissionSettingGranted
	}
	_, err := chromedp.CallBrowser(b.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: name}, Setting: setting, Origin: origin,
	})
	if err != nil {
		b.fail(err)
	}
}

// AddGateWithoutPRF gives the tab a platform authenticator as older phones have one: its passkeys have no PRF extension.
func (b *Tab) AddGateWithoutPRF() {
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

// Push delivers messages to the service worker of the page's origin, as a push service would.
func (b *Tab) Push(origin string, messages ...string) {
	b.t.Helper()
	ids := make(chan serviceworker.RegistrationID, 16)
	err := chromedp.Listen(b.ctx, func(ev any) {
		if e, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				select {
				case ids <- r.RegistrationID:
				default:
				}
			}
		}
	})
	if err != nil {
		b.fail(err)
	}
	for _, command := range []cdp.Command[cdp.Empty, cdp.Empty]{serviceworker.Disable, serviceworker.Enable} { // so that it tells anew
		if _, err := chromedp.Call(b.ctx, command, cdp.Empty{}); err != nil {
			b.fail(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	var id serviceworker.RegistrationID
	select {
	case id = <-ids:
	case <-ctx.Done():
		b.fail(ctx.Err())
	}
	for _, data := range messages {
		if _, err := chromedp.Call(b.ctx, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: origin, RegistrationID: id, Data: data}); err != nil {
			b.fail(err)
		}
	}
}
