package pull

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ccsfs/internal/lease"
)

// lockName is the file at the top of a destination that is locked by who writes
// there, and says who that is.
const lockName = JournalName + ".lock"

// turn is the right to write to a destination alone. Two runs at once would fetch
// everything twice, and take each other's files for changed.
type turn struct {
	table *lease.Table
	lease *lease.Lease
}

// takeTurn waits until nobody else writes to the destination. waiting is told once
// who does, if somebody does.
func takeTurn(ctx context.Context, root *os.Root, waiting func(who string)) (*turn, error) {
	// Made here for everybody who may write to the directory: a lease would be its
	// maker's alone.
	if f, err := root.OpenFile(lockName, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
		f.Close()
	}
	t := &turn{table: lease.Open(filepath.Join(root.Name(), lockName))}
	var err error
	t.lease, err = t.table.Acquire(ctx, "destination", func() { waiting(holder(root)) })
	if err != nil {
		_ = t.table.Close()
		return nil, err
	}
	// For people alone: the lock is what counts.
	host, _ := os.Hostname()
	_ = root.WriteFile(lockName, fmt.Appendf(nil, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.DateTime+" UTC")), 0o666)
	return t, nil
}

// holder is what the one who writes there says of itself.
func holder(root *os.Root) string {
	text, err := root.ReadFile(lockName)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || len(line) == 0 || len(line) > 200 {
		return "another process"
	}
	return string(line)
}

// alone reports whether other processes honour the turn.
func (t *turn) alone() bool { return t.lease.Shared() }

func (t *turn) end() error {
	t.lease.Release()
	return t.table.Close()
}
