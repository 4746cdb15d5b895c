//go:build !windows

// Command bench measures ccsfs side by side with what bounds it (curl for
// first-time work, the local disk for the rest) and with rclone where that is
// installed, and prints the ratios. Run it by `make bench`.
//
// The simulated API runs in this process, with a latency for each answer and no
// rate cap; the tools and ccsfs are processes of their own. All cases run on
// fresh caches unless they say "again". Times are the best of several rounds, in
// which the competitors take turns, since the machine is never quite quiet; those of
// ccsfs serve are medians.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.binary, "ccsfs", "bin/ccsfs", "the ccsfs to measure")
	flag.StringVar(&o.dir, "dir", "", "directory for caches and copies (default: a temporary one)")
	flag.IntVar(&o.documents, "documents", 500, "documents of a contract")
	flag.Int64Var(&o.size, "size", 100_000, "bytes of a document")
	flag.Int64Var(&o.large, "large", 256<<20, "bytes of the large document")
	flag.DurationVar(&o.latency, "latency", 20*time.Millisecond, "latency of the simulated API")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each case")
	only := flag.String("run", "", "run only the cases that match this `regexp`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o.only = regexp.MustCompile(*only)
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, dir string
	documents   int
	size, large int64
	latency     time.Duration
	rounds      int
	only        *regexp.Regexp
}

func run(ctx context.Context, o options) error {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	var failed []error
	for _, c := range cases() {
		if !o.only.MatchString(c.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s …\n", c.name)
		if err := c.run(b); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	b.table.print(os.Stdout)
	return errors.Join(failed...)
}
