package postern

import "context"

type backgroundKey struct{}

// WithBackground marks everything done in the context as work that no person waits for: calls to Entra leave room for
// others and wait longer, and jobs that follow stand behind those of people.
func WithBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// InBackground reports whether nobody waits for what is done in ctx.
func InBackground(ctx context.Context) bool {
	on, _ := ctx.Value(backgroundKey{}).(bool)
	return on
}
