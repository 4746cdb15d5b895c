package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Finding is what was found out about a store, for a diagnosis.
type Finding struct {
	About string // what was looked at, in a word or two
	Says  string // what was found; "" where Err tells it
	Doubt bool   // it works, but somebody should know
	Err   error  // what does not work, and what to do
}

// ClockMost is how far the clock of a store may be from ours before a [Finding] doubts it.
const ClockMost = 30 * time.Second

// Probe puts an object, reads it, lists it, removes it, and looks whether it is gone.
func Probe(ctx context.Context, o Objects, name string) []Finding {
	p := []byte("ccsfs looks whether it can read and write here\n")
	write := Finding{About: "write", Says: "yes"}
	if write.Err = o.Put(ctx, name, bytes.NewReader(p), int64(len(p))); write.Err != nil {
		return []Finding{{About: write.About, Err: write.Err}, found("list", list(ctx, o, name, false))}
	}
	findings := []Finding{write, found("read", read(ctx, o, name, p)), found("list", list(ctx, o, name, true))}
	err := o.Remove(ctx, name)
	if err == nil {
		if again, failed := o.Get(ctx, name); failed == nil {
			again.Body.Close()
			err = errors.New("what was removed is still there")
		} else if !errors.Is(failed, fs.ErrNotExist) {
			err = failed
		}
	}
	return append(findings, found("remove", err))
}

func found(about string, err error) Finding {
	if err != nil {
		return Finding{About: about, Err: err}
	}
	return Finding{About: about, Says: "yes"}
}

func read(ctx context.Context, o Objects, name string, want []byte) error {
	object, err := o.Get(ctx, name)
	if err != nil {
		return err
	}
	defer object.Body.Close()
	got, err := io.ReadAll(io.LimitReader(object.Body, int64(len(want))+1))
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("it gives other bytes than were put there")
	}
	return err
}

func list(ctx context.Context, o Objects, name string, there bool) error {
	seen := false
	for info, err := range o.List(ctx, name) {
		if err != nil {
			return err
		}
		seen = seen || info.Name == name
	}
	if there && !seen {
		return errors.New("what was put there is not listed")
	}
	return nil
}

// ClockFinding judges how far a clock is ahead of ours.
func ClockFinding(off time.Duration) Finding {
	f := Finding{About: "clock", Says: "agrees"}
	if off.Abs() >= 2*time.Second {
		f.Says = fmt.Sprintf("differs by %s", off.Round(time.Second).Abs())
	}
	if off.Abs() > ClockMost {
		f.Doubt = true
		f.Says += "; let NTP set both"
	}
	return f
}
