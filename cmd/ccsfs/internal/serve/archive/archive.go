// Package archive sends documents as one ZIP file, while they come.
//
// A document is here, whole, before anything of it is sent: what cannot be had is known
// while it can still be left out. If that is about the document itself (refused, not found,
// damaged), it is left out, and said in INCOMPLETE.txt, the last file of the archive: one
// bad document must not keep a year from anybody. If it is about the moment (the API is
// away, credentials are refused), or bytes fail after some were sent, the connection
// breaks: everything that follows would fail, too, and a program or person that has half
// an archive must not take it for one.
//
// Memory does not grow with the number or size of documents: those that are ahead lie in
// the cache.
//
// Not here: which documents, who may ask.
package archive

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"ccsfs/internal/content"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// IncompleteName is the file in an archive that says what is not in it.
const IncompleteName = "INCOMPLETE.txt"

// Archive is one to send. Its fields must not be changed while it is sent.
type Archive struct {
	Name      string // of the file, as it is kept
	Folder    *folder.Folder
	Documents []folder.Node // in the order in which they are sent; of distinct paths
	LeftOut   []string      // what is known not to be in it, in sentences
	Nothing   error         // why it is not known whether there are documents; nil: it is
	// Ahead is how many documents are fetched before their turn, at least 1.
	Ahead int
	// Fetch brings a document into the cache, behind those who read; nil: it comes as it
	// does to readers.
	Fetch func(context.Context, content.Ref) error
	// Incomplete words the file of what is not in the archive, of such sentences.
	Incomplete func(leftOut []string) string
	// Failed writes the answer if there is nothing to send; nil: a line of text.
	Failed func(w http.ResponseWriter, status int, err error)
	// Sent hears of each document that was sent, or was not; nil: nobody.
	Sent func(folder.Node, httpfile.Served)
}

// piece is a document that is here, or is not.
type piece struct {
	node folder.Node
	file *folder.File
	size int64
	sum  uint32 // CRC-32, as ZIP has it
	err  error
}

// Serve answers a request with the archive. Where it cannot be sent to its end it panics
// with http.ErrAbortHandler, so that the connection breaks.
func (a *Archive) Serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	pieces := a.fetch(ctx)
	defer func() {
		cancel()
		for c := range pieces {
			if p := <-c; p.file != nil {
				p.file.Close()
			}
		}
	}()
	s := &sending{archive: a, w: w, left: append([]string{}, a.LeftOut...)}
	for c := range pieces {
		if err := s.next(ctx, <-c); err != nil {
			s.fail(err)
			return
		}
	}
	if err := ctx.Err(); err != nil { // what came after is not among the pieces
		s.fail(err)
		return
	}
	if s.zip == nil {
		s.fail(s.first)
		return
	}
	if err := s.end(); err != nil {
		s.fail(err)
	}
}

// fetch brings the documents here, some beside each other, in their order.
func (a *Archive) fetch(ctx context.Context) <-chan chan piece {
	pieces := make(chan chan piece, max(a.Ahead, 1)-1)
	go func() {
		defer close(pieces)
		for _, n := range a.Documents {
			c := make(chan piece, 1)
			select {
			case pieces <- c:
			case <-ctx.Done():
				return
			}
			go func() { c <- a.whole(ctx, n) }()
		}
	}()
	return pieces
}

// whole waits until all of a document is here.
func (a *Archive) whole(ctx context.Context, n folder.Node) piece {
	p := piece{node: n}
	if p.err = ctx.Err(); p.err != nil {
		return p
	}
	if a.Fetch != nil {
		if p.err = a.Fetch(ctx, n.Ref()); p.err != nil {
			return p
		}
	}
	file, err := a.Folder.Open(ctx, n)
	if err != nil {
		p.err = err
		return p
	}
	sum := counted{}
	if err = file.Begin(ctx); err == nil {
		err = file.WriteTo(ctx, &sum)
	}
	if known := file.Size(); err == nil && known >= 0 && known != sum.n {
		err = fmt.Errorf("%d bytes of %d: %w", sum.n, known, io.ErrUnexpectedEOF)
	}
	if err != nil {
		file.Close()
		p.err = err
		return p
	}
	p.file, p.size, p.sum = file, sum.n, sum.crc
	return p
}

// counted is the length and checksum of what is written.
type counted struct {
	n   int64
	crc uint32
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p)
	return len(p), nil
}

// sending is an archive that goes out.
type sending struct {
	archive *Archive
	w       http.ResponseWriter
	buf     *bufio.Writer
	zip     *zip.Writer // nil until something is sent
	left    []string
	first   error // why the first document is not there that is not
}

// next sends a document, or notes that it is left out.
func (s *sending) next(ctx context.Context, p piece) error {
	if p.err != nil {
		s.told(p, 0, p.err)
		if httpfile.Passing(p.err) {
			return p.err
		}
		s.left = append(s.left, p.node.Path+": "+p.err.Error())
		s.first = cause(s.first, p.err)
		return nil
	}
	defer p.file.Close()
	if s.zip == nil {
		s.begin()
	}
	sent, err := s.document(ctx, p)
	s.told(p, sent, err)
	return err
}

func cause(first, err error) error {
	if first == nil {
		return err
	}
	return first
}

func (s *sending) told(p piece, sent int64, err error) {
	if s.archive.Sent == nil {
		return
	}
	served := httpfile.Served{Status: http.StatusOK, Bytes: sent, Err: err}
	if err != nil && sent == 0 {
		served.Status = httpfile.Status(err)
	}
	s.archive.Sent(p.node, served)
}

func (s *sending) begin() {
	h := s.w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", httpfile.Disposition("attachment", s.archive.Name))
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	s.buf = bufio.NewWriterSize(&patient{w: s.w, control: http.NewResponseController(s.w)}, 256<<10)
	s.zip = zip.NewWriter(s.buf)
}

// document sends one, which is here.
func (s *sending) document(ctx context.Context, p piece) (int64, error) {
	h := &zip.FileHeader{Name: p.node.Path, Modified: p.node.Doc.ModTime().UTC(), Method: method(p.node.Path)}
	var w io.Writer
	var err error
	if h.Method == zip.Store { // its length and sum are known: readers that go forward alone take it, too
		h.CRC32, h.UncompressedSize64, h.CompressedSize64 = p.sum, uint64(p.size), uint64(p.size)
		raw(h)
		w, err = s.zip.CreateRaw(h)
	} else {
		w, err = s.zip.CreateHeader(h)
	}
	if err != nil {
		return 0, err
	}
	sum := counted{}
	if err := p.file.WriteTo(ctx, io.MultiWriter(w, &sum)); err != nil {
		return sum.n, err
	}
	if sum.n != p.size || sum.crc != p.sum {
		return sum.n, fmt.Errorf("%s is not what it was a moment ago: %w", p.node.Path, content.ErrChanged)
	}
	return sum.n, nil
}

// raw sets what zip.Writer.CreateHeader sets and CreateRaw does not: that the name is UTF-8
// (APPNOTE, appendix D), and the time, in the form of DOS and in the extension that has it
// in UTC.
func raw(h *zip.FileHeader) {
	const utf8, extendedTime = 0x800, 0x5455
	h.Flags |= utf8
	h.CreatorVersion, h.ReaderVersion = 20, 20
	t := h.Modified
	if t.Year() < 1980 || t.Year() > 2107 {
		return // none that DOS has
	}
	h.ModifiedDate = uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9) //nolint:staticcheck // what CreateRaw writes
	h.ModifiedTime = uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)      //nolint:staticcheck // the same
	h.Extra = binary.LittleEndian.AppendUint16(h.Extra, extendedTime)
	h.Extra = binary.LittleEndian.AppendUint16(h.Extra, 5)
	h.Extra = append(h.Extra, 1) // the time of modification alone
	h.Extra = binary.LittleEndian.AppendUint32(h.Extra, uint32(t.Unix()))
}

// method is how a file is kept: what is compressed already is not compressed again.
func method(name string) uint16 {
	switch strings.ToLower(path.Ext(name)) {
	case ".csv", ".json", ".txt", ".xml", ".xls":
		return zip.Deflate
	}
	return zip.Store
}

// end sends what is not in the archive, and its directory.
func (s *sending) end() error {
	if len(s.left) > 0 {
		w, err := s.zip.CreateHeader(&zip.FileHeader{Name: IncompleteName, Method: zip.Deflate, Modified: time.Now().UTC()})
		if err == nil {
			_, err = io.WriteString(w, s.archive.Incomplete(s.left))
		}
		if err != nil {
			return err
		}
	}
	if err := s.zip.Close(); err != nil {
		return err
	}
	return s.buf.Flush()
}

// errNothing is why there is no archive of no documents.
var errNothing = errors.New("there are no documents to send")

// fail ends an archive that has not begun with an answer, any other by breaking off.
func (s *sending) fail(err error) {
	if s.zip != nil {
		panic(http.ErrAbortHandler)
	}
	status := http.StatusNotFound
	if err == nil {
		err = s.archive.Nothing
	}
	if err == nil {
		err = errNothing
	} else if status = httpfile.Status(err); status == http.StatusNotFound { // it is listed
		status = http.StatusBadGateway
	}
	httpfile.Headers(s.w.Header(), status)
	if s.archive.Failed != nil {
		s.archive.Failed(s.w, status, err)
		return
	}
	http.Error(s.w, err.Error(), status)
}

// patience is how long a client may take for a piece of the archive, of 256 KiB.
const patience = time.Minute

// patient gives each piece its time, and none to the waits between pieces.
type patient struct {
	w       io.Writer
	control *http.ResponseController
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(patience)) // where there are none, the server's own holds
	n, err := p.w.Write(b)
	_ = p.control.SetWriteDeadline(time.Time{})
	return n, err
}
