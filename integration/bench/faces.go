//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"

	"ccsfs/integration/bench/table"
)

// face adds a row: ccsfs serve, judged by the faster one of rclone's two, and what comes straight
// from the API. Kinds in unlike cannot do it.
func (b *bench) face(work string, rounds int, servers faces, straight timing, of func(*server) timing, unlike ...string) error {
	var things []faceThing
	for _, s := range servers {
		if !slices.Contains(unlike, s.kind) {
			things = append(things, faceThing{s.kind, of(s)})
		}
	}
	return b.faceRow(work, rounds, things, straight)
}

// coldFace is face of servers that start anew for each measurement.
func (b *bench) coldFace(work string, a *api, straight timing, of func(*server) timing, unlike ...string) error {
	var things []faceThing
	for _, s := range b.coldFaces(a) {
		if !slices.Contains(unlike, s.kind) {
			things = append(things, faceThing{s.kind, b.coldly(s, of, a)})
		}
	}
	return b.faceRow(work, b.rounds, things, straight)
}

// faceThing is what a server of a kind does.
type faceThing struct {
	kind string
	do   timing
}

// faceRow measures a row: the contenders in their order, rclone's two, and what is straight.
func (b *bench) faceRow(work string, rounds int, things []faceThing, straight timing) error {
	timings := []timing{straight}
	for _, t := range things {
		timings = append(timings, t.do)
	}
	all, err := b.turns(rounds, timings...)
	if err != nil {
		return err
	}
	r := table.Row{Work: work, Unit: table.Seconds, Target: 1, Peers: []table.Series{nil, nil, all[0]}}
	for i, t := range things {
		switch t.kind {
		case "webdav":
			r.Peers[0] = all[i+1]
		case "http":
			r.Peers[1] = all[i+1]
		default:
			r.Of = append(r.Of, all[i+1])
		}
	}
	r.By, r.Bound = r.Peers[0], "webdav"
	if http := r.Peers[1]; len(r.By) == 0 || http.Median() < r.By.Median() {
		r.By, r.Bound = http, "http"
	}
	if len(r.By) == 0 {
		r.Target = 0
	}
	b.addFace(r)
	return nil
}

// coldly measures what is done to a server that starts anew for each measurement.
func (b *bench) coldly(of starter, do func(*server) timing, a *api) timing {
	documents := 0
	for _, c := range a.Snapshot().Contracts {
		documents += len(c.Documents)
	}
	return func() (time.Duration, error) {
		s, err := of.start()
		if err != nil {
			return 0, err
		}
		defer s.close()
		before := a.Calls().File
		took, err := do(s)()
		if n := a.Calls().File - before; err == nil && n > documents {
			err = fmt.Errorf("%d calls for %d documents", n, documents)
		}
		return took, err
	}
}
