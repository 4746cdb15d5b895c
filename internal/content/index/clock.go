package index

import (
	"encoding/binary"
	"time"
)

// clocks pack times: what the clock on the wall said, its zone, and, of times that this
// process has taken, what its monotonic clock said, so that a wall clock that is put
// back or forth meanwhile changes no order.
//
// The two clocks go side by side but for such steps. So it is enough to know between
// which of them a time was taken: bases has one time of each stretch.
type clocks struct{ bases []time.Time }

const (
	// sameStretch is how far the two clocks may be apart within one stretch: they are
	// read one after the other, with whatever comes in between. Clocks are put right by
	// less without a step.
	sameStretch = 100 * time.Millisecond
	// stretchesMost bounds the stretches. Times of later ones are those of the wall.
	stretchesMost = 1 << 10
)

// A time begins with a number of these, and its stretch above them, 0: none.
const (
	zoneUTC   = iota
	zoneLocal // of this process
	zoneOther // its offset follows, in seconds east of UTC
	zoneMask  = 3

	timeSince = 4 // nanoseconds since the time before follow, else seconds since 1970, and nanoseconds
	timeBits  = 3
)

// settled is t as it comes back from being packed. Where both clocks are known the one on
// the wall stays to the nanosecond, and the monotonic one within sameStretch.
func (c *clocks) settled(t time.Time) time.Time {
	if n := c.stretch(t); n > 0 {
		return c.restore(n, t.Round(0))
	}
	return t.Round(0)
}

// stretch is the number of the stretch that t was taken in, 0 if none is known.
func (c *clocks) stretch(t time.Time) int {
	wall := t.Round(0)
	if t == wall || t.Location() != time.Local { // read, or computed; what time.Now gives is local
		return 0
	}
	for i, base := range c.bases {
		if apart := t.Sub(base) - wall.Sub(base.Round(0)); apart.Abs() <= sameStretch && c.restore(i+1, wall).Equal(wall) {
			return i + 1
		}
	}
	if len(c.bases) == stretchesMost {
		return 0
	}
	c.bases = append(c.bases, t)
	return len(c.bases)
}

// restore is the time in a stretch that is wall on the wall.
func (c *clocks) restore(stretch int, wall time.Time) time.Time {
	base := c.bases[stretch-1]
	return base.Add(wall.Sub(base.Round(0)))
}

// append adds a time, the shorter the nearer it is to before.
func (c *clocks) append(b []byte, t, before time.Time) []byte {
	kind, offset := zoneOther, 0
	switch t.Location() {
	case time.UTC:
		kind = zoneUTC
	case time.Local:
		kind = zoneLocal
	default:
		_, offset = t.Zone()
	}
	wall := t.Round(0)
	since := wall.Sub(before.Round(0))
	if since.Abs() < 1<<48 {
		kind |= timeSince
	}
	b = binary.AppendUvarint(b, uint64(c.stretch(t)<<timeBits|kind))
	if kind&zoneMask == zoneOther {
		b = binary.AppendVarint(b, int64(offset))
	}
	if kind&timeSince != 0 {
		return binary.AppendVarint(b, int64(since))
	}
	b = binary.AppendVarint(b, wall.Unix())
	return binary.AppendUvarint(b, uint64(wall.Nanosecond()))
}

// cut takes a time off the beginning of b.
func (c *clocks) cut(b []byte, before time.Time) (t time.Time, rest []byte) {
	kind, n := binary.Uvarint(b)
	b = b[n:]
	zone := time.UTC
	switch kind & zoneMask {
	case zoneLocal:
		zone = time.Local
	case zoneOther:
		offset, n := binary.Varint(b)
		zone, b = time.FixedZone("", int(offset)), b[n:]
	}
	if kind&timeSince != 0 {
		since, n := binary.Varint(b)
		t, b = before.Round(0).Add(time.Duration(since)), b[n:]
	} else {
		s, n1 := binary.Varint(b)
		ns, n2 := binary.Uvarint(b[n1:])
		t, b = time.Unix(s, int64(ns)), b[n1+n2:]
	}
	if stretch := int(kind >> timeBits); stretch > 0 {
		return c.restore(stretch, t), b // In would strip its monotonic clock
	}
	return t.In(zone), b
}
