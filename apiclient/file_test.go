package apiclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const filePath = "/documents/d/file"

func getFile(t *testing.T, c *Client, r FileRequest) (*File, error) {
	t.Helper()
	r.ContractID, r.DocumentID = "OCB1", "d"
	file, err := c.File(t.Context(), r)
	if (file == nil) == (err == nil) {
		t.Fatalf("%v and %v", file, err)
	}
	if err == nil {
		body := file.Body
		t.Cleanup(func() { body.Close() })
	}
	return file, err
}

// content is bytes that gzip would change.
func content(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(b)
	return b
}

func TestFile(t *testing.T) {
	f, c := newFake(t)
	want := content(300_000)
	f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" || r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Accept") != "application/json" || r.Header.Get("Range") != "" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set(headerRequestID, "req-1")
		http.ServeContent(w, r, "", time.Unix(1700000000, 0), bytes.NewReader(want))
	})
	file, err := getFile(t, c, FileRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	file.Body = nil
	if d := cmp.Diff(&File{
		Size: int64(len(want)), End: int64(len(want)), AcceptRanges: true, ETag: `"v1"`, LastModified: "Tue, 14 Nov 2023 22:13:20 GMT",
		ContentType: "application/pdf", RequestID: "req-1",
	}, file); d != "" {
		t.Error(d)
	}
}

func TestFileResumed(t *testing.T) {
	f, c := newFake(t)
	want := content(1000)
	f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(want))
	})
	file, err := getFile(t, c, FileRequest{Offset: 400, IfRange: `"v2"`})
	if err != nil || file.Offset != 400 || file.Size != 1000 || !file.AcceptRanges {
		t.Fatalf("%+v, %v", file, err)
	}
	if got, err := io.ReadAll(file.Body); err != nil || !bytes.Equal(got, want[400:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	file, err = getFile(t, c, FileRequest{Offset: 400, IfRange: `"v1"`})
	if err != nil || file.Offset != 0 || file.Size != 1000 {
		t.Fatalf("a document that changed: %+v, %v", file, err)
	}
	if _, err = getFile(t, c, FileRequest{Offset: 1000}); !errors.Is(err, ErrInvalid) {
		t.Error("beyond the end:", err)
	}
	file, err = getFile(t, c, FileRequest{IfNoneMatch: `"v2"`})
	if err != nil || !file.NotModified || file.ETag != `"v2"` {
		t.Fatalf("%+v, %v", file, err)
	}
	if b, err := io.ReadAll(file.Body); len(b) != 0 || err != nil || c.Stats().InFlight != 2 {
		t.Errorf("%q, %v, %d in flight", b, err, c.Stats().InFlight)
	}
}

func TestBadFileAnswers(t *testing.T) {
	tests := []struct {
		name   string
		r      FileRequest
		status int
		header string // name: value
		body   string
		says   string // in the error of File; "": in that of the body
	}{
		{"gzip", FileRequest{}, 200, "Content-Encoding: gzip", "x", "encoding"},
		{"not asked for a part", FileRequest{}, 206, "Content-Range: bytes 0-0/1", "x", "part"},
		{"other part", FileRequest{Offset: 5}, 206, "Content-Range: bytes 4-9/10", "xxxxxx", "starts at byte 4"},
		{"no range", FileRequest{Offset: 5}, 206, "", "x", "Content-Range"},
		{"bad range", FileRequest{Offset: 5}, 206, "Content-Range: bytes 5-10/10", "xxxxxx", "Content-Range"},
		{"length of another range", FileRequest{Offset: 5}, 206, "Content-Range: bytes 5-9/10", "xxx", "does not match"},
		{"several parts", FileRequest{Offset: 5}, 206, "Content-Type: multipart/byteranges; boundary=x", "x", "Content-Range"},
		{"not modified", FileRequest{}, 304, "", "", "not modified"},
		{"no content", FileRequest{}, 204, "", "", "204"},
		{"created", FileRequest{}, 201, "", "x", "201"},
		{"part of the rest", FileRequest{Offset: 5}, 206, "Content-Range: bytes 5-6/10", "xx", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, c := newFake(t)
			f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
				if name, value, ok := strings.Cut(tt.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			file, err := getFile(t, c, tt.r)
			if tt.says != "" {
				if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), tt.says) || c.Stats().InFlight != 0 {
					t.Errorf("%v, %d in flight", err, c.Stats().InFlight)
				}
				return
			}
			got, err := io.ReadAll(file.Body)
			if string(got) != tt.body || !errors.Is(err, ErrUnreachable) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// What a part says of itself reaches the caller: where it begins and ends, and
// how long the document is, if that is told.
func TestPartsAreReportedAsTheyAre(t *testing.T) {
	tests := []struct {
		contentRange, body string
		size, end          int64
		whole              bool // it is all that was asked for, or nobody can tell
	}{
		{"bytes 5-9/10", "56789", 10, 10, true},
		{"bytes 5-6/10", "56", 10, 7, false},
		{"bytes 5-6/*", "56", -1, 7, true},
		{"bytes 5-9/*", "56", -1, 10, false},
		{"bytes 5-9/10", "56", 10, 10, false},
	}
	for _, tt := range tests {
		for _, chunked := range []bool{false, true} {
			f, c := newFake(t)
			f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Range", tt.contentRange)
				w.WriteHeader(http.StatusPartialContent)
				if chunked {
					http.NewResponseController(w).Flush()
				}
				io.WriteString(w, tt.body)
			})
			file, err := getFile(t, c, FileRequest{Offset: 5})
			if !chunked && errors.Is(err, ErrProtocol) && !tt.whole {
				continue // its length contradicts its range
			}
			if err != nil {
				t.Fatal(tt, err)
			}
			if file.Offset != 5 || file.Size != tt.size || file.End != tt.end {
				t.Errorf("%+v: from %d to %d of %d", tt, file.Offset, file.End, file.Size)
			}
			got, err := io.ReadAll(file.Body)
			file.Body.Close()
			if string(got) != tt.body || (err == nil) != tt.whole || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%+v: %q, %v", tt, got, err)
			}
		}
	}
}

func TestBadFileRequests(t *testing.T) {
	f, c := newFake(t)
	for _, r := range []FileRequest{
		{ContractID: "OCB1"},
		{ContractID: "OCB1", DocumentID: "d", Offset: -1},
		{ContractID: "OCB1", DocumentID: "d", IfNoneMatch: "a\r\nb"},
	} {
		if _, err := c.File(t.Context(), r); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if n := f.count("/api/documents/d/file"); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestPathSegments(t *testing.T) {
	f, c := newFake(t)
	var got string
	f.Handle("/", http.NotFoundHandler()) // a mux redirects what is not clean
	for id, want := range map[string]string{
		"a": "a", ".": "%2E", "..": "%2E%2E", "...": "...", "a/b": "a%2Fb", "../../x": "..%2F..%2Fx",
		"a?b=c#d": "a%3Fb=c%23d", "100%": "100%25", "a b": "a%20b", "é": "%C3%A9", "\x00\n": "%00%0A", ";": "%3B",
	} {
		_, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: id})
		got = "/api/documents/" + want + "/file"
		if n := f.count(got); n != 1 || !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %d calls of %s, %v", id, n, got, err)
		}
	}
}

func TestChunkedFileHasNoSize(t *testing.T) {
	f, c := newFake(t)
	f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first ")
		http.NewResponseController(w).Flush()
		io.WriteString(w, "second")
	})
	file, err := getFile(t, c, FileRequest{})
	if err != nil || file.Size != -1 {
		t.Fatalf("%+v, %v", file, err)
	}
	if got, err := io.ReadAll(iotest.OneByteReader(file.Body)); string(got) != "first second" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCutBodyIsNeverTheEnd(t *testing.T) {
	for _, length := range []string{"100", ""} {
		f, c := newFake(t)
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			io.WriteString(w, "a beginning")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		file, err := getFile(t, c, FileRequest{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file.Body)
		if string(got) != "a beginning" || !errors.Is(err, ErrUnreachable) || !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("%q, %v", got, err)
		}
		if _, again := file.Body.Read(make([]byte, 1)); !errors.Is(again, err) {
			t.Errorf("%v, then %v", err, again)
		}
	}
}

func TestStalledBody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "first")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		file, err := getFile(t, c, FileRequest{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // a reader that pauses is not a server that stalls
		start := time.Now()
		got, err := io.ReadAll(file.Body)
		if string(got) != "first" || !errors.Is(err, ErrTimeout) || time.Since(start) != 30*time.Second {
			t.Errorf("%q, %v after %v", got, err, time.Since(start))
		}
	})
}

// TestStalledBodyWhereOthersFlow: where bodies have always come fast, half of the
// time-out is enough to tell that one stands still, but for the last try of its caller.
func TestStalledBodyWhereOthersFlow(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pause   time.Duration // of the bodies before
		patient bool
		want    time.Duration
	}{
		{"fast", 0, false, 15 * time.Second},
		{"not that slow", 4 * time.Second, false, 15 * time.Second},
		{"slow", 6 * time.Second, false, 30 * time.Second},
		{"fast, at the last try", 0, true, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c := newFake(t)
				stalls := false
				f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(time.Millisecond)
					io.WriteString(w, "first")
					http.NewResponseController(w).Flush()
					if stalls {
						<-r.Context().Done()
						return
					}
					time.Sleep(tt.pause)
				})
				for _, stalls = range []bool{false, true} {
					file, err := getFile(t, c, FileRequest{Patient: tt.patient})
					if err != nil {
						t.Fatal(err)
					}
					start := time.Now()
					got, err := io.ReadAll(file.Body)
					if took := time.Since(start); stalls && (!errors.Is(err, ErrTimeout) || took != tt.want) || !stalls && err != nil {
						t.Errorf("%q, %v after %v", got, err, took)
					}
					file.Body.Close()
				}
			})
		})
	}
}

// TestStalledListingWhereOthersFlow: it is asked for once more after half of the
// time-out, and that one has all of it.
func TestStalledListingWhereOthersFlow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var stalls time.Duration
		f.api("/documents", func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Millisecond)
			io.WriteString(w, "[")
			http.NewResponseController(w).Flush()
			time.Sleep(stalls)
			io.WriteString(w, "]")
		})
		for _, tt := range []struct{ stalls, want time.Duration }{{0, 0}, {14 * time.Second, 14 * time.Second}} {
			stalls = tt.stalls
			start := time.Now()
			if _, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{}); err != nil || time.Since(start).Round(time.Second) != tt.want {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		if n := f.count("/api/documents"); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var n atomic.Int32
		f.api("/documents", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Millisecond)
			io.WriteString(w, "[")
			http.NewResponseController(w).Flush()
			switch n.Add(1) {
			case 1, 4:
			case 2: // is lost
				<-r.Context().Done()
			case 3: // takes longer than any before
				time.Sleep(25 * time.Second)
			}
			io.WriteString(w, "]")
		})
		for _, want := range []time.Duration{0, 40 * time.Second, 0} {
			start := time.Now()
			if _, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{}); err != nil || time.Since(start).Round(time.Second) != want {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		if n.Load() != 4 {
			t.Errorf("%d calls", n.Load())
		}
	})
}

// TestFlowingBodyHasNoLimit: however long it takes, a body that comes at the least
// pace comes whole.
func TestFlowingBodyHasNoLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api(filePath, dripping(1000, 28*time.Second, 1920))
		file, err := getFile(t, c, FileRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(file.Body); len(got) != 1000*1920 || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestDripIsAStall: a byte now and then keeps nobody waiting for longer than none,
// after whatever came fast before.
func TestDripIsAStall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
			dripping(1, 0, 1<<20)(w, r)
			dripping(1000, time.Second, 1)(w, r)
		})
		file, err := getFile(t, c, FileRequest{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		got, err := io.ReadAll(file.Body)
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took > 31*time.Second || len(got) < 1<<20 {
			t.Errorf("%d bytes, %v after %v", len(got), err, took)
		}
	})
}

// dripping sends so many chunks of size bytes with a pause behind each.
func dripping(chunks int, pause time.Duration, size int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for range chunks {
			io.WriteString(w, strings.Repeat("x", size))
			http.NewResponseController(w).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	}
}

func TestCancelEndsARead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		file, err := c.File(ctx, FileRequest{ContractID: "OCB1", DocumentID: "d"})
		if err != nil {
			t.Fatal(err)
		}
		defer file.Body.Close()
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err = file.Body.Read(make([]byte, 1))
		if !errors.Is(err, context.Canceled) || Temporary(err) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Closing is at once: with someone in Read, and with gigabytes still to come.
func TestCloseIsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		file, err := getFile(t, c, FileRequest{})
		if err != nil || file.Size != 1<<40 {
			t.Fatal(file, err)
		}
		done := make(chan error)
		go func() {
			_, err := file.Body.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		file.Body.Close()
		if err := <-done; err == nil || errors.Is(err, io.EOF) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := file.Body.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Error("read after Close:", err)
		}
		if n := c.Stats().InFlight; n != 0 {
			t.Errorf("%d in flight", n)
		}
	})
}

// A short rest is read, so that the connection lives on; a long one is not.
func TestConnectionAfterClose(t *testing.T) {
	for size, dials := range map[int]int32{drainBytes: 1, drainBytes * 8: 2} {
		inBubble(t, func(t *testing.T) { // where 20 ms pass only if nothing arrives
			f, c := newFake(t)
			f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(size))
				w.Write(content(size))
			})
			f.answer("/contracts", 200, `[]`)
			file, err := getFile(t, c, FileRequest{})
			if err != nil {
				t.Fatal(err)
			}
			file.Body.Close()
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := f.net.dials.Load(); n != dials {
				t.Errorf("%d bytes: %d connections, want %d", size, n, dials)
			}
		})
	}
}

func TestContentRanges(t *testing.T) {
	tests := map[string]*contentRange{
		"bytes 5-9/10":    {5, 9, 10},
		"Bytes 5-9/*":     {5, 9, -1},
		" bytes  0-0/1 ":  {0, 0, 1},
		"bytes 5-4/10":    nil,
		"bytes 5-10/10":   nil,
		"bytes */10":      nil,
		"bytes 5-9":       nil,
		"bytes=5-9/10":    nil,
		"items 5-9/10":    nil,
		"bytes -5-9/10":   nil,
		"bytes +5-9/10":   nil,
		"bytes 5-9/10/11": nil,
		"bytes 0-9223372036854775807/9223372036854775808": nil,
		"": nil,
	}
	for in, want := range tests {
		got, ok := parseContentRange(in)
		if ok != (want != nil) || ok && got != *want {
			t.Errorf("%q: %+v, %v", in, got, ok)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10")
	f.Add("bytes 5-9/*")
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseContentRange(s)
		if ok && (r.First < 0 || r.Last < r.First || r.Total != -1 && r.Total <= r.Last || r.Last-r.First+1 <= 0) {
			t.Errorf("%q: %+v", s, r)
		}
	})
}

// Whatever is announced and whatever comes: io.EOF is the end of all bytes
// announced, and nothing else is.
func TestBodyProperties(t *testing.T) {
	s := &sender{clean: newRedactor(&Config{}), counts: newCounters(), log: silentLog()}
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data")
		want := rapid.Int64Range(-1, 110).Draw(t, "announced")
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		wrapped := false
		src := io.Reader(bytes.NewReader(data))
		switch rapid.IntRange(0, 3).Draw(t, "reader") {
		case 1:
			src = iotest.DataErrReader(src)
		case 2:
			src = iotest.HalfReader(src)
		case 3: // a broken connection may say EOF, in other words
			src = io.MultiReader(src, iotest.ErrReader(fmt.Errorf("read tcp: %w", io.EOF)))
			wrapped = true
		}
		b := &body{src: io.NopCloser(src), want: want, timeout: time.Minute, cancel: cancel,
			broken: func(err error) *Error { return s.broken(&call{op: opFile}, ctx, ctx, err) }}
		defer b.Close()
		got, err := io.ReadAll(b)
		whole := (want < 0 || want == int64(len(data))) && !wrapped
		if (err == nil) != whole || errors.Is(err, io.EOF) || whole && !bytes.Equal(got, data) {
			t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
		}
	})
}
