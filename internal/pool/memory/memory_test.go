package memory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"ccsfs/internal/pool"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, o *Objects, name, text string) {
	t.Helper()
	check(t, o.Put(t.Context(), name, strings.NewReader(text), int64(len(text))))
}

// Only a Put that has all its bytes changes anything, and an object that is open stays
// what it was.
func TestAPutIsWholeOrNotAtAll(t *testing.T) {
	o := NewObjects()
	put(t, o, "a", "first")
	open, err := o.Get(t.Context(), "a")
	check(t, err)
	if err := o.Put(t.Context(), "a", strings.NewReader("sho"), 5); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	broken := errors.New("broken")
	if err := o.Put(t.Context(), "a", readerAt{iotest.ErrReader(broken)}, 5); !errors.Is(err, broken) {
		t.Error(err)
	}
	put(t, o, "a", "second")
	again, err := o.Get(t.Context(), "a")
	check(t, err)
	for want, body := range map[string]io.ReadCloser{"first": open.Body, "second": again.Body} {
		if got, err := io.ReadAll(body); err != nil || string(got) != want {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
	if n := o.Opened(); n != 2 {
		t.Errorf("%d are open", n)
	}
	check(t, open.Body.Close())
	check(t, again.Body.Close())
	if _, err := open.Body.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
	if n := o.Opened(); n != 0 {
		t.Errorf("%d are open", n)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

func TestListsAreByName(t *testing.T) {
	o := NewObjects()
	for _, name := range []string{"d/b", "d/a", "e/a", "d/c", "d"} {
		put(t, o, name, name)
	}
	check(t, o.Remove(t.Context(), "d/c"))
	check(t, o.Remove(t.Context(), "d/c"))
	var names []string
	for info, err := range o.List(t.Context(), "d/") {
		check(t, err)
		names = append(names, info.Name)
		if info.Size != 3 || info.Modified.IsZero() {
			t.Errorf("%+v", info)
		}
		put(t, o, "d/later", "not told")
	}
	if got := strings.Join(names, " "); got != "d/a d/b" {
		t.Errorf("%q", got)
	}
}

// What goes wrong in a bucket goes wrong here.
func TestObjectsThatCannotBe(t *testing.T) {
	o := NewObjects()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		name string
		want error
	}{
		"none":     {t.Context(), "none", fs.ErrNotExist},
		"no name":  {t.Context(), "", fs.ErrInvalid},
		"odd name": {t.Context(), "é", fs.ErrInvalid},
		"long":     {t.Context(), strings.Repeat("n", 201), fs.ErrInvalid},
		"over":     {over, "name", context.Canceled},
	} {
		if _, err := o.Get(test.ctx, test.name); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(test.want, fs.ErrNotExist) {
			continue
		}
		if err := o.Put(test.ctx, test.name, bytes.NewReader(nil), 0); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := o.Remove(test.ctx, test.name); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, err := range o.List(over, "") {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// Time that is over costs no memory for long.
func TestWhatIsOverIsDropped(t *testing.T) {
	values := make(table[int])
	for i := range 100_000 {
		values.set(moment(i)*1000, strings.Repeat("k", i%7)+string(rune(i)), i, 10*pool.PauseLeast/1000)
	}
	if len(values) > 1000 {
		t.Errorf("%d values, of which 10 are there", len(values))
	}
}
