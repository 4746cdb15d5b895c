package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"ccsfs/internal/pool"
)

var (
	errBroken = errors.New("the API does not have it")
	errBusy   = errors.New("429")
	errOutage = errors.New("the API is away")
	errWrong  = errors.New("wrong bytes")
)

// bodyOf is what a document is.
func bodyOf(id string) []byte { return []byte("%PDF-1.7 " + id + " %%EOF") }

// answer is the API: it counts, and answers after a while.
func (w *world) answer(l *link, id string, broken bool) ([]byte, error) {
	if err := l.step(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.asked = append(w.asked, time.Now())
	w.calls[id]++
	recent := 0
	for i := len(w.asked) - 1; i >= 0 && time.Since(w.asked[i]) < time.Second; i-- {
		recent++
	}
	w.mu.Unlock()
	busy := recent > perSecond || w.faults.apiBusy != nil && w.faults.apiBusy(w.at())
	out := w.faults.apiAway != nil && w.faults.apiAway(w.at())
	if !busy && !out && !broken {
		l.mu.Lock()
		l.hand[id] = true
		l.mu.Unlock()
	}
	time.Sleep(l.takes(apiTakes))
	switch {
	case busy:
		w.failed.Add(1)
		return nil, errBusy
	case out:
		w.failed.Add(1)
		return nil, errOutage
	case broken:
		return nil, errBroken
	}
	return bodyOf(id), l.step()
}

// member is a process: a pool, and those in it who want documents.
type member struct {
	*link
	pool *pool.Pool
	turn chan struct{} // one reservation at a time, as in apiclient
	rate float64
	took []time.Duration
}

// join makes a member that is there until ctx ends.
func (w *world) join(m int, leave context.CancelFunc) *member {
	rng := rand.New(rand.NewPCG(w.seed, uint64(m)+1))
	l := &link{Coordinator: w.coordinator, world: w, m: m, rng: rng, leave: leave, hand: map[string]bool{}}
	if rng.Float64() < w.faults.crash {
		l.crashAt = 1 + rng.IntN(200)
	}
	x := &member{link: l, turn: make(chan struct{}, 1), rate: 20}
	if w.rates {
		x.rate = []float64{0.5, 5, 20, 20}[m%4]
	}
	x.pool = pool.Open(pool.Config{
		Account: "a0", Member: fmt.Sprint("m", m), Key: w.key, Alone: w.faults.alone,
		About: pool.About{Host: fmt.Sprint("host", m)}, Coordinator: l, Objects: bucket{w.bucket, l},
	})
	x.pool.OnNews(func(string) {}, func() {})
	return x
}

// reserve waits for a turn as a client does: one at a time, up to two seconds ahead, and
// not one that it comes late for.
func (x *member) reserve(ctx context.Context) error {
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-x.turn }()
	const most = 2 * time.Second
	for late := 50 * time.Millisecond; ; late = min(2*late, 800*time.Millisecond) {
		asked := time.Now()
		wait, taken, err := x.pool.Reserve(ctx, time.Duration(float64(time.Second)/x.rate), 3, most)
		if err != nil {
			return err
		}
		slow := time.Since(asked) > 75*time.Millisecond
		pause := wait
		if !taken {
			pause = wait - most + 10*time.Millisecond + rand.N(late)
		}
		due := time.Now().Add(pause)
		select {
		case <-time.After(max(pause, time.Nanosecond)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if taken && !slow && time.Since(due) <= 50*time.Millisecond {
			return nil
		}
	}
}

// want has a document, from others or from the API, once.
func (x *member) want(ctx context.Context, id string, broken bool) error {
	var body []byte
	return x.pool.Once(ctx, pool.Work{
		Name: "d/" + id,
		Look: func(ctx context.Context) error {
			kept, err := x.pool.Get(ctx, "d/"+id)
			if errors.Is(err, fs.ErrNotExist) {
				return pool.ErrNotDone
			}
			if err != nil {
				return err
			}
			defer kept.Body.Close()
			if b, err := io.ReadAll(kept.Body); err != nil {
				return err
			} else if !bytes.Equal(b, bodyOf(id)) {
				return errWrong
			}
			return nil
		},
		Failed: func(ctx context.Context, _ bool) error {
			if b, err := x.pool.Noted(ctx, "failed/"+id); err == nil && b != nil {
				return errBroken
			}
			return nil
		},
		Do: func(ctx context.Context) (err error) {
			if err = x.reserve(ctx); err != nil {
				return err
			}
			if x.chance(x.world.faults.pause) { // it stands still with its request in hand
				x.world.paused.Add(1)
				x.stand(time.Minute)
			}
			sent := time.Now()
			if body, err = x.world.answer(x.link, id, broken); errors.Is(err, errBusy) {
				_ = x.pool.Slow(ctx, time.Since(sent), time.Second)
			}
			return err
		},
		Done: func(l *pool.Lease, err error) bool {
			if err != nil {
				if errors.Is(err, errBroken) {
					_ = x.pool.Note(ctx, "failed/"+id, []byte("404"), 30*time.Second)
				}
				return false
			}
			x.put(ctx, id, body)
			return false
		},
	})
}

// put tries until the bucket takes it, under the lease.
func (x *member) put(ctx context.Context, id string, body []byte) {
	sum := sha256.Sum256(body)
	for ctx.Err() == nil {
		if x.pool.Put(ctx, "d/"+id, []byte("{}"), bytes.NewReader(body), int64(len(body)), hex.EncodeToString(sum[:])) == nil {
			x.mu.Lock()
			delete(x.hand, id)
			x.mu.Unlock()
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// live has all documents of a list, some at a time, and returns how many it could not have.
func (x *member) live(ctx context.Context, ids []int) (without int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range x.world.parallel {
		wg.Go(func() {
			for {
				mu.Lock()
				if next == len(ids) || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				id := ids[next]
				next++
				mu.Unlock()
				broken := id < x.world.faults.broken
				began := time.Now()
				err := x.want(ctx, fmt.Sprint(id), broken)
				for err != nil && ctx.Err() == nil && !errors.Is(err, errBroken) && !errors.Is(err, errWrong) {
					select {
					case <-time.After(time.Second + rand.N(time.Second)):
					case <-ctx.Done():
					}
					err = x.want(ctx, fmt.Sprint(id), broken)
				}
				mu.Lock()
				x.took = append(x.took, time.Since(began))
				if err != nil && !(broken && errors.Is(err, errBroken)) {
					without++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return without
}
