package clients

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/internal/osfile/osfiletest"
)

// Clients come and go, by hashes, one process after the other; who runs sees it at once.
func TestClients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "clients.json")
	if _, err := Open(path, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "ccsfs gateway client add NAME") {
		t.Errorf("without clients: %v", err)
	}
	now := time.Date(2026, 11, 30, 9, 0, 0, 5, time.UTC)
	a, err := Add(path, "a", []string{"OCB1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := r.Client(a.ClientID); !ok || c.Name != "a" || c.Secret != sha256.Sum256([]byte(a.ClientSecret)) || c.APIKey != sha256.Sum256([]byte(a.APIKey)) || len(c.Contracts) != 1 {
		t.Errorf("%+v, %v", c, ok)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), a.ClientSecret) || strings.Contains(string(text), a.APIKey) {
		t.Errorf("a secret is in the file; %v", err)
	}
	if info, err := os.Stat(path); err != nil || !osfiletest.HasMode(info, 0o600) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	key := string(r.Key())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := Add(path, fmt.Sprint("x", i), nil, now); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := List(path)
	if err != nil || len(all) != 9 || all[0].Name != "a" || all[8].Contracts != nil {
		t.Errorf("%d clients, %v", len(all), err)
	}
	renewed, err := Renew(path, "a")
	if err != nil || renewed.ClientID != a.ClientID || renewed.ClientSecret == a.ClientSecret || renewed.APIKey == a.APIKey {
		t.Errorf("%v", err)
	}
	if c, ok := r.Client(a.ClientID); !ok || c.Secret != sha256.Sum256([]byte(renewed.ClientSecret)) || string(r.Key()) != key {
		t.Error("the renewed one is not known at once, or the key is another")
	}
	if err := Remove(path, "a"); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Client(a.ClientID); ok {
		t.Error("who is out is in")
	}
	for _, err := range []error{Remove(path, "a"), second(Renew(path, "a"))} {
		if !errors.Is(err, ErrNone) {
			t.Error(err)
		}
	}
	if _, err := Add(path, "x1", nil, now); !errors.Is(err, ErrTaken) {
		t.Error(err)
	}
	for _, name := range []string{"", "a b", "-x", strings.Repeat("x", 65), "a\n"} {
		if _, err := Add(path, name, nil, now); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Client(all[8].ID); ok {
		t.Error("the file is gone, and they are in")
	}
}

// A file that is broken while it is used is told of, once, and that it is well again.
func TestAFileThatBreaks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clients.json")
	c, err := Add(path, "a", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := Open(path, slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"{", "{", string(good)} {
		if err := durable.WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, in := r.Client(c.ClientID); in != (i == 2) {
			t.Errorf("%q: in: %v", text, in)
		}
	}
	if said := out.String(); strings.Count(said, "clients cannot be let in") != 1 || strings.Count(said, "clients can be let in again") != 1 {
		t.Errorf("said %s", said)
	}
}

func second[T any](_ T, err error) error { return err }

// A file that is not as it was left lets nobody in, says why, and is not written over.
func TestFilesThatAreWrong(t *testing.T) {
	good := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "clients.json")
		if _, err := Add(path, "a", nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		spoil func(text string) string
		want  string
	}{
		"no JSON":         {func(string) string { return "x" }, "is no file of clients"},
		"empty":           {func(string) string { return "" }, "is no file of clients"},
		"another format":  {func(s string) string { return strings.Replace(s, `"format": 1`, `"format": 2`, 1) }, "of another version"},
		"a short key":     {func(s string) string { return strings.Replace(s, `"token_key": "`, `"token_key": "zz`, 1) }, "token_key"},
		"no name":         {func(s string) string { return strings.Replace(s, `"name": "a"`, `"name": ""`, 1) }, "no name"},
		"no secret":       {func(s string) string { return strings.Replace(s, `"secret_sha256": "`, `"secret_sha256": "0`, 1) }, "no secret"},
		"an empty id":     {func(s string) string { return strings.Replace(s, `"created"`, `"contracts": [""], "created"`, 1) }, "without an id"},
		"somebody's file": {func(string) string { return `{"a": 1}` }, "of another version"},
	} {
		t.Run(name, func(t *testing.T) {
			path := good(t)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoilt := c.spoil(string(text))
			if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errOpen := Open(path, slog.New(slog.DiscardHandler))
			_, errAdd := Add(path, "b", nil, time.Now())
			for _, err := range []error{errOpen, errAdd} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
			if left, err := os.ReadFile(path); err != nil || string(left) != spoilt {
				t.Errorf("written over: %v", err)
			}
		})
	}
	t.Run("open to others", func(t *testing.T) {
		osfiletest.NeedsUnix(t, "modes")
		path := good(t)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "run: chmod 600") {
			t.Error(err)
		}
	})
}
