// Package words is what the page says, in the languages that it knows, and how numbers,
// amounts, months and times are written in them.
//
// The texts are in a file a language, a line each: a key, "=", and a text in which %s stands
// for what differs. A key of a text that depends on a number has one ending in .one and one
// in .many.
package words

import (
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/term"
)

//go:embed en.txt fr.txt
var texts embed.FS

// Language is a language that the page speaks.
type Language struct {
	Code  string // "en" or "fr", as in HTML
	texts map[string]string

	comma, group string   // of numbers
	close        []string // what stays on a line with what is beside it, in pairs as strings.NewReplacer has them
}

// Languages are all, the first one for whoever asks for none of them.
func Languages() ([]*Language, error) {
	all := []*Language{
		{Code: "en", comma: ".", group: ","},
		{Code: "fr", comma: ",", group: "\u202f", close: []string{"« ", "«\u00a0", " »", "\u00a0»", " :", "\u00a0:", " ;", "\u202f;", " ?", "\u202f?", " !", "\u202f!"}},
	}
	for _, l := range all {
		b, err := texts.ReadFile(l.Code + ".txt")
		if err != nil {
			return nil, err
		}
		l.texts = map[string]string{}
		closed := strings.NewReplacer(l.close...)
		for line := range strings.Lines(string(b)) {
			key, text, ok := strings.Cut(strings.TrimSpace(line), " = ")
			if ok {
				l.texts[key] = closed.Replace(text)
			}
		}
	}
	return all, nil
}

// Keys are those of all texts.
func (l *Language) Keys() (keys []string) {
	for k := range l.texts {
		keys = append(keys, k)
	}
	return keys
}

// Say is a text. A key that there is none of stands for itself, which tests find.
func (l *Language) Say(key string, args ...any) string {
	text, ok := l.texts[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Has reports whether there is a text.
func (l *Language) Has(key string) bool { return l.texts[key] != "" }

// Count is a text about a number of things, which is its first %s.
func (l *Language) Count(key string, n int, args ...any) string {
	form := ".many"
	if n == 1 || n == 0 && l.Code == "fr" {
		form = ".one"
	}
	return l.Say(key+form, append([]any{l.Number(n)}, args...)...)
}

// Number writes a number.
func (l *Language) Number(n int) string { return l.Decimal(strconv.Itoa(n)) }

// Decimal writes a decimal that has a point, digit for digit; any other text stays as it is.
func (l *Language) Decimal(text string) string {
	sign := ""
	rest := text
	if strings.HasPrefix(rest, "-") {
		sign, rest = "−", rest[1:]
	}
	whole, fraction, point := strings.Cut(rest, ".")
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return text
	}
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(l.group)
		}
		b.WriteRune(c)
	}
	if point {
		b.WriteString(l.comma + fraction)
	}
	return sign + b.String()
}

// Amount writes an amount in a currency, which comes from outside.
func (l *Language) Amount(text, currency string) string {
	if currency == "" {
		return l.Decimal(text)
	}
	return l.Decimal(text) + "\u00a0" + term.Plain(currency)
}

// Month writes a month in full, with its year.
func (l *Language) Month(m month.Month) string {
	return strings.Fields(l.Say("months"))[m.Of()-1] + " " + strconv.Itoa(m.Year())
}

// Short writes the name of a month of a year, 1 to 12.
func (l *Language) Short(of int) string { return strings.Fields(l.Say("months.short"))[of-1] }

// Date writes a day, in UTC.
func (l *Language) Date(t time.Time) string {
	t = t.UTC()
	return fmt.Sprintf("%d %s %d", t.Day(), l.Short(int(t.Month())), t.Year())
}

// Time writes a time, in UTC, to the minute.
func (l *Language) Time(t time.Time) string { return l.Date(t) + ", " + l.Clock(t) }

// Clock writes a time of day, in UTC.
func (l *Language) Clock(t time.Time) string { return t.UTC().Format("15:04") + "\u00a0UTC" }

// Bytes writes a size.
func (l *Language) Bytes(n int64) string {
	return strings.ReplaceAll(term.BytesText(n), ".", l.comma)
}

// Type names a type of documents, in the plural; one that is not known by itself.
func (l *Language) Type(t string) string {
	if l.Has("type." + t) {
		return l.Say("type." + t)
	}
	return term.Plain(t)
}

// Cookie is what keeps the language that somebody chose.
const Cookie = "lang"

// Choose is the language that a request asks for: by ?lang=, by the choice of before, or by
// what the browser says.
func Choose(all []*Language, r *http.Request) *Language {
	asked := []string{r.URL.Query().Get("lang")}
	if c, err := r.Cookie(Cookie); err == nil {
		asked = append(asked, c.Value)
	}
	for _, code := range append(asked, accepted(all, r.Header.Get("Accept-Language"))) {
		for _, l := range all {
			if l.Code == code {
				return l
			}
		}
	}
	return all[0]
}

// accepted is the code of the language that a browser prefers, "" if it takes none.
func accepted(all []*Language, header string) (best string) {
	most := 0.0
	for part := range strings.SplitSeq(header[:min(len(header), 1000)], ",") {
		tag, parameter, _ := strings.Cut(part, ";")
		code, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			q, _ = strconv.ParseFloat(text, 64) // what is no number is not wanted
		}
		for _, l := range all {
			if l.Code == code && q > most {
				best, most = code, q
			}
		}
	}
	return best
}
