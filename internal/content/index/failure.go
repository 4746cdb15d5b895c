package index

import (
	"io"
	"strings"

	"ccsfs/apiclient"
)

// Failure is that a document could not be had when it was last asked for. All
// processes that share the directory go by it, so that a document that is not there
// costs the account one call, and not one a process; and who waited for another
// process that failed need not find out again.
type Failure struct {
	apiclient.Remembered
	Fails       int    `json:"fails"`                 // in a row
	Credentials string `json:"credentials,omitempty"` // names those that it was asked for with: with others it may be had
}

// Failure returns how the last try to have a document failed, nil if it did not.
func (x *Index) Failure(id string) *Failure {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.failed[id]
}

// Fail notes a failure, in memory and on disk.
func (x *Index) Fail(id string, f *Failure) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed[strings.Clone(id)] = f // not with the listing that it is a part of
	return x.append(&Record{ID: id, Failure: f})
}

// takeFailure takes in a line of a failure, unless something later is known.
// x.mu is held.
func (x *Index) takeFailure(r *Record) {
	if r.By == x.id || r.Failure.Err() == nil || r.Failure.Fails < 1 {
		return
	}
	old, known := x.failed[r.ID], x.shelf.record(r.ID)
	if (old == nil || r.Failure.At.After(old.At)) && (known == nil || r.Failure.At.After(known.Checked)) {
		x.failed[r.ID] = r.Failure
	}
}

// writeFailures writes what is still of use as lines. x.mu is held.
func (x *Index) writeFailures(w io.Writer) error {
	for id, f := range x.failed {
		if !x.now().Before(f.Retry) {
			continue
		}
		line, err := x.line(&Record{ID: id, Failure: f})
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// recover forgets a failure: the document was had since. x.mu is held.
func (x *Index) recover(r *Record) {
	if f := x.failed[r.ID]; f != nil && r.Checked.After(f.At) {
		delete(x.failed, r.ID)
	}
}
