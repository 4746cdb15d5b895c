package mirror

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/osfile"
)

func (r *rig) one(ctx context.Context, file string, o Options, dry bool) (*Copy, error) {
	o.Prefetch = 4 << 20
	return One(ctx, r.store, r.items()[0], file, o, dry, nothing{})
}

// hold is what a file holds of a document.
func hold(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	check(t, err)
	return strings.TrimSuffix(strings.TrimPrefix(string(data), pdfBegin), pdfEnd)
}

// A file is the document, with its date, or what it was before.
func TestOneFile(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	file := filepath.Join(t.TempDir(), "x.pdf")
	if c, err := r.one(t.Context(), file, Options{}, true); err != nil || c == nil || c.Bytes != -1 || c.Updated || r.calls() != 0 {
		t.Errorf("would: %+v, %v", c, err)
	}
	c, err := r.one(t.Context(), file, Options{}, false)
	if err != nil || c == nil || c.Updated || c.Bytes != int64(len(pdfBegin+"one"+pdfEnd)) {
		t.Fatalf("%+v, %v", c, err)
	}
	info, err := os.Stat(file)
	check(t, err)
	if hold(t, file) != "one" || info.Mode() != osfile.Copied || !info.ModTime().Equal(day(t, day1)) {
		t.Errorf("%q, %v, %v", hold(t, file), info.Mode(), info.ModTime())
	}
	check(t, os.Chtimes(file, time.Now(), time.Now()))
	for _, dry := range []bool{true, false} {
		if c, err := r.one(t.Context(), file, Options{Force: true}, dry); err != nil || c != nil {
			t.Errorf("again: %+v, %v", c, err)
		}
	}
	if r.calls() != 1 {
		t.Errorf("%d calls", r.calls())
	}

	// another version is another file: nothing is noted here
	r.set("a", day2, "two, longer")
	if c, err := r.one(t.Context(), file, Options{}, true); err != nil || c == nil || !c.Unsure {
		t.Errorf("would: %+v, %v", c, err)
	}
	if _, err := r.one(t.Context(), file, Options{}, false); !errors.Is(err, ErrOccupied) || hold(t, file) != "one" {
		t.Errorf("%q, %v", hold(t, file), err)
	}
	if _, err := r.one(t.Context(), file, Options{}, true); !errors.Is(err, ErrOccupied) {
		t.Errorf("would: %v", err)
	}
	if c, err := r.one(t.Context(), file, Options{Force: true}, false); err != nil || c == nil || !c.Updated || hold(t, file) != "two, longer" {
		t.Errorf("%+v, %v, %q", c, err, hold(t, file))
	}
	all, err := os.ReadDir(filepath.Dir(file))
	check(t, err)
	if len(all) != 1 {
		t.Errorf("there are %v", all)
	}
}

// What comes while the document is on its way stays, unless it is the same.
func TestOneFileMeanwhile(t *testing.T) {
	for text, want := range map[string]error{"mine": ErrOccupied, pdfBegin + "one" + pdfEnd: nil} {
		r := newRig(t)
		r.set("a", day1, "one")
		file := filepath.Join(t.TempDir(), "x.pdf")
		temp := filepath.Join(filepath.Dir(file), "temp")
		check(t, os.WriteFile(temp, []byte("ours"), 0o444))
		check(t, os.WriteFile(file, []byte(text), 0o644))
		if err := into(temp, file, false); !errors.Is(err, ErrOccupied) {
			t.Errorf("into: %v", err)
		}
		c, err := r.one(t.Context(), file, Options{}, false)
		if c != nil || !errors.Is(err, want) {
			t.Errorf("%+v, %v", c, err)
		}
		if data, err := os.ReadFile(file); err != nil || string(data) != text {
			t.Errorf("%q, %v", data, err)
		}
	}
}

// A body that breaks off, or a run that is given up, leaves nothing.
func TestOneFileBreaksOff(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, cancel func()){
		"cut": func(r *rig, _ func()) { r.api.cut["a"] = true },
		"interrupted": func(r *rig, cancel func()) {
			r.api.stall = make(chan struct{})
			time.AfterFunc(50*time.Millisecond, cancel)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.set("a", day1, strings.Repeat("one", 100_000))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			spoil(r, cancel)
			dir := t.TempDir()
			if c, err := r.one(ctx, filepath.Join(dir, "x.pdf"), Options{}, false); err == nil {
				t.Errorf("%+v", c)
			}
			if all, err := os.ReadDir(dir); err != nil || len(all) != 0 {
				t.Errorf("there are %v, %v", all, err)
			}
		})
	}
}

// What a killed run left goes; what a running one writes, and what is only called so, stays.
func TestOnesAreSwept(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{onePrefix + "AAAA", onePrefix + "mine", onePrefix + "BBBB", temporaryPrefix + "CCCC"} {
		check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
		check(t, os.Chtimes(filepath.Join(dir, name), old, old))
	}
	check(t, os.WriteFile(filepath.Join(dir, onePrefix+"DDDD"), nil, 0o644)) // just made
	f, err := os.Open(filepath.Join(dir, onePrefix+"BBBB"))
	check(t, err)
	defer f.Close()
	lock(t, f)
	sweepOnes(dir)
	var left []string
	all, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range all {
		left = append(left, e.Name())
	}
	if got, want := strings.Join(left, " "), strings.Join([]string{temporaryPrefix + "CCCC", onePrefix + "BBBB", onePrefix + "DDDD", onePrefix + "mine"}, " "); got != want {
		t.Errorf("left %s, want %s", got, want)
	}
}

func lock(t *testing.T, f *os.File) {
	t.Helper()
	check(t, osfile.TryLock(f))
}
