package entra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/postern/postern"
)

// exchangePolicy stands at the wire: it times every exchange and, while HTTP Debug is on, writes it down.
//
// What it writes is an allow-list: headers, form fields and JSON members that are known to be harmless keep their values
// and all others are replaced. Every value that was replaced is then looked for in the rest of the line, so that a
// server that quotes a secret in its error text does not bring it into the log.
type exchangePolicy struct{ tenant *Tenant }

func (p exchangePolicy) Do(req *policy.Request) (*http.Response, error) {
	t := p.tenant
	start := t.opts.Now()
	resp, err := req.Next()
	took := t.opts.Now().Sub(start)
	status := 0
	if err == nil {
		status = resp.StatusCode
		postern.NoteGraphRequest(req.Raw().Context(), resp.Header.Get("request-id"))
	}
	t.opts.Observer.Exchange(operationOf(req.Raw().Context()).name, statusClass(status), took)
	if start.Before(t.opts.DebugUntil()) {
		t.writeDown(req, resp, err, took)
	}
	return resp, err
}

// hidden replaces a value that is not shown.
const hidden = "[hidden]"

// What HTTP Debug shows of headers, lower-case. Others are named with their value hidden.
var shownHeaders = []string{
	"accept", "cache-control", "client-request-id", "consistencylevel", "content-encoding", "content-length", "content-type", "date",
	"deprecation", "prefer", "request-id", "retry-after", "return-client-request-id", "sunset", "user-agent", "x-client-cpu",
	"x-client-os", "x-client-sku", "x-client-ver", "x-ms-ags-diagnostic", "x-ms-resource-unit", "x-ms-throttle-information",
	"x-ms-throttle-limit-percentage", "x-ms-throttle-scope",
}

// What HTTP Debug shows of forms sent to the identity platform.
var shownFields = []string{"grant_type", "client_id", "scope", "client_info", "client_assertion_type"}

// What HTTP Debug shows of JSON strings, by the member's name in lower case. Names that may hold a secret in one place and
// not in another are left out; error.code is let through by its place.
var shownMembers = []string{
	"@odata.context", "@odata.type", "@odata.id", "aaguid", "aaguids", "accountenabled", "alg", "attestation", "attestationcertificates",
	"attestationenforcement", "attestationlevel", "authenticatorattachment", "authorization_endpoint", "challengetimeoutdatetime",
	"client-request-id", "correlation_id", "createddatetime", "credentialprotectionpolicy", "date", "defaultpasskeyprofile",
	"description", "displayname", "enforcementtype", "error", "error_description", "error_uri", "groupids", "grouptypes", "id", "issuer", "mail",
	"mailnickname", "members@odata.bind", "message", "method", "model", "name", "passkeytype", "passkeytypes", "principalid",
	"request-id", "roledefinitionid", "scope", "state", "status", "suberror", "targettype", "tenant_region_scope", "timestamp",
	"token_endpoint", "token_type", "trace_id", "transports", "type", "url", "userprincipalname", "usertype", "userverification",
	"allowedpasskeyprofiles",
}

// maxWritten bounds what one exchange writes of each body.
const maxWritten = 32 << 10

// writeDown logs one exchange.
func (t *Tenant) writeDown(req *policy.Request, resp *http.Response, err error, took time.Duration) {
	raw := req.Raw()
	var r redactor
	r.learn(t.opts.Credential.ClientSecret, t.opts.Credential.Password, t.opts.Credential.Token)
	attrs := []any{
		"method", raw.Method,
		"url", r.address(raw.URL),
		"took", took,
		"request_headers", r.headers(raw.Header),
		"request_body", r.body(raw.Header.Get("Content-Type"), requestBody(req)),
	}
	if err != nil {
		attrs = append(attrs, "error", err.Error())
	}
	if resp != nil {
		body, _ := runtime.Payload(resp)
		attrs = append(attrs, "status", resp.StatusCode, "response_headers", r.headers(resp.Header),
			"response_body", r.body(resp.Header.Get("Content-Type"), body))
	}
	for i := 1; i < len(attrs); i += 2 {
		if s, ok := attrs[i].(string); ok {
			attrs[i] = r.clean(s)
		}
	}
	t.opts.Logger.Log(raw.Context(), slog.LevelInfo, "http debug", attrs...)
}

// requestBody reads the request's body and rewinds it.
func requestBody(req *policy.Request) []byte {
	body := req.Body()
	if body == nil {
		return nil
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil
	}
	return b
}

// redactor collects what it hides, so that clean can look for it elsewhere.
type redactor struct{ secrets []string }

// learn remembers a hidden value in the forms it may appear in. Short values are too common in ordinary text to hunt.
func (r *redactor) learn(values ...string) {
	for _, v := range values {
		if len(v) < 6 {
			continue
		}
		quoted, _ := json.Marshal(v)
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v), strings.Trim(string(quoted), `"`)} {
			if !slices.Contains(r.secrets, form) {
				r.secrets = append(r.secrets, form)
			}
		}
	}
}

// jws matches the compact form of signed and encrypted tokens (RFC 7515 §7.1, RFC 7516 §7.1).
var jws = regexp.MustCompile(`ey[\w-]{8,}\.[\w-]+(\.[\w-]*)+`)

// clean takes everything hidden so far out of a text, longest first so that no part of one survives.
func (r *redactor) clean(s string) string {
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, hidden)
	}
	return jws.ReplaceAllString(s, hidden)
}

// address writes a URL with the values of its query hidden where their name is not one of OData's for reading.
func (r *redactor) address(u *url.URL) string {
	shown := u.Scheme + "://" + u.Host + u.EscapedPath()
	var parts []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, ok := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		switch {
		case !ok:
			continue
		case strings.HasPrefix(name, "$") && !strings.Contains(strings.ToLower(name), "token"), name == "api-version":
			parts = append(parts, name+"="+value)
		default:
			if plain, err := url.QueryUnescape(value); err == nil {
				r.learn(plain)
			}
			r.learn(value)
			parts = append(parts, name+"="+hidden)
		}
	}
	if len(parts) > 0 {
		shown += "?" + strings.Join(parts, "&")
	}
	return shown
}

// headers writes headers in a stable order.
func (r *redactor) headers(h http.Header) string {
	var b strings.Builder
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			if !slices.Contains(shownHeaders, strings.ToLower(name)) {
				r.learn(value)
				if _, token, ok := strings.Cut(value, " "); ok {
					r.learn(token)
				}
				value = hidden
			}
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String()
}

// body writes a body: a form or JSON with what is not known to be harmless hidden, of anything else only its size.
func (r *redactor) body(contentType string, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	var shown string
	switch {
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		shown = r.form(string(body))
	case strings.Contains(contentType, "json"):
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return fmt.Sprintf("[%d bytes that are not JSON]", len(body))
		}
		b, err := json.Marshal(r.json(v, "", ""))
		if err != nil {
			return fmt.Sprintf("[%d bytes]", len(body))
		}
		shown = string(b)
	default:
		return fmt.Sprintf("[%d bytes of %s]", len(body), contentType)
	}
	return r.cut(shown)
}

// cut bounds a text. What is hidden is taken out first: half of a secret at the edge would not be found any more.
func (r *redactor) cut(s string) string {
	s = r.clean(s)
	if len(s) > maxWritten {
		s = strings.ToValidUTF8(s[:maxWritten], "") + "…"
	}
	return s
}

func (r *redactor) form(body string) string {
	values, err := url.ParseQuery(body)
	if err != nil {
		return fmt.Sprintf("[%d bytes that are not a form]", len(body))
	}
	for name, all := range values {
		for i, v := range all {
			if !slices.Contains(shownFields, name) {
				r.learn(v)
				all[i] = hidden
			}
		}
	}
	shown, err := url.QueryUnescape(values.Encode())
	if err != nil {
		return fmt.Sprintf("[%d bytes of a form]", len(body))
	}
	return shown
}

// json walks a value and hides strings by the name of the member they stand in. parent is the member around that one.
func (r *redactor) json(v any, name, parent string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for member, inner := range v {
			out[member] = r.json(inner, strings.ToLower(member), name)
		}
		return out
	case []any:
		for i := range v {
			v[i] = r.json(v[i], name, parent)
		}
		return v
	case string:
		errorCode := name == "code" && (parent == "error" || parent == "innererror")
		if errorCode || slices.Contains(shownMembers, name) {
			return v
		}
		r.learn(v)
		return hidden
	}
	return v
}

// learnBody remembers what a request's body would hide.
func (r *redactor) learnBody(body any) {
	if body == nil {
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		return
	}
	var v any
	if json.Unmarshal(b, &v) == nil {
		r.json(v, "", "")
	}
}
