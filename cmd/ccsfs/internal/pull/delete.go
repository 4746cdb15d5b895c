package pull

import (
	"maps"
	"slices"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/mirror"
)

// What --delete removes.
const (
	deletePartial = "partial" // documents of the running month, once that is over
	deleteGone    = "gone"    // and those that the account does not list any more
)

// checkDelete refuses what cannot be meant.
func (o pullOptions) checkDelete(offline bool) error {
	switch {
	case o.delete != "" && o.delete != deletePartial && o.delete != deleteGone:
		return exitcode.Errorf(exitcode.Usage, "--delete=%s is not known: --delete=%s, or --delete alone, removes documents of the running month once that is over, --delete=%s also what the account does not list any more",
			o.delete, deletePartial, deleteGone)
	case o.delete != "" && offline:
		return exitcode.Errorf(exitcode.Usage, "--delete goes by what the account lists now, which --offline does not ask: choose one")
	}
	return nil
}

// remove removes the copies that --delete asks for, after everything was copied: a run of
// which something failed knows too little.
func (p puller) remove(dest *mirror.Dest, r *mirror.Result, failed *session.Failures) []mirror.Removed {
	if p.options.delete == "" || r.Stopped != nil {
		return nil
	}
	if n := len(r.Failed) + len(failed.All); n > 0 {
		term.Say(p.Env.Stderr, "nothing was deleted, since not everything could be copied")
		return nil
	}
	removal := mirror.Removal{Gone: p.options.delete == deleteGone, Force: p.options.force, Now: p.Env.Now()}
	doubts := dest.Doubts(p.listed, removal)
	for _, contract := range slices.Sorted(maps.Keys(doubts)) {
		term.Say(p.Env.Stderr, "%s: nothing that it does not list is deleted: %s", term.Plain(contract), doubts[contract])
	}
	removed, which, err := dest.Remove(p.listed, removal)
	if err != nil {
		failed.Add("", err)
	}
	r.Failed = append(r.Failed, which...)
	return removed
}

// goneText is what is said of a copy whose document is not listed any more.
func (p puller) goneText() string {
	if p.options.delete == deleteGone {
		return "the account does not list this document any more; the next run with --delete=gone deletes its copy"
	}
	return "the account does not list this document any more; its copy stays"
}
