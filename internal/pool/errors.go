package pool

import (
	"errors"
	"fmt"
)

// What is the matter with an engine, as far as its errors are concerned: they wrap one of
// these, or are those of a context, or say that something is not there.
var (
	// ErrAway is of an engine that cannot be reached, or does not serve now: it may pass.
	ErrAway = errors.New("the engine is away")
	// ErrRefused is of an engine that does not let us, or is not what it must be: it does
	// not pass before somebody changes a setting, here or there.
	ErrRefused = errors.New("the engine refuses")
	// ErrBegunByOthers is of a store that members with another key have begun.
	ErrBegunByOthers = fmt.Errorf("%w: the shared store of this account was begun with another pool key than this one", ErrRefused)
)
