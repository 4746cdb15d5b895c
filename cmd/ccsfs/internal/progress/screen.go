package progress

import (
	"bytes"
	"fmt"
	"os"

	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"
)

// screen is the terminal that a bar is drawn on. Unlike mpb's own it goes back to
// the first column before it erases the last drawing: a ^C that the terminal has
// echoed stands there.
type screen struct {
	bytes.Buffer
	f *os.File
}

var _ = (mpb.ConsoleWriter)((*screen)(nil))

// IsTerminal implements mpb.ConsoleWriter.
func (s *screen) IsTerminal() bool { return true }

// GetTermSize implements mpb.ConsoleWriter.
func (s *screen) GetTermSize() (width, height int, err error) { return term.GetSize(int(s.f.Fd())) }

// Flush draws, and prepares to erase that many lines before the next drawing.
func (s *screen) Flush(lines int) error {
	if _, err := s.WriteTo(s.f); err != nil {
		return err
	}
	if lines > 0 {
		fmt.Fprintf(s, "\r\x1b[%dA\x1b[J", lines)
	}
	return nil
}
