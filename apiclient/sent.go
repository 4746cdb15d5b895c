package apiclient

import "context"

type sentKey struct{}

// WithSent returns a context whose calls tell f just before a request of theirs
// leaves, each time that one does: until then a call waits for a token, for its turn,
// or for the API to come back, and what it brings is no older than that. Calls may
// tell at the same time.
func WithSent(ctx context.Context, f func()) context.Context {
	return context.WithValue(ctx, sentKey{}, f)
}

// Sent tells whoever wants to know by WithSent. It is for those who stand in for a
// Client.
func Sent(ctx context.Context) {
	if f, ok := ctx.Value(sentKey{}).(func()); ok {
		f()
	}
}
