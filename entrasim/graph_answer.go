package entrasim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// object is a JSON object of Graph.
type object = map[string]any

// json answers with a JSON value.
func (c *graphCall) json(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	c.w.Header().Set("OData-Version", "4.0")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v) // the client is gone if this fails
}

// entity answers with one object and its context.
func (c *graphCall) entity(status int, context string, v object) {
	v["@odata.context"] = c.context(context)
	c.json(status, v)
}

// noContent answers 204.
func (c *graphCall) noContent() { c.w.WriteHeader(http.StatusNoContent) }

// context is the metadata URL of an answer.
func (c *graphCall) context(of string) string { return c.base() + "/$metadata#" + of }

// base is the version root on the host the client used.
func (c *graphCall) base() string { return "https://" + c.r.Host + "/" + c.version }

// errorBody is the error envelope of Graph.
func (c *graphCall) errorBody(code, message string) object {
	return object{"error": object{"code": code, "message": message, "innerError": c.innerError()}}
}

func (c *graphCall) innerError() object {
	return object{
		"date":              c.s.now().UTC().Format("2006-01-02T15:04:05"),
		"request-id":        c.reqID,
		"client-request-id": c.clientRequestID(),
	}
}

// fail answers with an error.
func (c *graphCall) fail(status int, code, message string) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return
	}
	_ = json.NewEncoder(c.w).Encode(c.errorBody(code, message))
}

// notFound is the directory's 404 for an object.
func (c *graphCall) notFound(id string) {
	c.fail(http.StatusNotFound, "Request_ResourceNotFound",
		fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", id))
}

// badRequest is the directory's 400.
func (c *graphCall) badRequest(message string) {
	c.fail(http.StatusBadRequest, "Request_BadRequest", message)
}

// unsupported is the directory's 400 for a query it cannot run.
func (c *graphCall) unsupported(message string) {
	c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", message)
}

// denied is the 403 for a missing permission or role.
func (c *graphCall) denied() {
	c.fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

// unauthorized is the 401 for a missing, broken or expired token.
func (c *graphCall) unauthorized(message string) {
	c.w.Header().Set("WWW-Authenticate", fmt.Sprintf(
		`Bearer realm="", authorization_uri="https://%s/common/oauth2/authorize", client_id="%s"`, c.r.Host, graphAppID))
	c.fail(http.StatusUnauthorized, "InvalidAuthenticationToken", message)
}

// methodNotAllowed is the 405 as captured: the inner error repeats the message.
func (c *graphCall) methodNotAllowed() {
	const message = "The method is not supported for this URL."
	body := c.errorBody("methodNotAllowed", message)
	body["error"].(object)["innerError"].(object)["message"] = message
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusMethodNotAllowed)
	if c.r.Method != http.MethodHead {
		_ = json.NewEncoder(c.w).Encode(body)
	}
}

// tooMany is the 429; the headers are already set.
func (c *graphCall) tooMany() {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusTooManyRequests)
	inner := c.innerError()
	inner["code"], inner["status"], inner["message"] = "429", "429", "Please retry after"
	_ = json.NewEncoder(c.w).Encode(object{"error": object{
		"code": "TooManyRequests", "message": "Please retry again later.", "innerError": inner,
	}})
}

// codeFor is the error code Graph uses with a status when nothing more is said.
func codeFor(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusUnauthorized:
		return "InvalidAuthenticationToken"
	case http.StatusForbidden:
		return "Authorization_RequestDenied"
	case http.StatusNotFound:
		return "Request_ResourceNotFound"
	case http.StatusConflict, http.StatusPreconditionFailed:
		return "Directory_ConcurrencyViolation"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusServiceUnavailable:
		return "serviceNotAvailable"
	case http.StatusInternalServerError:
		return "generalException"
	}
	return "UnknownError"
}

// writeFault answers as a fault says, in the form of the surface that was called.
func (s *Server) writeFault(w http.ResponseWriter, r *http.Request, f *Fault) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strings.TrimSuffix(fmt.Sprintf("%g", f.RetryAfter), ".0"))
	}
	code, message := f.Code, f.Message
	if message == "" {
		message = "The emulator was told to fail this call."
	}
	if _, _, graph := graphPath(r.URL.EscapedPath()); graph {
		c := &graphCall{s: s, w: w, r: r}
		c.headers()
		if f.Status == http.StatusTooManyRequests && code == "" && f.Message == "" {
			c.tooMany()
			return
		}
		if code == "" {
			code = codeFor(f.Status)
		}
		c.fail(f.Status, code, message)
		return
	}
	if code == "" {
		code = "temporarily_unavailable"
	}
	s.writeOAuthError(w, r, oauthError{status: f.Status, kind: code, number: 90033, text: message})
}
