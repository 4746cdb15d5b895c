package folder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"ccsfs/internal/content"
)

// File is an open file. Its methods may be called concurrently.
type File struct {
	folder   *Folder
	node     Node
	document *content.File
	made     *bytes.Reader
	madeAt   time.Time
}

// Open opens a document or a generated file; a directory is fs.ErrInvalid. It does not
// wait for a document: see Begin.
func (f *Folder) Open(ctx context.Context, n Node) (*File, error) {
	switch {
	case n.IsDir():
		return nil, &fs.PathError{Op: "open", Path: n.Path, Err: errors.New("it is a directory")}
	case n.Made != "":
		g, err := f.Generate(ctx, n)
		if err != nil {
			return nil, err
		}
		return &File{folder: f, node: n, made: bytes.NewReader(g.Bytes), madeAt: g.ModTime}, nil
	}
	d, err := f.content.Open(ctx, n.Ref())
	if err != nil {
		return nil, err
	}
	return &File{folder: f, node: n, document: d}, nil
}

// Begin waits until what readers want first is there, or returns why it cannot be had;
// see content.File.Begin. A face calls it before it tells anybody that the file is open,
// for not everybody hears of the error of a read.
func (f *File) Begin(ctx context.Context) error {
	if f.document == nil {
		return nil
	}
	return f.document.Begin(ctx)
}

// ReadAt fills p with the bytes from off, or reaches the end and returns io.EOF, or
// fails; it never returns less without an error.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if f.document == nil {
		n, err := f.made.ReadAt(p, off)
		if err == nil && off+int64(n) == f.made.Size() {
			err = io.EOF
		}
		return n, err
	}
	return f.document.ReadAt(ctx, p, off)
}

// WriteTo writes all of the file as it arrives, until ctx ends. A failure of w is a
// WriteError.
func (f *File) WriteTo(ctx context.Context, w io.Writer) error {
	buf := copyBuffers.Get().(*[copyLen]byte)[:] //nolint:forcetypeassert // it holds nothing else
	defer copyBuffers.Put((*[copyLen]byte)(buf))
	for off := int64(0); ; {
		n, err := f.ReadAt(ctx, buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return &WriteError{werr}
		}
		if err != nil {
			return nil
		}
		off += int64(n)
	}
}

// copyLen is how much is copied at once, in bytes.
const copyLen = 256 << 10

// copyBuffers are for as many as copy at once: a new one for each document is what an
// archive of thousands takes most of its memory for.
var copyBuffers = sync.Pool{New: func() any { return new([copyLen]byte) }} //nolint:gochecknoglobals // a pool is of the process

// WriteError is a failure of where a file was written to, and not of the file.
type WriteError struct{ Err error }

// Error implements error.
func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// Size is how long the file is, in bytes, -1 while nobody knows.
func (f *File) Size() int64 {
	if f.document == nil {
		return f.made.Size()
	}
	return f.document.Info().Size
}

// Info is what is known of what is open, whatever has become of the document since.
func (f *File) Info() Info {
	if f.document == nil {
		return Info{Size: f.made.Size(), ModTime: f.madeAt}
	}
	return f.folder.infoOf(f.node.Doc, f.document.Info())
}

// Close lets the file go.
func (f *File) Close() error {
	if f.document == nil {
		return nil
	}
	return f.document.Close()
}
