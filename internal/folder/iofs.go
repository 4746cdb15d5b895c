package folder

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"
)

// FS is the folder as a file system of the standard library: an fs.ReadDirFS and
// fs.StatFS, whose files are io.ReaderAt and io.Seeker, too. Names are those of the
// folder exactly, the generated files among them; Sys of a FileInfo is its Node. What it
// does waits as long as ctx lasts: an fs.FS has no context of its own, so each request of
// a server makes one. An Open waits as File.Begin does. Errors are *fs.PathError; what is
// not there Is fs.ErrNotExist, unless it is not there by an old listing (OldError).
func (f *Folder) FS(ctx context.Context) fs.FS { return fileSystem{ctx, f} }

type fileSystem struct {
	ctx context.Context //nolint:containedctx // see FS
	f   *Folder
}

var (
	_ fs.ReadDirFS = fileSystem{}
	_ fs.StatFS    = fileSystem{}
)

// find returns the node of a name that is valid and its own.
func (s fileSystem) find(op, name string) (Node, error) {
	if !fs.ValidPath(name) {
		return Node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, err := s.f.Find(s.ctx, name)
	if err == nil && n.Path != name && name != "." { // by the id of a contract that is called otherwise
		err = &NotFoundError{Path: name}
	}
	if err != nil {
		return Node{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return n, nil
}

// Open implements fs.FS.
func (s fileSystem) Open(name string) (fs.File, error) {
	n, err := s.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.IsDir() {
		return &openDir{fs: s, node: n}, nil
	}
	file, err := s.f.Open(s.ctx, n)
	if err == nil {
		if err = file.Begin(s.ctx); err != nil {
			file.Close()
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{fs: s, node: n, file: file}, nil
}

// Stat implements fs.StatFS.
func (s fileSystem) Stat(name string) (fs.FileInfo, error) {
	n, err := s.find("stat", name)
	if err != nil {
		return nil, err
	}
	return s.info(n)
}

func (s fileSystem) info(n Node) (fs.FileInfo, error) {
	info, err := s.f.Stat(s.ctx, n)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: n.Path, Err: err}
	}
	return fileInfo{n, info}, nil
}

// ReadDir implements fs.ReadDirFS.
func (s fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := s.find("readdir", name)
	if err != nil {
		return nil, err
	}
	return s.entries(n)
}

func (s fileSystem) entries(n Node) ([]fs.DirEntry, error) {
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: n.Path, Err: errors.New("not a directory")}
	}
	children, err := s.f.Children(s.ctx, n, true)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: n.Path, Err: err}
	}
	all := make([]fs.DirEntry, len(children))
	for i, c := range children {
		all[i] = dirEntry{s, c}
	}
	return all, nil
}

// dirEntry is an entry of a directory. Its size is asked for only if somebody wants it.
type dirEntry struct {
	fs   fileSystem
	node Node
}

func (e dirEntry) Name() string               { return e.node.Name() }
func (e dirEntry) IsDir() bool                { return e.node.IsDir() }
func (e dirEntry) Type() fs.FileMode          { return mode(e.node).Type() }
func (e dirEntry) Info() (fs.FileInfo, error) { return e.fs.info(e.node) }
func (e dirEntry) String() string             { return fs.FormatDirEntry(e) }

func mode(n Node) fs.FileMode {
	if n.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// fileInfo implements fs.FileInfo.
type fileInfo struct {
	node Node
	info Info
}

func (i fileInfo) Name() string       { return cmp.Or(i.node.Name(), ".") }
func (i fileInfo) Size() int64        { return max(i.info.Size, 0) }
func (i fileInfo) Mode() fs.FileMode  { return mode(i.node) }
func (i fileInfo) ModTime() time.Time { return i.info.ModTime }
func (i fileInfo) IsDir() bool        { return i.node.IsDir() }
func (i fileInfo) Sys() any           { return i.node }
func (i fileInfo) String() string     { return fs.FormatFileInfo(i) }

// openDir is an open directory: a snapshot, taken at the first ReadDir.
type openDir struct {
	fs   fileSystem
	node Node
	mu   sync.Mutex
	left []fs.DirEntry
	read bool
}

var _ fs.ReadDirFile = (*openDir)(nil)

func (d *openDir) Stat() (fs.FileInfo, error) { return d.fs.info(d.node) }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.node.Path, Err: errors.New("it is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read {
		all, err := d.fs.entries(d.node)
		if err != nil {
			return nil, err
		}
		d.left, d.read = all, true
	}
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	some := d.left[:n:n]
	d.left = d.left[n:]
	return some, nil
}

// openFile is an open document or generated file, at a position.
type openFile struct {
	fs   fileSystem
	node Node
	file *File

	mu     sync.Mutex
	at     int64
	closed bool
}

var (
	_ fs.File     = (*openFile)(nil)
	_ io.ReaderAt = (*openFile)(nil)
	_ io.Seeker   = (*openFile)(nil)
)

func (o *openFile) failed(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // who reads compares it so
		return err
	}
	return &fs.PathError{Op: op, Path: o.node.Path, Err: err}
}

// Stat tells the size of what is open, whatever has become of the document.
func (o *openFile) Stat() (fs.FileInfo, error) {
	info, ok := o.fs.f.Peek(o.node)
	if !ok {
		var err error
		if info, err = o.fs.f.Stat(o.fs.ctx, o.node); err != nil {
			return nil, o.failed("stat", err)
		}
	}
	if size := o.file.Size(); size >= 0 {
		info.Size = size
	}
	return fileInfo{o.node, info}, nil
}

func (o *openFile) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, o.failed("read", fs.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := o.file.ReadAt(o.fs.ctx, p, o.at)
	o.at += int64(n)
	if n > 0 && err == io.EOF { //nolint:errorlint // ReadAt says it so
		err = nil
	}
	return n, o.failed("read", err)
}

func (o *openFile) ReadAt(p []byte, off int64) (int, error) {
	o.mu.Lock()
	closed := o.closed
	o.mu.Unlock()
	switch {
	case closed:
		return 0, o.failed("read", fs.ErrClosed)
	case off < 0:
		return 0, o.failed("read", fs.ErrInvalid)
	}
	n, err := o.file.ReadAt(o.fs.ctx, p, off)
	if n == len(p) && err == io.EOF && n > 0 { //nolint:errorlint // ReadAt says it so
		err = nil
	}
	return n, o.failed("read", err)
}

func (o *openFile) Seek(off int64, whence int) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		off += o.at
	case io.SeekEnd:
		info, err := o.Stat()
		if err != nil {
			return 0, err
		}
		off += info.Size()
	case io.SeekStart:
	default:
		return 0, o.failed("seek", fs.ErrInvalid)
	}
	if off < 0 || o.closed {
		return 0, o.failed("seek", fs.ErrInvalid)
	}
	o.at = off
	return off, nil
}

func (o *openFile) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return o.failed("close", fs.ErrClosed)
	}
	o.closed = true
	return o.failed("close", o.file.Close())
}
