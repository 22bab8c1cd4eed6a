package e2e

import "context"

// passage is one call on its way through a proxy.
type passage struct {
	call  Call
	index int
	hooks Hooks
}

type passageKey struct{}

func withPassage(ctx context.Context, p *passage) context.Context {
	return context.WithValue(ctx, passageKey{}, p)
}

func passageOf(ctx context.Context) *passage { return ctx.Value(passageKey{}).(*passage) }
