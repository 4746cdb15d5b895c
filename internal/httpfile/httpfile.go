// Package httpfile is a file of the folder as the answer to an HTTP request: sizes, ranges,
// conditions, types, and what an error is in statuses. Every face over HTTP serves its
// documents by it, so that they promise the same: what is sent is all of what was announced,
// or the connection breaks.
//
// Not here: who may ask, what is at which address, lists.
package httpfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"ccsfs/internal/folder"
)

// Served is what came of a request, for the log.
type Served struct {
	Status int
	Bytes  int64 // of the body that were sent
	Err    error // why it is not the document, or not all of it; nil if it is
}

// Options of an answer.
type Options struct {
	// Disposition makes a Content-Disposition, where a browser may be asking.
	Disposition func(begin []byte) string
	// Heard is the status that tells this client of an error what the one of Status tells
	// others; nil: the same.
	Heard func(status int) int
	// Failed writes the answer for an error; nil: a line of text.
	Failed func(w http.ResponseWriter, status int, err error)
	// Done hears what came of it, before the connection is broken, if it is.
	Done func(Served)
}

// Serve answers a GET or HEAD for a file of f. A HEAD asks for the size alone. Where the
// bytes cannot be had after their beginning was sent, it panics with
// http.ErrAbortHandler, so that the connection breaks: no client may take a part for the
// whole.
func Serve(w http.ResponseWriter, r *http.Request, f *folder.Folder, n folder.Node, o Options) {
	a := &answer{w: w, r: r, o: o, node: n}
	a.run(f)
	if o.Done != nil {
		o.Done(Served{Status: a.status, Bytes: a.sent, Err: a.err})
	}
	if a.broken {
		panic(http.ErrAbortHandler)
	}
}

// answer is one of Serve.
type answer struct {
	w      http.ResponseWriter
	r      *http.Request
	o      Options
	node   folder.Node
	status int
	sent   int64
	err    error
	broken bool
}

func (a *answer) run(f *folder.Folder) {
	ctx := a.r.Context()
	if info, ok := f.Peek(a.node); ok && a.known(info) {
		a.serve(info, nothing{}) // 304
		return
	}
	if a.r.Method == http.MethodHead {
		info, err := f.Stat(ctx, a.node)
		if err != nil {
			a.fail(err)
			return
		}
		a.serve(info, nothing{})
		return
	}
	file, err := f.Open(ctx, a.node)
	if err != nil {
		a.fail(err)
		return
	}
	defer file.Close()
	if err := file.Begin(ctx); err != nil {
		a.fail(err)
		return
	}
	info := file.Info()
	if info.Size < 0 { // larger than what Begin waits for, and of no announced size
		known, err := f.Stat(ctx, a.node)
		if err != nil {
			a.fail(err)
			return
		}
		info.Size = known.Size
	}
	bytes := &reader{ctx: ctx, file: file, size: info.Size}
	if a.o.Disposition != nil {
		begin := make([]byte, min(sniffLen, info.Size))
		if n, err := bytes.ReadAt(begin, 0); err != nil && (n < len(begin) || !errors.Is(err, io.EOF)) {
			a.fail(err)
			return
		}
		a.w.Header().Set("Content-Disposition", a.o.Disposition(begin))
	}
	a.serve(info, bytes)
	if err := bytes.failed(); err != nil {
		a.err, a.broken = err, true
	}
}

// sniffLen is how much of a document tells what it is.
const sniffLen = 16

// known reports whether the client has the document as it is.
func (a *answer) known(info folder.Info) bool {
	tag := a.tag(info)
	return tag != "" && mentions(a.r.Header.Values("If-None-Match"), tag)
}

// mentions reports whether a list of tags has one.
func mentions(list []string, tag string) bool {
	for _, have := range strings.Split(strings.Join(list, ","), ",") {
		if strings.TrimPrefix(strings.TrimSpace(have), "W/") == tag {
			return true
		}
	}
	return false
}

// tag is the ETag of the answer: the hash, or, while that is not known, the version. Who
// has the version, from an answer of before, is answered by it: what was broken off goes on.
func (a *answer) tag(info folder.Info) string {
	hash, version := Tag(info), version(a.node, info)
	if hash == "" {
		return version
	}
	for _, header := range [...]string{"If-Range", "If-None-Match", "If-Match"} {
		if version != "" && mentions(a.r.Header.Values(header), version) {
			return version
		}
	}
	return hash
}

// Tag is the ETag of a file by its hash, "" while that is not known.
func Tag(info folder.Info) string {
	if info.SHA256 == "" {
		return ""
	}
	return `"` + info.SHA256 + `"`
}

// version is the ETag of a document by what is listed of it, and by which of the contents
// that it had under that: the API may have exchanged one without a word. "" of what is known
// to change so.
func version(n folder.Node, info folder.Info) string {
	if n.Doc == nil || n.Doc.Volatile() || info.Size < 0 {
		return ""
	}
	return fmt.Sprintf(`"v-%x-%x-%x-%s"`, n.Doc.Fingerprint(), n.Doc.UpdatedAt, info.Size, info.Content)
}

// Type is the content type of a file name. What it does not name is bytes: what comes from
// outside is never HTML.
func Type(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return "application/pdf"
	case ".csv":
		return "text/csv"
	case ".json":
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".zip":
		return "application/zip"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".xls":
		return "application/vnd.ms-excel"
	}
	return "application/octet-stream"
}

// serve answers by what the client has and wants, as RFC 9110 has it.
func (a *answer) serve(info folder.Info, content io.ReaderAt) {
	h := a.w.Header()
	h.Set("Content-Type", Type(a.node.Name()))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-cache")
	if tag := a.tag(info); tag != "" {
		h.Set("ETag", tag)
	}
	w := &writer{ResponseWriter: a.w, control: http.NewResponseController(a.w)}
	http.ServeContent(w, a.r, "", info.ModTime, io.NewSectionReader(content, 0, info.Size))
	a.status, a.sent = w.status, w.sent
	if w.err != nil && a.err == nil {
		a.err, a.broken = fmt.Errorf("the client left: %w", w.err), true
	}
}

// fail answers with an error.
func (a *answer) fail(err error) {
	a.err, a.status = err, Status(err)
	if a.node.Doc != nil && a.status == http.StatusNotFound { // it is listed
		a.status = http.StatusBadGateway
	}
	if a.o.Heard != nil {
		a.status = a.o.Heard(a.status)
	}
	Headers(a.w.Header(), a.status)
	if a.o.Failed != nil {
		a.o.Failed(a.w, a.status, err)
		return
	}
	http.Error(a.w, err.Error(), a.status)
}

// reader reads a file while a request lasts. What ServeContent copies from has no way to
// tell a failure from the end: it is kept here.
type reader struct {
	ctx  context.Context //nolint:containedctx // of the one request
	file *folder.File
	size int64

	mu  sync.Mutex // of several ranges, ServeContent reads beside itself
	err error
}

func (r *reader) fail(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	return err
}

func (r *reader) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.file.ReadAt(r.ctx, p, off)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		err = r.fail(err)
	case off+int64(n) < r.size && n < len(p): // shorter than it was
		err = r.fail(fmt.Errorf("%d bytes of %d: %w", off+int64(n), r.size, io.ErrUnexpectedEOF))
	}
	return n, err
}

// nothing is what is not read.
type nothing struct{}

// ReadAt implements io.ReaderAt.
func (nothing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("not to be read") }

// A client has patience of a minute for each piece of an answer of pieceLen bytes: that is
// 4 KiB a second. Who takes longer, or is gone without a word, is not waited for.
const (
	pieceLen = 256 << 10
	patience = time.Minute
)

// pieces are for as many answers as there are at once, and not for each document again.
var pieces = sync.Pool{New: func() any { return new([pieceLen]byte) }} //nolint:gochecknoglobals // a pool is of the process

// writer counts, and gives each piece its time.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
	sent    int64
	err     error
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(patience)) // where there are none, the server's own holds
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	w.err = err
	return n, err
}

// ReadFrom implements io.ReaderFrom, in larger pieces than io.Copy.
func (w *writer) ReadFrom(r io.Reader) (n int64, err error) {
	type plain struct{ io.Writer }
	buf := pieces.Get().(*[pieceLen]byte) //nolint:forcetypeassert // it holds nothing else
	defer pieces.Put(buf)
	return io.CopyBuffer(plain{w}, r, buf[:])
}
