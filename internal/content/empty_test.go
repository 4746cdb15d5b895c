package content

import (
	"errors"
	"fmt"
	"testing"
)

// A table may be empty, if the API says so in so many words, and twice in a row.
// No other document is, and no other kind of nothing makes one.
func TestEmptyTables(t *testing.T) {
	full := []byte("a;b\n1;2\n")
	for _, tt := range []struct {
		name   string
		first  fakeDoc // then what comes next
		second *fakeDoc
		want   []byte // nil: no document
		calls  int
	}{
		{"report.csv", fakeDoc{}, nil, []byte{}, 2},
		{"report.CSV", fakeDoc{}, nil, []byte{}, 2},
		{"notes.txt", fakeDoc{}, nil, []byte{}, 2},
		{"report.csv", fakeDoc{}, &fakeDoc{body: full}, full, 2},
		{"report.csv", fakeDoc{}, &fakeDoc{noSize: true}, nil, 2},
		{"report.csv", fakeDoc{noSize: true}, nil, nil, 1},
		{"bill.pdf", fakeDoc{}, nil, nil, 1},
		{"bill.xlsx", fakeDoc{}, nil, nil, 1},
		{"bill.zip", fakeDoc{}, nil, nil, 1},
		{"bill", fakeDoc{}, nil, nil, 1},
	} {
		t.Run(fmt.Sprint(tt.name, tt.first.noSize, tt.second != nil), func(t *testing.T) {
			dir := t.TempDir()
			api := newFake(map[string]*fakeDoc{"a": &tt.first})
			api.next = tt.second
			r := ref("a")
			r.Name = tt.name
			s := openStore(t, dir, api, nil)
			_, err := s.Stat(t.Context(), r)
			if tt.want == nil {
				if !errors.Is(err, ErrNotDocument) {
					t.Errorf("%v", err)
				}
				wantCalls(t, api, "a", tt.calls)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // of this process, and of the next one
				wantBytes(t, s, r, tt.want)
				if info, ok := s.Peek(r); !ok || info.Size != int64(len(tt.want)) {
					t.Errorf("%+v, %v", info, ok)
				}
				s = openStore(t, dir, api, nil)
			}
			wantCalls(t, api, "a", tt.calls)
		})
	}
}
