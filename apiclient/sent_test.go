package apiclient

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// TestSentIsToldOnceForEachRequest: of the call itself, not of the token that it
// needs, before the API sees it, and again when it is tried again.
func TestSentIsToldOnceForEachRequest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var sent, seen atomic.Int32
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			n := seen.Add(1)
			if n != sent.Load() {
				t.Errorf("request %d after %d were told", n, sent.Load())
			}
			if n == 1 {
				writeJSON(w, http.StatusInternalServerError, apiError(1, "x"))
				return
			}
			writeJSON(w, http.StatusOK, []any{})
		})
		ctx := WithSent(t.Context(), func() {
			if f.tokens() == 0 {
				t.Error("told before there was a token")
			}
			sent.Add(1)
		})
		if _, err := c.Contracts(ctx); err != nil {
			t.Fatal(err)
		}
		if seen.Load() != 2 || sent.Load() != 2 || f.tokens() != 1 {
			t.Errorf("%d requests, %d told, %d tokens", seen.Load(), sent.Load(), f.tokens())
		}
	})
}
