package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"ccsfs/internal/content/blobstore"
)

// Record is what is remembered of one document, in memory and as a line of its
// contract's index. A record is never changed once it is shared: a new one
// replaces it.
type Record struct {
	ID           string    `json:"id"`
	UpdatedAt    string    `json:"updated_at,omitempty"`
	Fingerprint  uint64    `json:"print,omitempty"` // of what else the listing said; see Version
	Listed       time.Time `json:"listed,omitzero"` // when the listing that gave it was asked for
	Size         int64     `json:"size"`
	SHA256       string    `json:"sha256,omitempty"` // "": only the size is known
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	Changed      time.Time `json:"changed"`         // content first seen
	Seen         time.Time `json:"seen,omitzero"`   // this version first seen; zero in lines of old
	Checked      time.Time `json:"checked"`         // last confirmed by the API
	Final        bool      `json:"final,omitempty"` // the content does not change under one UpdatedAt

	// Note is what somebody read in the content, in words of their own, so that it need
	// not be read again; it goes with the content. At most MaxNote bytes.
	Note string `json:"note,omitempty"`

	By string `json:"by,omitempty"` // the index that wrote it

	// Failure makes the line one of the last time that the document could not be
	// had; the rest, but for ID and By, says nothing then. It never is in memory.
	Failure *Failure `json:"failure,omitempty"`

	// Generation says which content this is, in this process: two records of a
	// contract have the same generation only if they are of one content. It is
	// given by Index.place and by nothing else, from one counter, so that no
	// number is ever used for a second content.
	Generation uint64             `json:"-"`
	Upholds    uint64             `json:"-"` // generation of what was still valid when this was asked for, 0: none
	Identity   blobstore.Identity `json:"-"` // of the blob when it was last known to match SHA256
	Doubted    bool               `json:"-"` // it may be of another content than what is known, and only its hash will tell
	Retry      time.Time          `json:"-"` // volatile content that could not be revalidated is not asked for before; zero: as ever
	Void       bool               `json:"-"` // bytes of two contents were met: it only keeps the generation
}

// IsHash tells whether a text is a SHA-256 in hex, as records have them.
func IsHash(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha256.Size && text == strings.ToLower(text)
}

// Covers says whether the record describes the version that a listing gives: the same
// one, or a newer one (another process with a fresher listing may have fetched it, and
// the API has no way to ask for the older). What was listed after the record's content
// came is not older, whatever it says: the account was put back to an earlier state.
func (r *Record) Covers(v Version, now time.Time) bool {
	switch {
	case r.Void:
		return false
	case r.Version().Is(v):
		return true
	case v.Listed.After(r.LastChecked(now)):
		return false
	case r.UpdatedAt == v.UpdatedAt: // they differ in the rest, and this one is the later
		return true
	}
	have, err1 := time.Parse(time.RFC3339, r.UpdatedAt)
	want, err2 := time.Parse(time.RFC3339, v.UpdatedAt)
	return err1 == nil && err2 == nil && !have.Before(want)
}

// LastChecked is when the content was last confirmed; the zero time if that lies in the
// future, by a clock that was wrong.
func (r *Record) LastChecked(now time.Time) time.Time {
	if r.Checked.After(now.Add(ClockSlack)) {
		return time.Time{}
	}
	return r.Checked
}

// Version is the one that the record describes.
func (r *Record) Version() Version { return Version{r.UpdatedAt, r.Fingerprint, r.Listed} }

// Version says which state of a document a listing shows.
type Version struct {
	UpdatedAt   string    // as the listing gives it; "" if it gives none
	Fingerprint uint64    // of what else it says; 0: not known
	Listed      time.Time // when it was asked for; zero: not known
}

// Is says whether two listings show the same state, as far as they tell.
func (v Version) Is(other Version) bool {
	return v.UpdatedAt == other.UpdatedAt && (v.Fingerprint == other.Fingerprint || v.Fingerprint == 0 || other.Fingerprint == 0)
}

// same says whether r is of the content that is known. It is if their hashes say
// so. Where one of them has none, they must be one and the same answer of the API,
// which was written down and read back or completed by its hash; or of one version
// of a document that does not change under it; or r was asked for while what was
// known was valid, which is to say that the API promises the same.
func (known *Record) same(r *Record) bool {
	switch {
	case known.Void || known.Size != r.Size:
		return false
	case r.Doubted && r.SHA256 == "" && r.Generation != known.Generation:
		return false
	case known.SHA256 != "" && r.SHA256 != "":
		return known.SHA256 == r.SHA256
	case r.Upholds != 0 && r.Upholds == known.Generation:
		return true
	case !known.Version().Is(r.Version()):
		return false
	}
	return known.Checked.Equal(r.Checked) || known.Final && r.Final
}

// ClockSlack is how far in the future a time may lie and still count as now.
const ClockSlack = time.Minute

// Valid says whether volatile content need not be asked for again. A check that
// lies in the future was made by a wrong clock, and says nothing.
func (r *Record) Valid(now time.Time, ttl time.Duration) bool {
	return now.Before(r.ValidUntil(ttl)) && !r.Checked.After(now.Add(ClockSlack))
}

// ValidUntil is when volatile content has to be asked for again.
func (r *Record) ValidUntil(ttl time.Duration) time.Time {
	t := r.Checked.Add(ttl)
	if r.Retry.After(t) {
		return r.Retry
	}
	return t
}

// FirstSeen is when this version was first seen, as well as is known.
func (r *Record) FirstSeen() time.Time {
	if r.Seen.IsZero() {
		return r.Changed
	}
	return r.Seen
}

// errBadLine is the cause when an index line is torn or damaged.
var errBadLine = errors.New("damaged index line")

// maxLine bounds an index line in bytes; ids and validators are far shorter.
const maxLine = 64 << 10

// MaxNote bounds a note, in bytes.
const MaxNote = 1 << 10

// Encode gives the record as JSON, for those who keep it elsewhere.
func Encode(r *Record) ([]byte, error) {
	signed := *r
	signed.By = ""
	return json.Marshal(&signed)
}

// Decode reads what Encode gave.
func Decode(b []byte) (*Record, error) {
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadLine, err)
	}
	if r.Failure != nil || !r.plausible() {
		return nil, errBadLine
	}
	return &r, nil
}

// plausible tells whether r can be a record of a document.
func (r *Record) plausible() bool {
	return r.ID != "" && r.Size >= 0 && (r.Size > 0 || r.SHA256 != "") && (r.SHA256 == "" || len(r.SHA256) == 64)
}

// encodeLine gives the record as an index line: CRC-32C in hex, a space, JSON, a
// newline.
func encodeLine(r *Record) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(body) > maxLine-10 {
		return nil, fmt.Errorf("index line of %d bytes", len(body))
	}
	line := make([]byte, 0, len(body)+10)
	line = fmt.Appendf(line, "%08x ", lineSum(body))
	line = append(line, body...)
	return append(line, '\n'), nil
}

// lineSum is the CRC-32C of a line; the table is made once, by crc32.
func lineSum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// decodeLine reads what encodeLine wrote, without the newline.
func decodeLine(line []byte) (*Record, error) {
	sum, body, ok := bytes.Cut(line, []byte(" "))
	var want [4]byte
	if n, err := hex.Decode(want[:], sum[:min(len(sum), 8)]); !ok || err != nil || n != 4 || len(sum) != 8 {
		return nil, errBadLine
	}
	if got := lineSum(body); got != uint32(want[0])<<24|uint32(want[1])<<16|uint32(want[2])<<8|uint32(want[3]) {
		return nil, errBadLine
	}
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadLine, err)
	}
	if r.ID != "" && r.Failure != nil {
		return &r, nil
	}
	if !r.plausible() {
		return nil, errBadLine
	}
	return &r, nil
}
