package apiclient

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// Where all is well, that answers are judged costs no call, and no time: documents come
// at the rate, each for one call that asks for all of it.
func TestJudgingCostsNothing(t *testing.T) {
	const documents, perSecond = 2000, 20
	for _, readers := range []int{1, 16} {
		inBubble(t, func(t *testing.T) {
			f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = perSecond })
			var mu sync.Mutex
			calls := map[string]int{}
			f.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(20 * time.Millisecond)
				mu.Lock()
				calls[r.URL.Path]++
				mu.Unlock()
				if r.Header.Get("Range") != "" {
					t.Errorf("%s is asked for in part", r.URL.Path)
				}
				if isFile(r) {
					w.Write([]byte(testDocument))
				} else {
					w.Write([]byte("[]"))
				}
			})
			began := time.Now()
			failed := readAllOf(documents, readers, func(n int) error { return readDocument(t, c, "OCB1", n) })
			if took := time.Since(began); took > documents*time.Second/perSecond+time.Second {
				t.Errorf("took %v", took)
			}
			if len(failed) != 0 || len(calls) != documents || f.tokens() != 1 {
				t.Errorf("%d failed, %d were asked for, with %d tokens", len(failed), len(calls), f.tokens())
			}
			for path, n := range calls {
				if n != 1 {
					t.Errorf("%s was asked for %d times", path, n)
				}
			}
			s := c.Stats()
			if s.Probes != 0 || s.Waited != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What is judged reaches its reader to the byte, or breaks off where it did, and leaves
// no answer open, taken or turned away.
func TestJudgedBodies(t *testing.T) {
	content := make([]byte, 3*HeadLen)
	for i := range content {
		content[i] = byte(i*7 + i/256)
	}
	for _, size := range []int{1, HeadLen - 1, HeadLen, HeadLen + 1, len(content)} {
		for _, cut := range []int{0, 1, HeadLen - 1, HeadLen, HeadLen + 1, len(content)} {
			for _, announced := range []bool{true, false} {
				for _, refused := range []bool{true, false} {
					if cut >= size && cut < len(content) || cut == 0 && refused {
						continue
					}
					inBubble(t, func(t *testing.T) {
						f, c := newFake(t)
						f.api("/documents/{id}/file", func(w http.ResponseWriter, _ *http.Request) {
							if announced {
								w.Header().Set("Content-Length", strconv.Itoa(size))
							}
							w.Write(content[:min(cut, size)])
							http.NewResponseController(w).Flush()
							if cut < size {
								panic(http.ErrAbortHandler)
							}
						})
						var heads [][]byte
						file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: "1", Judge: func(b Beginning) error {
							heads = append(heads, slices.Clone(b.Head))
							if refused {
								return ErrAskAgain
							}
							return nil
						}})
						for _, head := range heads {
							if !bytes.Equal(head, content[:min(size, HeadLen)]) {
								t.Errorf("%d bytes of %d, cut at %d, were judged", len(head), size, cut)
							}
						}
						if err == nil {
							var got bytes.Buffer
							_, err = io.CopyBuffer(&got, iotest.HalfReader(file.Body), make([]byte, 700))
							if !bytes.Equal(got.Bytes(), content[:min(cut, size)]) || (err == nil) != (cut >= size) {
								t.Errorf("of %d bytes, cut at %d, came %d: %v", size, cut, got.Len(), err)
							}
							file.Body.Close()
						} else if !errors.Is(err, ErrAskAgain) {
							t.Errorf("%d bytes, cut at %d: %v", size, cut, err)
						}
						if s := c.Stats(); s.InFlight != 0 {
							t.Errorf("%d answers are open", s.InFlight)
						}
					})
				}
			}
		}
	}
}
