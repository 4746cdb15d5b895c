// Package who is who asks: the user of a request to ccsfs serve, as whoever let them in has
// found out. It holds no secrets.
package who

import "context"

// User is somebody who was let in.
type User struct {
	Name      string
	Contracts []string // ids of those that they may see; nil: all
}

type key struct{}

// With is a context of a request by a user.
func With(ctx context.Context, u User) context.Context { return context.WithValue(ctx, key{}, u) }

// From is the user of a request, the zero value where nobody was let in.
func From(ctx context.Context) (u User, ok bool) {
	u, ok = ctx.Value(key{}).(User)
	return u, ok
}
