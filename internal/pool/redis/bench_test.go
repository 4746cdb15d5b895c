package redis_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/redis/redistest"
)

// What one server does for many members: calls a second, and how long one takes.
func BenchmarkMembers(b *testing.B) {
	server := redistest.Start(b)
	for _, members := range []int{1, 32} {
		all := make([]*redis.Coordinator, members)
		for i := range all {
			all[i] = open(b, server.URL(), "a")
		}
		for name, do := range map[string]func(c *redis.Coordinator, i int) error{
			"Turn": func(c *redis.Coordinator, _ int) error {
				_, _, err := c.Turn(b.Context(), pool.Rate{Every: time.Microsecond, Burst: 1000}, time.Second)
				return err
			},
			"Acquire": func(c *redis.Coordinator, i int) error {
				_, err := c.Acquire(b.Context(), fmt.Sprint(i%1000), fmt.Sprint(i), time.Minute)
				return err
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, members), func(b *testing.B) {
				var wg sync.WaitGroup
				for n, c := range all {
					wg.Go(func() {
						for i := n; i < b.N; i += members {
							if err := do(c, i); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
