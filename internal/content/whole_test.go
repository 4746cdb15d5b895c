package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
)

// answer is what a server says to one request for a document.
type answer struct {
	from, to int   // the bytes of body that come
	size     int64 // what it says of the whole, -1: nothing
	etag     string
	modified string
	cut      bool // it breaks off, instead of ending
	stalled  bool // or nothing comes any more
	body     []byte
	zip      bool // where it is not asked for unzipped
	err      error
	same     bool // 304
	noRanges bool
}

// scriptedAPI gives one answer after the other, the last one for ever.
type scriptedAPI struct {
	mu      sync.Mutex
	answers []answer
	reqs    []apiclient.FileRequest
}

func (a *scriptedAPI) File(_ context.Context, r apiclient.FileRequest) (*apiclient.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := a.answers[0]
	if len(a.answers) > 1 {
		a.answers = a.answers[1:]
	}
	a.reqs = append(a.reqs, r)
	if next.zip && !r.Unzipped {
		next.body, next.to, next.size = []byte("PK\x03\x04"+strings.Repeat("\x00", 1000)+"PK\x05\x06"+strings.Repeat("\x00", 18)), 1026, 1026
	}
	if next.err != nil {
		return nil, next.err
	}
	if next.same {
		return &apiclient.File{NotModified: true, Size: -1, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	var body io.Reader = bytes.NewReader(next.body[next.from:next.to])
	if next.cut {
		body = io.MultiReader(body, brokenOff{})
	}
	if next.stalled {
		body = io.MultiReader(body, iotest.ErrReader(fmt.Errorf("%w: nothing came", apiclient.ErrTimeout)))
	}
	return &apiclient.File{
		Body: io.NopCloser(body), Size: next.size, Offset: int64(next.from),
		AcceptRanges: !next.noRanges, ETag: next.etag, LastModified: next.modified,
	}, nil
}

func (a *scriptedAPI) requests() []apiclient.FileRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reqs
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) {
	return 0, fmt.Errorf("%w: %w", apiclient.ErrUnreachable, io.ErrUnexpectedEOF)
}

// inBubble has a test wait in virtual time.
func inBubble(f func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// A part of a document was kept as the whole, with a hash that fitted it: a server
// that answers a Range with less than the rest, a rest without a total after a
// total was known, a rest of another version without a word of its version.
// Whatever a server says and sends, what is read is all of one version, or an error.
func TestAPartIsNeverTakenForTheWhole(t *testing.T) {
	body, other := random(60, 10_000), random(61, 10_000)
	grown := append(bytes.Clone(body), random(62, 3000)...)
	const etag = `"x"`
	cut := answer{to: 2000, size: 10_000, etag: etag, cut: true}
	unsized := answer{to: 2000, size: -1, etag: etag, cut: true}
	all := answer{to: 10_000, size: 10_000, etag: etag}
	old := time.Now().Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	for name, answers := range map[string][]answer{
		"a part of the rest":                           {cut, {from: 2000, to: 3000, size: 10_000, etag: etag}, all},
		"a part of the rest, for ever":                 {cut, {from: 2000, to: 3000, size: 10_000, etag: etag}, {to: 3000, size: 10_000, etag: etag, cut: true}},
		"a part of the rest, without a total":          {cut, {from: 2000, to: 3000, size: -1, etag: etag}, all},
		"the rest, without a total":                    {cut, {from: 2000, to: 10_000, size: -1, etag: etag}},
		"no total at all":                              {unsized, {from: 2000, to: 3000, size: -1, etag: etag}, {to: 10_000, size: -1, etag: etag}},
		"a total with the rest only":                   {unsized, {from: 2000, to: 3000, size: 10_000, etag: etag}, all},
		"fewer bytes than announced":                   {{to: 3000, size: 10_000, etag: etag}, all},
		"fewer bytes than announced, no ranges":        {{to: 3000, size: 10_000, noRanges: true}, {to: 10_000, size: 10_000}},
		"fewer bytes than announced, for ever":         {{to: 3000, size: 10_000}},
		"more bytes than announced":                    {{to: 10_000, size: 3000}},
		"more bytes than announced in the rest":        {cut, {from: 2000, to: 12_000, size: 10_000, etag: etag, body: grown}},
		"another total":                                {cut, {from: 2000, to: 13_000, size: 13_000, etag: etag, body: grown}},
		"another total, smaller":                       {cut, {from: 2000, to: 9000, size: 9000, etag: etag}},
		"whole in answer to a range, and shorter":      {cut, {to: 9000, size: -1, etag: etag}},
		"whole in answer to a range, and longer":       {cut, {to: 13_000, size: -1, etag: etag, body: grown}},
		"whole in answer to a range, shorter than had": {unsized, {to: 1000, size: -1, etag: etag}},
		"whole in answer to a range":                   {cut, all},
		"whole in answer to a range, without a length": {cut, {to: 10_000, size: -1, etag: etag}},
		"rest of another version, which says so":       {cut, {from: 2000, to: 10_000, size: 10_000, etag: `"y"`, body: other}, {to: 10_000, size: 10_000, etag: `"y"`, body: other}},
		"rest of another version, which says nothing":  {cut, {from: 2000, to: 10_000, size: 10_000, body: other}, {to: 10_000, size: 10_000, etag: `"y"`, body: other}},
		"rest of another version, under a date":        {{to: 2000, size: 10_000, modified: old, cut: true}, {from: 2000, to: 10_000, size: 10_000, body: other}, {to: 10_000, size: 10_000, body: other}},
		"rest of another version, of the same second":  {{to: 2000, size: 10_000, modified: time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), cut: true}, {from: 2000, to: 10_000, size: 10_000, modified: time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), body: other}, {to: 10_000, size: 10_000, body: other}},
		"not modified in answer to a range":            {cut, {same: true}, all},
		"nothing in answer to a range":                 {cut, {from: 2000, to: 2000, size: 10_000, etag: etag}, all},
		"a whole of no bytes in answer to a range":     {cut, {size: 0, etag: etag}},
		"bytes from elsewhere":                         {cut, {from: 5000, to: 10_000, size: 10_000, etag: etag}},
	} {
		for _, limit := range []int64{4 << 20, 1000} { // held back until it is whole, and not
			t.Run(fmt.Sprint(name, " ", limit), inBubble(func(t *testing.T) {
				answers := append([]answer(nil), answers...)
				for i := range answers {
					if answers[i].body == nil {
						answers[i].body = body
					}
				}
				api := &scriptedAPI{answers: answers}
				dir := t.TempDir()
				s := openStore(t, dir, api, func(c *Config) { c.PrefetchLimit = limit })
				got, err := readAll(t.Context(), s, ref("a"), 700)
				whole := func(b []byte) bool { return bytes.Equal(b, body) || bytes.Equal(b, other) || bytes.Equal(b, grown) }
				if err == nil && !whole(got) && !(len(answers) == 2 && len(got) == 9000) {
					t.Fatalf("%d bytes without an error", len(got))
				}
				if n := len(api.requests()); n > 8 {
					t.Errorf("%d requests", n)
				}
				if info, ok := s.Peek(ref("a")); ok && info.SHA256 != "" && err != nil {
					t.Errorf("kept after %v: %+v", err, info)
				}
				// What is kept is what a later process reads.
				later := openStore(t, dir, nil, func(c *Config) { c.Offline = true })
				if kept, err2 := readAll(t.Context(), later, ref("a"), 700); err2 == nil && !bytes.Equal(kept, got) {
					t.Errorf("%d bytes kept, %d read", len(kept), len(got))
				}
			}))
		}
	}
}

// The rest that comes without a total is taken if a total was known before.
func TestAKnownTotalIsNotForgotten(t *testing.T) {
	body := random(63, 10_000)
	for name, tt := range map[string]struct {
		answers []answer
		ranges  []int64 // asked for
	}{
		"rest without a total":         {[]answer{{to: 2000, size: 10_000, etag: `"x"`, cut: true}, {from: 2000, to: 10_000, size: -1, etag: `"x"`}}, []int64{0, 2000}},
		"cut in the rest, and again":   {[]answer{{to: 2000, size: 10_000, etag: `"x"`, cut: true}, {from: 2000, to: 5000, size: -1, etag: `"x"`, cut: true}, {from: 5000, to: 10_000, size: -1, etag: `"x"`}}, []int64{0, 2000, 5000}},
		"part of the rest":             {[]answer{{to: 2000, size: 10_000, etag: `"x"`, cut: true}, {from: 2000, to: 3000, size: 10_000, etag: `"x"`}, {to: 10_000, size: 10_000, etag: `"x"`}}, []int64{0, 2000, 0}},
		"no total, so from the start":  {[]answer{{to: 2000, size: -1, etag: `"x"`, cut: true}, {from: 2000, to: 10_000, size: -1, etag: `"x"`}, {to: 10_000, size: -1, etag: `"x"`}}, []int64{0, 2000, 0}},
		"a total comes with the rest":  {[]answer{{to: 2000, size: -1, etag: `"x"`, cut: true}, {from: 2000, to: 10_000, size: 10_000, etag: `"x"`}}, []int64{0, 2000}},
		"the rest without its version": {[]answer{{to: 2000, size: 10_000, etag: `"x"`, cut: true}, {from: 2000, to: 10_000, size: 10_000}, {to: 10_000, size: 10_000, etag: `"x"`}}, []int64{0, 2000, 0}},
		"a whole that ends too soon":   {[]answer{{to: 2000, size: 10_000, noRanges: true}, {to: 10_000, size: 10_000}}, []int64{0, 0}},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			for i := range tt.answers {
				tt.answers[i].body = body
			}
			api := &scriptedAPI{answers: tt.answers}
			s := openStore(t, t.TempDir(), api, nil)
			wantBytes(t, s, ref("a"), body)
			var asked []int64
			for _, r := range api.requests() {
				asked = append(asked, r.Offset)
			}
			if fmt.Sprint(asked) != fmt.Sprint(tt.ranges) {
				t.Errorf("asked from %v, want %v", asked, tt.ranges)
			}
		}))
	}
}

// A large document that was due to be asked about began to arrive, broke off, and
// was as before when it was taken up again: the beginning of the one was joined
// with what the cache had of the other.
func TestNotModifiedAfterABeginning(t *testing.T) {
	before, after := random(64, 10_000), random(65, 10_000)
	c := newClock()
	api := &scriptedAPI{answers: []answer{{to: 10_000, size: 10_000, etag: `"1"`, body: before}}}
	s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now; cfg.PrefetchLimit = 1000 })
	wantBytes(t, s, volatileRef("a"), before)
	c.add(2 * time.Hour)
	api.answers = []answer{{to: 3000, size: 10_000, body: after, cut: true, noRanges: true}, {same: true}}
	got, err := readAll(t.Context(), s, volatileRef("a"), 700)
	if err == nil && !bytes.Equal(got, before) && !bytes.Equal(got, after) {
		t.Fatalf("a mixture of %d bytes without an error", len(got))
	}
	if reqs := api.requests(); len(reqs) > 2 && reqs[2].IfNoneMatch != "" && errors.Is(err, ErrChanged) {
		t.Errorf("asked whether it is modified, with half of another version in hand")
	}
}
