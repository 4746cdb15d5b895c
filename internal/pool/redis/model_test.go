package redis_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/redis/redistest"
	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"
)

// twin is an engine and the model of it, on one clock.
type twin struct {
	model, real pool.Coordinator
	now         time.Time
	set         func(t *rapid.T, now time.Time, passed time.Duration) // sets the clock of real
	forget      func(t *rapid.T)
	values      bool // the values of real keep to the clock
	places      [2]string
}

// The model in memory does what Redis does, whatever is asked: simulations of many members
// run on it. The first engine has its clock set as a whole; in real ones the scripts read
// theirs from a key, so that the Lua of the server itself is compared.
func TestTheModelDoesAsRedisDoes(t *testing.T) {
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes a while")
		}
		compare(t, func(t *testing.T) *twin {
			server := miniredis.RunT(t)
			return &twin{real: open(t, "redis://"+server.Addr(), "a"), values: true,
				set: func(_ *rapid.T, now time.Time, passed time.Duration) {
					server.SetTime(now)
					server.FastForward(max(passed, 0))
				},
				forget: func(*rapid.T) { server.FlushAll() },
			}
		})
	})
	for _, program := range redistest.Programs() {
		t.Run(program, func(t *testing.T) {
			compare(t, func(t *testing.T) *twin {
				server := redistest.StartProgram(t, program)
				c := open(t, server.URL(), "a")
				redis.SetClock(c)
				direct := client(t, server)
				tw := &twin{real: c}
				tw.set = func(rt *rapid.T, now time.Time, _ time.Duration) {
					tell(rt, direct, "SET", redis.ClockKey, now.UnixMicro())
				}
				tw.forget = func(rt *rapid.T) {
					tell(rt, direct, "FLUSHALL")
					tell(rt, direct, "SET", redis.ClockKey, tw.now.UnixMicro())
				}
				return tw
			})
		})
	}
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// compare asks an engine and the model for everything, beside one that is asked for its rate
// while the clock jumps.
func compare(t *testing.T, start func(t *testing.T) *twin) {
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		tw := start(t)
		rapid.Check(t, func(rt *rapid.T) {
			tw.begin(rt)
			rt.Repeat(tw.actions(t.Context()))
		})
	})
	t.Run("rate while the clock jumps", func(t *testing.T) {
		t.Parallel()
		tw := start(t)
		rapid.Check(t, func(rt *rapid.T) {
			tw.begin(rt)
			actions := map[string]func(*rapid.T){"jump": func(t *rapid.T) {
				tw.pass(t, time.Duration(rapid.Int64Range(-2*3600e6, 2*3600e6).Draw(t, "jump"))*time.Microsecond)
			}}
			for name, action := range tw.actions(t.Context()) {
				if name == "turn" || name == "slow" || name == "pace" || name == "pass" || name == "" {
					actions[name] = action
				}
			}
			rt.Repeat(actions)
		})
	})
}

func (tw *twin) begin(t *rapid.T) {
	tw.now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	tw.forget(t)
	tw.set(t, tw.now, 0)
	tw.model = memory.NewCoordinatorOf(func() time.Time { return tw.now })
	tw.places = [2]string{}
}

func (tw *twin) pass(t *rapid.T, d time.Duration) {
	tw.now = tw.now.Add(d)
	tw.set(t, tw.now, d)
}

// both asks the model and the engine, and expects one answer.
func both[T any](t *rapid.T, tw *twin, ask func(c pool.Coordinator) (T, error)) T {
	want, err := ask(tw.model)
	must(t, err)
	got, err := ask(tw.real)
	must(t, err)
	if w, g := fmt.Sprintf("%#v", want), fmt.Sprintf("%#v", got); w != g {
		t.Fatalf("the engine answers %s, the model %s", g, w)
	}
	return got
}

func durations(least, most time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Range(least.Microseconds(), most.Microseconds()), func(us int64) time.Duration {
		return time.Duration(us) * time.Microsecond
	})
}

func (tw *twin) actions(ctx context.Context) map[string]func(*rapid.T) {
	names := rapid.SampledFrom([]string{"a", "b", "c"})
	holders := rapid.SampledFrom([]string{"h", "i", "j"})
	ttls := rapid.OneOf(durations(0, 100*time.Millisecond), durations(0, time.Minute))
	actions := tw.rateActions(ctx)
	maps.Copy(actions, tw.newsActions(ctx))
	maps.Copy(actions, map[string]func(*rapid.T){
		"acquire": func(t *rapid.T) {
			name, holder, ttl := names.Draw(t, "name"), holders.Draw(t, "holder"), ttls.Draw(t, "ttl")
			both(t, tw, func(c pool.Coordinator) (string, error) { return c.Acquire(ctx, name, holder, ttl) })
		},
		"renew": func(t *rapid.T) {
			name, holder, ttl := names.Draw(t, "name"), holders.Draw(t, "holder"), ttls.Draw(t, "ttl")
			both(t, tw, func(c pool.Coordinator) (bool, error) { return c.Renew(ctx, name, holder, ttl) })
		},
		"release": func(t *rapid.T) {
			name, holder := names.Draw(t, "name"), holders.Draw(t, "holder")
			both(t, tw, func(c pool.Coordinator) (any, error) { return nil, c.Release(ctx, name, holder) })
		},
		"beat": func(t *rapid.T) {
			name, about, ttl := names.Draw(t, "name"), holders.Draw(t, "about"), ttls.Draw(t, "ttl")
			both(t, tw, func(c pool.Coordinator) (any, error) { return c.Beat(ctx, name, []byte(about), ttl) })
		},
		"": func(t *rapid.T) {
			both(t, tw, func(c pool.Coordinator) (map[string]string, error) { return c.Leases(ctx) })
			both(t, tw, func(c pool.Coordinator) (map[string][]byte, error) { return c.Members(ctx) })
		},
		"set": func(t *rapid.T) {
			if !tw.values {
				t.Skip("the clock of values cannot be set")
			}
			key, value, ttl := names.Draw(t, "key"), rapid.SampledFrom([][]byte{nil, {}, {1}, {0, 255}}).Draw(t, "value"), ttls.Draw(t, "ttl")
			both(t, tw, func(c pool.Coordinator) (any, error) { return nil, c.Set(ctx, key, value, ttl) })
		},
		"get": func(t *rapid.T) {
			if !tw.values {
				t.Skip("the clock of values cannot be set")
			}
			key := names.Draw(t, "key")
			both(t, tw, func(c pool.Coordinator) ([]byte, error) { return c.Get(ctx, key) })
		},
		"pass": func(t *rapid.T) {
			tw.pass(t, rapid.OneOf(durations(0, 100*time.Millisecond), durations(0, time.Minute)).Draw(t, "pass"))
		},
		"forget": func(t *rapid.T) {
			if rapid.IntRange(0, 4).Draw(t, "seldom") == 0 {
				tw.model.(*memory.Coordinator).Forget()
				tw.forget(t)
			}
		},
	})
	return actions
}

func (tw *twin) rateActions(ctx context.Context) map[string]func(*rapid.T) {
	rates := rapid.Custom(func(t *rapid.T) pool.Rate {
		return pool.Rate{
			Every: rapid.OneOf(rapid.Just(50*time.Millisecond), durations(0, time.Second), durations(8*time.Second, time.Minute), durations(-time.Second, 2*time.Hour)).Draw(t, "every"),
			Burst: rapid.OneOf(rapid.Just(3), rapid.IntRange(-2, 2000)).Draw(t, "burst"),
		}
	})
	most := rapid.OneOf(rapid.Just(time.Duration(0)), durations(-time.Second, 5*time.Second), durations(0, 2*time.Hour))
	return map[string]func(*rapid.T){
		"turn": func(t *rapid.T) {
			r, most := rates.Draw(t, "rate"), most.Draw(t, "most")
			for range rapid.IntRange(1, 8).Draw(t, "times") {
				both(t, tw, func(c pool.Coordinator) (string, error) {
					wait, taken, err := c.Turn(ctx, r, most)
					return fmt.Sprint(wait, taken), err
				})
			}
		},
		"slow": func(t *rapid.T) {
			sent := durations(-time.Second, time.Minute).Draw(t, "sent")
			pause := rapid.OneOf(durations(0, 3*time.Second), durations(-time.Hour, time.Hour)).Draw(t, "pause")
			both(t, tw, func(c pool.Coordinator) (any, error) { return nil, c.Slow(ctx, sent, pause) })
		},
		"pace": func(t *rapid.T) {
			both(t, tw, func(c pool.Coordinator) (pool.Pace, error) { return c.Pace(ctx) })
		},
	}
}

func (tw *twin) newsActions(ctx context.Context) map[string]func(*rapid.T) {
	hear := func(t *rapid.T, places [2]string) (next [2]string) {
		var answers [2]string
		for i, c := range []pool.Coordinator{tw.model, tw.real} {
			news, last, missed, err := c.News(ctx, places[i])
			must(t, err)
			next[i], answers[i] = last, fmt.Sprint(len(news), strings.Join(news, " "), missed)
		}
		if answers[0] != answers[1] {
			t.Fatalf("the engine tells %q, the model %q", answers[1], answers[0])
		}
		return next
	}
	return map[string]func(*rapid.T){
		"tell": func(t *rapid.T) {
			news := rapid.SampledFrom([]string{"", "a", "b\x00"}).Draw(t, "news")
			for range rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 2, 2, 2, pool.NewsAtOnce + 1}).Draw(t, "times") {
				both(t, tw, func(c pool.Coordinator) (any, error) { return nil, c.Tell(ctx, news) })
			}
		},
		"hear":      func(t *rapid.T) { tw.places = hear(t, tw.places) },
		"come anew": func(t *rapid.T) { tw.places = hear(t, [2]string{}) },
	}
}
