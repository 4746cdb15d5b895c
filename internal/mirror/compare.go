package mirror

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// Whether a file that is there is the document already.

// compared tells whether a file that is there is the document. If it is not, and is not to
// be replaced, that is the error.
func (p *puller) compared(ctx context.Context, item Item, local fs.FileInfo) (ok bool, err error) {
	if err := p.dest.claim(item.Path, local); err != nil {
		return false, err
	}
	if ok, err := p.settled(item, local); ok {
		return true, err
	}
	noted, _ := p.dest.noted(item.Path)
	if l := p.options.Listed; l != nil && noted.Account != "" && noted.ID != item.Doc.ID && !l.judges(noted) && !p.options.Force {
		return false, ErrOthersPlace
	}
	info, err := p.know(ctx, item)
	if errors.Is(err, errUnsure) && noted.SHA256 != "" && !noted.of(item.Doc) {
		if left, _ := p.left(item.Path, local, noted); left {
			return false, nil // there is another version
		}
	}
	if err != nil {
		return false, err
	}
	sameSize, at := local.Size() == info.Size, folder.ModTime(item.Doc, info)
	same := sameSize && sameTime(local.ModTime(), at)
	renewed := !noted.of(item.Doc) || noted.SHA256 != "" && info.SHA256 != "" && noted.SHA256 != info.SHA256
	if same && !p.options.Verify && noted.Path == "" && info.SHA256 != "" {
		sum, err := p.dest.hash(item.Path) // nothing says whose it is
		if err != nil {
			return false, err
		}
		same = sum == info.SHA256
	}
	switch {
	case same && !p.options.Verify && !renewed:
		return true, p.dest.note(item, local, cmp.Or(noted.SHA256, info.SHA256))
	case !p.options.Verify && noted.SHA256 != "" && noted.SHA256 == info.SHA256 && p.dest.untouched(item.Path, local):
		if err := p.dest.date(item, at, noted.SHA256); !errors.Is(err, fs.ErrPermission) {
			return true, err // only the date is another one
		}
		// The file is another user's: it is replaced.
	case sameSize && (same || !p.dest.untouched(item.Path, local)):
		equal, sum, err := p.equal(ctx, item, info, at)
		if equal && errors.Is(err, fs.ErrPermission) {
			break // as above
		}
		if equal || err != nil {
			return true, err
		}
		if noted.SHA256 != sum && !p.options.Force {
			return false, ErrDiffers
		}
	case !p.options.Force:
		if left, err := p.left(item.Path, local, noted); err != nil || !left {
			return false, cmp.Or(err, ErrDiffers)
		}
	}
	return false, nil
}

// errUnsure says that only the API could tell, which Look does not ask for documents.
var errUnsure = errors.New("not known without asking the API")

// know finds out size, and maybe hash, of a document.
func (p *puller) know(ctx context.Context, item Item) (content.Info, error) {
	if !p.dest.dry {
		return p.store.Settle(ctx, item.Ref, p.options.Prefetch)
	}
	if info, ok := p.store.Peek(item.Ref); ok {
		return info, nil
	}
	return content.Info{}, errUnsure
}

// settled tells whether a file is the document by what is noted of it, where the cache
// knows nothing: who throws it away, as containers do, would ask for each document at
// every run.
func (p *puller) settled(item Item, local fs.FileInfo) (bool, error) {
	if p.options.Verify || p.options.Again || item.Doc.Volatile() {
		return false, nil
	}
	if _, known := p.store.Peek(item.Ref); known {
		return false, nil
	}
	noted, ok := p.dest.journal.get(item.Path)
	if !ok || noted.SHA256 == "" || noted.ID == "" || !noted.of(item.Doc) || !noted.sameAs(item.Doc) || !p.dest.intact(noted) {
		return false, nil
	}
	if at := item.Doc.ModTime(); !at.IsZero() && !sameTime(local.ModTime(), at) {
		err := p.dest.date(item, at, noted.SHA256)
		return !errors.Is(err, fs.ErrPermission), err
	}
	return true, p.dest.note(item, local, noted.SHA256)
}

// left tells whether a file that is to be replaced is what an earlier pull left there.
func (p *puller) left(name string, local fs.FileInfo, noted entry) (bool, error) {
	if noted.SHA256 == "" {
		return p.dest.untouched(name, local), nil
	}
	if local.Size() != noted.Size {
		return false, nil
	}
	sum, err := p.dest.hash(name)
	return sum == noted.SHA256, err
}

// equal tells whether a file has the bytes of the document, and the hash of those it
// has; if so it gets its time.
func (p *puller) equal(ctx context.Context, item Item, info content.Info, at time.Time) (yes bool, sum string, err error) {
	sum, err = p.dest.hash(item.Path)
	if err != nil {
		return false, "", err
	}
	if sum == info.SHA256 && !p.options.Verify {
		return true, sum, p.dest.date(item, at, sum)
	}
	if p.dest.dry {
		if info.SHA256 == "" {
			err = errUnsure
		}
		return sum == info.SHA256, sum, err
	}
	_, want, _, err := p.transfer(ctx, item, io.Discard)
	if err != nil || sum != want {
		return false, sum, err
	}
	return true, sum, p.dest.date(item, at, want)
}
