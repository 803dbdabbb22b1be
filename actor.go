package postern

import "context"

// The kinds of actor.
const (
	ActorAdministrator = "administrator"
	ActorToken         = "token"
	ActorPhone         = "phone"
	ActorWorkstation   = "workstation"
	ActorSystem        = "system"
	ActorAnonymous     = "anonymous"
)

type actorKey struct{}

// WithActor returns a context in which everything is done, and audited, in a's name.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns who acts in ctx. Without one it is Postern itself, which is true of jobs and of nothing else: every
// door that lets requests in sets an actor.
func ActorFrom(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ActorSystem, Name: "Postern"}
}
