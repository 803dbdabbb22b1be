package entrasim

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// chromium starts a headless browser for which login.microsoft.com is the emulator, with a USB security key plugged in.
func chromium(t *testing.T, ts *httptest.Server) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("this test needs Chromium: install the package chromium (apt-get install chromium) and run it again")
	}
	spki := sha256.Sum256(ts.Certificate().RawSubjectPublicKeyInfo)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP login.microsoft.com "+strings.TrimPrefix(ts.URL, "https://")),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(spki[:])),
		chromedp.WindowSize(1280, 900),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancelAllocator)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(cancelBrowser)
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	_, err = chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, HasHmacSecret: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// do runs steps and says where the browser stands if one fails.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	step, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(step, steps...); err != nil {
		where, _ := chromedp.Run(ctx, chromedp.Location())
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
		t.Fatalf("%v\nat %s:\n%s", err, where, text)
	}
}

// shoot keeps pictures of the page, light and dark and at the width of a phone, where POSTERN_PICTURES says.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("POSTERN_PICTURES")
	if folder == "" {
		return
	}
	folder = filepath.Join(folder, "entrasim")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, look := range []struct {
		suffix, scheme string
		width, height  int64
	}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}, {"phone-dark", "dark", 390, 844}} {
		do(t, ctx, chromedp.EmulateViewport(look.width, look.height))
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
		}); err != nil {
			t.Fatal(err)
		}
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+"-"+look.suffix+".png"), png, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do(t, ctx, chromedp.ResetViewport())
}

// see waits for a text, over navigations, which break a poll off.
func see(text string) chromedp.Action[chromedp.Void] {
	poll := chromedp.Poll[bool](`document.body !== null && document.body.innerText.includes(` + quote(text) + `)`)
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for {
			if _, err := poll(ctx, target); err == nil || ctx.Err() != nil {
				return chromedp.Void{}, err
			}
		}
	}
}

func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

// A person without a passkey signs in with a password, adds one at Security info, signs out, signs in to an application with
// it and deletes it again.
func TestPasskeyInBrowser(t *testing.T) {
	srv := &Server{Users: 5}
	ts := httptest.NewTLSServer(srv)
	t.Cleanup(ts.Close)
	site := newPageSiteOn(t, srv, ts)
	ctx := chromium(t, ts)

	// Security info asks for a sign-in first. The address in the bar is not that of the relying party's origin.
	do(t, ctx, chromedp.Navigate(ts.URL+"/mysecurityinfo"), chromedp.WaitVisible("#login_hint"))
	shoot(t, ctx, "sign-in")
	do(t, ctx, chromedp.SendKeys("#login_hint", site.user.UPN), chromedp.Click("button.primary"), chromedp.WaitVisible("#passwd"))
	shoot(t, ctx, "password")
	do(t, ctx, chromedp.SendKeys("#passwd", "not the password"), chromedp.Click("#password button"), see("AADSTS50126"))
	do(t, ctx, chromedp.SendKeys("#passwd", site.tenant.Password), chromedp.Click("#password button"), see("Stay signed in?"))
	shoot(t, ctx, "stay-signed-in")
	do(t, ctx, chromedp.Click("button[value='3']"), see("You have no passkey yet"))
	shoot(t, ctx, "security-info-empty")

	do(t, ctx, chromedp.Click(`a[href="/mysecurityinfo/add"]`), chromedp.WaitVisible("#name"))
	shoot(t, ctx, "add-passkey")
	do(t, ctx, chromedp.SendKeys("#name", "Blue key"), chromedp.Click("#add button.primary"), see("was added"))
	shoot(t, ctx, "security-info")
	var stored Passkey
	site.tenant.view(func() { stored = *site.tenant.user(site.user.ID).Passkeys[0] })
	if stored.Credential.DisplayName != "Blue key" || stored.Credential.Attested {
		t.Errorf("stored %+v", stored.Credential)
	}
	t.Logf("the browser sent attestation format %q", stored.Credential.Format)

	do(t, ctx, chromedp.Click(".bar button"), see("You signed out"))
	shoot(t, ctx, "signed-out")

	// An application signs the user in; the browser comes back to it on the loopback interface.
	codes := make(chan url.Values, 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("code") || r.URL.Query().Has("error") {
			codes <- r.URL.Query()
		}
		_, _ = w.Write([]byte("back at the application"))
	}))
	t.Cleanup(app.Close)
	oidcCtx := oidc.ClientContext(context.Background(), ts.Client())
	provider, err := oidc.NewProvider(oidcCtx, ts.URL+"/"+site.tenant.ID+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	client := oauth2.Config{ClientID: site.app.AppID, Endpoint: provider.Endpoint(), RedirectURL: app.URL, Scopes: []string{"openid"}}
	verifier := oauth2.GenerateVerifier()
	do(t, ctx, chromedp.Navigate(client.AuthCodeURL("s1", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("login_hint", site.user.UPN))),
		chromedp.WaitVisible("#fido button"))
	shoot(t, ctx, "sign-in-passkey")
	do(t, ctx, chromedp.Click("#fido button"), see("Stay signed in?"), chromedp.Click("button[value='1']"), see("back at the application"))
	back := <-codes
	token, err := client.Exchange(oidcCtx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if _, err := provider.Verifier(&oidc.Config{ClientID: client.ClientID}).Verify(oidcCtx, raw); err != nil {
		t.Fatal(err)
	}

	// Without a user name: the authenticator knows the account.
	do(t, ctx, chromedp.Navigate(client.AuthCodeURL("s2", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "login"))),
		chromedp.WaitVisible("#fido button"), chromedp.Click("#fido button"), see("Stay signed in?"), chromedp.Click("button[value='3']"), see("back at the application"))
	if back := <-codes; back.Get("state") != "s2" || back.Get("code") == "" {
		t.Errorf("second sign-in came back with %v", back.Get("error"))
	}

	// Deleting asks first, and then the passkey signs in no more; the page says why.
	do(t, ctx, chromedp.Navigate(ts.URL+"/mysecurityinfo"), see("Blue key"), chromedp.Click(".methods a"), see("Delete this passkey?"))
	shoot(t, ctx, "delete-passkey")
	do(t, ctx, chromedp.Click("button.danger"), see("You have no passkey yet"))
	do(t, ctx, chromedp.Navigate(client.AuthCodeURL("s3", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "login"))),
		chromedp.WaitVisible("#fido button"), chromedp.Click("#fido button"), see("AADSTS135010"))
	shoot(t, ctx, "refused")
}
