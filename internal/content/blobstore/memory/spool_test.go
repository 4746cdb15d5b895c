package memory

import (
	"bytes"
	"errors"
	"testing"

	"ccsfs/internal/content/blobstore"
)

// pattern gives n bytes that do not repeat with a chunk.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16)
	}
	return b
}

func TestSpoolAfterAFailedAppend(t *testing.T) {
	a := pattern(3 * ChunkLen)
	var budget Budget
	budget.Add(2 * ChunkLen)
	sp := NewSpool(&budget)
	defer sp.Close()
	if err := sp.Append(a[:1000]); err != nil {
		t.Fatal(err)
	}
	if err := sp.Append(a[1000:]); !errors.Is(err, blobstore.ErrNoSpace) {
		t.Error(err)
	}
	budget.Add(ChunkLen)
	if err := sp.Append(a[1000:]); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(a))
	if _, err := sp.ReadAt(got, 0); err != nil || !bytes.Equal(got, a) {
		t.Errorf("%v, or other bytes", err)
	}
}

func TestMemSpool(t *testing.T) {
	var budget Budget
	budget.Add(64 << 20)
	m := NewSpool(&budget)
	want := pattern(ChunkLen*2 + 17)
	for i := 0; i < len(want); i += 1001 {
		if err := m.Append(want[i:min(i+1001, len(want))]); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want)-5)
	if n, err := m.ReadAt(got, 5); n != len(got) || err != nil || !bytes.Equal(got, want[5:]) {
		t.Fatalf("read %d, %v", n, err)
	}
	budget.Add(ChunkLen - budget.Left())
	if err := m.Append(make([]byte, 3*ChunkLen)); !errors.Is(err, blobstore.ErrNoSpace) {
		t.Errorf("beyond the budget: %v", err)
	}
	m.Close()
}
