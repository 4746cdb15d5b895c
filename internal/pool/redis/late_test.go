package redis

import (
	"context"
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// A lease that is given to somebody who has gone is given back: else all would wait until it
// runs out.
func TestWhatComesTooLate(t *testing.T) {
	server := miniredis.RunT(t)
	address, err := ParseAddress("redis://" + server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(Config{Address: address, Account: "a"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	goOn, handed := make(chan struct{}), make(chan string, 1)
	_, err = call(ctx, c, func(ctx context.Context) (string, error) {
		leave()
		<-goOn
		return "value", ctx.Err()
	}, func(value string) { handed <- value })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(goOn)
	if got := <-handed; got != "value" {
		t.Errorf("%q", got)
	}
	ctx, leave = context.WithCancel(t.Context())
	leave()
	c.giveBack(ctx, "n", "h", "other") // nothing was given
	by, err := c.Acquire(t.Context(), "n", "h", keep)
	if err != nil || by != "h" {
		t.Fatalf("%q (%v)", by, err)
	}
	c.giveBack(ctx, "n", "h", by)
	if server.Exists("ccsfs:{a}:lease") {
		t.Error("it is not given back")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
