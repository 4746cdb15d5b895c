//go:build linux

// Command bench measures ccsfs side by side with what bounds it (curl for first-time work, the
// local disk for the rest), with rclone where that is installed, and with other ccsfs: that of an
// older commit (-base), or the same one with other settings (-variant). Run it by `make bench`.
//
// The simulated API runs in this process, which only waits meanwhile, with a latency for each
// answer and no rate cap; the tools and ccsfs are processes of their own. Competitors take turns,
// and who begins changes from round to round. What is printed are medians over the rounds; a
// ratio is the median of those of the same round, so that what a machine was busy with in a round
// counts on both sides. A target that is missed is marked, and no failure: times depend on the
// machine. The exit status is 1 if something could not be measured, or was wrong.
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

	"golang.org/x/sys/unix"
)

func main() {
	var o options
	flag.StringVar(&o.binary, "ccsfs", "bin/ccsfs", "the ccsfs to measure")
	flag.StringVar(&o.base, "base", "", "measure the ccsfs of this `commit`, too")
	flag.Func("variant", "measure the same ccsfs with other settings, too: `NAME=VARIABLE=VALUE,…`; may be repeated", o.addVariant)
	flag.StringVar(&o.dir, "dir", "", "directory for caches and copies (default: a temporary one)")
	flag.IntVar(&o.documents, "documents", 500, "documents of a contract")
	flag.Int64Var(&o.size, "size", 100_000, "bytes of a document")
	flag.Int64Var(&o.large, "large", 256<<20, "bytes of a large document; only above 64 MiB it streams (stream-above)")
	flag.IntVar(&o.memoryDocuments, "memory-documents", 20_000, "documents that are read to see what memory each leaves behind")
	flag.IntVar(&o.blobs, "blobs", 100_000, "documents in the cache of a mount that begins")
	flag.DurationVar(&o.latency, "latency", 20*time.Millisecond, "latency of the simulated API")
	flag.IntVar(&o.rounds, "rounds", 7, "rounds of each case; what takes milliseconds has five times as many")
	only := flag.String("run", "", "run only the cases that match this `regexp`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	o.only = regexp.MustCompile(*only)
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, base, dir      string
	variants               []contender
	documents              int
	size, large            int64
	memoryDocuments, blobs int
	latency                time.Duration
	rounds                 int
	only                   *regexp.Regexp
}

// benchCase is one or more rows of the table.
type benchCase struct {
	name string
	run  func(b *bench) error
}

func cases() []benchCase {
	return []benchCase{
		{"first", firstWork},
		{"again", againWork},
		{"remount", remountedWork},
		{"large", largeDocument},
		{"eight", eightAtOnce},
		{"calls", callsForSize},
		{"listing", longListing},
		{"read", memoryOfReading},
		{"memory", memoryOfReaders},
		{"scale", scale},
		{"start", startWithBlobs},
		{"limited", limited},
		{"serve", served},
		{"pool", pooled},
	}
}

func run(ctx context.Context, o options) error {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	var failed []error
	for _, c := range cases() {
		if !o.only.MatchString(c.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s …\n", c.name)
		if err := c.run(b); err != nil {
			fmt.Fprintf(os.Stderr, "  failed: %v\n", err)
			failed = append(failed, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	failed = append(failed, ctx.Err(), b.print(os.Stdout))
	return errors.Join(failed...)
}
