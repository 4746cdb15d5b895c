package configfile

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/osfile/osfiletest"
)

// settingOf is the setting of a key.
func settingOf(t testing.TB, key string) settings.Setting {
	t.Helper()
	s, err := settings.Lookup(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valuesIn are the values for all accounts in a settings file.
func valuesIn(path string) (settings.Values, error) {
	data, err := settings.ReadPrivate(path)
	if err != nil {
		return nil, err
	}
	file, err := settings.ParseFile(path, data)
	return file[""], err
}

// A value is put on the line where it was, or at the end; all else stays.
func TestSet(t *testing.T) {
	for _, tt := range []struct{ name, key, value, before, after, err string }{
		{name: "new", key: "layout", value: "period", after: fileHead + "layout = 'period'\n"},
		{name: "the default, too", key: "layout", value: "flat", before: "layout = \"period\"\n", after: "layout = 'flat'\n"},
		{name: "at the end", key: "offline", value: "yes", before: "# mine\nlayout = \"period\" # mine too", after: "# mine\nlayout = \"period\" # mine too\noffline = true\n"},
		{name: "the comment stays", key: "layout", value: "type", before: "a\n", err: "not valid TOML"},
		{name: "with a comment", key: "layout", value: "type", before: "x = 1\n", err: "unknown setting"},
		{name: "in the middle", key: "layout", value: "type", before: "types = 'bills'\n  layout=\"period\"\t# why # not\nuid = 7\n", after: "types = 'bills'\nlayout = 'type'\t# why # not\nuid = 7\n"},
		{name: "a # in the value", key: "layout", value: "{id}", before: "layout = \"#{id}#\" #'\n", after: "layout = '{id}' #'\n"},
		{name: "a list", key: "types", value: "bills, invoices", before: "types = [ 'bills' ] # [\n", after: "types = ['bills', 'invoices'] # [\n"},
		{name: "a list of one", key: "types", value: "bills", after: fileHead + "types = 'bills'\n"},
		{name: "a number", key: "connections", value: "4", before: "connections = 16\n", after: "connections = 4\n"},
		{name: "an octal number", key: "umask", value: "077", after: fileHead + "umask = '077'\n"},
		{name: "a secret of digits", key: "api_key", value: "1234", after: fileHead + "api_key = '1234'\n"},
		{name: "quotes", key: "log_file", value: `/a'b"c\d`, after: fileHead + "log_file = \"/a'b\\\"c\\\\d\"\n"},
		{name: "line ends of Windows", key: "layout", value: "type", before: "types = 'bills'\r\nlayout = 'flat' # c\r\nuid = 7\r\n", after: "types = 'bills'\r\nlayout = 'type' # c\r\nuid = 7\r\n"},
		{name: "behind a byte order mark", key: "layout", value: "type", before: "\ufefflayout = 'flat' # c\nuid = 7\n", after: "\ufefflayout = 'type' # c\nuid = 7\n"},
		{name: "the same", key: "layout", value: "type", before: "layout =    \"type\"\n", after: "layout =    \"type\"\n"},
		{name: "a key in quotes", key: "layout", value: "type", before: "\"layout\" = 'flat'\n", after: "layout = 'type'\n"},
		{name: "on several lines", key: "contract", value: "OCB1", before: "contract = [\n 'OCB2',\n 'OCB3' ]\n", err: "cannot be edited safely"},
		{name: "in a text", key: "contract", value: "OCB1", before: "layout = '''\ncontract = 'x'\n'''\ncontract = 'y'\n", err: "cannot be edited safely"},
		{name: "after a table", key: "layout", value: "type", before: "[mount]\nuid = 7\n", err: "unknown setting"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new", "config.toml")
			if tt.before != "" {
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			changed, err := Set(path, "", settingOf(t, tt.key), tt.value)
			data, _ := os.ReadFile(path)
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) || string(data) != tt.before || changed {
					t.Errorf("%v, %v, %q", changed, err, data)
				}
				return
			case err != nil || string(data) != tt.after || changed != (tt.before != tt.after):
				t.Fatalf("%v, %v, %q", changed, err, data)
			}
			if info, err := os.Stat(path); err != nil || !osfiletest.HasMode(info, 0o600) {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			if changed, err := Unset(path, "", settingOf(t, tt.key)); err != nil || !changed {
				t.Errorf("unset: %v, %v", changed, err)
			}
			if keys, err := settings.KeysIn(path, ""); err != nil || keys[tt.key].Name != "" {
				t.Errorf("unset: %v, %v", keys, err)
			}
			if changed, err := Unset(path, "", settingOf(t, tt.key)); err != nil || changed {
				t.Errorf("unset again: %v, %v", changed, err)
			}
		})
	}
}

// What is not there is not made by taking something out of it.
func TestUnsetOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if changed, err := Unset(filepath.Join(dir, "config.toml"), "", settingOf(t, "layout")); changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("a directory was made")
	}
}

// Two who set something else at once both find it there.
func TestSetAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	all := map[string]string{"layout": "type", "types": "bills", "timeout": "1m", "connections": "3", "api_key": "k", "umask": "077"}
	var wg sync.WaitGroup
	for key, value := range all {
		wg.Go(func() {
			if _, err := Set(path, "", settingOf(t, key), value); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	values, err := valuesIn(path)
	if err != nil || len(values) != len(all) {
		t.Errorf("%v, %v", values, err)
	}
}

// Whatever stands in a file and whatever is set: it is there afterwards, and all else means
// what it did; or the file is as it was.
func FuzzSet(f *testing.F) {
	for _, s := range []string{"", "layout = 'flat' # c\n", "types = [\n'bills',\n]\n", "layout = \"\"\"\ntypes = 'x'\n\"\"\"\n", "\xef\xbb\xbflayout='x'", "layout = '#' #\r\n", "[a]\n", "\"types\"='bills'"} {
		for _, key := range []string{"layout", "types", "offline", "umask", "api_key"} {
			f.Add(s, key, "077")
			f.Add(s, key, "a#'\"\\\n,b")
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, key, value string) {
		s, err := settings.Lookup(key)
		if err != nil || len(text) > 1<<20 { // more than is read
			return
		}
		path := filepath.Join(dir, "config.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before, broken := valuesIn(path)
		_, want, unusable := tomlOf(s, value)
		changed, err := Set(path, "", s, value)
		data, _ := os.ReadFile(path)
		if (broken != nil || unusable != nil) && err == nil || err != nil && (changed || string(data) != text) {
			t.Fatalf("%v, %v: %q", changed, err, data)
		}
		if err != nil {
			return
		}
		after, err := valuesIn(path)
		if err != nil || after[s.Name].Text != want {
			t.Fatalf("%v, %q is %q, want %q", err, s.Name, after[s.Name].Text, want)
		}
		for name, v := range before {
			if name != s.Name && after[name].Text != v.Text {
				t.Fatalf("%s was %q, is %q", name, v.Text, after[name].Text)
			}
		}
	})
}
