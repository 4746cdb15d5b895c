package content

import "errors"

// Close ends all downloads, waits for them, and gives the session directory up.
// Files that are still open answer ErrClosed from then on: the kernel does not
// tell of all that it closes before an unmount.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	left := make([]*download, 0, len(s.active))
	for _, d := range s.active {
		left = append(left, d)
	}
	s.mu.Unlock()
	s.cancel(ErrClosed)
	given := s.stopGiving()
	s.wg.Wait() // some of it gives, too
	given()
	s.rememberSizes(left)
	for _, d := range s.held() {
		d.mu.Lock()
		d.discard()
		d.mu.Unlock()
	}
	return errors.Join(s.leases.Close(), s.blobs.Close())
}

// rememberSizes writes down the sizes of documents that are still on their way, or
// stopped half-way, when the store closes: the API has told them already, and
// must not be asked again by the next process.
func (s *Store) rememberSizes(left []*download) {
	for _, d := range left {
		d.mu.Lock()
		tell := d.known && d.state != complete
		d.mu.Unlock()
		if !tell {
			continue
		}
		// In memory since the size was announced, see publish; without a hash
		// nothing takes it for more than a size.
		if r := s.record(d.ref); r != nil && r.SHA256 == "" && r.Version().Is(d.ref.version()) {
			s.remember(d.ref, r)
		}
	}
}
