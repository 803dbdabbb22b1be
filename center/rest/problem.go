package rest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern/postern"
)

// problemType is the media type of RFC 9457.
const problemType = "application/problem+json"

// Problem is a problem document on its way out.
type Problem struct {
	postern.Problem
	after time.Duration
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus tells huma the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders tells huma the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header {
	h := make(http.Header)
	h.Set("Cache-Control", "no-store")
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.after.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		scheme := "Bearer"
		switch {
		case strings.HasPrefix(string(p.Code), "phone_"):
			scheme = postern.PhoneAuthScheme
		case strings.HasPrefix(string(p.Code), "workstation_"):
			scheme = postern.WorkstationAuthScheme
		}
		h.Set("WWW-Authenticate", scheme)
	}
	return h
}

// problemOf makes the answer from an error, and tells the log what the answer keeps back.
func problemOf(ctx context.Context, err error) *Problem {
	var e *postern.Error
	switch known := errors.As(err, &e); {
	case known:
	case errors.Is(err, context.DeadlineExceeded):
		e = postern.Errorf(postern.CodeUnavailable, "That took longer than Postern waits.").Because(err)
	case errors.Is(err, context.Canceled):
		e = postern.Errorf(postern.CodeUnavailable, "The request was given up.").Because(err)
	default:
		e = postern.AsError(err)
	}
	p := &Problem{Problem: postern.ProblemOf(e), after: e.After}
	p.RequestID = requestID(ctx)
	level := slog.LevelInfo
	if p.Status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	logger(ctx).Log(ctx, level, "request refused", "code", e.Code, "error", err)
	return p
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// huma takes the shape of errors from package variables. Nothing else in the program uses huma.
func init() {
	huma.NewError = func(status int, message string, details ...error) huma.StatusError {
		return &Problem{Problem: postern.ProblemOf(refusal(status, message, details))}
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, details ...error) huma.StatusError {
		return problemOf(ctx.Context(), refusal(status, message, details))
	}
}

// refusal makes an Error of what huma found wrong with a request. It never takes over the values that huma quotes: a
// body may hold a secret.
func refusal(status int, message string, details []error) *postern.Error {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return postern.Errorf(postern.CodeTooLarge, "")
	case status == http.StatusRequestTimeout:
		return postern.Errorf(postern.CodeInvalid, "The body did not arrive in time.").WithNext("Send it again.")
	case status == http.StatusUnsupportedMediaType:
		return postern.Errorf(postern.CodeInvalid, "The body is not JSON.").WithNext("Send Content-Type: application/json.").OnField("body")
	case status >= http.StatusInternalServerError || status == 0:
		for _, detail := range details {
			var tooLarge *http.MaxBytesError
			if errors.As(detail, &tooLarge) {
				return postern.Errorf(postern.CodeTooLarge, "")
			}
		}
		return postern.Errorf(postern.CodeInternal, "").Because(errors.Join(details...))
	case len(details) == 0:
		return postern.Errorf(postern.CodeInvalid, "The request is not acceptable: %s.", message).OnField("body")
	}
	var d *huma.ErrorDetail
	if !errors.As(details[0], &d) {
		return postern.Errorf(postern.CodeInvalid, "").Because(details[0])
	}
	place, field, _ := strings.Cut(d.Location, ".")
	switch {
	case status == http.StatusBadRequest && d.Location == "body":
		return postern.Errorf(postern.CodeInvalid, "The body is not valid JSON.").OnField("body")
	case field == "" || missing(d.Message) != "":
		field = strings.TrimPrefix(field+"."+missing(d.Message), ".")
	}
	if field == "" {
		field = place
	}
	return postern.FieldErrorf(field, "%s: %s.", field, strings.TrimSuffix(d.Message, "."))
}

// missing is the name in huma's message about a property that is not there; the location names only what it should be
// in.
func missing(message string) string {
	rest, ok := strings.CutPrefix(message, "expected required property ")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, " ")
	return name
}
