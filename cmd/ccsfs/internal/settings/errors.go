package settings

import (
	"errors"
	"fmt"
	"regexp"

	"ccsfs/cmd/ccsfs/internal/term"
)

// Origin is a kind of place where a value can come from.
type Origin int

// The origins, from the weakest to the strongest.
const (
	FromDefault Origin = iota
	FromFile
	FromCredential // a systemd credential
	FromEnvironment
	FromFlag
)

// Source is where a value came from.
type Source struct {
	Origin Origin
	Name   string // "--types", "CCSFS_TYPES", "/home/u/.config/ccsfs/config.toml:3", …
}

// String names the source for people.
func (s Source) String() string {
	if s.Origin == FromDefault {
		return "default"
	}
	return s.Name
}

// Error is a value that cannot be used. It never shows a secret.
type Error struct {
	Given  string // the setting as it was given, with its value unless secret
	Reason string
	Good   string // an example in the same notation, "" if there is none
	Flag   bool   // given on the command line
}

// Error implements error.
func (e *Error) Error() string {
	if e.Good == "" {
		return e.Given + ": " + e.Reason
	}
	return fmt.Sprintf("%s: %s; a good one is %s", e.Given, e.Reason, e.Good)
}

// OnlyFlags tells whether everything in err is about the command line, so
// that it counts as wrong usage rather than as wrong settings.
func OnlyFlags(err error) bool {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			if !OnlyFlags(e) {
				return false
			}
		}
		return true
	}
	var e *Error
	return errors.As(err, &e) && e.Flag
}

// reject words the refusal of text, in the notation of its source.
func (s Setting) reject(text string, from Source, reason error) error {
	e := &Error{Given: from.Name, Reason: reason.Error(), Flag: from.Origin == FromFlag}
	if s.Secret {
		if from.Origin == FromFile {
			e.Given += ": " + s.Key()
		}
		return e
	}
	text = s.Public(text)
	switch from.Origin {
	case FromFlag:
		e.Given = fmt.Sprintf("%s %q", from.Name, text)
		e.Good = from.Name + "=" + term.Quote(s.Example)
	case FromEnvironment, FromCredential:
		e.Given = fmt.Sprintf("%s=%q", from.Name, text)
		e.Good = from.Name + "=" + term.Quote(s.Example)
	default:
		e.Given = fmt.Sprintf("%s: %s = %q", from.Name, s.Key(), text)
		e.Good = fmt.Sprintf("%s = %q", s.Key(), s.Example)
	}
	return e
}

// Public is a value as an error may show it, which ends in mails and logs: of an address
// neither a user and password nor what stands behind a ? or #.
func (s Setting) Public(text string) string {
	if s.Value != "URL" {
		return text
	}
	text = regexp.MustCompile(`(?s)^([A-Za-z]+://)?.*@`).ReplaceAllString(text, "${1}…@")
	return regexp.MustCompile(`(?s)[?#].*`).ReplaceAllString(text, "?…")
}
