package entra

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

// Priority says how urgent a call is.
type Priority int

// The priorities.
const (
	// Interactive is for calls that a person waits for; the default.
	Interactive Priority = iota
	// Bulk is for jobs and reports: they leave room for interactive calls and are prepared to wait long.
	Bulk
)

type priorityKey struct{}

type requestIDKey struct{}

// WithPriority sets the priority of the calls made with the context. Without it calls are Bulk in the background
// ([postern.WithBackground]) and Interactive otherwise.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func priorityOf(ctx context.Context) Priority {
	if p, ok := ctx.Value(priorityKey{}).(Priority); ok {
		return p
	}
	if postern.InBackground(ctx) {
		return Bulk
	}
	return Interactive
}

// WithRequestID sets the client-request-id that Graph stores and echoes for the calls made with the context. Anything
// that is not a UUID is ignored, because Graph refuses it.
func WithRequestID(ctx context.Context, id string) context.Context {
	if _, err := uuid.Parse(id); err != nil {
		return ctx
	}
	return context.WithValue(ctx, requestIDKey{}, id)
}

func requestIDOf(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		return id
	}
	return uuid.NewString()
}
