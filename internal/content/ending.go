package content

import (
	"bytes"
	"ccsfs/apiclient"
	"errors"
	"fmt"
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
func unfinished(sp io.ReaderAt, size int64) (bool, error) {
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

// ended judges the end of an answer's body, which came at offset at. Fewer bytes
// than the answer itself said are a cut, however orderly it looks: a server may
// send a part of the rest that was asked for. Fewer or more than another answer
// said are another document. Where no answer said anything, the document itself is
// asked.
func (d *download) ended(f *apiclient.File, at int64) error {
	w := &d.w
	switch {
	case at < w.announced && f.Offset > 0:
		return d.wholly(fmt.Errorf("a part of the rest came, up to byte %d of %d", at, w.announced))
	case at < w.announced && f.Size >= 0:
		return cutError{fmt.Errorf("%w: it ended at byte %d of %d", apiclient.ErrUnreachable, at, w.announced)}
	case w.announced >= 0 && at != w.announced:
		return d.contradiction(fmt.Errorf("its size was %d bytes and is %d now", w.announced, at))
	case at < w.have:
		return d.contradiction(fmt.Errorf("it had at least %d bytes and has %d now", w.have, at))
	}
	if err := d.endMark(at); err != nil {
		return err
	}
	if err := d.look(true); err != nil {
		return err
	}
	if w.unzipped { // and that brought a document
		d.store.zips.Store(true)
	}
	return nil
}

// endMark makes sure that a document which tells by itself where it ends has that
// end. An answer that announced its length is asked for once more: what was cut on
// the way may come whole, and what comes the same is cut at its source.
func (d *download) endMark(at int64) error {
	w := &d.w
	if d.w.spool == nil || w.announced >= 0 && !endsByItself(d.ref.Name) {
		return nil
	}
	cut, err := unfinished(d.w.spool, at)
	switch {
	case err != nil || !cut:
		return err
	case w.announced < 0 || !w.endless:
		w.endless = w.announced >= 0
		return d.wholly(fmt.Errorf("it ended at byte %d without the mark that ends such a document", at))
	}
	return fmt.Errorf("%w: it comes cut short, twice: it has the %d bytes that were announced, but not the mark that ends a %s",
		ErrNotDocument, at, kindOf(extension(d.ref.Name)))
}
