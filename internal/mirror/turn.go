package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"

	"ccsfs/internal/turn"
)

// lockName is the file at the top of a destination that is locked by who writes
// there, and says who that is.
const lockName = JournalName + ".lock"

// takeTurn waits until nobody else writes to the destination: two runs at once would
// fetch everything twice, and take each other's files for changed. waiting is told once
// who does, if somebody does. It fails with a turn.StandsStillError where that one does
// nothing for long.
func takeTurn(ctx context.Context, root *os.Root, waiting func(who string)) (*turn.Turn, error) {
	// Made here for everybody who may write to the directory: a lease would be its
	// maker's alone.
	if f, err := root.OpenFile(lockName, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
		f.Close()
	}
	t, err := turn.Take(ctx, turn.Place{Root: root, File: lockName, Name: "destination"}, turn.Waiting{Tell: waiting})
	var still turn.StandsStillError
	if errors.As(err, &still) {
		return nil, fmt.Errorf("another run has the destination and stands still: %w", err)
	}
	return t, err
}
