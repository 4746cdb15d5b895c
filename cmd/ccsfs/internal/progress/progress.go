// Package progress shows how a long command gets on: a bar on a terminal, a line
// now and then elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// interval is how long a file or a pipe hears nothing: often enough to see that
// it lives, seldom enough for the log of a nightly job.
const interval = 15 * time.Second

// Console is standard error: messages, and at times a bar below them.
type Console struct {
	w        io.Writer
	terminal *os.File // w, if it is one that can move its cursor

	mu   sync.Mutex
	bars *mpb.Progress // nil: no bar is shown
}

// NewConsole makes a Console of w. kind is TERM of the environment: a dumb
// terminal gets lines.
func NewConsole(w io.Writer, kind string) *Console {
	c := &Console{w: w}
	if f, ok := w.(*os.File); ok && kind != "dumb" && term.IsTerminal(int(f.Fd())) {
		c.terminal = f
	}
	return c
}

// Terminal reports whether somebody sees what is written, now.
func (c *Console) Terminal() bool { return c.terminal != nil }

// Write implements io.Writer: whole lines, which go above the bar.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bars != nil {
		return c.bars.Write(p)
	}
	return c.w.Write(p)
}

// Meter is the progress of one command. Its methods may be called by many.
type Meter struct {
	console *Console
	verb    string // "copied"
	total   int
	begun   time.Time
	done    atomic.Int64
	bytes   atomic.Int64
	bar     *mpb.Bar
	quit    chan struct{}
	ended   sync.WaitGroup
}

// Start shows how total documents are verb ("copied", …). Close ends it.
func (c *Console) Start(verb string, total int) *Meter {
	m := &Meter{console: c, verb: verb, total: total, begun: time.Now(), quit: make(chan struct{})}
	if c.terminal == nil {
		m.ended.Go(func() { m.report(time.NewTicker(interval)) })
		return m
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bars = mpb.New(mpb.WithConsoleWriter(&screen{f: c.terminal}), mpb.WithRefreshRate(150*time.Millisecond))
	m.bar = c.bars.New(int64(total),
		mpb.BarStyle().Lbound("[").Filler("#").Tip("#").Padding(".").Rbound("]"),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return m.before() + " " })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + m.after(time.Since(m.begun)) })),
	)
	return m
}

// Bytes adds to the bytes that were handled.
func (m *Meter) Bytes(n int) { m.bytes.Add(int64(n)) }

// Done counts a document.
func (m *Meter) Done() {
	m.done.Add(1)
	if m.bar != nil {
		m.bar.Increment()
	}
}

// Close ends the display. What is said from then on goes where it did before.
func (m *Meter) Close() {
	close(m.quit)
	m.ended.Wait()
	if m.bar == nil {
		return
	}
	m.bar.Abort(true)
	m.console.mu.Lock()
	defer m.console.mu.Unlock()
	m.console.bars.Wait()
	m.console.bars = nil
}

// report prints a line at every tick, if there is anything new.
func (m *Meter) report(ticks *time.Ticker) {
	defer ticks.Stop()
	last := int64(-1)
	for {
		select {
		case <-ticks.C:
			if now := m.done.Load() + m.bytes.Load(); now != last {
				last = now
				fmt.Fprintf(m.console, "%s %s, %s\n", m.verb, m.before(), m.after(time.Since(m.begun)))
			}
		case <-m.quit:
			return
		}
	}
}

// before is what stands before the bar: how many of how many.
func (m *Meter) before() string {
	return fmt.Sprintf("%d of %d", m.done.Load(), m.total)
}

// after is what stands behind it: bytes, rate, and what is left.
func (m *Meter) after(elapsed time.Duration) string {
	bytes, done := m.bytes.Load(), m.done.Load()
	text := humanize.IBytes(uint64(bytes))
	if seconds := elapsed.Seconds(); seconds >= 1 {
		text += fmt.Sprintf(", %s/s", humanize.IBytes(uint64(float64(bytes)/seconds)))
	}
	left := int64(m.total) - done
	if left <= 0 || done == 0 {
		return text
	}
	remaining := time.Duration(float64(elapsed) / float64(done) * float64(left))
	return text + fmt.Sprintf(", %s left", clock(remaining))
}

// clock shows a duration as 0:07 or 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
