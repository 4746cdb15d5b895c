package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/observed"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
)

// maxProbes is how many calls checkBehaviour makes at most.
const maxProbes = 10

// checkBehaviour asks the API for what shows how it behaves. None of it is asked for
// twice, and what looks like trouble ends it.
func (d *doctor) checkBehaviour(ctx context.Context) (string, error) {
	if d.settings.API.Offline {
		return "", errSkipped("--offline")
	}
	p := &prober{doctor: d}
	p.lists(ctx)
	p.files(ctx)
	if ctx.Err() != nil {
		return "", exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	text := fmt.Sprintf("%s more, of %d at most", term.Plural(p.calls, "call"), maxProbes)
	if p.ended != nil {
		return "", exitcode.With(session.CodeFor(d.settings, p.ended), fmt.Errorf("%s, then: %w", text, p.ended))
	}
	return text, nil
}

// prober makes the calls of checkBehaviour.
type prober struct {
	*doctor

	calls int
	ended error // why no more is asked
}

// ask sends one request, unless there was trouble before, and tells whether it was
// answered with what was asked for.
func (p *prober) ask(ctx context.Context, what apiclient.Probe) bool {
	if p.ended != nil || p.calls == maxProbes || ctx.Err() != nil {
		return false
	}
	p.calls++
	what.ContractID = p.contract
	if what.Method == "" {
		what.Method = http.MethodGet
	}
	status, err := p.client.Probe(ctx, what)
	head := what.Method == http.MethodHead // some servers know none, and say so in whatever way
	switch {
	case errors.Is(err, apiclient.ErrRateLimited), errors.Is(err, apiclient.ErrUnauthorized),
		!head && errors.Is(err, apiclient.ErrServer), !head && err != nil && status == 0:
		p.ended = err
	}
	return err == nil
}

// lists asks for the contract in full, and for lists in other ways than work does.
func (p *prober) lists(ctx context.Context) {
	p.ask(ctx, apiclient.Probe{Path: "/contract", Most: apiclient.ObservedBytes})
	p.list(ctx, "", 1000, 0)
	most := ""
	for _, t := range billing.Types() {
		if len(p.documents[t]) > 1 && len(p.documents[t]) > len(p.documents[most]) {
			most = t
		}
	}
	if most == "" { // one more than there are tells nothing
		return
	}
	if p.list(ctx, most, 1, 0) {
		p.list(ctx, most, 1, 1)
	}
}

func (p *prober) list(ctx context.Context, docType string, limit, offset int) bool {
	query := url.Values{"documentType": {docType}, "limit": {strconv.Itoa(limit)}}
	if offset > 0 {
		query.Set("offset", strconv.Itoa(offset))
	}
	return p.ask(ctx, apiclient.Probe{Path: "/documents", Query: query, Most: apiclient.ObservedBytes})
}

// files asks for the beginning of one document in several ways.
func (p *prober) files(ctx context.Context) {
	id := p.sample()
	if id == "" {
		return
	}
	first := apiclient.Probe{DocumentID: id, Most: apiclient.HeadLen}
	if !p.ask(ctx, first) {
		return
	}
	p.mu.Lock()
	h := p.file.Header
	p.mu.Unlock()
	p.ask(ctx, apiclient.Probe{DocumentID: id, Method: http.MethodHead})
	with := func(name, value string) {
		if value != "" {
			p.ask(ctx, apiclient.Probe{DocumentID: id, Header: http.Header{name: {value}}, Most: apiclient.HeadLen})
		}
	}
	with("Range", "bytes=0-0")
	p.ask(ctx, apiclient.Probe{DocumentID: id, Query: url.Values{"zipped": {"1"}}, Most: apiclient.HeadLen})
	with("If-None-Match", h.Get("ETag"))
	with("If-Modified-Since", h.Get("Last-Modified"))
}

// sample is the document to ask for: one that does not change, and that is no archive by
// itself, if there is one. Its id, "" if there is none at all.
func (p *prober) sample() string {
	best, rank := "", 0
	for _, t := range []string{billing.TypeInvoices, billing.TypeReports, billing.TypeRated, billing.TypeBills, billing.TypePartialRated, billing.TypePartialBills} {
		for _, d := range p.documents[t] {
			r := 1
			switch ext := strings.ToLower(filepath.Ext(d.Filename)); {
			case billing.VolatileType(t):
			case ext == ".pdf" || ext == ".csv":
				r = 3
			default:
				r = 2
			}
			if r > rank {
				best, rank = d.ID, r
			}
		}
	}
	return best
}

// writeTable tells what the API was seen to do.
func (d *doctor) writeTable(w io.Writer) error {
	screen := term.ScreenOf(d.env.Vars, d.env.Stdout)
	fmt.Fprintf(w, "\nWhat this API was seen to do, in %s:\n\n", term.Plural(d.observer.Answers(), "answer"))
	t := d.observer.Table()
	for _, o := range t.Observations {
		colour := map[string]string{observed.Yes: term.Green, observed.No: term.Yellow}[o.Answer]
		text := o.Question
		if values := o.Text(); values != "" {
			text += ": " + values
		}
		const indent = 9
		for i, line := range term.Wrap(term.Plain(text), max(screen.Width-indent, 40)) {
			answer := ""
			if i == 0 {
				answer = o.Answer
			}
			padding := strings.Repeat(" ", indent-len(answer))
			if colour != "" {
				answer = screen.Paint(colour, answer)
			}
			fmt.Fprintln(w, answer+padding+line)
		}
	}
	seen := slices.DeleteFunc(t.Observations, func(o observed.Observation) bool { return o.Answer == observed.NotSeen })
	_, err := fmt.Fprintf(w, "\n%d of %d were seen.\n", len(seen), len(observed.Questions()))
	return err
}
