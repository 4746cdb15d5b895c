package apiclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// saved is a remembered error as another process finds it.
func saved(t *testing.T, r Remembered) Remembered {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Remembered
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestEverySentinelIsRemembered(t *testing.T) {
	at := time.Date(2026, 11, 2, 3, 4, 5, 6, time.UTC)
	if n, m := len(causes()), len(sentinels()); n != m {
		t.Fatalf("%d of %d sentinels can be remembered", n, m)
	}
	for _, sentinel := range sentinels() {
		for _, err := range []error{
			sentinel,
			fmt.Errorf("said by who asked: %w", sentinel),
			&Error{Op: opFile, Status: 418, kind: sentinel},
			fmt.Errorf("%w and %w", io.ErrUnexpectedEOF, &Error{Op: opFile, kind: sentinel}),
		} {
			r, ok := Remember(err, at, time.Time{})
			if !ok {
				t.Fatalf("%v is not remembered", err)
			}
			got := saved(t, r).Err()
			for _, other := range sentinels() {
				if errors.Is(got, other) != errors.Is(err, other) {
					t.Errorf("%v, remembered as %v: is it %v? %v", err, got, other, errors.Is(got, other))
				}
			}
			if Cause(got) != sentinel || //nolint:errorlint // the sentinel itself, not what wraps it
				!strings.HasPrefix(got.Error(), err.Error()+" (at ") {
				t.Errorf("%v: remembered as %v", err, got)
			}
			if Refused(got) != Refused(err) || Temporary(got) != Temporary(err) {
				t.Errorf("%v: refused %v, temporary %v", err, Refused(got), Temporary(got))
			}
		}
	}
}

func TestRememberedErrorsTellWhatTheAPISaid(t *testing.T) {
	at := time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC)
	said := &Error{Op: opDocuments, Status: 403, Code: 50, Message: "m", Description: "d", RequestID: "r", kind: ErrForbidden}
	r, ok := Remember(fmt.Errorf("documents: %w", said), at, at.Add(time.Minute))
	if !ok {
		t.Fatal("not remembered")
	}
	if diff := cmp.Diff(r, saved(t, r)); diff != "" {
		t.Errorf("on disk (-want +got)\n%s", diff)
	}
	var e *Error
	if err := saved(t, r).Err(); !errors.As(err, &e) {
		t.Fatalf("%v has no answer", err)
	}
	if e.Op != said.Op || e.Status != said.Status || e.Code != said.Code || e.Message != said.Message || e.Description != said.Description || e.RequestID != said.RequestID {
		t.Errorf("%+v, want %+v", e, said)
	}
}

// TestRememberingAgainAddsNothing: who was given a remembered error hands it on
// as it was first told; only the times are new.
func TestRememberingAgainAddsNothing(t *testing.T) {
	at := time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC)
	first, _ := Remember(&Error{Op: opFile, Status: 404, Code: 60, Message: "gone", kind: ErrNotFound}, at, at.Add(time.Second))
	r := first
	for i := range 10 {
		at = at.Add(time.Hour)
		var ok bool
		if r, ok = Remember(fmt.Errorf("wrapped: %w", saved(t, r).Err()), at, at.Add(time.Minute)); !ok {
			t.Fatalf("not remembered for the %d. time", i)
		}
	}
	want := first
	want.At, want.Retry = at, at.Add(time.Minute)
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	text := r.Err().Error()
	if !strings.Contains(text, at.Local().Format(time.DateTime)) || !strings.Contains(text, "not asked again before "+r.Retry.Local().Format(time.TimeOnly)) || strings.Count(text, "(at ") != 1 {
		t.Errorf("it says %q", text)
	}
}

func TestWhatIsNoErrorOfTheAPIIsNotRemembered(t *testing.T) {
	for _, err := range []error{nil, io.EOF, errors.New("not found"), &Error{Op: opFile}} {
		if r, ok := Remember(err, time.Now(), time.Time{}); ok {
			t.Errorf("%v is remembered: %+v", err, r)
		}
	}
	for _, r := range []Remembered{{}, {Cause: ErrNotFound.Error()}, {At: time.Now()}, {At: time.Now(), Cause: "x"}} {
		if err := r.Err(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// TestRememberedErrorsHoldNoSecrets: whatever the API echoes of a request.
func TestRememberedErrorsHoldNoSecrets(t *testing.T) {
	f, c := newFake(t)
	f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
		all := fmt.Sprint(r.Header.Get("Authorization"), r.Header.Get(headerAPIKey), testSecret)
		writeJSON(w, http.StatusForbidden, map[string]any{"code": 50, "message": all, "description": all})
	})
	_, err := c.Contracts(t.Context())
	r, ok := Remember(err, time.Now(), time.Time{})
	if !ok || r.Status != http.StatusForbidden || r.Message == "" {
		t.Fatalf("%v is remembered as %+v", err, r)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if hasSecret(string(text)) {
		t.Errorf("on disk: %s", text)
	}
}
