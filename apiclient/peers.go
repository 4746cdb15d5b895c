package apiclient

import (
	"context"
	"slices"
	"time"
)

// Peer is another document that may be asked for, to tell whether one that cannot be
// had is broken by itself.
type Peer struct {
	ContractID string
	DocumentID string
	Had        bool                  // before, by another process perhaps
	Judge      func(Beginning) error // see FileRequest.Judge
}

// peersMost is how many of the documents that were never had are asked for, one after
// the other, until one is well.
const peersMost = 6

// peersEnough is how many of them must fail to tell that it is about all.
const peersEnough = 3

// peer is a witness of which it may not be known whether it was ever well.
type peer struct {
	*witness
	had bool
}

// peersOf gives what may be asked for in the place of a document, of other documents.
func (c *Client) peersOf(ctx context.Context, r FileRequest) func() []peer {
	if r.Peers == nil {
		return nil
	}
	return func() (all []peer) {
		for _, p := range r.Peers() {
			other := &call{op: opFile, contract: p.ContractID, document: p.DocumentID, judge: p.Judge}
			req, err := c.fileRequest(ctx, other, FileRequest{ContractID: p.ContractID, DocumentID: p.DocumentID, Unzipped: r.Unzipped})
			if err == nil && p.DocumentID != r.DocumentID {
				all = append(all, peer{newWitness(other, req), p.Had})
			}
		}
		return all
	}
}

// worthAsking gives the peers that tell more of an inquiry than what was had does: all,
// where nothing was; else those of a contract of which nothing was, now and then.
func (b *breaker) worthAsking(q *inquiry) []peer {
	c, now := q.about, time.Now()
	b.mu.Lock()
	never := b.witnesses[c.op] == nil
	if q.peers == nil || !never && (c.witness != nil || now.Sub(c.peersAsked) < cautionWithin) {
		b.mu.Unlock()
		return nil
	}
	c.peersAsked, b.source = now, q.peers
	b.mu.Unlock()
	all := q.peers()
	if !never {
		all = slices.DeleteFunc(all, func(p peer) bool { return p.contract != c.contract || p.had })
	}
	return all
}

// findPeer looks for a document that is well, where none was had yet by this process.
// The first that was had by another one is a witness like any other. Of the rest it
// reports how many failed, unless one is well.
func (d *door) findPeer(all []peer) (well bool, failed int) {
	b := d.breaker
	for _, p := range all[:min(peersMost, len(all))] {
		if p.had {
			b.adopt(p.witness)
			return false, 0
		}
		if d.well(p.witness) {
			return true, 0
		}
		failed++
	}
	return false, failed
}

// refill looks for more to ask for, once the last of them is.
func (b *breaker) refill() {
	b.mu.Lock()
	source := b.source
	enough := len(b.peers) > 0 || source == nil
	b.mu.Unlock()
	if enough {
		return
	}
	all := source()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.peers = all
}

// adopt makes a witness of what another process has had.
func (b *breaker) adopt(w *witness) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.witnesses[w.op] == nil {
		b.witnesses[w.op] = w
		b.circuit(circuitKey{w.op, w.contract}).witness = w
	}
}

// anyPeer is the next of the documents that are asked for as probes, nil if
// there are none. The mutex is held.
func (b *breaker) anyPeer() *witness {
	if len(b.peers) == 0 {
		return nil
	}
	p := b.peers[0]
	b.peers = b.peers[1:]
	return p.witness
}
