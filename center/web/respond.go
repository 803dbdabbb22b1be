package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// notes are the sentences that a redirect may ask the next page to show. The address carries the key only, so nobody
// can put words into the console's mouth.
var notes = map[string]string{
	"updated":               "The integration was updated.",
	"disabled":              "The integration is disabled. Nobody can register or authenticate with it until it is enabled again.",
	"removed":               "The integration was removed. Its audit trail is kept.",
	"flags":                 "The feature flags were saved.",
	"offered":               "The feature flags for new integrations were saved.",
	"domains":               "Restrict Domains saved successfully",
	"desktop":               "The desktop settings were saved.",
	"install-token-revoked": "The install token was revoked. Workstations that it enrolled stay.",
	"debug-on":              "HTTP Debug is on. It switches itself off.",
	"debug-off":             "HTTP Debug is off.",
	"tested":                "The connection was tested.",
	"withdrawn":             "The invitation was withdrawn. Its code no longer works.",
	"suspended":             "The user is suspended. No phone of theirs is let talk.",
	"resumed":               "The suspension has ended.",
	"user-revoked":          "The phones are cut off. Their passkeys are being removed from Entra.",
	"replaced":              "The old passkey is being removed. The phone asks for the new one as soon as Entra no longer lists it.",
	"leavers":               "The policy for leavers was saved.",
	"everything-revoked":    "The integration is disabled. Its phones and passkeys are being taken away, user by user.",
	"phone-revoked":         "The phone was revoked. Its passkeys are being removed from Entra.",
	"pairing-ended":         "The pairing has ended. The two can no longer talk to each other.",
	"workstation-settings":  "The workstation settings were saved. Workstations hear of it as soon as they are online.",
	"offline-ended":         "The offline passkey is being taken away.",
	"recovery-asked":        "The recovery PIN waits for a second person to agree.",
	"recovery-approved":     "You agreed to the recovery PIN. Who asked for it can show it now.",
	"recovery-rejected":     "The recovery PIN was refused.",
	"recovery-withdrawn":    "The recovery PIN was withdrawn.",
	"workstation-revoked":   "The workstation was revoked and is cut off. Its pairings have ended.",
	"passkey-revoke":        "The passkey is being removed from Entra.",
	"drift-approved":        "The comparison goes on. What Entra still does not list is revoked.",
	"provisioning":          "The provisioning has begun. The user is asked on the phone.",
	"cancelled":             "The provisioning was cancelled.",
	"job-paused":            "The job is paused. Users who are being acted on are finished first.",
	"job-resumed":           "The job goes on.",
	"job-retried":           "The failed users are tried again.",
	"job-cancelled":         "The job was cancelled. Users who had no turn yet were left alone.",
	"role":                  "The role was changed.",
	"admin-removed":         "The administrator was removed and can no longer sign in.",
	"passkey-added":         "The passkey was added. It signs you in from now on.",
	"passkey-removed":       "The passkey was removed.",
	"directory-asked":       "Postern is looking. This page shows when it is done.",
	"directory-confirmed":   "The missing users are being taken for gone.",
	"enrolment":             "The enrolment policy was saved.",
	"approved":              "The phone was approved.",
	"rejected":              "The phone was rejected and revoked.",
	"messages":              "What users are written was saved.",
	"text":                  "The text was saved.",
	"resent":                "The message is on its way.",
	"reminded":              "The reminder is on its way.",
	"mail":                  "The mail settings were saved. Send a test message to see whether they work.",
	"models":                "The list of models was updated. No policy changed by it.",
	"filter-saved":          "The filter was saved.",
	"filter-changed":        "The filter was changed.",
	"filter-removed":        "The filter was removed.",
	"stream-added":          "The stream was added. Send a test message to see whether it arrives.",
	"stream-changed":        "The stream was changed.",
	"stream-paused":         "The stream is paused. Nothing is lost meanwhile.",
	"stream-resumed":        "The stream goes on where it stood.",
	"stream-removed":        "The stream was removed.",
	"retention":             "The retention was saved.",
	"policy-looked":         "The policy was compared.",
	"policy-interval":       "Postern looks at the policy as often as you chose.",
	"policy-accepted":       "From now on the policy is compared with what is there.",
	"setup-forgotten":       "The set-up was forgotten. Nothing in the tenant changed.",
	"token-revoked":         "The API token was revoked. It stopped working at once.",
}

// show writes a page. It is rendered before anything is sent, so a fault becomes an error page and not half a page.
func (c *console) show(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	var body bytes.Buffer
	if err := page.Render(r.Context(), &body); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "HX-Request, HX-Target")
	w.WriteHeader(status)
	_, err := w.Write(body.Bytes())
	if err != nil {
		c.Log.DebugContext(r.Context(), "the page could not be sent", "error", err)
	}
	return nil
}

// away sends the browser on after something was done, so that reloading does not do it again. A form that was sent
// from a dialog is told to load the page as a whole.
func (c *console) away(w http.ResponseWriter, r *http.Request, path string) error {
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// turnAway leads somebody who is not signed in to the sign-in page and back afterwards.
func (c *console) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	if !postern.IsCode(err, postern.CodeUnauthenticated) {
		c.fail(w, r, err)
		return
	}
	to := "/sign-in"
	if r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" && r.URL.Path != "/" {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	if err := c.away(w, r, to); err != nil {
		c.fail(w, r, err)
	}
}

// safeNext keeps only paths of this console out of what an address names as the next page.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.ContainsAny(next, "\\\t\r\n") {
		return "/integrations"
	}
	return u.RequestURI()
}

// fail shows an error as a page, or as a notice where a fragment was asked for.
func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := postern.AsError(err)
	if e.Status() >= http.StatusInternalServerError && !errors.Is(r.Context().Err(), err) {
		c.Log.ErrorContext(r.Context(), "a page failed", "method", r.Method, "path", r.URL.Path, "code", e.Code, "error", err)
	}
	f := c.frame(r, "", errorTitle(e))
	var page templ.Component
	switch {
	case r.Header.Get("HX-Request") != "" && f.InDialog:
		page = errorSheet(f, e)
	case r.Header.Get("HX-Request") != "":
		page = failure(problems{e})
	default:
		page = errorPage(f, e)
	}
	if err := c.show(w, r, e.Status(), page); err != nil {
		c.Log.ErrorContext(r.Context(), "the error page failed", "error", err)
		http.Error(w, e.Message, e.Status())
	}
}

func errorTitle(e *postern.Error) string {
	switch e.Code {
	case postern.CodeNotFound:
		return "Nothing here"
	case postern.CodeForbidden:
		return "Not allowed"
	case postern.CodeUnauthenticated:
		return "Not signed in"
	case postern.CodeStale:
		return "Changed by somebody else"
	case postern.CodeInternal:
		return "Something went wrong"
	}
	return "That did not work"
}

func (c *console) notFound(_ http.ResponseWriter, r *http.Request) error {
	return postern.Errorf(postern.CodeNotFound, "There is no page at %s.", r.URL.Path).
		WithNext("Check the address, or start again from the integrations.")
}
