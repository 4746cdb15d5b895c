package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	tomlparser "github.com/knadh/koanf/parsers/toml/v2"
	"github.com/pelletier/go-toml/v2"

	"ccsfs/cmd/ccsfs/internal/settings/environment"
	"ccsfs/cmd/ccsfs/internal/settings/secretfile"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/osfile"
	"ccsfs/internal/suggest"
)

// Values are the settings that config.toml gives, by setting name.
type Values map[string]Given

// Given is a value as it was found.
type Given struct {
	Text string // in the notation of a flag
	From Source
}

// readFile reads the settings file at path. A file that does not exist is an
// error that Is fs.ErrNotExist.
func readFile(path string) (Values, accounts, error) {
	data, err := ReadPrivate(path)
	if err != nil {
		return nil, nil, err
	}
	return parseFile(path, data)
}

// KeysIn returns where the settings file at path sets which key in the section of an
// account, or with "" for all; nothing if there is no such file or section.
func KeysIn(path, account string) (map[string]Source, error) {
	values, sections, err := readFile(path)
	if err != nil && !missing(err) {
		return nil, err
	}
	if account != "" {
		values = sections[account]
	}
	keys := map[string]Source{}
	for name, v := range values {
		keys[keyOf(name)] = v.From
	}
	return keys, nil
}

// ReadPrivate reads a file that may hold secrets, of 1 MiB at most, and refuses it if
// anyone but its owner can read or write it, or if the owner is somebody else: who
// can write it decides where credentials are sent. The error Is fs.ErrNotExist if there
// is none.
func ReadPrivate(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if uid, is := osfile.Stranger(info); is {
		return nil, fmt.Errorf("%s belongs to user %d, not to you (user %d); use a file of your own, with --config if it lies elsewhere",
			path, uid, os.Geteuid())
	}
	if osfile.Exposed(info, 0o077) {
		return nil, fmt.Errorf("%s can be read or written by other users (mode %04o), and it may hold secrets; run: chmod 600 %s",
			path, info.Mode().Perm(), term.Quote(path))
	}
	return secretfile.Bounded(f, path)
}

// openRegular opens path if it is a regular file. It does not block on a pipe.
func openRegular(path string) (*os.File, error) {
	f, err := osfile.OpenToRead(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		kind := "not a regular file"
		if info.IsDir() {
			kind = "a directory, not a file"
		}
		err = fmt.Errorf("%s is %s", path, kind)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// ByteOrderMark is what editors of Windows begin a file in UTF-8 with.
const ByteOrderMark = "\ufeff"

// ParseFile parses the content of the settings file at path, without looking at that: the
// values of each account, and under "" what is for all. The error names every wrong line, and
// quotes no secret. Whether the values will do is for CheckFile to say.
func ParseFile(path string, data []byte) (map[string]Values, error) {
	top, sections, err := parseFile(path, data)
	if err != nil {
		return nil, err
	}
	all := map[string]Values{"": top}
	maps.Copy(all, sections)
	return all, nil
}

// parseFile parses the content of a settings file: what is set for all accounts, and for
// each of those that have a section.
func parseFile(path string, data []byte) (Values, accounts, error) {
	raw, err := tomlparser.Parser().Unmarshal(bytes.TrimPrefix(data, []byte(ByteOrderMark)))
	if err != nil {
		return nil, nil, tomlError(path, data, err)
	}
	var sections accounts
	var wrong error
	if v, ok := raw[AccountsKey]; ok {
		sections, wrong = parseAccounts(path, data, v)
		delete(raw, AccountsKey)
	}
	values, err := parseValues(path, data, 0, raw)
	return values, sections, errors.Join(err, wrong)
}

// parseValues takes the settings out of a part of a file, which begins at an offset.
func parseValues(path string, data []byte, begin int, raw map[string]any) (Values, error) {
	known := map[string]Setting{}
	var keys []string
	for _, s := range Table() {
		known[s.Key()] = s
		keys = append(keys, s.Key())
	}
	values := Values{}
	var problems []error
	for key, v := range raw {
		where := path
		if n := lineOf(data[begin:], key); n > 0 {
			where = at(path, n+bytes.Count(data[:begin], []byte("\n")))
		}
		s, ok := known[key]
		if !ok {
			problems = append(problems, unknownKey(where, key, keys))
			continue
		}
		text, err := tomlText(v, s.List)
		if err != nil {
			problems = append(problems, s.reject(text, Source{FromFile, where}, err))
			continue
		}
		values[s.Name] = Given{text, Source{FromFile, where}}
	}
	return values, errors.Join(sortErrors(problems)...)
}

// tomlError words a syntax error without the excerpt that the parser offers,
// for it may show a secret.
func tomlError(path string, data []byte, err error) error {
	var syntax *toml.DecodeError
	row, column := 0, 0
	if errors.As(err, &syntax) {
		row, column = syntax.Position()
	}
	if syntax != nil && !strings.Contains(syntax.Error(), "already") {
		reason := strings.TrimPrefix(syntax.Error(), "toml: ")
		return fmt.Errorf("%s:%d:%d: not valid TOML: %s (texts stand in double quotes, as in: layout = \"period\")",
			path, row, column, reason)
	}
	for _, s := range Table() { // the parser tells one of the two places at the most
		if first := lineOf(data, s.Key()); first > 0 {
			rest := bytes.SplitAfterN(data, []byte("\n"), first+1)
			again := lineOf(rest[len(rest)-1], s.Key())
			if len(rest) > first && again > 0 && (row == 0 || first+again == row) {
				return fmt.Errorf("%s:%d: %s is set there, and on line %d already; keep one of them", path, first+again, s.Key(), first)
			}
		}
	}
	if row > 0 {
		return fmt.Errorf("%s:%d: not valid TOML: %s", path, row, strings.TrimPrefix(syntax.Error(), "toml: "))
	}
	return fmt.Errorf("%s: not valid TOML", path)
}

func unknownKey(where, key string, keys []string) error {
	if near := suggest.Nearest(environment.Key(key), keys); near != "" {
		return fmt.Errorf("%s: unknown setting %q; did you mean %q?", where, key, near)
	}
	return fmt.Errorf("%s: unknown setting %q; `ccsfs help settings` lists all of them", where, key)
}

// tomlText turns a TOML value into the notation of a flag.
func tomlText(v any, list bool) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case []any:
		if !list {
			return "[…]", errors.New("is a list, but takes one value")
		}
		return tomlList(v)
	case time.Time:
		return v.String(), errors.New("is a date")
	default:
		return "…", errors.New("is a table or a date, but takes a simple value")
	}
}

func tomlList(items []any) (string, error) {
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			return "[…]", errors.New("is a list of something other than texts")
		}
		texts[i] = text
	}
	return strings.Join(texts, ","), nil
}

// lineOf finds the line on which key is set, 0 if it cannot tell. Keys of
// config.toml are plain and at the top, so a look at line beginnings will do.
func lineOf(data []byte, key string) int {
	quoted := regexp.QuoteMeta(key)
	at := regexp.MustCompile(`(?m)^[ \t]*(?:\[\[?[ \t]*)?["']?` + quoted + `["']?[ \t]*[=.\]]`).FindIndex(bytes.TrimPrefix(data, []byte(ByteOrderMark)))
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(data[:at[0]], []byte("\n"))
}

// sortErrors puts errors found in map order into a lasting one.
func sortErrors(errs []error) []error {
	for i := range errs {
		for j := i; j > 0 && errs[j].Error() < errs[j-1].Error(); j-- {
			errs[j], errs[j-1] = errs[j-1], errs[j]
		}
	}
	return errs
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
