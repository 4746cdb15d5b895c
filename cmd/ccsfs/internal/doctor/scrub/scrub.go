// Package scrub takes out of texts what is not for others, before a bundle of `ccsfs doctor`
// is handed on: secrets, and names, ids and amounts of an account, be it that they are known
// or that they look like it. Messages, lines of logs, values of JSON and settings each have a
// function of their own.
//
// It reads no file but the settings file, for the secrets and names in it, and keeps and writes
// none; what is in a bundle is for package bundle to say.
package scrub

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Scrubber takes out of texts what is not for others: secrets and whatever looks like
// one; and unless names are wanted, names, ids and amounts: those that are known, and
// whatever looks like one. It rather takes too much.
type Scrubber struct {
	secrets *strings.Replacer
	data    *strings.Replacer // nil: names stay
}

// What stands for what was taken out.
const (
	gone         = "…"
	goneContract = "[contract]"
	goneNumber   = "[number]"
	goneFile     = "[file]"
	gonePath     = "[path]"
	goneName     = "[name]"
)

var (
	authText   = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~%-]{6,}`)
	urlText    = regexp.MustCompile(`(?i)\b(https?|socks5h?)://[^\s"'<>)\]]+`)
	longText   = regexp.MustCompile(`[A-Za-z0-9+=_%-]{41,}`)
	mailText   = regexp.MustCompile(`[^\s"'<>:=,]+@[^\s"'<>:=,]+`)
	quoteText  = regexp.MustCompile("\"[^\"]*\"|“[^”]*”|«[^»]*»")
	fileText   = regexp.MustCompile(`(?i)[^/"\n:;]*[^/"\n:;\s]\.(pdf|xlsx?|csv|zip|xml|html?|txt|docx?|json|gz|png|part)\b`)
	idText     = regexp.MustCompile(`\b[A-Za-z]{2,5}[0-9]{4,}[A-Za-z0-9-]*`)
	moneyText  = regexp.MustCompile(`(?i)(€|\$|\beur|\busd|\bchf)[\s\x{a0}\x{202f}]?[0-9][0-9 .,'’\x{a0}\x{202f}]*|[0-9][0-9 .,'’\x{a0}\x{202f}]*(€|\$|eur\b|usd\b|chf\b)`)
	hexText    = regexp.MustCompile(`\b([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{16,40})\b`)
	centsText  = regexp.MustCompile(`[0-9]+([.,][0-9]+)+`)
	amount     = regexp.MustCompile(`^[0-9]+([.,][0-9]{3})*[.,][0-9]{1,2}$`)
	pathText   = regexp.MustCompile(`(^|[\s"'(=:,])~?(/[^\s"'/:;,()]+){1,}/?`)
	systemPath = regexp.MustCompile(`^(/dev/fuse|/etc/fuse\.conf|/etc/mtab|/proc/self/mountinfo|(/usr)?/s?bin/[a-z0-9.]+)$`)
	longDigit  = regexp.MustCompile(`[0-9]{6,}`)

	wordText    = regexp.MustCompile(`[\p{L}'’]+`)
	nameText    = regexp.MustCompile(`^\p{Lu}[\p{Ll}'’]+$`)
	requestText = regexp.MustCompile(`request id [A-Fa-f0-9-]{20,64}\b`)
)

// New makes one. more are secrets besides those of the settings and of the
// environment; names are those that are known, nil leaves all names in.
func New(s *settings.Settings, vars map[string]string, more, names []string) *Scrubber {
	var secrets []string
	add := func(text string) {
		if len(text) >= shortest {
			secrets = append(secrets, text, url.QueryEscape(text), url.PathEscape(text))
		}
	}
	if s != nil {
		id, secret := s.API.ClientID.Reveal(), s.API.ClientSecret.Reveal()
		for _, text := range []string{id, secret, s.API.APIKey.Reveal(), base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))} {
			add(text)
		}
		add(s.Shared.Password.Reveal())
		for line := range strings.Lines(s.Shared.Key.Reveal()) {
			add(strings.TrimSpace(line))
		}
	}
	for _, text := range more {
		add(text)
	}
	for _, one := range settings.Table() { // of settings that could not be read
		if one.Secret {
			add(vars[one.Environment()])
		}
	}
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if u, err := url.Parse(vars[name]); err == nil && u.User != nil {
			add(u.User.Username())
			password, _ := u.User.Password()
			add(password)
		}
	}
	c := &Scrubber{secrets: replacer(secrets, redacted.Shown)}
	if names != nil {
		c.data = replacer(names, goneName)
	}
	return c
}

// shortest is how long a text must be to be taken out: shorter ones are part of others.
const shortest = 4

// replacer replaces all of these texts, long ones first: one may contain another.
func replacer(texts []string, by string) *strings.Replacer {
	texts = slices.Clone(texts)
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, t := range texts {
		if len(t) >= shortest {
			pairs = append(pairs, t, by)
		}
	}
	return strings.NewReplacer(pairs...)
}

// quoted is what is in quotes, if it is a word of ours.
func quoted(text string) string {
	word := strings.Trim(text, "\"“”«»")
	own := slices.Contains(settings.DocumentTypes(), word) || slices.ContainsFunc(settings.Table(), func(s settings.Setting) bool {
		return word == s.Name || word == s.Key() || word == s.Environment()
	})
	if own {
		return text
	}
	return "\"" + gone + "\""
}

// plainPath is a path of the system's, which are everywhere the same; what is before it
// stays.
func plainPath(text string) string {
	at := strings.IndexAny(text, "/~")
	if systemPath.MatchString(text[at:]) {
		return text
	}
	return text[:at] + gonePath
}

// strangeWord takes out a word with a capital that none of our messages has: it is a name,
// of somebody or of a company.
func strangeWord(word string) string {
	if !nameText.MatchString(word) || slices.Contains(strings.Fields(ownWords), strings.TrimSuffix(word, "'s")) {
		return word
	}
	return goneName
}

const ownWords = `A Accept Access Add After Agent An Another Any API's Are Ask Authorization Basic Bearer Both But By
	Chunked Check Choose Client Close Connection Content Count Create Ctrl Debian Device Documents Does Each Else Encoding End
	Fedora For Found From Give Go If In Insecure Install Internal Invalid Is It Its Key Length Linux Location Lower Make Manager Match
	Mend Modified More Mount Name No None Not Nothing Of Off Old On One Or Orange Postman Private Proxy Put Range Request Requests Retry
	Run Save Send Service Set So Some Start State Sync That The There These They This Those To Too Total Transport Transfer
	Try Type Ubuntu Unavailable Unmount Use User Wait What When Where Which With Without You Your`

// secretless takes out secrets alone.
func (c *Scrubber) secretless(text string) string {
	text = c.secrets.Replace(text)
	text = authText.ReplaceAllString(text, "$1 "+redacted.Shown)
	text = urlText.ReplaceAllStringFunc(text, plainURL)
	return longText.ReplaceAllString(text, redacted.Shown)
}

// plainURL is a URL without user, query and fragment.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return gone
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Text is a line of a message, fit to be handed on.
func (c *Scrubber) Text(text string) string {
	text = c.secretless(term.Plain(text))
	if c.data == nil {
		return text
	}
	var kept []string // request ids, which Orange's support asks for
	text = requestText.ReplaceAllStringFunc(text, func(id string) string {
		if c.known(id) {
			return "request id " + gone
		}
		kept = append(kept, id)
		return "\x00"
	})
	text = c.data.Replace(text)
	text = urlText.ReplaceAllStringFunc(text, origin)
	text = mailText.ReplaceAllString(text, "[mail]")
	text = quoteText.ReplaceAllStringFunc(text, quoted)
	text = fileText.ReplaceAllString(text, " "+goneFile)
	text = pathText.ReplaceAllStringFunc(text, plainPath)
	text = idText.ReplaceAllString(text, goneContract)
	text = hexText.ReplaceAllString(text, goneNumber)
	text = moneyText.ReplaceAllString(text, goneNumber)
	text = centsText.ReplaceAllStringFunc(text, func(n string) string {
		if len(n) >= 5 && amount.MatchString(n) { // no address, no version
			return goneNumber
		}
		return n
	})
	text = longDigit.ReplaceAllString(text, goneNumber)
	text = wordText.ReplaceAllStringFunc(text, strangeWord)
	for _, id := range kept {
		text = strings.Replace(text, "\x00", id, 1)
	}
	return strings.TrimSpace(text)
}

// known reports whether a text holds a secret, or something of the account.
func (c *Scrubber) known(text string) bool {
	return c.secrets.Replace(text) != text || c.data != nil && c.data.Replace(text) != text
}

// lines is text of several lines.
func (c *Scrubber) lines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = c.Text(line)
	}
	return strings.Join(lines, "\n")
}

// origin returns scheme, host and port of a URL.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}
