package content

import (
	"context"
	"errors"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/index"
)

// failedBefore returns why there is no use in asking: the document could not be
// had a short while ago, or by the process that was waited for.
func (d *download) failedBefore(began time.Time, waited bool) error {
	s := d.store
	f := s.indexes.Of(d.ref.ContractID).Failure(d.ref.DocumentID)
	now := s.now()
	switch {
	case f == nil || f.Credentials != s.cfg.Credentials() || f.At.After(now.Add(index.ClockSlack)):
		return nil
	case waited && !f.At.Before(began):
	case s.cfg.Afresh && f.At.Before(s.born), s.pardoned(f.At):
		return nil
	case !now.Before(f.Retry) || f.Retry.Sub(now) > s.holdOff(f.Err(), f.Fails): // the latter by a wrong clock
		return nil
	}
	err := f.Err()
	if err != nil {
		d.noteFailure(f)
	}
	return err
}

// rememberFailure makes it known why the API did not give the document.
func (d *download) rememberFailure(err error) {
	s := d.store
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrClosed), errors.Is(err, ErrChanged):
		return
	case errors.Is(err, apiclient.ErrUnauthorized): // about the account: the client sees to it
		return
	case apiclient.Personal(err): // others wait for the API, or know it to be in reach
		return
	}
	x, fails, now := s.indexes.Of(d.ref.ContractID), 1, s.now().Round(0)
	if before := x.Failure(d.ref.DocumentID); before != nil {
		fails = before.Fails + 1
	}
	r, ok := apiclient.Remember(err, now, now.Add(s.holdOff(err, fails)))
	if !ok {
		return
	}
	f := &index.Failure{Remembered: r, Fails: fails, Credentials: s.cfg.Credentials()}
	if err := x.Fail(d.ref.DocumentID, f); err != nil {
		s.diskTrouble("cannot remember on disk what could not be had", err)
	}
	d.noteFailure(f)
}

func (d *download) noteFailure(f *index.Failure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastFailure = f
}

// holdOff is for how long a failure is remembered before the document is asked
// for again: an answer about the document itself for longer each time, since
// repeating it costs the account, a passing trouble for a moment only.
func (s *Store) holdOff(err error, fails int) time.Duration {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed), errors.Is(err, ErrChanged):
		return 0
	case apiclient.Outage(err):
		return time.Second
	case apiclient.Refused(err), errors.Is(err, apiclient.ErrNotFound), errors.Is(err, apiclient.ErrInvalid):
		return min(30*time.Second<<min(fails-1, 8), 10*time.Minute)
	case errors.Is(err, apiclient.ErrProtocol):
		return min(5*time.Second<<min(fails-1, 4), time.Minute)
	}
	return time.Second
}
