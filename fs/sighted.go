//go:build !windows

package fs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"time"
	"weak"

	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
)

// The things of a contract that are no documents and have a time of change.
const (
	sightedListing = "listing"
	sightedDetail  = "contract"
)

// seenAt is when the contract's listing was first seen as it is: the time of change
// of its directories, and of the file that holds it. It asks nobody, and does not
// depend on whether the listing is loaded.
func (c *contract) seenAt() time.Time {
	if ns := c.seen.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return c.sawListing("")
}

func (c *contract) sawListing(version string) time.Time {
	t := c.content.Sighted(c.id, sightedListing, version)
	if !t.IsZero() {
		c.seen.Store(t.UnixNano())
	}
	return t
}

// sighted takes note of a listing that is about to be shown.
func (c *contract) sighted(l *catalog.Listing) {
	if l == nil || l.Tree == nil {
		return
	}
	this := weak.Make(l.Tree)
	c.sightedMu.Lock()
	defer c.sightedMu.Unlock()
	if c.sightedTree == this {
		return
	}
	h := sha256.New()
	hashDir(h, l.Tree)
	c.sawListing(hex.EncodeToString(h.Sum(nil)[:16]))
	c.sightedTree = this
}

// hashDir takes in all that a directory shows.
func hashDir(h hash.Hash, d *layout.Dir) {
	for _, e := range d.Entries {
		if e.Dir != nil {
			fmt.Fprintf(h, "%q{", e.Name)
			hashDir(h, e.Dir)
			fmt.Fprint(h, "}")
			continue
		}
		fmt.Fprintf(h, "%q %+v\n", e.Name, *e.Doc)
	}
}

// sawDetail is when the contract's own description was first seen as it is.
func (c *contract) sawDetail(detail []byte) time.Time {
	return c.content.Sighted(c.id, sightedDetail, fmt.Sprintf("%016x", digest(detail)))
}
