package content

import (
	"context"
	"errors"
	"io"
	"time"

	"ccsfs/apiclient"
)

// failure is that a document could not be had when it was last asked for. All
// processes that share the directory go by it, so that a document that is not there
// costs the account one call, and not one a process; and who waited for another
// process that failed need not find out again.
type failure struct {
	apiclient.Remembered
	Fails       int    `json:"fails"`                 // in a row
	Credentials string `json:"credentials,omitempty"` // Config.Credentials: with others it may be had
}

// failedBefore returns why there is no use in asking: the document could not be
// had a short while ago, or by the process that was waited for.
func (b *body) failedBefore(began time.Time, waited bool) error {
	s := b.store
	f := s.index(b.ref.ContractID).failure(b.ref.DocumentID)
	now := s.now()
	switch {
	case f == nil || f.Credentials != s.cfg.Credentials() || f.At.After(now.Add(clockSlack)):
		return nil
	case waited && !f.At.Before(began):
	case s.cfg.Afresh && f.At.Before(s.born):
		return nil
	case !now.Before(f.Retry) || f.Retry.Sub(now) > s.holdOff(f.Err(), f.Fails): // the latter by a wrong clock
		return nil
	}
	err := f.Err()
	if err != nil {
		b.tell(f)
	}
	return err
}

// rememberFailure makes it known why the API did not give the document.
func (b *body) rememberFailure(err error) {
	s := b.store
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrClosed), errors.Is(err, ErrChanged):
		return
	case errors.Is(err, apiclient.ErrUnauthorized): // about the account: the client sees to it
		return
	case apiclient.Personal(err): // others wait for the API, or know it to be in reach
		return
	}
	x, fails, now := s.index(b.ref.ContractID), 1, s.now().Round(0)
	if before := x.failure(b.ref.DocumentID); before != nil {
		fails = before.Fails + 1
	}
	r, ok := apiclient.Remember(err, now, now.Add(s.holdOff(err, fails)))
	if !ok {
		return
	}
	f := &failure{Remembered: r, Fails: fails, Credentials: s.cfg.Credentials()}
	if err := x.fail(b.ref.DocumentID, f); err != nil {
		s.diskTrouble("cannot remember on disk what could not be had", err)
	}
	b.tell(f)
}

func (b *body) tell(f *failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = f
}

// failure returns how the last try to have a document failed, nil if it did not.
func (x *index) failure(id string) *failure {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.failed[id]
}

// fail notes a failure, in memory and on disk.
func (x *index) fail(id string, f *failure) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed[id] = f
	return x.append(&record{ID: id, Failure: f})
}

// takeFailure takes in a line of a failure, unless something later is known.
// x.mu is held.
func (x *index) takeFailure(r *record) {
	if r.By == x.id || r.Failure.Err() == nil || r.Failure.Fails < 1 {
		return
	}
	old, known := x.failed[r.ID], x.records[r.ID]
	if (old == nil || r.Failure.At.After(old.At)) && (known == nil || r.Failure.At.After(known.Checked)) {
		x.failed[r.ID] = r.Failure
	}
}

// writeFailures writes what is still of use as lines. x.mu is held.
func (x *index) writeFailures(w io.Writer) error {
	for id, f := range x.failed {
		if !x.now().Before(f.Retry) {
			continue
		}
		line, err := x.line(&record{ID: id, Failure: f})
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
func (x *index) recover(r *record) {
	if f := x.failed[r.ID]; f != nil && r.Checked.After(f.At) {
		delete(x.failed, r.ID)
	}
}
