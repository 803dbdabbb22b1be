package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/postern/postern"
)

// GraphError is a refusal in Graph's own words. It is the cause of the *postern.Error that every method returns.
type GraphError struct {
	Status    int
	Code      string // error.code, such as Authorization_RequestDenied
	Words     string // error.message, bounded and without anything secret
	RequestID string // for Microsoft's support
}

func (e *GraphError) Error() string {
	return fmt.Sprintf("graph answered %d %s (request-id %s): %s", e.Status, e.Code, e.RequestID, e.Words)
}

// TokenError is a refusal of the identity platform.
type TokenError struct {
	Status        int
	Kind          string // error, such as invalid_client
	Codes         []int  // the AADSTS numbers
	CorrelationID string
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("the token endpoint answered %d %s %v (correlation %s)", e.Status, e.Kind, e.Codes, e.CorrelationID)
}

// maxWords bounds what is quoted of a stranger's message.
const maxWords = 400

// tidy bounds a stranger's text and takes control characters and secrets out of it.
func (t *Tenant) tidy(s string) string {
	var r redactor
	r.learn(t.opts.Credential.ClientSecret, t.opts.Credential.Password, t.opts.Credential.Token)
	return r.tidy(s)
}

// tidy bounds a stranger's text and takes control characters and what the redactor knows out of it. Secrets are looked
// for before and after, since folding white space changes them and cutting would leave halves.
func (r *redactor) tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(r.clean(s), " "))
	s = r.clean(strings.Join(strings.Fields(s), " "))
	if r := []rune(s); len(r) > maxWords {
		s = string(r[:maxWords]) + "…"
	}
	return s
}

// scrubbed keeps an error's kind for errors.Is but not its text when that may quote a secret.
func (t *Tenant) scrubbed(err error) error {
	text := t.tidy(err.Error())
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// graphEnvelope is the error object of Graph.
type graphEnvelope struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   struct {
			RequestID string `json:"request-id"`
		} `json:"innerError"` // also spelled innererror; JSON names match in either case
	} `json:"error"`
}

// parseGraphError reads a refusal. A body that is not Graph's error object gives an empty code.
func (t *Tenant) parseGraphError(c call, status int, header http.Header, body []byte) *GraphError {
	// Some refusals quote the request.
	var r redactor
	r.learn(t.opts.Credential.ClientSecret, t.opts.Credential.Password, t.opts.Credential.Token)
	r.learnBody(c.body)
	var envelope graphEnvelope
	_ = json.Unmarshal(body, &envelope)
	id := header.Get("request-id")
	if id == "" {
		id = envelope.Error.Inner.RequestID
	}
	return &GraphError{Status: status, Code: r.tidy(envelope.Error.Code), Words: r.tidy(envelope.Error.Message), RequestID: r.tidy(id)}
}

// graphCode reads the code of a refusal whose body has been read already.
func graphCode(resp *http.Response) string {
	body, err := runtime.Payload(resp)
	if err != nil {
		return ""
	}
	var envelope graphEnvelope
	_ = json.Unmarshal(body, &envelope)
	return envelope.Error.Code
}

// graphRule maps a refusal of Graph. The first rule that fits is taken; an empty code fits every code.
type graphRule struct {
	status int
	code   string
	gives  postern.Code
	say    func(t *Tenant, c call, e *GraphError) string // nil takes the catalogue's sentence
}

// graphRules is the table from Graph's refusals to ours. It branches on status and code alone: Microsoft publishes
// neither the texts nor most codes of the passkey calls.
var graphRules = []graphRule{
	{status: 401, gives: postern.CodeEntraTokenRefused, say: saysTokenRefused},
	{status: 403, code: "Authentication_RequestFromNonPremiumTenantOrB2CTenant", gives: postern.CodeEntraLicence},
	{status: 403, code: "Directory_QuotaExceeded", gives: postern.CodeEntraRefused, say: saysQuota},
	{status: 403, gives: postern.CodeEntraPermission, say: saysPermission},
	{status: 404, gives: postern.CodeEntraNotFound, say: saysNotFound},
	{status: 405, gives: postern.CodeEntraRefused, say: saysNotOffered},
	{status: 409, gives: postern.CodeEntraAlreadyExists, say: saysExists},
	{status: 400, code: "Request_MultipleObjectsWithSameKeyValue", gives: postern.CodeEntraAlreadyExists, say: saysExists},
	{status: 400, gives: postern.CodeEntraRefused, say: saysRefused},
	{status: 412, gives: postern.CodeEntraRefused, say: saysRefused},
	{status: 429, gives: postern.CodeEntraThrottled, say: saysThrottled},
	{status: 408, gives: postern.CodeEntraUnavailable, say: saysFault},
	{status: 500, gives: postern.CodeEntraUnavailable, say: saysFault},
	{status: 502, gives: postern.CodeEntraUnavailable, say: saysFault},
	{status: 503, gives: postern.CodeEntraUnavailable, say: saysFault},
	{status: 504, gives: postern.CodeEntraUnavailable, say: saysFault},
}

// refusal turns an answer of Graph that is not a 2xx into our words.
func (t *Tenant) refusal(c call, status int, header http.Header, body []byte) *postern.Error {
	e := t.parseGraphError(c, status, header, body)
	out := t.fromRule(c, e)
	if after, ok := retryAfter(header, t.opts.Now()); ok && (status == 429 || status >= 500) {
		out.After = after
	} else if status == 429 {
		out.After = mostBackoff
	}
	var cause error = e
	if !c.op.repeatable && (status == 408 || status >= 500) {
		cause = fmt.Errorf("%w: %w", ErrOutcomeUnknown, e)
	}
	return out.Because(cause)
}

func (t *Tenant) fromRule(c call, e *GraphError) *postern.Error {
	for _, r := range graphRules {
		if r.status != e.Status || r.code != "" && r.code != e.Code {
			continue
		}
		code := r.gives
		if code == postern.CodeEntraNotFound && c.on.kind == "user" {
			code = postern.CodeEntraUserNotFound
		}
		if r.say == nil {
			return postern.Errorf(code, "")
		}
		out := postern.Errorf(code, "%s", r.say(t, c, e))
		if code == postern.CodeEntraPermission {
			out.Next = t.permissionNext(c)
		}
		return out
	}
	return postern.Errorf(postern.CodeEntraAnswerUnexpected, "To %s, Postern asked Microsoft Graph and got the unexpected status %d.", c.op.doing, e.Status)
}

// onField notes which part of what was to be written a refusal is about.
func onField(err error, field string) error {
	var ours *postern.Error
	if errors.As(err, &ours) && ours.Code == postern.CodeEntraRefused && ours.Field == "" {
		return ours.OnField(field)
	}
	return err
}

// unexpected is for answers that cannot be read. After a call that is not repeatable nobody knows what was done.
func (t *Tenant) unexpected(c call, what string) *postern.Error {
	cause := fmt.Errorf("%s: %s", c.op.name, what)
	if !c.op.repeatable {
		cause = fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
	}
	return postern.Errorf(postern.CodeEntraAnswerUnexpected, "To %s, Postern asked Microsoft Graph and got %s.", c.op.doing, what).Because(cause)
}

// throttledError is for a call that Postern's own pacing holds back longer than it may wait.
func throttledError(op operation, after time.Duration) *postern.Error {
	e := postern.Errorf(postern.CodeEntraThrottled, "Microsoft Graph asked us to slow down, so Postern has to wait before it can %s.", op.doing)
	e.After = after
	return e
}

// noAnswer turns the want of an answer into our words. left says whether the request may have left.
func (t *Tenant) noAnswer(ctx context.Context, c call, err error, left bool) error {
	var ours *postern.Error
	if errors.As(err, &ours) && !left {
		return ours
	}
	cause := t.scrubbed(err)
	if ctx.Err() != nil && !errors.Is(cause, ctx.Err()) {
		cause = fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	if left && !c.op.repeatable {
		cause = fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
	}
	if ours != nil {
		return ours.Because(cause)
	}
	if errors.Is(err, errAnswerTooLarge) {
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "To %s, Postern asked Microsoft Graph and got an answer larger than it accepts.", c.op.doing).Because(cause)
	}
	if ctx.Err() != nil {
		return postern.Errorf(postern.CodeEntraUnreachable, "Postern stopped waiting for Microsoft Graph; it wanted to %s.", c.op.doing).
			WithNext("Try again.").Because(cause)
	}
	return unreachable(err, t.opts.Cloud.Graph).Because(cause)
}

// unreachable says which host did not answer, and why.
func unreachable(err error, address string) *postern.Error {
	host := address
	if u, e := url.Parse(address); e == nil && u.Host != "" {
		host = u.Hostname()
	}
	out := postern.Errorf(postern.CodeEntraUnreachable, "%s", transportReason(err, host))
	if untrusted(err) {
		out.Next = "If a proxy opens TLS here, exempt Microsoft's addresses from it. For an emulator, give its CA certificate in the configuration."
	}
	return out
}

// aadstsRule maps one AADSTS number.
type aadstsRule struct {
	gives postern.Code
	say   func(t *Tenant) string // nil takes the catalogue's sentence
	field string
}

// aadstsRules is the table from the identity platform's numbers to ours.
var aadstsRules = map[int]aadstsRule{
	7000215: {gives: postern.CodeEntraSecretWrong, field: "client_secret"},
	7000222: {gives: postern.CodeEntraSecretExpired, field: "client_secret"},
	700016:  {gives: postern.CodeEntraClientUnknown, field: "client_id", say: saysClientUnknown},
	90002:   {gives: postern.CodeEntraTenantUnknown, field: "tenant_id", say: saysTenantUnknown},
	900023:  {gives: postern.CodeEntraTenantUnknown, field: "tenant_id", say: saysTenantUnknown},
	900021:  {gives: postern.CodeEntraTenantUnknown, field: "tenant_id", say: saysTenantUnknown},
	700027:  {gives: postern.CodeEntraCertUnknown, field: "client_certificate", say: saysCertUnknown},
	7000218: {gives: postern.CodeEntraSecretWrong, field: "client_secret", say: saysSecretNeeded},
	50126:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_password", say: saysPasswordWrong},
	50034:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_username", say: saysAccountUnknown},
	50056:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_password", say: saysNoPassword},
	50055:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_password", say: saysPasswordExpired},
	50053:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_username", say: saysAccountLocked},
	50057:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_username", say: saysAccountDisabled},
	50173:   {gives: postern.CodeEntraPasswordWrong, field: "service_account_password", say: saysGrantRevoked},
	50076:   {gives: postern.CodeEntraMFADemanded},
	50079:   {gives: postern.CodeEntraMFADemanded},
	50072:   {gives: postern.CodeEntraMFADemanded},
	50158:   {gives: postern.CodeEntraMFADemanded},
	53003:   {gives: postern.CodeEntraRefused, say: saysConditionalAccess},
	65001:   {gives: postern.CodeEntraConsentMissing},
	70011:   {gives: postern.CodeEntraRefused, say: saysScope},
	500011:  {gives: postern.CodeEntraRefused, say: saysScope},
	50049:   {gives: postern.CodeEntraAuthorityRejected},
	7000112: {gives: postern.CodeEntraClientUnknown, field: "client_id", say: saysClientDisabled},
}

// oauthRules are for refusals without a known number, by the error member (RFC 6749 §5.2).
var oauthRules = map[string]postern.Code{
	"invalid_tenant":       postern.CodeEntraTenantUnknown,
	"invalid_instance":     postern.CodeEntraAuthorityRejected,
	"unauthorized_client":  postern.CodeEntraClientUnknown,
	"interaction_required": postern.CodeEntraMFADemanded,
	"consent_required":     postern.CodeEntraConsentMissing,
}

// oauthEnvelope is the error object of the identity platform (RFC 6749 §5.2 and Microsoft's additions).
type oauthEnvelope struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	CorrelationID string `json:"correlation_id"`
}

// parseTokenError reads a refusal of the identity platform. Without error_codes the number in the description counts.
func (t *Tenant) parseTokenError(status int, body []byte) *TokenError {
	var envelope oauthEnvelope
	_ = json.Unmarshal(body, &envelope)
	e := &TokenError{Status: status, Kind: t.tidy(envelope.Error), Codes: envelope.Codes, CorrelationID: t.tidy(envelope.CorrelationID)}
	if len(e.Codes) > 8 {
		e.Codes = e.Codes[:8]
	}
	if rest, ok := strings.CutPrefix(envelope.Description, "AADSTS"); ok && len(e.Codes) == 0 {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n, err := strconv.Atoi(rest[:max(digits, 0)]); err == nil {
			e.Codes = []int{n}
		}
	}
	return e
}

// tokenRefusal says why no token can be had. The error of the library is looked at only for a broken connection.
func (t *Tenant) tokenRefusal(ctx context.Context, rec *tokenExchange, err error) *postern.Error {
	switch {
	case rec.err != nil && ctx.Err() != nil:
		return postern.Errorf(postern.CodeEntraUnreachable, "Postern stopped waiting for a token from Entra.").WithNext("Try again.").Because(ctx.Err())
	case rec.err != nil && errors.Is(rec.err, errAnswerTooLarge):
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "The token endpoint's answer is larger than Postern accepts.").Because(rec.err)
	case rec.err != nil:
		return unreachable(rec.err, t.opts.Cloud.Authority).Because(t.scrubbed(rec.err))
	case rec.status == 0 && ctx.Err() != nil:
		return postern.Errorf(postern.CodeEntraUnreachable, "Postern stopped waiting for a token from Entra.").WithNext("Try again.").Because(ctx.Err())
	case rec.status == 0:
		return postern.Errorf(postern.CodeEntraAuthorityRejected, "").Because(t.scrubbed(err))
	case rec.status < 300:
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Entra's sign-in service at %s answered in a way that Postern does not understand.", t.opts.Cloud.Authority).
			Because(fmt.Errorf("the answer of the token endpoint cannot be used"))
	}
	e := t.parseTokenError(rec.status, rec.body)
	for _, n := range e.Codes {
		if r, ok := aadstsRules[n]; ok {
			out := postern.Errorf(r.gives, "")
			if r.say != nil {
				out.Message = r.say(t)
			}
			return out.OnField(r.field).Because(e)
		}
	}
	switch {
	case rec.status == http.StatusTooManyRequests:
		out := postern.Errorf(postern.CodeEntraThrottled, "Entra's sign-in service asks us to slow down.")
		out.After = mostBackoff
		return out.Because(e)
	case rec.status >= 500 || rec.status == http.StatusRequestTimeout:
		return postern.Errorf(postern.CodeEntraUnavailable, "Entra's sign-in service has a fault (status %d).", rec.status).Because(e)
	}
	if code, ok := oauthRules[e.Kind]; ok {
		return postern.Errorf(code, "").Because(e)
	}
	if e.Kind == "" {
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Entra's sign-in service answered with the status %d and no reason.", rec.status).Because(e)
	}
	return postern.Errorf(postern.CodeEntraRefused, "Entra's sign-in service refused Postern: %s%s.", e.Kind, aadsts(e.Codes)).
		WithNext("Look the number up at https://login.microsoftonline.com/error and check the app registration.").Because(e)
}

func aadsts(codes []int) string {
	var b strings.Builder
	for _, n := range slices.Clip(codes) {
		fmt.Fprintf(&b, " AADSTS%d", n)
	}
	return b.String()
}
