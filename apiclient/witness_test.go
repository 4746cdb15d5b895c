package apiclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// erring is a server some of whose answers are errors of the API's own, for a while or
// for ever.
type erring struct {
	away
	match func(r *http.Request) bool
}

func (e *erring) handler(answer string) http.HandlerFunc {
	well := func(w http.ResponseWriter) { time.Sleep(20 * time.Millisecond); io.WriteString(w, answer) }
	return func(w http.ResponseWriter, r *http.Request) {
		if !e.match(r) {
			well(w)
			return
		}
		if kind, over := e.note(); kind != nil {
			time.Sleep(20 * time.Millisecond)
			kind.meet(w, r, over)
			return
		}
		well(w)
	}
}

func newErring(t *testing.T, match func(r *http.Request) bool) (*erring, *fake, *Client) {
	t.Helper()
	f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
	e := &erring{match: match}
	f.api("/contracts", e.handler(`[]`))
	f.api("/documents", e.handler(`[]`))
	f.api("/documents/{id}/file", e.handler("bytes"))
	return e, f, c
}

func internalError() *outage {
	for _, kind := range outages() {
		if kind.name == "internal error" {
			return &kind
		}
	}
	return nil
}

func isFile(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/file") }

func ofContract(id string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Header.Get(headerContract) == id }
}

// A part of the API that was well and answers with errors for a while is waited for,
// with few calls.
func TestOutagesOfErrorsInParts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		match func(*http.Request) bool
		most  int // calls in a second: two for each operation on each contract that errs
	}{
		{"documents", isFile, 8},
		{"listings", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/documents") }, 8},
		{"one contract", ofContract("OCB1"), 4},
		{"all contracts", func(r *http.Request) bool { return r.Header.Get(headerContract) != "" }, 12},
	} {
		for _, length := range []time.Duration{2 * time.Second, 25 * time.Second, 60 * time.Second} {
			t.Run(fmt.Sprint(tt.name, " ", length), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					e, _, c := newErring(t, tt.match)
					c.Contracts(t.Context())
					began := time.Now()
					time.AfterFunc(4*time.Second, func() {
						e.set(internalError())
						time.AfterFunc(length, func() { e.set(nil) })
					})
					copying(t, c, 200)
					if took := time.Since(began); took > 10500*time.Millisecond+length+20*time.Second {
						t.Errorf("took %v", took)
					}
					if n := e.worstAfter(2 * time.Second); n > tt.most || e.worst() > 20 {
						t.Errorf("%d calls in a second of it, %d at first", n, e.worst())
					}
					time.Sleep(time.Minute)
				})
			})
		}
	}
}

// Where it is about all of many contracts, their probes do not add up; and it is waited
// for also where it began before anything of the kind was had.
func TestOutagesOfErrorsOnManyContracts(t *testing.T) {
	isListing := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/documents") }
	for name, match := range map[string]func(*http.Request) bool{"documents": isFile, "listings": isListing} {
		for _, had := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " had before: ", had), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					e, _, c := newErring(t, match)
					ask := func(contract, n int) error {
						if name == "listings" {
							_, err := c.Documents(t.Context(), fmt.Sprint("OCB", contract), DocumentsQuery{Type: fmt.Sprint("type", n)})
							return err
						}
						f, err := c.File(t.Context(), FileRequest{ContractID: fmt.Sprint("OCB", contract), DocumentID: fmt.Sprint(n)})
						if err == nil {
							f.Body.Close()
						}
						return err
					}
					c.Contracts(t.Context())
					if had {
						for i := range 40 {
							if err := ask(i, 100); err != nil {
								t.Fatal(err)
							}
						}
					}
					start := time.Now()
					e.set(internalError())
					time.AfterFunc(60*time.Second, func() { e.set(nil) })
					var wg sync.WaitGroup
					var next atomic.Int32
					for range 16 {
						wg.Go(func() {
							for n := int(next.Add(1)) - 1; n < 200; n = int(next.Add(1)) - 1 {
								if err := ask(n%40, n/40); err != nil {
									t.Error(err)
								}
							}
						})
					}
					wg.Wait()
					if took := time.Since(start); took > 90*time.Second {
						t.Errorf("took %v", took)
					}
					if n := e.worstAfter(2 * time.Second); n > 4 {
						t.Errorf("%d calls in a second of it", n)
					}
					if n := len(e.times); n > 100 {
						t.Errorf("%d calls in all of it", n)
					}
				})
			})
		}
	}
}

// An operation of which nothing can be had is not asked for in vain for ever: who comes
// later is told at once, and the first that is well ends it.
func TestWhatIsNeverHad(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e, f, c := newErring(t, isFile)
		file := func(n int) error {
			got, err := c.File(t.Context(), FileRequest{ContractID: fmt.Sprint("OCB", n%7), DocumentID: fmt.Sprint(n)})
			if err == nil {
				got.Body.Close()
			}
			return err
		}
		c.Contracts(t.Context())
		e.set(internalError())
		start := time.Now()
		for n := range 200 {
			if err := file(n); !errors.Is(err, ErrServer) {
				t.Error(n, err)
			}
			if _, err := c.Documents(t.Context(), fmt.Sprint("OCB", n%7), DocumentsQuery{Type: "bills"}); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took > 3*time.Minute {
			t.Errorf("took %v", took)
		}
		if n := len(e.times); n > 100 {
			t.Errorf("%d calls for documents", n)
		}
		if n := f.count("/api/contracts"); n > 10 {
			t.Errorf("%d calls for contracts", n)
		}
		time.Sleep(10 * time.Minute)
		if err := file(1000); !errors.Is(err, ErrServer) {
			t.Error(err)
		}
		time.Sleep(10 * time.Minute)
		e.set(nil)
		for n := range 50 {
			if err := file(n); err != nil {
				t.Error(n, err)
			}
		}
	})
}

// One that reads one document after the other is enough, and so is a listing that comes
// first when all is away.
func TestOutageOfErrorsForOneReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e, f, c := newErring(t, func(*http.Request) bool { return true })
		c.Contracts(t.Context())
		e.set(internalError())
		time.AfterFunc(50*time.Second, func() { e.set(nil) })
		start := time.Now()
		if _, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{Type: "bills"}); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 60*time.Second {
			t.Errorf("took %v", took)
		}
		if n := f.count("/api/documents") + f.count("/api/contracts"); n > 50 {
			t.Errorf("%d calls", n)
		}
	})
}

// What always answers with an error fails by itself within seconds, each time, and
// nobody waits for it: a document, all listings of a contract, a type of all contracts.
func TestBrokenByThemselves(t *testing.T) {
	for name, match := range map[string]func(*http.Request) bool{
		"document": func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/bad") },
		"contract": func(r *http.Request) bool { return ofContract("OCB1")(r) && !isFile(r) },
		"type":     func(r *http.Request) bool { return r.URL.Query().Get("documentType") == "type0" },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				e, f, c := newErring(t, match)
				c.Contracts(t.Context())
				e.set(internalError())
				for range 3 {
					start := time.Now()
					failed := listAll(t, c, 6, 7)
					if name == "document" {
						_, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: "bad"})
						failed = append(failed, err)
					}
					if took := time.Since(start); took > 20*time.Second {
						t.Errorf("took %v", took)
					}
					for _, err := range failed {
						if !errors.Is(err, ErrServer) {
							t.Error(err)
						}
					}
					if want := map[string]int{"document": 1, "contract": 7, "type": 6}[name]; len(failed) != want {
						t.Errorf("%d failed, want %d", len(failed), want)
					}
					before := time.Now()
					if err := copyOne(t, c, 1); err != nil || time.Since(before) > time.Second {
						t.Errorf("another document: %v after %v", err, time.Since(before))
					}
					time.Sleep(time.Minute)
				}
				n := 0
				for path, calls := range f.calls {
					if path != "/oauth/token" {
						n += calls
					}
				}
				// three times: 42 listings, a document; up to seven tries that fail, four times
				if most := 1 + 3*(42+1+7*4+7); n > most {
					t.Errorf("%d calls, want at most %d", n, most)
				}
				if s := c.Stats(); s.Breaker != "closed" {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A witness that is broken itself by now, as all others that are asked for, makes
// nothing else unreachable: the first that is well is the witness from then on.
func TestWitnessThatBreaks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e, _, c := newErring(t, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/bad") })
		file := func(id string) error {
			f, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: id})
			if err == nil {
				f.Body.Close()
			}
			return err
		}
		c.Contracts(t.Context())
		if err := file("bad"); err != nil {
			t.Fatal(err)
		}
		e.set(internalError())
		start := time.Now()
		var wg sync.WaitGroup
		for n := range 5 {
			wg.Go(func() {
				if err := file(fmt.Sprint("bad", n)); !errors.Is(err, ErrServer) {
					t.Error(err)
				}
			})
		}
		time.Sleep(5 * time.Second)
		for n := range 20 {
			before := time.Now()
			if err := file(fmt.Sprint("good", n)); err != nil || time.Since(before) > probeSilent {
				t.Errorf("%v after %v", err, time.Since(before))
			}
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// listAll lists all types of some contracts, as the first walk of a tree does, and
// returns what failed.
func listAll(t *testing.T, c *Client, contracts, types int) []error {
	var mu sync.Mutex
	var failed []error
	var wg sync.WaitGroup
	for i := range contracts {
		wg.Go(func() {
			var each sync.WaitGroup
			for j := range types {
				each.Go(func() {
					if _, err := c.Documents(t.Context(), fmt.Sprint("OCB", i), DocumentsQuery{Type: fmt.Sprint("type", j)}); err != nil {
						mu.Lock()
						failed = append(failed, err)
						mu.Unlock()
					}
				})
			}
			each.Wait()
		})
	}
	wg.Wait()
	return failed
}
