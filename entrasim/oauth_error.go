package entrasim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// oauthError is an error of the authority: the error name of RFC 6749 §5.2, the AADSTS number and its text.
type oauthError struct {
	status   int
	kind     string
	number   int
	text     string // without the "AADSTSn: " in front
	suberror string
}

// writeOAuthError answers with the error document of Entra (Microsoft identity platform documentation, "error codes").
func (s *Server) writeOAuthError(w http.ResponseWriter, r *http.Request, e oauthError) {
	trace, correlation := s.newID(), r.Header.Get("client-request-id")
	if !isGUID(correlation) {
		correlation = s.newID()
	}
	stamp := s.now().UTC().Format("2006-01-02 15:04:05Z")
	number := strconv.Itoa(e.number)
	doc := object{
		"error":             e.kind,
		"error_description": fmt.Sprintf("AADSTS%s: %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, e.text, trace, correlation, stamp),
		"error_codes":       []int{e.number},
		"timestamp":         stamp,
		"trace_id":          trace,
		"correlation_id":    correlation,
		"error_uri":         "https://" + r.Host + "/error?code=" + number,
	}
	if e.suberror != "" {
		doc["suberror"] = e.suberror
	}
	w.Header().Set("x-ms-request-id", trace)
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm=""`)
	}
	writeJSON(w, e.status, doc)
}

// writeJSON answers with a JSON value that must not be cached (RFC 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
