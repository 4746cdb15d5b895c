package content

import (
	"bytes"
	"errors"
	"io"
)

const (
	// pdfTail is where readers of PDF look for %%EOF, in bytes before the end
	// (implementation note 18 of the PDF Reference, 1.7).
	pdfTail = 1024
	// zipTail is the longest that a ZIP can have from the beginning of its
	// end-of-central-directory record on: 22 bytes and a comment.
	zipTail = 22 + 1<<16 - 1
)

// endsByItself tells the names of documents that must have their end mark: viewers
// look for that of a PDF in its last kilobyte, and a workbook cannot be read without
// the directory at its end.
func endsByItself(name string) bool {
	switch extension(name) {
	case ".pdf", ".xlsx", ".zip":
		return true
	}
	return false
}

// unfinished says whether the first size bytes of a spool are a document that
// tells by itself where it ends, without that end. Where an answer announces no
// length, a connection that is closed looks like the end; and where it does, what
// sent it may have cut it before.
func unfinished(sp spool, size int64) (bool, error) {
	for _, one := range []struct {
		begin, end string
		tail       int64
		padded     bool // by what transports and printers append
	}{
		{"%PDF-", "%%EOF", pdfTail, true},
		{"PK\x03\x04", "PK\x05\x06", zipTail, false},
	} {
		head := make([]byte, len(one.begin))
		if size < int64(len(head)) {
			continue
		}
		if _, err := sp.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if string(head) != one.begin {
			continue
		}
		tail := make([]byte, min(size, zipTail))
		if _, err := sp.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if one.padded {
			tail = bytes.TrimRight(tail, "\x00\x1a \t\r\n")
		}
		tail = tail[max(0, int64(len(tail))-one.tail):]
		return !bytes.Contains(tail, []byte(one.end)), nil
	}
	return false, nil
}
