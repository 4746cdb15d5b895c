package folder

import (
	"context"
	"strconv"
	"time"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// Ref names the content of a document, as the node's listing has it.
func (n Node) Ref() content.Ref { return Ref(n.Doc, n.Listing.FetchedAt) }

// Ref names the content of a document, as a listing of that time has it.
func Ref(d *billing.Document, listed time.Time) content.Ref {
	return content.Ref{
		ContractID: d.ContractID, DocumentID: d.ID, UpdatedAt: d.UpdatedAt, Fingerprint: d.Fingerprint(), Listed: listed,
		Volatile: d.Volatile(), Name: d.Filename,
	}
}

// ModTime is the modification time of a document with a content.
func ModTime(d *billing.Document, info content.Info) time.Time {
	return ContentTime(d.ModTime(), d.Volatile(), info)
}

// ContentTime is the later of what the listing says and, for content that may
// change under the same listing, of its first sight, to the second. What the listing says
// nothing about is as old as its first sight, too.
func ContentTime(listed time.Time, volatile bool, info content.Info) time.Time {
	if seen := info.Changed.Truncate(time.Second); (volatile || listed.IsZero()) && seen.After(listed) {
		return seen
	}
	return listed
}

// Newest is the time of the newest document below a directory, zero where there is none.
func Newest(d *layout.Dir) time.Time {
	var t time.Time
	for _, e := range d.Entries {
		at := time.Time{}
		if e.Dir != nil {
			at = Newest(e.Dir)
		} else {
			at = e.Doc.ModTime()
		}
		if at.After(t) {
			t = at
		}
	}
	return t
}

// ContractTime reads a time of a contract, zero if there is none. It borrows the
// document's reading of times, so that all times of the API are read alike.
func ContractTime(text string) time.Time { return (&billing.Document{UpdatedAt: text}).ModTime() }

// Info is what is known of a file or directory.
type Info struct {
	Size    int64 // bytes; -1 where it is not known, and for directories
	ModTime time.Time
	SHA256  string // hexadecimal, "" where it is not known
	// Content tells what a document holds from all else that it held, or holds for another
	// process, under the same version, before its hash is known; "" where there is none.
	Content string
}

// infoOf is what is known of a document with a content. A generation is one of a process.
func (f *Folder) infoOf(d *billing.Document, info content.Info) Info {
	return Info{
		Size: info.Size, ModTime: ModTime(d, info), SHA256: info.SHA256,
		Content: strconv.FormatUint(f.run, 36) + "-" + strconv.FormatUint(info.Generation, 36),
	}
}

// Peek is Stat where nobody is asked: false if the size of a file is not known.
func (f *Folder) Peek(n Node) (Info, bool) {
	switch {
	case n.Doc == nil:
		return Info{Size: -1, ModTime: n.dirTime()}, n.IsDir()
	case f.content == nil:
		return Info{Size: -1, ModTime: n.Doc.ModTime()}, false
	}
	info, ok := f.content.Peek(n.Ref())
	if !ok {
		return Info{Size: -1, ModTime: n.Doc.ModTime()}, false
	}
	return f.infoOf(n.Doc, info), true
}

// Stat finds out what is known of a node; of a document whose size nobody knows yet, by
// asking for it. With an error the size is -1, never 0.
func (f *Folder) Stat(ctx context.Context, n Node) (Info, error) {
	switch {
	case n.IsDir():
		return Info{Size: -1, ModTime: n.dirTime()}, nil
	case n.Made != "":
		g, err := f.Generate(ctx, n)
		if err != nil {
			return Info{Size: -1}, err
		}
		return Info{Size: int64(len(g.Bytes)), ModTime: g.ModTime}, nil
	}
	info, err := f.content.Stat(ctx, n.Ref())
	if err != nil {
		return Info{Size: -1, ModTime: n.Doc.ModTime()}, err
	}
	return f.infoOf(n.Doc, info), nil
}

// Settle is Stat, and waits until a document whose body comes with its size is in the
// cache: a command that ends at once would else cut it off, and it would have to be asked
// for again.
func (f *Folder) Settle(ctx context.Context, n Node) (Info, error) {
	if n.Doc == nil {
		return f.Stat(ctx, n)
	}
	info, err := f.content.Settle(ctx, n.Ref(), f.whole)
	if err != nil {
		return Info{Size: -1, ModTime: n.Doc.ModTime()}, err
	}
	return f.infoOf(n.Doc, info), nil
}

// dirTime is when a contract was made, or the time of the newest document below a
// directory of its layout.
func (n Node) dirTime() time.Time {
	switch {
	case n.IsContract():
		return ContractTime(n.Contract.CreatedAt)
	case n.Dir != nil:
		return Newest(n.Dir)
	}
	return time.Time{}
}
