// Package value reads the values of settings: each function takes a text as somebody typed
// it, behind a flag, in the environment or in config.toml, and tells what it means. An error
// says what is wrong with the text as the end of a sentence ("is not a size"). None quotes it,
// but for a choice that is none of those there are: it may be a secret.
//
// Which setting takes which of them stands in the table of package settings, and nothing here
// knows a setting, a file or the environment.
package value

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ccsfs/internal/suggest"
)

// Text takes one line of any text.
func Text(text string) (string, error) {
	if strings.ContainsFunc(text, isControl) {
		return "", errors.New("contains a control character")
	}
	return text, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Bool takes true or false, in the words that are usual, in any case.
func Bool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("is neither true nor false")
}

// Int takes whole numbers from low to high.
func Int(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("is not a whole number from %d to %d", low, high)
		}
		return n, nil
	}
}

// Rate takes requests a second: 0 or more, and finite.
func Rate(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, errors.New("is not a number of requests a second, 0 or more")
	}
	return f, nil
}

// Duration takes what time.ParseDuration takes, and whole days (7d).
// Less than a second is refused: it would ask the API all the time.
func Duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok && err != nil {
		n, convErr := strconv.ParseUint(days, 10, 16)
		d, err = time.Duration(n)*24*time.Hour, convErr
	}
	if err != nil {
		if _, convErr := strconv.ParseFloat(text, 64); convErr == nil {
			return 0, errors.New("has no unit (s, m, h or d)")
		}
		return 0, errors.New("is not a duration")
	}
	if d < time.Second {
		return 0, errTooShort
	}
	return d, nil
}

var errTooShort = errors.New("is shorter than a second, the shortest there is")

// TTL is Duration of how long a listing is believed.
func TTL(text string) (time.Duration, error) {
	d, err := Duration(text)
	if errors.Is(err, errTooShort) {
		err = fmt.Errorf("%w; pull, report and exec ask for everything anew anyway, and `ccsfs refresh` has a mount do so", err)
	}
	return d, err
}

// leastPlainSize is the least number without a unit that is taken for bytes: who
// writes 10 means something else.
const leastPlainSize = 1 << 20

// Size takes sizes with decimal (MB) or binary (MiB) units.
func Size(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil {
		return 0, errors.New("is not a size")
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && n > 0 && n < leastPlainSize {
		return 0, errors.New("has no unit (KiB, MiB, GiB, or B for bytes)")
	}
	if n > math.MaxInt64 {
		return 0, errors.New("is too large")
	}
	return int64(n), nil
}

// ID takes the number of a user or of a group.
func ID(text string) (uint32, error) {
	// The largest 32-bit number means "no id" to the kernel.
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == math.MaxUint32 {
		return 0, errors.New("is not a numeric id")
	}
	return uint32(n), nil
}

// Umask takes permissions as an octal number.
func Umask(text string) (uint32, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return 0, errors.New("is not an octal number from 000 to 777")
	}
	return uint32(n), nil
}

// URL takes the address of a server, http or https, without credentials; a slash at its end is
// taken off.
func URL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return "", errors.New("is not a URL that starts with https://")
	case u.User != nil:
		return "", errors.New("contains a user name or password")
	case u.RawQuery != "", u.Fragment != "":
		return "", errors.New("contains a ? or #")
	}
	return strings.TrimRight(text, "/"), nil
}

// Some makes a List of which each is one of some words.
func Some(words ...string) func(text string) ([]string, error) {
	return func(text string) ([]string, error) {
		list, err := List(text)
		for _, item := range list {
			if !slices.Contains(words, item) {
				return nil, fmt.Errorf("has %q, which is none of %s%s", item, strings.Join(words, ", "), suggest.Hint(item, words))
			}
		}
		return list, err
	}
}

// List takes items with commas between them, each once, in their order; at least one.
func List(text string) ([]string, error) {
	if _, err := Text(text); err != nil {
		return nil, err
	}
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	if list == nil {
		return nil, errors.New("names nothing")
	}
	return list, nil
}

// Choices takes a list of some of these.
func Choices(choices []string) func(string) ([]string, error) {
	return func(text string) ([]string, error) {
		list, err := List(text)
		if err != nil {
			return nil, err
		}
		for _, item := range list {
			if err := among(item, choices); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
}

// Choice takes one of these.
func Choice(choices ...string) func(string) (string, error) {
	return func(text string) (string, error) { return text, among(text, choices) }
}

func among(item string, choices []string) error {
	if slices.Contains(choices, item) {
		return nil
	}
	reason := fmt.Sprintf("%q is none of %s", item, strings.Join(choices, ", "))
	if near := suggest.Nearest(item, choices); near != "" {
		reason += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return errors.New(reason)
}

// LogLevels are what Level takes.
func LogLevels() []string { return []string{"debug", "info", "warn", "error"} }

// Level takes the name of a level of the log.
func Level(text string) (slog.Level, error) {
	if err := among(text, LogLevels()); err != nil {
		return 0, err
	}
	var level slog.Level
	err := level.UnmarshalText([]byte(text))
	return level, err
}
