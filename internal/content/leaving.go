package content

// keepSizes writes down the sizes of documents that are still on their way, or
// stopped half-way, when the store closes: the API has told them already, and
// must not be asked again by the next process.
func (s *Store) keepSizes(left []*body) {
	for _, b := range left {
		b.mu.Lock()
		tell := b.known && b.state != complete
		b.mu.Unlock()
		if !tell {
			continue
		}
		// In memory since the size was announced, see publish; without a hash
		// nothing takes it for more than a size.
		if r := s.record(b.ref); r != nil && r.SHA256 == "" && r.UpdatedAt == b.ref.UpdatedAt {
			s.remember(b.ref, r)
		}
	}
}
