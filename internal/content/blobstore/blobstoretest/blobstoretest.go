// Package blobstoretest has the tests that every [blobstore.Store] must pass.
package blobstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile/osfiletest"
)

// Kind is a kind of store.
type Kind struct {
	// Open opens an empty store that keeps at most limit bytes of blobs. It is closed
	// at the end of the test.
	Open func(t *testing.T, limit int64) blobstore.Store
	// Again opens what another store keeps once more, as another process would; nil:
	// this kind of store is one process's own.
	Again func(t *testing.T, s blobstore.Store, limit int64) blobstore.Store
	// Damage makes other bytes, which may be more or fewer, of a blob, without telling
	// the store.
	Damage func(t *testing.T, s blobstore.Store, k blobstore.Key, p []byte)
}

// Plenty is a limit that no test reaches.
const Plenty = 64 << 20

// Run runs all tests on a kind of store.
func Run(t *testing.T, kind Kind) {
	for name, test := range map[string]func(*testing.T, Kind){
		"WhatWasPutIsRead":              whatWasPutIsRead,
		"NothingThere":                  nothingThere,
		"SpoolsAreReadWhileTheyGrow":    spoolsAreReadWhileTheyGrow,
		"ASpoolIsTheBlobOnceItIsPut":    aSpoolIsTheBlobOnceItIsPut,
		"ASpoolThatIsClosedLeavesNone":  aSpoolThatIsClosedLeavesNone,
		"APutThatFailsChangesNothing":   aPutThatFailsChangesNothing,
		"AnotherOneInItsPlace":          anotherOneInItsPlace,
		"PutsOfOneKeyAtOnce":            putsOfOneKeyAtOnce,
		"Remove":                        remove,
		"RemoveOnlyThisOne":             removeOnlyThisOne,
		"OpenBlobsOutliveTheirRemoval":  openBlobsOutliveTheirRemoval,
		"OpenBlobsOutliveTheStore":      openBlobsOutliveTheStore,
		"DamageIsNoticed":               damageIsNoticed,
		"DamageIsNoticedInAnOpenBlob":   damageIsNoticedInAnOpenBlob,
		"TheIdentityStays":              theIdentityStays,
		"OddNames":                      oddNames,
		"TheBoundHolds":                 theBoundHolds,
		"LeastRecentlyUsedGoFirst":      leastRecentlyUsedGoFirst,
		"WhatIsLargerThanTheBoundStays": whatIsLargerThanTheBoundStays,
		"AnotherProcessSeesIt":          anotherProcessSeesIt,
		"AnotherProcessIsNotMixedUp":    anotherProcessIsNotMixedUp,
	} {
		t.Run(name, func(t *testing.T) { test(t, kind) })
	}
}

func key(id string) blobstore.Key { return blobstore.KeyOf("OCB0001234", id) }

// document gives n bytes that are always the same for a seed, and at no two places.
func document(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return b
}

// spool makes a spool that holds p, appended in pieces.
func spool(t *testing.T, s blobstore.Store, p []byte) blobstore.Spool {
	t.Helper()
	sp, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 10_007)
		if err := sp.Append(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	return sp
}

// put makes p a blob.
func put(t *testing.T, s blobstore.Store, id string, p []byte) {
	t.Helper()
	sp := spool(t, s, p)
	if err := s.Put(t.Context(), key(id), sp); err != nil {
		t.Fatal(err)
	}
	if err := sp.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, s blobstore.Store, id string) blobstore.Blob {
	t.Helper()
	b, err := s.Open(t.Context(), key(id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// identity is what b is now.
func identity(t *testing.T, b blobstore.Blob) blobstore.Identity {
	t.Helper()
	st, err := b.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if st.Identity == "" {
		t.Fatal("a blob without an identity")
	}
	return st.Identity
}

func check(b blobstore.Blob, p []byte) error {
	buf := make([]byte, 32<<10)
	sum, err := blobstore.Hash(bytes.NewReader(p), int64(len(p)), buf)
	if err != nil {
		return err
	}
	return blobstore.Check(b, int64(len(p)), sum, buf)
}

// want reads the blob of id, in one read and in several.
func want(t *testing.T, s blobstore.Store, id string, p []byte) {
	t.Helper()
	wantBlob(t, open(t, s, id), p)
	if st, err := s.Stat(key(id)); err != nil || st.Size != int64(len(p)) {
		t.Fatalf("%s: %d bytes, want %d (%v)", id, st.Size, len(p), err)
	}
}

func wantBlob(t *testing.T, b blobstore.Blob, p []byte) {
	t.Helper()
	if err := check(b, p); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(p)+5)
	n, err := b.ReadAt(got, 0)
	if n != len(p) || !errors.Is(err, io.EOF) || !bytes.Equal(got[:n], p) {
		t.Fatalf("read %d bytes of %d, or others (%v)", n, len(p), err)
	}
	if len(p) < 3 {
		return
	}
	third := int64(len(p) / 3)
	if n, err := b.ReadAt(got[:third], third); n != int(third) || err != nil || !bytes.Equal(got[:n], p[third:2*third]) {
		t.Fatalf("%d bytes from the middle, or others (%v)", n, err)
	}
}

func wantNone(t *testing.T, s blobstore.Store, id string) {
	t.Helper()
	if b, err := s.Open(t.Context(), key(id)); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			b.Close()
		}
		t.Errorf("%s: opened (%v)", id, err)
	}
	if _, err := s.Stat(key(id)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: there (%v)", id, err)
	}
}

func wantUsage(t *testing.T, s blobstore.Store, count int, size int64) {
	t.Helper()
	if n, b := s.Usage(); n != count || b != size {
		t.Errorf("%d blobs of %d bytes, want %d of %d", n, b, count, size)
	}
}

func whatWasPutIsRead(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	sizes := []int{0, 1, 4096, 300_000, 1 << 20}
	total := 0
	for i, n := range sizes {
		put(t, s, fmt.Sprint(i), document(byte(i), n))
		total += n
	}
	for i, n := range sizes {
		want(t, s, fmt.Sprint(i), document(byte(i), n))
	}
	wantUsage(t, s, len(sizes), int64(total))
	for i := range sizes { // the same document of another contract is another one
		if _, err := s.Open(t.Context(), blobstore.KeyOf("OCB0005678", fmt.Sprint(i))); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

func nothingThere(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	wantNone(t, s, "a")
	wantUsage(t, s, 0, 0)
	if err := s.Remove(key("a"), nil); err != nil {
		t.Error(err)
	}
}

func spoolsAreReadWhileTheyGrow(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	sp, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	p := document(1, 600_000)
	for at := 0; at < len(p); at += 60_000 {
		if err := sp.Append(p[at : at+60_000]); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				got := make([]byte, at+60_000)
				if n, err := sp.ReadAt(got, 0); n < len(got) || !bytes.Equal(got, p[:n]) {
					t.Errorf("%d bytes of %d, or others (%v)", n, len(got), err)
				}
			})
		}
		wg.Wait()
	}
	wantNone(t, s, "a")
	wantUsage(t, s, 0, 0)
}

func aSpoolIsTheBlobOnceItIsPut(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	p := document(2, 500_000)
	sp := spool(t, s, p)
	if err := s.Put(t.Context(), key("a"), sp); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, sp, p)
	want(t, s, "a", p)
	if identity(t, sp) != identity(t, open(t, s, "a")) {
		t.Error("the blob is another one than the spool")
	}
	if err := sp.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", p)
}

func aSpoolThatIsClosedLeavesNone(t *testing.T, kind Kind) {
	s := kind.Open(t, 1<<20)
	for range 20 { // of which the limit would hold two
		if err := spool(t, s, document(3, 500_000)).Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantUsage(t, s, 0, 0)
}

// foreign is a spool of no store.
type foreign struct{ blobstore.Spool }

func aPutThatFailsChangesNothing(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	p := document(4, 5000)
	put(t, s, "a", p)
	for _, id := range []string{"a", "b"} {
		if err := s.Put(t.Context(), key(id), foreign{}); err == nil {
			t.Error("a spool of nobody was put")
		}
		other := spool(t, kind.Open(t, Plenty), document(5, 6000))
		if err := s.Put(t.Context(), key(id), other); err == nil {
			t.Error("the spool of another store was put")
		}
		wantBytes := make([]byte, 6000)
		if n, err := other.ReadAt(wantBytes, 0); n != 6000 {
			t.Errorf("the spool is not to be read after that: %v", err)
		}
	}
	want(t, s, "a", p)
	wantNone(t, s, "b")
	wantUsage(t, s, 1, 5000)
}

func anotherOneInItsPlace(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	p, q := document(6, 5000), document(7, 7000)
	put(t, s, "a", p)
	old := open(t, s, "a")
	was := identity(t, old)
	put(t, s, "a", q)
	want(t, s, "a", q)
	wantBlob(t, old, p)
	if identity(t, open(t, s, "a")) == was {
		t.Error("both have one identity")
	}
	wantUsage(t, s, 1, 7000)
}

// Whoever opens the blob meanwhile has one or the other, and never of both.
func putsOfOneKeyAtOnce(t *testing.T, kind Kind) {
	osfiletest.SkipWine(t)
	s := kind.Open(t, Plenty)
	docs := make([][]byte, 8)
	for i := range docs {
		docs[i] = document(byte(i), 100_000+i)
	}
	put(t, s, "a", docs[0])
	var writers, readers sync.WaitGroup
	ended := make(chan struct{})
	for _, p := range docs {
		writers.Go(func() {
			for range 5 {
				sp, err := s.Create()
				if err == nil {
					err = errors.Join(sp.Append(p), s.Put(context.WithoutCancel(t.Context()), key("a"), sp), sp.Close())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				b, err := s.Open(context.WithoutCancel(t.Context()), key("a"))
				if err != nil {
					t.Error(err)
					return
				}
				st, err := b.Stat()
				if i := int(st.Size - 100_000); err != nil || i < 0 || i >= len(docs) {
					t.Errorf("%d bytes (%v)", st.Size, err)
				} else if err := check(b, docs[i]); err != nil {
					t.Error(err)
				}
				b.Close()
			}
		})
	}
	writers.Wait()
	close(ended)
	readers.Wait()
	st, err := s.Stat(key("a"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", docs[st.Size-100_000])
	if n, _ := s.Usage(); n != 1 {
		t.Errorf("%d blobs of one key", n)
	}
}

func remove(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	put(t, s, "a", document(8, 5000))
	put(t, s, "b", document(9, 6000))
	if err := s.Remove(key("a"), nil); err != nil {
		t.Fatal(err)
	}
	wantNone(t, s, "a")
	want(t, s, "b", document(9, 6000))
	wantUsage(t, s, 1, 6000)
	put(t, s, "a", document(8, 5000))
	want(t, s, "a", document(8, 5000))
}

func removeOnlyThisOne(t *testing.T, kind Kind) {
	osfiletest.SkipWine(t)
	s := kind.Open(t, Plenty)
	put(t, s, "a", document(10, 5000))
	old := open(t, s, "a")
	sp := spool(t, s, document(11, 6000))
	if err := s.Put(t.Context(), key("a"), sp); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(key("a"), old); err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", document(11, 6000))
	if err := s.Remove(key("a"), sp); err != nil {
		t.Fatal(err)
	}
	wantNone(t, s, "a")
	put(t, s, "a", document(12, 7000))
	if err := s.Remove(key("a"), open(t, s, "a")); err != nil {
		t.Fatal(err)
	}
	wantNone(t, s, "a")
}

func openBlobsOutliveTheirRemoval(t *testing.T, kind Kind) {
	s := kind.Open(t, 1<<20)
	p, q := document(13, 300_000), document(14, 300_000)
	put(t, s, "removed", p)
	put(t, s, "evicted", q)
	removed, evicted := open(t, s, "removed"), open(t, s, "evicted")
	if err := s.Remove(key("removed"), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		put(t, s, fmt.Sprint(i), document(byte(i), 300_000))
	}
	wantNone(t, s, "removed")
	wantNone(t, s, "evicted")
	wantBlob(t, removed, p)
	wantBlob(t, evicted, q)
}

func openBlobsOutliveTheStore(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	p := document(15, 300_000)
	put(t, s, "a", p)
	b, sp := open(t, s, "a"), spool(t, s, p)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, b, p)
	got := make([]byte, len(p))
	if n, err := sp.ReadAt(got, 0); n != len(p) || !bytes.Equal(got, p) {
		t.Errorf("%d bytes of the spool, or others (%v)", n, err)
	}
}

// damages are what may become of a document of 5000 bytes.
func damages() map[string][]byte {
	p := document(16, 5000)
	flipped := bytes.Clone(p)
	flipped[4000] ^= 1
	return map[string][]byte{
		"torn": p[:4096], "empty": nil, "longer": append(bytes.Clone(p), 0),
		"zeroes at the end": append(bytes.Clone(p[:4096]), make([]byte, 904)...), "flipped bit": flipped,
	}
}

func damageIsNoticed(t *testing.T, kind Kind) {
	for name, p := range damages() {
		t.Run(name, func(t *testing.T) {
			s := kind.Open(t, Plenty)
			put(t, s, "a", document(16, 5000))
			was, err := s.Stat(key("a"))
			if err != nil {
				t.Fatal(err)
			}
			kind.Damage(t, s, key("a"), p)
			b, err := s.Open(t.Context(), key("a"))
			if err != nil {
				return // which is as good
			}
			defer b.Close()
			if identity(t, b) == was.Identity {
				t.Error("the identity is the same")
			}
			if check(b, document(16, 5000)) == nil {
				t.Error("it is taken for whole")
			}
		})
	}
}

// What an open blob gives after a damage is either what it was, or has another identity.
func damageIsNoticedInAnOpenBlob(t *testing.T, kind Kind) {
	for name, p := range damages() {
		t.Run(name, func(t *testing.T) {
			s := kind.Open(t, Plenty)
			put(t, s, "a", document(16, 5000))
			b := open(t, s, "a")
			was := identity(t, b)
			kind.Damage(t, s, key("a"), p)
			if check(b, document(16, 5000)) != nil && identity(t, b) == was {
				t.Error("other bytes under the same identity")
			}
		})
	}
}

// Reading, opening and touching change nothing: what was compared once need not be again.
func theIdentityStays(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	put(t, s, "a", document(17, 5000))
	was := identity(t, open(t, s, "a"))
	want(t, s, "a", document(17, 5000))
	s.Touch(key("a"), 5000)
	put(t, s, "b", document(18, 5000))
	if is := identity(t, open(t, s, "a")); is != was {
		t.Errorf("%q, was %q", is, was)
	}
	if st, err := s.Stat(key("a")); err != nil || st.Identity != was {
		t.Errorf("%q, want %q (%v)", st.Identity, was, err)
	}
}

func oddNames(t *testing.T, kind Kind) {
	s := kind.Open(t, Plenty)
	ids := []string{"", ".", "..", "../../etc/passwd", "a/b", "a\x00b", "a\nb", " ", "A", "a", "\u00e9", "e\u0301", "\xff\xfe",
		strings.Repeat("x", 5000), "CON", "-rf", "~", "*", "%2e%2e", "\u202egpj.exe"}
	for i, id := range ids {
		put(t, s, id, document(byte(i), 1000+i))
	}
	for i, id := range ids {
		want(t, s, id, document(byte(i), 1000+i))
	}
	if n, _ := s.Usage(); n != len(ids) {
		t.Errorf("%d blobs, want %d", n, len(ids))
	}
}

func theBoundHolds(t *testing.T, kind Kind) {
	const limit = 1 << 20
	s := kind.Open(t, limit)
	for i := range 50 {
		put(t, s, fmt.Sprint(i), document(byte(i), 100_000))
		if _, b := s.Usage(); b > limit {
			t.Fatalf("%d bytes in a store of %d", b, limit)
		}
		want(t, s, fmt.Sprint(i), document(byte(i), 100_000))
	}
	n, b := s.Usage()
	if b < limit/2 {
		t.Errorf("%d bytes are kept in a store of %d", b, limit)
	}
	there := 0
	for i := range 50 {
		if _, err := s.Stat(key(fmt.Sprint(i))); err == nil {
			there++
		}
	}
	if there != n {
		t.Errorf("%d blobs are there, and %d known of", there, n)
	}
}

func leastRecentlyUsedGoFirst(t *testing.T, kind Kind) {
	s := kind.Open(t, 1<<20)
	for i := range 10 {
		put(t, s, fmt.Sprint(i), document(byte(i), 100_000))
	}
	for _, i := range []int{0, 2, 4} {
		s.Touch(key(fmt.Sprint(i)), 100_000)
	}
	open(t, s, "1") // to open is not to use: who checks a store opens all
	for i := 10; i < 15; i++ {
		put(t, s, fmt.Sprint(i), document(byte(i), 100_000))
	}
	for _, i := range []int{1, 3, 5} {
		wantNone(t, s, fmt.Sprint(i))
	}
	for _, i := range []int{0, 2, 4, 10, 11, 12, 13, 14} {
		want(t, s, fmt.Sprint(i), document(byte(i), 100_000))
	}
}

func whatIsLargerThanTheBoundStays(t *testing.T, kind Kind) {
	s := kind.Open(t, 1<<20)
	put(t, s, "small", document(19, 5000))
	put(t, s, "large", document(20, 1<<20+1))
	want(t, s, "large", document(20, 1<<20+1))
	wantNone(t, s, "small")
	put(t, s, "small", document(19, 5000))
	want(t, s, "small", document(19, 5000))
	wantNone(t, s, "large")
}

func anotherProcessSeesIt(t *testing.T, kind Kind) {
	if kind.Again == nil {
		t.Skip("one process's own")
	}
	s := kind.Open(t, Plenty)
	other := kind.Again(t, s, Plenty)
	put(t, s, "a", document(21, 5000))
	want(t, other, "a", document(21, 5000))
	st1, err1 := s.Stat(key("a"))
	st2, err2 := other.Stat(key("a"))
	if err1 != nil || err2 != nil || st1 != st2 {
		t.Errorf("%d bytes, %q, and %d, %q (%v, %v)", st1.Size, st1.Identity, st2.Size, st2.Identity, err1, err2)
	}
	b := open(t, s, "a")
	if err := other.Remove(key("a"), nil); err != nil {
		t.Fatal(err)
	}
	wantNone(t, s, "a")
	wantBlob(t, b, document(21, 5000))
	put(t, other, "b", document(22, 5000))
	sp := spool(t, s, document(23, 5000)) // on its way while the other one ends
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, s, "b", document(22, 5000))
	if err := s.Put(t.Context(), key("c"), sp); err != nil {
		t.Fatal(err)
	}
	again := kind.Again(t, s, Plenty)
	want(t, again, "b", document(22, 5000))
	want(t, again, "c", document(23, 5000))
}

// Spools of two processes get into nobody's way, and what another one has put in the
// place of a blob is not removed with it.
func anotherProcessIsNotMixedUp(t *testing.T, kind Kind) {
	if kind.Again == nil {
		t.Skip("one process's own")
	}
	s := kind.Open(t, Plenty)
	other := kind.Again(t, s, Plenty)
	mine, theirs := spool(t, s, document(24, 5000)), spool(t, other, document(25, 6000))
	if err := errors.Join(s.Put(t.Context(), key("a"), mine), other.Put(t.Context(), key("a"), theirs)); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, mine, document(24, 5000))
	wantBlob(t, theirs, document(25, 6000))
	want(t, s, "a", document(25, 6000))
	if err := s.Remove(key("a"), mine); err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", document(25, 6000))
}
