package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/s3"
)

// short is time enough for a request to this process, and not for who waits for its answer.
const short = 300 * time.Millisecond

// lying is a store whose service answers with a function.
func lying(t *testing.T, answer http.HandlerFunc) *s3.Store {
	t.Helper()
	return lyingTo(t, s3.Options{Patience: short, Stall: short}, answer)
}

// lyingTo is lying for a store that has other patience: an error that may pass is asked for
// again after a pause, which is longer than short.
func lyingTo(t *testing.T, options s3.Options, answer http.HandlerFunc) *s3.Store {
	t.Helper()
	setenv(t)
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return openAt(t, "s3://pool/p?endpoint="+server.URL, options)
}

// xmlError is how S3 answers with an error.
func xmlError(w http.ResponseWriter, status int, code, more string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>said so</Message>%s</Error>`, code, more)
}

// each does everything that a store can do, and tells the errors.
func each(t *testing.T, s *s3.Store) map[string]error {
	t.Helper()
	all := make(map[string]error)
	object, err := s.Get(t.Context(), "d/1")
	if err == nil {
		_, err = io.ReadAll(object.Body)
		object.Body.Close()
	}
	all["get"] = err
	all["put"] = s.Put(t.Context(), "d/1", strings.NewReader("bytes"), 5)
	all["remove"] = s.Remove(t.Context(), "d/1")
	for _, err := range s.List(t.Context(), "d/") {
		all["list"] = err
	}
	return all
}

// What services answer with an error: whether it may pass, and a word of what to do.
func TestErrorsOfAService(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		more   string
		want   error
		word   string
	}{
		{404, "NoSuchBucket", "", pool.ErrRefused, "no bucket pool"},
		{403, "AccessDenied", "", pool.ErrRefused, "may not"},
		{403, "AllAccessDisabled", "", pool.ErrRefused, "may not"},
		{403, "InvalidAccessKeyId", "", pool.ErrRefused, "AWS_ACCESS_KEY_ID"},
		{403, "SignatureDoesNotMatch", "", pool.ErrRefused, "secret key"},
		{400, "ExpiredToken", "", pool.ErrRefused, "AWS_ACCESS_KEY_ID"},
		{403, "RequestTimeTooSkewed", "", pool.ErrRefused, "clock"},
		{301, "PermanentRedirect", "<Region>eu-west-3</Region>", pool.ErrRefused, "region=eu-west-3"},
		{301, "PermanentRedirect", "", pool.ErrRefused, "somewhere else"},
		{307, "TemporaryRedirect", "", pool.ErrRefused, "somewhere else"},
		{400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>", pool.ErrRefused, "region=eu-west-3"},
		{400, "InvalidRequest", "", pool.ErrRefused, "correct"},
		{405, "MethodNotAllowed", "", pool.ErrRefused, "correct"},
		{403, "InvalidObjectState", "", pool.ErrRefused, "archive"},
		{507, "XMinioStorageFull", "", pool.ErrRefused, "room"},
		{403, "QuotaExceeded", "", pool.ErrRefused, "room"},
		{503, "SlowDown", "", pool.ErrAway, "SlowDown"},
		{500, "InternalError", "", pool.ErrAway, "InternalError"},
		{503, "ServiceUnavailable", "", pool.ErrAway, ""},
		{400, "RequestTimeout", "", pool.ErrAway, ""},
		{429, "TooManyRequests", "", pool.ErrAway, ""},
	} {
		t.Run(test.code, func(t *testing.T) {
			s := lyingTo(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				xmlError(w, test.status, test.code, test.more)
			})
			for what, err := range each(t, s) {
				other := pool.ErrAway
				if errors.Is(test.want, other) {
					other = pool.ErrRefused
				}
				if !errors.Is(err, test.want) || errors.Is(err, other) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), test.word) {
					t.Errorf("%s: %v, want %v with %q", what, err, test.want, test.word)
				}
			}
		})
	}
}

// Something that is no S3 at all, such as a page of a proxy, is not taken for an empty bucket,
// and not for one that keeps what it is given.
func TestWhatIsNoS3(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"404 with a page":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>not here</html>", 404) },
		"404 without a word": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"200 with a page":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>please sign in</html>") },
		"200 without a word": func(http.ResponseWriter, *http.Request) {},
		"302 to a page": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/signin", http.StatusFound)
		},
		"407": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(407) },
		"no HTTP": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2\r\n")
				conn.Close()
			}
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			for what, err := range each(t, lying(t, answer)) {
				if what == "remove" && strings.HasPrefix(name, "200") {
					continue // that is how S3 answers
				}
				if errors.Is(err, fs.ErrNotExist) || !errors.Is(err, pool.ErrAway) && !errors.Is(err, pool.ErrRefused) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// ok is how an object of size bytes begins to be answered.
func ok(w http.ResponseWriter, size int) {
	w.Header().Set("Content-Length", fmt.Sprint(size))
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("ETag", `"0123"`)
	w.WriteHeader(http.StatusOK)
}

// Whatever a service does to a body, fewer bytes than were promised, and silence, are errors.
func TestBodies(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		opens  bool
	}{
		"short": {func(w http.ResponseWriter, _ *http.Request) {
			ok(w, 1000)
			fmt.Fprint(w, "only this")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, true},
		"still after the header": {func(w http.ResponseWriter, r *http.Request) {
			ok(w, 1000)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, true},
		"still in its middle": {func(w http.ResponseWriter, r *http.Request) {
			ok(w, 1000)
			fmt.Fprint(w, "this")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, true},
		"without a size, endless": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, false},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := lying(t, test.answer)
			object, err := s.Get(t.Context(), "d/1")
			if test.opens != (err == nil) {
				t.Fatalf("opened: %v", err)
			}
			if err == nil {
				_, err = io.ReadAll(object.Body)
				object.Body.Close()
			}
			if !errors.Is(err, pool.ErrAway) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// More than was promised is not given out.
func TestTooLongBody(t *testing.T) {
	s := lying(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nLast-Modified: %s\r\n\r\nfour and much more", time.Now().UTC().Format(http.TimeFormat))
	})
	object, err := s.Get(t.Context(), "d/1")
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	if got, err := io.ReadAll(object.Body); err != nil || string(got) != "four" {
		t.Errorf("read %q (%v)", got, err)
	}
}

// Nobody is sent elsewhere with what proves who we are.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int64
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		t.Cleanup(other.Close)
		s := lying(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", other.URL+r.URL.Path)
			w.WriteHeader(status)
		})
		for what, err := range each(t, s) {
			if !errors.Is(err, pool.ErrRefused) {
				t.Errorf("%d, %s: %v", status, what, err)
			}
		}
		if n := asked.Load(); n > 0 {
			t.Errorf("%d: %d requests went to another host", status, n)
		}
	}
}

// A service that is overloaded is not asked again and again.
func TestTriesAreBounded(t *testing.T) {
	var asked atomic.Int64
	s := lyingTo(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		xmlError(w, 503, "SlowDown", "")
	})
	for what, err := range each(t, s) {
		if !errors.Is(err, pool.ErrAway) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := asked.Load(); n < 4 || n > 8 {
		t.Errorf("%d requests for four things", n)
	}
}

// A hiccup is not told to anybody.
func TestTriedAgain(t *testing.T) {
	var asked atomic.Int64
	var got bytes.Buffer
	s := lyingTo(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
		got.Reset()
		_, _ = io.Copy(&got, r.Body)
		if asked.Add(1) == 1 {
			xmlError(w, 500, "InternalError", "")
			return
		}
		w.Header().Set("ETag", `"0123"`)
	})
	if err := s.Put(t.Context(), "d/1", strings.NewReader("bytes"), 5); err != nil || got.String() != "bytes" {
		t.Errorf("put %q (%v)", got.String(), err)
	}
}

// An upload may take as long as it gets on, and ends when it does not.
func TestUploads(t *testing.T) {
	whole := make([]byte, 8<<20)
	t.Run("slow", func(t *testing.T) {
		s := lying(t, func(w http.ResponseWriter, r *http.Request) {
			buf := make([]byte, 1<<20)
			for { // longer altogether than anything may stand still
				time.Sleep(short / 5)
				if _, err := io.ReadFull(r.Body, buf); err != nil {
					break
				}
			}
			w.Header().Set("ETag", `"0123"`)
		})
		if err := s.Put(t.Context(), "d/1", bytes.NewReader(whole), int64(len(whole))); err != nil {
			t.Error(err)
		}
	})
	t.Run("still", func(t *testing.T) {
		// Who has not read a request is not told that it has ended.
		s := lying(t, func(http.ResponseWriter, *http.Request) { <-t.Context().Done() })
		if err := s.Put(t.Context(), "d/1", bytes.NewReader(whole), int64(len(whole))); !errors.Is(err, pool.ErrAway) {
			t.Errorf("put: %v", err)
		}
	})
	t.Run("without an answer", func(t *testing.T) {
		s := lying(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		if err := s.Put(t.Context(), "d/1", bytes.NewReader(whole), int64(len(whole))); !errors.Is(err, pool.ErrAway) {
			t.Errorf("put: %v", err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		s := lying(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
		if err := s.Put(t.Context(), "d/1", bytes.NewReader(nil), 6<<30); !errors.Is(err, pool.ErrRefused) {
			t.Errorf("put: %v", err)
		}
	})
}

// A list that never ends, and one that is not by name, are no lists.
func TestLists(t *testing.T) {
	page := func(w http.ResponseWriter, keys ...string) {
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>`)
		for _, key := range keys {
			fmt.Fprintf(w, `<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-11-30T10:00:00.000Z</LastModified></Contents>`, key)
		}
		fmt.Fprint(w, `</ListBucketResult>`)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"the same page for ever": func(w http.ResponseWriter, _ *http.Request) { page(w, "p/a", "p/b") },
		"not by name":            func(w http.ResponseWriter, _ *http.Request) { page(w, "p/b", "p/a") },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/a</Key>`)
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, `<ListBucketResult><CommonPrefixes>`); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			n := 0
			for _, err := range lying(t, answer).List(t.Context(), "") {
				last = err
				n++
			}
			if !errors.Is(last, pool.ErrAway) && !errors.Is(last, pool.ErrRefused) || n > 3 {
				t.Errorf("%d listed, then %v", n, last)
			}
		})
	}
	t.Run("what no pool puts", func(t *testing.T) {
		s := lying(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<ListBucketResult><IsTruncated>false</IsTruncated>`)
			for _, key := range []string{"p/", "p/a", "p/b c", "p/d/", "p/e"} {
				fmt.Fprintf(w, `<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-11-30T10:00:00.000Z</LastModified></Contents>`, key)
			}
			fmt.Fprint(w, `</ListBucketResult>`)
		})
		var got []string
		for info, err := range s.List(t.Context(), "") {
			got = append(got, info.Name)
			if err != nil {
				t.Error(err)
			}
		}
		if strings.Join(got, " ") != "a e" {
			t.Errorf("listed %v", got)
		}
	})
}

// What a store keeps to itself.
func TestErrorsShowNoSecrets(t *testing.T) {
	s := lying(t, func(w http.ResponseWriter, r *http.Request) {
		xmlError(w, 403, "SignatureDoesNotMatch", "<StringToSign>"+r.Header.Get("Authorization")+"</StringToSign>")
	})
	t.Setenv("AWS_SECRET_ACCESS_KEY", "very-secret-key")
	for what, err := range each(t, s) {
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "very-secret") || strings.Contains(text, "Signature=") {
			t.Errorf("%s: %s", what, text)
		}
	}
}
