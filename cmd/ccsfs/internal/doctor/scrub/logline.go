package scrub

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// attr is a word of a line of a log.
type attr struct{ key, value string }

// LogLine makes a line of a log fit to be handed on: what it says, and those of its
// attributes that are known to be about ccsfs itself. The others only bear their names.
func (c *Scrubber) LogLine(line string) string {
	attrs, ok := parseLine(line)
	if !ok || slices.ContainsFunc(attrs, func(a attr) bool { return c.known(a.key) }) { // of a crash, or of another program
		return c.strange(line)
	}
	words := make([]string, 0, len(attrs))
	for _, a := range attrs {
		words = append(words, a.key+"="+strconv.Quote(c.attr(a)))
	}
	return strings.Join(words, " ")
}

// strange is a line that is none of slog's. Those of a stack are told from all others by
// their form, which leaves no room for names.
func (c *Scrubber) strange(line string) string {
	if c.data != nil && !c.known(line) {
		if stackFunction.MatchString(line) {
			return line
		}
		if at := stackPlace.FindStringSubmatch(line); at != nil {
			return "\t" + at[1]
		}
	}
	return c.Text(line)
}

// The lines of a stack, as the runtime of Go prints them: a function of a program, and
// where it is.
var (
	stackFunction = regexp.MustCompile(`^(created by )?(ccsfs|main|runtime|sync|net|os|io|time|context|syscall|internal|github\.com|golang\.org)[a-zA-Z0-9_./*()\[\]-]*(\((0x[0-9a-f]+\??|[{},. ]|\.\.\.)*\))?( in goroutine [0-9]+)?$`)
	stackPlace    = regexp.MustCompile(`^\t/[^ ]*/([a-z0-9_]+\.(?:go|s):[0-9]+)( \+0x[0-9a-f]+)?$`)
)

func (c *Scrubber) attr(a attr) string {
	if c.data == nil {
		return c.Text(a.value)
	}
	key := a.key[strings.LastIndex(a.key, ".")+1:]
	switch {
	case slices.Contains([]string{"msg", "error", "err", "cause", "reason", "since", "text"}, key) && !timeText.MatchString(a.value):
		return c.Text(a.value)
	case c.known(a.value): // whatever it is under
		return gone
	case timeText.MatchString(a.value), plainValue.MatchString(a.value) && ownKey(key):
		return a.value
	case key == "request_id" && requestText.FindString("request id "+a.value) == "request id "+a.value:
		return a.value
	}
	return gone
}

// plainValue is a number, a duration or a word.
var plainValue = regexp.MustCompile(`^(-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?([a-zµ]+[0-9.a-zµ]*)?|[A-Za-z_+-]{1,20})$`)

// ownKey tells the attributes that say nothing of an account.
func ownKey(key string) bool {
	for _, unit := range []string{"_seconds", "_bytes", "_total"} {
		if strings.HasSuffix(key, unit) {
			return true
		}
	}
	return slices.Contains([]string{"time", "level", "op", "attempt", "result", "status", "code", "pid", "signal", "errno"}, key)
}

// parseLine takes a line of slog apart, in JSON or as text. Keys are plain words, else it
// is none of ours.
func parseLine(line string) ([]attr, bool) {
	if strings.HasPrefix(line, "{") {
		return parseJSONLine(line)
	}
	var attrs []attr
	for rest := line; rest != ""; {
		key, after, ok := strings.Cut(rest, "=")
		if !ok || !keyText.MatchString(key) {
			return nil, false
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			quoted, err := strconv.QuotedPrefix(after)
			if err != nil {
				return nil, false
			}
			value, _ = strconv.Unquote(quoted) // it is one
			rest = after[len(quoted):]
		} else if value, rest, ok = strings.Cut(after, " "); ok {
			rest = " " + rest
		}
		attrs = append(attrs, attr{key, value})
		if rest != "" && rest[0] != ' ' {
			return nil, false
		}
		rest = strings.TrimPrefix(rest, " ")
	}
	return attrs, len(attrs) > 0
}

var keyText = regexp.MustCompile(`^[a-z_.]{1,40}$`)

func parseJSONLine(line string) ([]attr, bool) {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var attrs []attr
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		var value any
		if err != nil || !ok || !keyText.MatchString(name) || d.Decode(&value) != nil {
			return nil, false
		}
		attrs = append(attrs, attr{name, fmt.Sprint(value)})
	}
	return attrs, len(attrs) > 0
}
