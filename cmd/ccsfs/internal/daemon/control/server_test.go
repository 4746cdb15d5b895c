package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/internal/content"
)

func TestStatus(t *testing.T) {
	r := newRig(t, nil)
	if err := r.client.Refresh(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.warm(t.Context(), r.contract(0)); err != nil {
		t.Fatal(err)
	}
	s, err := r.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Mountpoint != "/srv/bills" || s.Version != "1.2.3" || s.PID != os.Getpid() || s.UptimeSeconds <= 0 {
		t.Errorf("%+v", s)
	}
	if c := s.Catalog; c.Contracts != 3 || c.Listings != 1 || c.Documents != documents {
		t.Errorf("%+v", c)
	}
	if c := s.Content; c.Cached != documents || c.SizesKnown != documents || c.CachedBytes != documents*1000 || c.Downloads != documents {
		t.Errorf("%+v", c)
	}
	calls := r.api.Calls()
	if got := s.API.Calls["file"]["ok"]; got != documents || calls.File != documents {
		t.Errorf("%d calls told, %d made", got, calls.File)
	}
	if s.API.Token.State != TokenValid || s.API.Breaker.State != Closed {
		t.Errorf("%+v", s.API)
	}
}

func TestStatusTellsWhatIsWrong(t *testing.T) {
	r := newRig(t, nil)
	r.api.ForbidType("invoices", true)
	r.api.ForbidContract(r.contract(1), true)
	if err := r.client.Refresh(t.Context(), r.contract(0)); err != nil {
		t.Fatal(err)
	}
	if err := r.client.Refresh(t.Context(), r.contract(1)); !errors.Is(err, apiclient.ErrForbidden) {
		t.Fatalf("got %v", err)
	}
	s, err := r.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Catalog.Stale) != 1 || !s.Catalog.Stale[0].Denied || s.Catalog.Stale[0].ContractID != r.contract(1) {
		t.Errorf("stale: %+v", s.Catalog.Stale)
	}
	if len(s.Catalog.Refused) != 1 || s.Catalog.Refused[0].Type != "invoices" {
		t.Errorf("refused: %+v", s.Catalog.Refused)
	}
	if len(s.LastErrors) == 0 || !strings.Contains(s.LastErrors[len(s.LastErrors)-1].Text, "access denied") {
		t.Errorf("errors: %+v", s.LastErrors)
	}
}

func TestCredentialsRefused(t *testing.T) {
	r := newRig(t, nil)
	r.api.WithdrawCredentials()
	if err := r.client.Refresh(t.Context(), ""); !errors.Is(err, apiclient.ErrCredentials) || !apiclient.Refused(err) {
		t.Fatalf("got %v", err)
	}
	s, err := r.client.Status(t.Context())
	if err != nil || s.API.Token.State != TokenRefused || s.API.Token.NextTry.IsZero() {
		t.Errorf("%+v, %v", s.API.Token, err)
	}
}

// Nothing that the socket answers holds a secret, whatever has gone wrong.
func TestNoSecrets(t *testing.T) {
	r := newRig(t, nil)
	_, _ = r.warm(t.Context(), r.contract(0))
	r.api.Faults.Add(apisim.Match{}, 0, apisim.Fault{Status: 403, Body: apisim.APIKey + " " + apisim.ClientSecret})
	_ = r.client.Refresh(t.Context(), "")
	var all bytes.Buffer
	for _, path := range []string{"/status", "/metrics", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap"} {
		if err := r.client.Get(t.Context(), path, &all); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := r.server.Close(); err != nil {
		t.Error(err)
	}
	all.WriteString(r.log.String())
	if all.Len() < 1000 {
		t.Errorf("only %d bytes looked at", all.Len())
	}
	for _, secret := range []string{apisim.ClientSecret, apisim.APIKey[:40], apisim.ClientID, "Bearer"} {
		if bytes.Contains(all.Bytes(), []byte(secret)) {
			t.Errorf("%.8s… is in there", secret)
		}
	}
}

func TestRefreshAsksForOneContractOrForAll(t *testing.T) {
	r := newRig(t, nil)
	if err := r.client.Refresh(t.Context(), r.contract(2)+"/some/directory"); err != nil {
		t.Fatal(err)
	}
	if n := len(r.api.Calls().Listings); n != 1 {
		t.Errorf("%d contracts asked for, want 1", n)
	}
	before := r.api.Calls().Documents
	if err := r.client.Refresh(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if after := r.api.Calls().Documents; after != 2*before {
		t.Errorf("%d listing calls after all were refreshed, %d before", after, before)
	}
	if err := r.client.Refresh(t.Context(), "OCB9"); !errors.Is(err, apiclient.ErrNotFound) || !strings.Contains(err.Error(), "OCB9 does not exist") {
		t.Errorf("got %v", err)
	}
}

// One contract that was refused, or is new, is asked for as all are: what the list of
// contracts said before is no answer.
func TestRefreshOfOneContractBelievesNoOldList(t *testing.T) {
	r := newRig(t, nil)
	if err := r.client.Refresh(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	r.api.AddContract(apisim.Contract{ID: "OCB7", Documents: []apisim.Document{}})
	if err := r.client.Refresh(t.Context(), "OCB7"); err != nil {
		t.Errorf("a new one: %v", err)
	}
	remove := r.api.Faults.Add(apisim.Match{}, 100, apisim.Fault{Status: 403, Code: 50})
	if err := r.client.Refresh(t.Context(), ""); !apiclient.Refused(err) {
		t.Errorf("all, refused: %v", err)
	}
	if err := r.client.Refresh(t.Context(), "OCB7"); !apiclient.Refused(err) {
		t.Errorf("one, refused: %v", err)
	}
	remove()
	if err := r.client.Refresh(t.Context(), "OCB7"); err != nil {
		t.Errorf("let in again: %v", err)
	}
}

func TestWarmFetchesWhatIsMissing(t *testing.T) {
	r := newRig(t, nil)
	events, err := r.warm(t.Context(), r.contract(0))
	if err != nil {
		t.Fatal(err)
	}
	done := events[EventDone][0]
	if done.Documents != documents || done.Fetched != documents || done.Failed != 0 || done.Bytes != documents*1000 || len(events[EventDocument]) != documents {
		t.Errorf("first: %+v", done)
	}
	// All: the first contract is there already.
	events, err = r.warm(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plan, done := events[EventPlan][0], events[EventDone][0]
	if plan.Documents != 3*documents || plan.Missing != 2*documents || done.Fetched != 2*documents {
		t.Errorf("all: %+v, %+v", plan, done)
	}
	if n := r.api.Calls().File; n != 3*documents {
		t.Errorf("%d calls, want one a document", n)
	}
}

func TestWarmGoesOnAfterFailures(t *testing.T) {
	r := newRig(t, nil)
	r.api.ForbidContract(r.contract(1), true)
	bad := r.api.Snapshot().Contracts[0].Generate()[3].ID
	r.api.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad}, 0, apisim.Fault{Status: 404, Code: 60})
	events, err := r.warm(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := events[EventDone][0]
	// The id may be that of a document of every contract.
	if done.Failed < 2 || done.Fetched != done.Documents-done.Failed+1 {
		t.Errorf("%+v", done)
	}
	if c := events[EventContract]; len(c) != 1 || c[0].Contract != r.contract(1) || !errors.Is(c[0].Error, apiclient.ErrForbidden) {
		t.Errorf("%+v", c)
	}
	for _, e := range events[EventDocument] {
		if (e.Document == bad) != (e.Error != nil) {
			t.Errorf("%+v", e)
		}
	}
}

// What the cache has no room for is told: the next warming would fetch it again.
func TestWarmTellsOfACacheThatIsTooSmall(t *testing.T) {
	r := newRig(t, func(c *content.Config) { c.CacheSize = 5500 })
	events, err := r.warm(t.Context(), r.contract(0))
	if err != nil {
		t.Fatal(err)
	}
	if done := events[EventDone][0]; done.Fetched != documents || done.Evicted < documents-6 {
		t.Errorf("%+v", done)
	}
}

func TestWarmEndsWithItsCaller(t *testing.T) {
	r := newRig(t, nil)
	r.api.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
	ctx, cancel := context.WithCancel(t.Context())
	err := r.client.Warm(ctx, nil, choice.Flags{}, func(e Event) {
		if e.Event == EventPlan {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The end of the mount ends what was asked for, and the socket is gone.
func TestCloseEndsWarming(t *testing.T) {
	r := newRig(t, nil)
	r.api.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
	planned, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- r.client.Warm(t.Context(), nil, choice.Flags{}, func(e Event) {
			if e.Event == EventPlan {
				close(planned)
			}
		})
	}()
	<-planned
	if err := r.server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(r.places[0]); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", r.places)
	}
	if _, err := Connect(t.Context(), r.places, "/srv/bills"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestFailuresKeepTheirKind(t *testing.T) {
	for _, k := range kinds() {
		line, err := json.Marshal(failureOf(&apiclient.Error{Op: "file", Status: 500}))
		if err != nil || len(line) == 0 {
			t.Fatal(err)
		}
		data, err := json.Marshal(failureOf(k.err))
		if err != nil {
			t.Fatal(err)
		}
		var back Failure
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(&back, k.err) || back.Error() != k.err.Error() {
			t.Errorf("%v came back as %v", k.err, &back)
		}
	}
	if f := failureOf(errors.New("x")); f.Unwrap() != nil || f.Error() != "x" {
		t.Errorf("%+v", f)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	r := newRig(t, nil)
	if err := r.client.Get(t.Context(), "/nothing", io.Discard); err == nil {
		t.Error("/nothing is answered")
	}
	if err := r.client.Get(t.Context(), "/refresh", io.Discard); err == nil {
		t.Error("GET /refresh does something")
	}
	if n := r.api.Calls(); n.Contracts+n.Token != 0 {
		t.Errorf("the API was asked: %+v", n)
	}
}
