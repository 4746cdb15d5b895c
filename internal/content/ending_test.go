package content

import (
	"archive/zip"
	"bytes"
	"errors"
	"slices"
	"testing"

	"ccsfs/apiclient"
)

// A connection that is closed in the middle looks like the end where an answer has
// no length. A PDF or a ZIP tells by its own bytes that more should have come.
func TestCutWithoutLength(t *testing.T) {
	pdf := append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("1 0 obj <<>> endobj\n"), 500)...)
	pdf = append(pdf, "startxref\n9\n%%EOF\n"...)
	padded := append(bytes.Clone(pdf), make([]byte, 3000)...)
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	part, err := w.CreateHeader(&zip.FileHeader{Name: "[Content_Types].xml"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(random(66, 5000)); err != nil {
		t.Fatal(err)
	}
	if err := w.SetComment("made by a billing system"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"a.pdf": pdf, "b.pdf": padded, "c.xlsx": packed.Bytes()} {
		whole := answer{to: len(body), size: -1, body: body}
		cut := answer{to: 3000, size: -1, body: body}
		for _, limit := range []int64{4 << 20, 1000} {
			t.Run(name, inBubble(func(t *testing.T) {
				api := &scriptedAPI{answers: []answer{cut, whole}}
				s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = limit })
				r := ref("a")
				r.Name = name
				wantBytes(t, s, r, body)
				if n := len(api.requests()); n != 2 {
					t.Errorf("%d requests", n)
				}
			}))
			t.Run(name+" for ever", inBubble(func(t *testing.T) {
				api := &scriptedAPI{answers: []answer{cut}}
				s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = limit })
				r := ref("a")
				r.Name = name
				if got, err := readAll(t.Context(), s, r, 700); err == nil {
					t.Errorf("%d of %d bytes without an error", len(got), len(body))
				}
				if n := len(api.requests()); n > maxTries+1 {
					t.Errorf("%d requests", n)
				}
				if info, ok := s.Peek(r); ok && info.SHA256 != "" {
					t.Errorf("kept: %+v", info)
				}
			}))
			announced := answer{to: 3000, size: 3000, body: body}
			t.Run(name+" as announced", inBubble(func(t *testing.T) {
				api := &scriptedAPI{answers: []answer{announced, {to: len(body), size: int64(len(body)), body: body}}}
				s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = limit })
				r := ref("a")
				r.Name = name
				if got, err := readAll(t.Context(), s, r, 700); err == nil && !bytes.Equal(got, body) {
					t.Errorf("%d of %d bytes without an error", len(got), len(body))
				}
				wantBytes(t, s, r, body)
			}))
			t.Run(name+" as announced, for ever", inBubble(func(t *testing.T) {
				api := &scriptedAPI{answers: []answer{announced}}
				s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = limit })
				r := ref("a")
				r.Name = name
				if got, err := readAll(t.Context(), s, r, 700); !errors.Is(err, ErrNotDocument) {
					t.Errorf("%d of %d bytes, %v", len(got), len(body), err)
				}
				if n := len(api.requests()); n != 2 {
					t.Errorf("%d requests", n)
				}
				if info, ok := s.Peek(r); ok && info.SHA256 != "" {
					t.Errorf("kept: %+v", info)
				}
			}))
			t.Run(name+" whole", inBubble(func(t *testing.T) {
				api := &scriptedAPI{answers: []answer{whole}}
				s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = limit })
				r := ref("a")
				r.Name = name
				wantBytes(t, s, r, body)
				if n := len(api.requests()); n != 1 {
					t.Errorf("%d requests", n)
				}
			}))
		}
	}
}

// TestBodyThatStandsStill: each time that nothing comes any more costs a time-out. A
// server that gives a little and then nothing is not asked for ever, and one that
// gives a lot in between is.
func TestBodyThatStandsStill(t *testing.T) {
	body := random(67, 5<<20)
	for name, tt := range map[string]struct {
		step, requests int
		whole          bool
	}{
		"nothing":  {0, maxStalls, false},
		"a little": {50_000, maxStalls, false},
		"a lot":    {1 << 20, 5, true},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			api := &scriptedAPI{}
			for at := 0; at < len(body); at += max(tt.step, 1<<19) {
				from := at
				if tt.step < 1<<19 {
					from = at / (1 << 19) * tt.step
				}
				to := from + tt.step
				api.answers = append(api.answers, answer{from: from, to: to, size: int64(len(body)), etag: `"x"`, body: body, stalled: to < len(body)})
			}
			s := openStore(t, t.TempDir(), api, nil)
			got, err := readAll(t.Context(), s, ref("a"), 1<<20)
			if tt.whole && (err != nil || !bytes.Equal(got, body)) || !tt.whole && !errors.Is(err, apiclient.ErrTimeout) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if n := len(api.requests()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			for i, r := range api.requests() {
				if last := !tt.whole && i == tt.requests-1; r.Patient != last {
					t.Errorf("request %d waits for as long as the last one: %v", i+1, r.Patient)
				}
			}
		}))
	}
}

// TestZIPInPlaceOfADocument: it is asked for once more in so many words; once that
// has brought a document the others are asked for like that at once.
func TestZIPInPlaceOfADocument(t *testing.T) {
	body := random(68, 5000)
	whole := answer{to: len(body), size: int64(len(body)), body: body, zip: true}
	api := &scriptedAPI{answers: []answer{whole}}
	s := openStore(t, t.TempDir(), api, nil)
	wantBytes(t, s, ref("a"), body)
	wantBytes(t, s, ref("b"), body)
	var asked []bool
	for _, r := range api.requests() {
		asked = append(asked, r.Unzipped)
	}
	if !slices.Equal(asked, []bool{false, true, true}) {
		t.Errorf("asked for unzipped: %v", asked)
	}

	api = &scriptedAPI{answers: []answer{whole, {err: apiclient.ErrInvalid}}} // that does not take the parameter
	s = openStore(t, t.TempDir(), api, nil)
	if _, err := readAll(t.Context(), s, ref("a"), 700); !errors.Is(err, apiclient.ErrInvalid) {
		t.Errorf("%v", err)
	}
	api.answers = []answer{{to: len(body), size: int64(len(body)), body: body}}
	wantBytes(t, s, ref("b"), body)
	if last := api.requests()[2]; last.Unzipped {
		t.Error("asked in a way that the API refuses")
	}
}
