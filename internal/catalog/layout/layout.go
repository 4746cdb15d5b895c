// Package layout says under which name, and in which directory, a document is shown: a
// template ([Parse]) makes directories ([Build]) of documents, whose names are safe and
// distinct ([SafeName], [Distinguish]). All of it is pure: the same documents have the
// same paths everywhere, in whatever order they come.
package layout

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"ccsfs/internal/billing"
	"ccsfs/internal/suggest"
)

// maxDepth bounds the segments of a layout: deep enough for any filing plan,
// and far from the lengths of paths that tools stumble over.
const maxDepth = 8

// unknown stands for a value that a document does not have.
const unknown = "unknown"

// Layout says where in its contract's directory a document is: a path
// template. The zero value is not usable; see Parse.
type Layout struct {
	text     string
	segments [][]part
	names    Names
}

// part is a literal text or, if field is set, a placeholder.
type part struct {
	text  string
	field string
}

func fields() []string {
	return []string{"type", "year", "month", "period", "id", "filename"}
}

// namedLayout returns the template of a layout that has a name.
func namedLayout(name string) (string, bool) {
	switch name {
	case "flat":
		return "{filename}", true
	case "type":
		return "{type}/{filename}", true
	case "period":
		return "{year}/{month}/{filename}", true
	}
	return "", false
}

// Parse reads "flat", "type", "period", or a template: literal text and
// {type}, {year}, {month}, {period} (YYYYMM), {id}, {filename}, in up to 8
// segments separated by slashes, the last of which tells documents apart by
// {filename} or {id}. What a document does not have is "unknown" in its path.
func Parse(s string) (*Layout, error) {
	template, named := namedLayout(s)
	if !named {
		template = s
		if !strings.ContainsAny(s, "{}") {
			return nil, fmt.Errorf("layout %q is not known%s: use flat, type, period or a template such as {year}/{type}/{filename}",
				s, suggest.Hint(s, []string{"flat", "type", "period"}))
		}
	}
	if !utf8.ValidString(template) || strings.ContainsFunc(template, func(r rune) bool { return r != '/' && unsafeRune(r) }) {
		return nil, fmt.Errorf("layout %q has control characters or invalid UTF-8", s)
	}
	l := &Layout{text: s}
	for _, text := range strings.Split(template, "/") {
		parts, err := parseSegment(text)
		if err != nil {
			return nil, fmt.Errorf("layout %q: %w", s, err)
		}
		l.segments = append(l.segments, parts)
	}
	if len(l.segments) > maxDepth {
		return nil, fmt.Errorf("layout %q has %d segments: at most %d are allowed", s, len(l.segments), maxDepth)
	}
	if !slices.ContainsFunc(l.segments[len(l.segments)-1], func(p part) bool { return p.field == "filename" || p.field == "id" }) {
		return nil, fmt.Errorf("layout %q: the last segment must contain {filename} or {id}, which tell documents apart", s)
	}
	return l, nil
}

func parseSegment(text string) ([]part, error) {
	switch text {
	case "":
		return nil, fmt.Errorf("an empty segment (a slash at the beginning or the end, or two in a row)")
	case ".", "..":
		return nil, fmt.Errorf("a segment cannot be %q", text)
	}
	var parts []part
	for rest := text; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			parts = append(parts, part{text: rest})
			break
		}
		if rest[open] == '}' {
			return nil, fmt.Errorf("a } without a { in %q", text)
		}
		if open > 0 {
			parts = append(parts, part{text: rest[:open]})
		}
		rest = rest[open+1:]
		end := strings.IndexAny(rest, "{}")
		if end < 0 || rest[end] == '{' {
			return nil, fmt.Errorf("a { without its } in %q (a placeholder cannot contain a slash or a brace)", text)
		}
		field := rest[:end]
		if !slices.Contains(fields(), field) {
			return nil, fmt.Errorf("unknown placeholder {%s}%s: there are {%s}", field, suggest.Hint(field, fields()), strings.Join(fields(), "}, {"))
		}
		parts = append(parts, part{field: field})
		rest = rest[end+1:]
	}
	return parts, nil
}

// With is the layout with names by another rule than Exact.
func (l *Layout) With(rule Names) *Layout {
	return &Layout{text: l.text, segments: l.segments, names: rule}
}

// Names is the rule for names; of no layout it is Exact.
func (l *Layout) Names() Names {
	if l == nil {
		return Exact
	}
	return l.names
}

// String returns the text that the layout was parsed from.
func (l *Layout) String() string { return l.text }

// segment renders a segment of the path of d as a safe name.
func (l *Layout) segment(i int, d *billing.Document) string {
	parts := l.segments[i]
	if len(parts) == 1 {
		return l.names.Safe(parts[0].value(d))
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.value(d))
	}
	return l.names.Safe(b.String())
}

func (p part) value(d *billing.Document) string {
	var v string
	switch p.field {
	case "":
		return p.text
	case "type":
		v = d.Type
	case "id":
		v = d.ID
	case "filename":
		if v = d.Filename; v == "" {
			v = nameless
		}
	default:
		v = periodValue(p.field, d.Period)
	}
	if v == "" {
		return unknown
	}
	return v
}

// periodValue returns a piece of a period that can be read, else "".
func periodValue(field, s string) string {
	p, ok := billing.ParsePeriod(s)
	if !ok {
		return ""
	}
	switch field {
	case "year":
		return fmt.Sprintf("%04d", p.Year)
	case "month":
		return fmt.Sprintf("%02d", p.Month)
	}
	return fmt.Sprintf("%04d%02d", p.Year, p.Month)
}
