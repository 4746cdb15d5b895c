package pull

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/dustin/go-humanize"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/mirror"
)

// report is what pull prints of what it does: nothing (--quiet), a summary, each document
// (-v), or objects for programs (--json). The first failure to print ends it; the copying
// goes on.
type report struct {
	options pullOptions
	w       io.Writer
	err     error
	deleted int
}

// printing hands out the report, and returns why it could not be printed.
func (p puller) printing(use func(*report) error) error {
	if p.options.quiet {
		return use(&report{options: p.options, w: io.Discard})
	}
	return cmdutil.Printing(p.Env, func(w io.Writer) error { return use(&report{options: p.options, w: w}) })
}

// each tells whether each document is named.
func (r *report) each() bool { return r.options.verbose || r.options.json || r.options.dry }

// event is a line of --json. Its keys do not change.
type event struct {
	Event    string `json:"event,omitempty"`
	Would    string `json:"would,omitempty"` // with --dry-run, in the place of Event: nothing was done
	Path     string `json:"path,omitempty"`
	From     string `json:"from,omitempty"`
	Contract string `json:"contract,omitempty"`
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Period   string `json:"period,omitempty"`
	Bytes    *int64 `json:"bytes,omitempty"`   // left out where --dry-run does not know it
	Updated  bool   `json:"updated,omitempty"` // a file was there
	Error    string `json:"error,omitempty"`
	Reason   string `json:"reason,omitempty"` // why it was deleted: partial or gone, as --delete has them
	*summary
}

// summary is the last line of --json.
type summary struct {
	Copied    int     `json:"copied"`
	UpToDate  int     `json:"upToDate"`
	Failed    int     `json:"failed"`
	Left      int     `json:"left"`      // not looked at, since the run was given up
	NotListed int     `json:"notListed"` // copies of documents that the account does not list any more
	Calls     int     `json:"calls"`
	Seconds   float64 `json:"seconds"`
	Deleted   int     `json:"deleted,omitempty"`
	// With --dry-run: how many are asked for, and how many it cannot tell of.
	Fetched int `json:"fetched,omitempty"`
	Unsure  int `json:"unsure,omitempty"`
}

// say prints a line at once: a run may take an hour.
func (r *report) say(line string) {
	if r.err != nil {
		return
	}
	if _, r.err = fmt.Fprintln(r.w, line); r.err != nil {
		return
	}
	if f, ok := r.w.(interface{ Flush() error }); ok {
		r.err = f.Flush()
	}
}

func (r *report) event(e event) {
	if r.options.dry {
		e.Event, e.Would = "", e.Event
	}
	b, err := json.Marshal(e)
	if err != nil && r.err == nil {
		r.err = err
	}
	r.say(string(b))
}

// copied is told of each document, one after the other.
func (r *report) copied(c mirror.Copy) {
	switch d := c.Doc; {
	case r.options.json:
		e := event{Event: "copied", Path: c.Path, Contract: d.ContractID, ID: d.ID, Type: d.Type, Period: d.Period, Updated: c.Updated}
		if c.Bytes >= 0 {
			e.Bytes = &c.Bytes
		}
		if c.Unsure {
			e.Event, e.Updated = "asked", false
		}
		r.event(e)
	case c.Unsure:
		r.say(fmt.Sprintf("would ask the API whether %s is up to date", term.Plain(c.Path)))
	case r.each():
		text := r.did("copied", "copy")
		if c.Updated {
			text = r.did("updated", "update")
		}
		text += " " + term.Plain(c.Path)
		if c.Bytes >= 0 {
			text += fmt.Sprintf(" (%s)", humanize.IBytes(uint64(c.Bytes)))
		}
		r.say(text)
	}
}

// did words what was done, or would be.
func (r *report) did(did, would string) string {
	if r.options.dry {
		return "would " + would
	}
	return did
}

// removed tells of the copies that were deleted.
func (r *report) removed(all []mirror.Removed) {
	for _, one := range all {
		r.deleted++
		reason, why := deletePartial, "of a month that is over"
		if one.Gone {
			reason, why = deleteGone, "which the account does not list any more"
		}
		if r.options.json {
			r.event(event{Event: "deleted", Path: one.Path, Reason: reason})
			continue
		}
		r.say(fmt.Sprintf("%s %s, %s", r.did("deleted", "delete"), term.Plain(one.Path), why))
	}
}

// end prints the rest. Others are failures that are about no document: of contracts.
func (r *report) end(p puller, result mirror.Result, others []session.Failure, gone int, took time.Duration) error {
	if r.options.json {
		r.endJSON(p, result, others, gone, took)
		return r.err
	}
	if p.hidden != "" {
		r.say(term.Plain(p.hidden))
	}
	for _, m := range result.Moved {
		why := "as its document is called now"
		switch {
		case m.Aside:
			why = "for another document has its name"
		case path.Dir(m.From) != path.Dir(m.To):
			why = "by the layout"
		}
		r.say(fmt.Sprintf("%s %s to %s, %s", r.did("renamed", "rename"), term.Plain(m.From), term.Plain(m.To), why))
	}
	r.say(p.summary(result, len(others), gone, r.deleted, took))
	return r.err
}

func (r *report) endJSON(p puller, result mirror.Result, others []session.Failure, gone int, took time.Duration) {
	for _, m := range result.Moved {
		r.event(event{Event: "renamed", From: m.From, Path: m.To})
	}
	for _, f := range result.Failed {
		r.event(event{Event: "failed", Path: f.Path, Error: f.Err.Error()})
	}
	for _, f := range others {
		r.event(event{Event: "failed", Path: f.What, Error: f.Err.Error()})
	}
	bytes := &result.Bytes
	if result.Sizeless > 0 {
		bytes = nil
	}
	r.event(event{Event: "done", Bytes: bytes, summary: &summary{
		Copied: result.Copied, UpToDate: result.UpToDate, Failed: len(result.Failed) + len(others), Left: result.Left,
		NotListed: gone, Calls: calls(p.Session), Seconds: took.Seconds(), Fetched: result.Fetched, Unsure: result.Unsure, Deleted: r.deleted,
	}})
}
