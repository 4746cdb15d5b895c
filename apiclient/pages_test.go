package apiclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var errTestPage = errors.New("no document of the tests")

// testDocument is how documents of these tests begin.
const testDocument = "%PDF-1.7 of the tests"

func judgeTest(a Beginning) error {
	if a.Size == 0 || !bytes.HasPrefix(a.Head, []byte(testDocument)) {
		return errTestPage
	}
	return nil
}

// pages are answers with a good status that are none.
func pages() []outage {
	answer := func(media, body string) func(http.ResponseWriter, *http.Request, <-chan struct{}) {
		return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			w.Header().Set("Content-Type", media)
			io.WriteString(w, body)
		}
	}
	return []outage{
		{name: "page", meet: answer("text/html", "<html>"+strings.Repeat("Access blocked ", 200))},
		{name: "page that says it is a document", meet: answer("application/pdf", "<html>Access blocked")},
		{name: "error object", meet: answer("application/json", `{"code":1,"message":"Internal error"}`)},
		{name: "nothing", meet: answer("application/pdf", "")},
		{name: "nothing, chunked", meet: func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			http.NewResponseController(w).Flush()
		}},
	}
}

// readJudged reads a document, or lists one where n is a multiple of 10.
func readJudged(t *testing.T, c *Client, n int) error {
	t.Helper()
	contract := fmt.Sprint("OCB", n%4)
	if n%10 == 0 {
		_, err := c.Documents(t.Context(), contract, DocumentsQuery{Type: "bills"})
		return err
	}
	return readDocument(t, c, contract, n)
}

func readDocument(t *testing.T, c *Client, contract string, n int) error {
	t.Helper()
	f, err := c.File(t.Context(), FileRequest{ContractID: contract, DocumentID: fmt.Sprint(n), Judge: judgeTest, Peers: testPeers})
	if err != nil {
		return err
	}
	defer f.Body.Close()
	b, err := io.ReadAll(f.Body)
	if err == nil && !bytes.HasPrefix(b, []byte(testDocument)) {
		t.Errorf("document %d is %q", n, b)
	}
	return err
}

// testPeers are eight of the first two hundred documents, of all contracts by turns and
// of both halves, none of which was had before.
func testPeers() (all []Peer) {
	for n := 7; n <= 200; n += 25 {
		all = append(all, Peer{ContractID: fmt.Sprint("OCB", n%4), DocumentID: fmt.Sprint(n), Judge: judgeTest})
	}
	return all
}

// readAllOf reads documents from 1 on, several at once, and returns how many failed.
func readAllOf(documents, readers int, read func(n int) error) (failed map[int]error) {
	var wg sync.WaitGroup
	var next atomic.Int32
	var mu sync.Mutex
	failed = map[int]error{}
	for range readers {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= documents; n = int(next.Add(1)) {
				if err := read(n); err != nil {
					mu.Lock()
					failed[n] = err
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}

func newPaging(t *testing.T, match func(r *http.Request) bool) (*erring, *fake, *Client) {
	t.Helper()
	f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
	e := &erring{match: match}
	f.api("/contracts", e.handler(`[]`))
	f.api("/documents", e.handler(`[]`))
	f.api("/documents/{id}/file", e.handler(testDocument+" whole"))
	return e, f, c
}

// What answers in the place of the API when nothing was had of it yet, be it a token,
// the contracts or a listing, is a page for a moment perhaps: it is tried again, as often
// as any error, and not for ever.
func TestPagesAtTheVeryFirst(t *testing.T) {
	for _, kind := range pages() {
		for _, path := range []string{"/oauth/token", "/api/contracts", "/api/documents"} {
			if path == "/oauth/token" && kind.name != "page" { // which are no answers of a token endpoint
				continue
			}
			t.Run(kind.name+" for "+path, func(t *testing.T) {
				for lasts, well := range map[time.Duration]bool{86 * time.Millisecond: true, time.Second: true, time.Hour: false} {
					inBubble(t, func(t *testing.T) {
						f, c := newFake(t)
						start := time.Now()
						first := func(as string, answer http.HandlerFunc) http.HandlerFunc {
							return func(w http.ResponseWriter, r *http.Request) {
								if as == path && time.Since(start) < lasts {
									kind.meet(w, r, nil)
									return
								}
								answer(w, r)
							}
						}
						list := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, []any{}) }
						f.onToken(first("/oauth/token", func(w http.ResponseWriter, _ *http.Request) {
							writeJSON(w, 200, map[string]any{"access_token": testToken, "expires_in": 3600})
						}))
						f.api("/contracts", first("/api/contracts", list))
						f.api("/documents", first("/api/documents", list))
						var err error
						if path == "/api/documents" {
							_, err = c.Documents(t.Context(), "OCB1", DocumentsQuery{Type: "bills"})
						} else {
							_, err = c.Contracts(t.Context())
						}
						if (err == nil) != well {
							t.Errorf("for %v: %v", lasts, err)
						}
						if n := f.count(path); n > maxTries {
							t.Errorf("for %v: %d calls", lasts, n)
						}
						if d := time.Since(start); d > 5*time.Second {
							t.Errorf("for %v: it took %v", lasts, d)
						}
					})
				}
			})
		}
	}
}

// An outage that answers with a good status, and with what is no document, is waited
// for like others, with few calls.
func TestOutagesOfPages(t *testing.T) {
	for _, kind := range pages() {
		for what, match := range map[string]func(*http.Request) bool{
			"documents": isFile, "one contract": ofContract("OCB1"), "all": func(*http.Request) bool { return true },
		} {
			for _, readers := range []int{1, 16} {
				for _, length := range []time.Duration{2 * time.Second, 60 * time.Second} {
					t.Run(fmt.Sprint(kind.name, " in place of ", what, ", ", readers, " readers, ", length), func(t *testing.T) {
						sample(t)
						inBubble(t, func(t *testing.T) {
							e, _, c := newPaging(t, match)
							c.Contracts(t.Context())
							began := time.Now()
							time.AfterFunc(4*time.Second, func() {
								e.set(&kind)
								time.AfterFunc(length, func() { e.set(nil) })
							})
							failed := readAllOf(200, readers, func(n int) error { return readJudged(t, c, n) })
							for n, err := range failed {
								t.Errorf("%d: %v", n, err)
							}
							if took := time.Since(began); took > 10500*time.Millisecond+length+20*time.Second {
								t.Errorf("took %v", took)
							}
							t.Logf("%d calls, %d in a second of it, %d at first", len(e.times), e.worstAfter(2*time.Second), e.worst())
							if n := e.worstAfter(2 * time.Second); n > 8 || e.worst() > 20 {
								t.Errorf("%d calls in a second of it, %d at first", n, e.worst())
							}
							if n := len(e.times); n > 40+4*int(length.Seconds()) {
								t.Errorf("%d calls in it", n)
							}
							time.Sleep(time.Minute)
						})
					})
				}
			}
		}
	}
}

// Documents that are pages for good harm no other, however many there are and wherever
// they come.
func TestPagesForGood(t *testing.T) {
	const documents = 200
	for name, broken := range map[string]func(n int) bool{
		"one":            func(n int) bool { return n == 17 },
		"every other":    func(n int) bool { return n%2 == 0 },
		"by chance":      func(n int) bool { return rand.New(rand.NewPCG(uint64(n), 1)).IntN(2) == 0 },
		"the first half": func(n int) bool { return n <= documents/2 },
		"the last half":  func(n int) bool { return n > documents/2 },
		"two contracts":  func(n int) bool { return n%4 < 2 },
	} {
		for _, readers := range []int{1, 16} {
			for _, kind := range []outage{pages()[0], pages()[3], *internalError()} {
				t.Run(fmt.Sprint(name, ", ", readers, " readers, ", kind.name), func(t *testing.T) {
					sample(t)
					inBubble(t, func(t *testing.T) {
						e, _, c := newPaging(t, func(r *http.Request) bool {
							var n int
							_, err := fmt.Sscanf(r.URL.Path, "/api/documents/%d/file", &n)
							return err == nil && broken(n)
						})
						c.Contracts(t.Context())
						e.set(&kind)
						began, bad := time.Now(), 0
						for n := range documents {
							if broken(n + 1) {
								bad++
							}
						}
						failed := readAllOf(documents, readers, func(n int) error { return readDocument(t, c, fmt.Sprint("OCB", n%4), n) })
						for n, err := range failed {
							if !broken(n) || !errors.Is(err, errTestPage) && !errors.Is(err, ErrServer) {
								t.Errorf("%d: %v", n, err)
							}
						}
						if len(failed) != bad {
							t.Errorf("%d failed, want %d", len(failed), bad)
						}
						took, s := time.Since(began), c.Stats()
						internal := kind.name == "internal error" // a contract of which all are broken is waited for, and then not asked
						if internal {
							took -= testPatience
						}
						if most := 30*time.Second + time.Duration(bad)*5*time.Second/time.Duration(readers) + time.Duration(documents+3*bad)*50*time.Millisecond; took > most {
							t.Errorf("took %v", took)
						}
						if s.Rejected != 0 && !internal {
							t.Errorf("%+v", s)
						}
						t.Logf("%d bad, took %v, %d calls for them", bad, took, len(e.times))
						tries := 2
						if internal { // which may pass
							tries = maxTries + 1
						}
						if n := len(e.times); n > tries*bad+10 {
							t.Errorf("%d calls for %d that are broken", n, bad)
						}
					})
				})
			}
		}
	}
}

// That some documents were pages for good, long ago, costs no other one its second try.
func TestPagesForGoodAreForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, f, c := newPaging(t, isFile)
		var tries atomic.Int32
		f.HandleFunc("/api/documents/1000/file", func(w http.ResponseWriter, _ *http.Request) {
			if tries.Add(1) == 1 {
				io.WriteString(w, "<html>once")
				return
			}
			io.WriteString(w, testDocument)
		})
		if err := readDocument(t, c, "OCB1", 1); err != nil {
			t.Fatal(err)
		}
		for n := range 3 * lostEnough {
			f.HandleFunc(fmt.Sprintf("/api/documents/%d/file", 2000+n), func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>for good") })
			if err := readDocument(t, c, "OCB1", 2000+n); !errors.Is(err, errTestPage) {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		if err := readDocument(t, c, "OCB1", 1000); err != nil {
			t.Error(err)
		}
	})
}

// Documents that are empty cost a call more each, for one that is had tells that it is
// about them. Where every one that is asked for is, and none was had before, that is
// taken for an outage: nobody can tell, and a copy of empty documents is the worse.
func TestEmptyDocuments(t *testing.T) {
	const documents = 200
	errEmpty := fmt.Errorf("%w: empty", ErrAskAgain)
	for name, tt := range map[string]struct{ every, failed, calls int }{
		"half of them": {2, 0, 3*documents/2 + documents/2 + 10}, // and a witness each
		"most of them": {10, 0, 3*documents + 10},
		"all of them":  {documents + 1, documents, 80}, // in a minute and a half
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
				var calls atomic.Int32
				f.answer("/contracts", 200, `[]`)
				f.api("/documents/{id}/file", func(w http.ResponseWriter, r *http.Request) {
					calls.Add(1)
					if n, _ := strconv.Atoi(r.PathValue("id")); n%tt.every == 0 {
						io.WriteString(w, "a;b")
					}
				})
				c.Contracts(t.Context())
				once := func(b Beginning) error {
					if b.Size == 0 {
						return errEmpty
					}
					return nil
				}
				peers := func() (all []Peer) {
					for n := 5; n <= documents; n += 15 {
						all = append(all, Peer{ContractID: "OCB1", DocumentID: strconv.Itoa(n), Judge: once})
					}
					return all
				}
				failed := readAllOf(documents, 1, func(n int) error {
					r := FileRequest{ContractID: "OCB1", DocumentID: strconv.Itoa(n), Judge: once, Peers: peers}
					file, err := c.File(t.Context(), r)
					if errors.Is(err, errEmpty) && !Outage(err) {
						r.Judge = nil
						file, err = c.File(t.Context(), r)
					}
					if err == nil {
						file.Body.Close()
					}
					return err
				})
				if len(failed) != tt.failed || int(calls.Load()) > tt.calls {
					t.Errorf("%d failed, %d calls", len(failed), calls.Load())
				}
			})
		})
	}
}

// TestNobodyIsAWitnessInTheirOwnMatter: a document that was had last, and is broken by
// now, does not tell that documents are out of order: it alone fails, at its four tries,
// and the others are there. So it is where it was asked for as a witness only.
func TestNobodyIsAWitnessInTheirOwnMatter(t *testing.T) {
	broken := map[string]func(http.ResponseWriter){
		"a page": func(w http.ResponseWriter) { io.WriteString(w, "<html>for good") },
		"an error": func(w http.ResponseWriter) {
			w.WriteHeader(500)
			io.WriteString(w, `{"code":1,"message":"Internal error"}`)
		},
	}
	for name, fail := range broken {
		for _, others := range []int{0, 1, 2} { // had before it
			t.Run(fmt.Sprintf("%s, after %d others", name, others), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					_, f, c := newPaging(t, isFile)
					var bad atomic.Bool
					var tries atomic.Int32
					f.HandleFunc("/api/documents/1000/file", func(w http.ResponseWriter, _ *http.Request) {
						if bad.Load() {
							tries.Add(1)
							fail(w)
							return
						}
						io.WriteString(w, testDocument)
					})
					for n := range others {
						if err := readDocument(t, c, fmt.Sprint("OCB", n), 3000+n); err != nil {
							t.Fatal(err)
						}
					}
					if err := readDocument(t, c, "OCB1", 1000); err != nil {
						t.Fatal(err)
					}
					bad.Store(true)
					start := time.Now()
					if err := readDocument(t, c, "OCB1", 1000); err == nil || Outage(err) {
						t.Errorf("it: %v", err)
					}
					if took, n := time.Since(start), tries.Load(); took > 10*time.Second || n > 5 {
						t.Errorf("it took %v and %d tries", took, n)
					}
					for _, n := range []int{1001, 1002, 1003} {
						if err := readDocument(t, c, "OCB1", n); err != nil {
							t.Errorf("another one: %v", err)
						}
					}
				})
			})
		}
	}
}
