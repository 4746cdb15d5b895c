package watch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// An outage is told once, however it words itself, and what is new in it, too; and that it
// is over.
func TestTroublesAreToldOnce(t *testing.T) {
	stale := func(contract string, i int) string {
		return fmt.Sprintf("not up to date: the listing of %s is that of 2026-11-29 21:%02d: documents of contract %s, %s: server error, HTTP 500 after %d s [request id %d]",
			contract, i, contract, []string{"type bills", "type invoices", "of any type"}[i%3], i, i)
	}
	some, note := exitcode.Silently(exitcode.Some), "only OCB1 is shown"
	var tr troubles
	for i, tt := range []struct {
		messages []string
		err      error
		want     string
	}{
		{[]string{note}, nil, note},
		{[]string{note}, nil, ""},
		{[]string{note, stale("OCB1", 1)}, some, stale("OCB1", 1)},
		{[]string{note, stale("OCB1", 2)}, some, ""},
		{[]string{note, stale("OCB1", 3), stale("OCB2", 3)}, some, stale("OCB2", 3)},
		{nil, exitcode.Errorf(exitcode.Unreachable, "the API cannot be reached: read tcp 127.0.0.1:41234->127.0.0.1:80"), "the API cannot be reached: read tcp 127.0.0.1:41234->127.0.0.1:80"},
		{nil, exitcode.Errorf(exitcode.Unreachable, "the API cannot be reached: read tcp 127.0.0.1:41235->127.0.0.1:80"), ""},
		{[]string{note, stale("OCB1", 4)}, some, ""},
		{[]string{note}, nil, "all could be looked at again"},
		{[]string{note}, nil, ""},
		{[]string{note, stale("OCB1", 5)}, some, stale("OCB1", 5)},
	} {
		if got := strings.Join(tr.news(tt.messages, tt.err), "|"); got != tt.want {
			t.Errorf("look %d: %q, want %q", i, got, tt.want)
		}
	}
	for i := range 10 * mostTold {
		tr.news([]string{fmt.Sprint("trouble ", i)}, errors.New("y"))
	}
	if len(tr.told) > mostTold+2 {
		t.Errorf("%d are remembered", len(tr.told))
	}
}

func TestSpread(t *testing.T) {
	least, most := 2*time.Hour, time.Duration(0)
	for range 1000 {
		d := spread(time.Hour)
		least, most = min(least, d), max(most, d)
	}
	if least < 54*time.Minute || most > 66*time.Minute || most-least < 5*time.Minute {
		t.Errorf("from %v to %v", least, most)
	}
}

// Whatever --every and --as are, they are refused or good.
func TestCheck(t *testing.T) {
	for every, ok := range map[time.Duration]bool{0: false, -time.Hour: false, time.Minute: false, 5 * time.Minute: true, time.Hour: true, 1000 * time.Hour: false} {
		if err := (&watchOptions{every: every, looker: "x"}).check(); (err == nil) != ok {
			t.Errorf("%v: %v", every, err)
		}
	}
}

// screen is a terminal.
type screen struct{ bytes.Buffer }

func (*screen) Terminal() bool { return true }

// People get lines, programs objects, one each.
func TestOutput(t *testing.T) {
	all := []change.Change{{Kind: change.New, Path: "C/a\x1b[2J"}, {Kind: change.Gone, Path: "C/b"}}
	var lines bytes.Buffer
	if err := change.PrintLines(&lines, all); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		out  interface{ String() string }
		json bool
		want string
	}{
		{&screen{}, false, lines.String()},
		{&screen{}, true, `{"change":"new","path":"C/a\u001b[2J","contract":"","type":"","id":""}` + "\n" + `{"change":"gone","path":"C/b","contract":"","type":"","id":""}` + "\n"},
		{&bytes.Buffer{}, false, `{"change":"new","path":"C/a\u001b[2J","contract":"","type":"","id":""}` + "\n" + `{"change":"gone","path":"C/b","contract":"","type":"","id":""}` + "\n"},
	} {
		env, _, _ := cmdtest.Environment(t)
		env.Stdout = tt.out.(io.Writer)
		w := newWatcher(env, &watchOptions{json: tt.json})
		if err := w.print(all); err != nil || tt.out.String() != tt.want {
			t.Errorf("%q, %v", tt.out, err)
		}
	}
}
