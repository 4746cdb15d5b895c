package exitcode

import (
	"errors"
	"testing"
)

func TestExitCodes(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		name   string
		err    error
		code   int
		silent bool
	}{
		{"nil", nil, Done, false},
		{"plain", plain, Failed, false},
		{"fail", Errorf(Mount, "x: %w", plain), Mount, false},
		{"silently", Silently(42), 42, true},
		{"cleanup after success", Also(nil, Errorf(Mount, "x")), Mount, false},
		{"cleanup after a silent status", Also(Silently(42), plain), 42, false},
		{"cleanup after an error", Also(Errorf(Settings, "x"), plain), Settings, false},
		{"no cleanup failure", Also(Silently(42), nil), 42, true},
	} {
		if got := Of(c.err); got != c.code {
			t.Errorf("%s: code %d, want %d", c.name, got, c.code)
		}
		if got := c.err != nil && IsSilent(c.err); got != c.silent {
			t.Errorf("%s: silent %v, want %v", c.name, got, c.silent)
		}
	}
	if Silently(Done) != nil {
		t.Error("silently(exitDone) is an error")
	}
}
