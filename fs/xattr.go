//go:build !windows

package fs

import (
	"context"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
)

const xattrPrefix = "user.ccs."

// xattrs returns what is known of a document, in order. It never asks the API:
// the hash is there once the document has been fetched.
func (n *document) xattrs(l *catalog.Listing, d *billing.Document) [][2]string {
	info, _ := n.contract.content.Peek(folder.Ref(d, l.FetchedAt))
	all := [][2]string{
		{"amount", d.Amount},
		{"currency", d.Currency},
		{"id", d.ID},
		{"period", d.Period},
		{"sha256", info.SHA256},
		{"type", d.Type},
	}
	known := all[:0]
	for _, x := range all {
		if x[1] != "" {
			known = append(known, x)
		}
	}
	return known
}

var _ = (gofs.NodeGetxattrer)((*document)(nil))

// Getxattr gives one attribute; see getxattr(2). What is not known does not
// exist.
func (n *document) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	l, d, errno := n.current(ctx, "getxattr")
	if errno != 0 {
		return 0, errno
	}
	for _, x := range n.xattrs(l, d) {
		if xattrPrefix+x[0] == name {
			return fill(dest, x[1])
		}
	}
	return 0, gofs.ENOATTR
}

var _ = (gofs.NodeListxattrer)((*document)(nil))

// Listxattr gives the names, each with a NUL; see listxattr(2).
func (n *document) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	l, d, errno := n.current(ctx, "listxattr")
	if errno != 0 {
		return 0, errno
	}
	var names []byte
	for _, x := range n.xattrs(l, d) {
		names = append(names, xattrPrefix+x[0]+"\x00"...)
	}
	return fill(dest, string(names))
}

// fill copies an answer to dest. If that is too small, ERANGE; go-fuse makes
// the size alone of that for a caller who asked how much room it takes.
func fill(dest []byte, answer string) (uint32, syscall.Errno) {
	if len(dest) < len(answer) {
		return uint32(len(answer)), syscall.ERANGE
	}
	return uint32(copy(dest, answer)), 0
}
