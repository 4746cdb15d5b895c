package amounts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	// mostRecord bounds a record, in bytes: a quote that is never closed would else bring
	// all of the file into memory.
	mostRecord = 1 << 20
	// mostColumns bounds the columns of a table.
	mostColumns = 1000
)

// table is a CSV file.
type table struct {
	in  *bounded
	csv *csv.Reader
	at  int
	row []cell
}

// openCSV opens a CSV file in UTF-8 or an encoding that has ASCII in it, or, with a byte
// order mark, in UTF-16. What separates its columns shows in its first line.
func openCSV(ctx context.Context, d Document) (*table, error) {
	raw := io.NewSectionReader(bytesOf{ctx, d.ReaderAt}, 0, d.Size)
	decoded := transform.NewReader(raw, unicode.BOMOverride(transform.Nop))
	in := &bounded{in: decoded, left: mostRecord}
	buffered := bufio.NewReaderSize(in, mostRecord)
	first, err := buffered.Peek(mostRecord)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errLongRecord) {
		return nil, err
	}
	line, _, _ := bytes.Cut(first, []byte("\n"))
	comma, ok := separator(string(line))
	if !ok {
		return nil, unknown("its columns are separated by nothing that is known")
	}
	r := csv.NewReader(buffered)
	r.Comma, r.ReuseRecord = comma, true
	return &table{in: in, csv: r}, nil
}

// separator is what separates the columns of a line of heads: what there is most of. The
// tab, too, separates columns in what is called CSV.
func separator(line string) (rune, bool) {
	best, most := rune(0), 0
	quoted := false
	count := map[rune]int{}
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ';' || c == ',' || c == '\t'):
			count[c]++
		}
	}
	for c, n := range count {
		switch {
		case n > most:
			best, most = c, n
		case n == most:
			best = 0
		}
	}
	return best, best != 0
}

func (t *table) typed() bool { return false }

func (t *table) next() (int, []cell, error) {
	t.in.left = mostRecord
	record, err := t.csv.Read()
	if err != nil {
		return 0, nil, err
	}
	if len(record) > mostColumns {
		return 0, nil, unknown("it has %d columns", len(record))
	}
	t.at++
	t.row = t.row[:0]
	for _, text := range record {
		t.row = append(t.row, cell{text: strings.TrimSpace(text)})
	}
	return t.at, t.row, nil
}

// bounded reads at most so many bytes before it is told to go on, and no NUL, which no
// text has.
type bounded struct {
	in   io.Reader
	left int
}

var (
	errLongRecord = &UnknownError{"it has a line without end"}
	errNoText     = &UnknownError{"it is no text"}
)

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRecord
	}
	n, err := b.in.Read(p[:min(len(p), 4<<10, b.left)])
	b.left -= n
	if bytes.IndexByte(p[:n], 0) >= 0 {
		return 0, errNoText
	}
	return n, err
}
