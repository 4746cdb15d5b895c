package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// settingOf is the setting of a key.
func settingOf(t testing.TB, key string) Setting {
	t.Helper()
	s, err := Lookup(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
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
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			if changed, err := Unset(path, "", settingOf(t, tt.key)); err != nil || !changed {
				t.Errorf("unset: %v, %v", changed, err)
			}
			if keys, err := KeysIn(path, ""); err != nil || keys[tt.key].Name != "" {
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

func TestLookup(t *testing.T) {
	for _, name := range []string{"listing_ttl", "listing-ttl", "--listing-ttl"} {
		if s, err := Lookup(name); err != nil || s.Name != "listing-ttl" {
			t.Errorf("%s: %v, %v", name, s.Name, err)
		}
	}
	if _, err := Lookup("layuot"); err == nil || !strings.Contains(err.Error(), `did you mean "layout"?`) {
		t.Error(err)
	}
	if _, err := Lookup("zzz"); err == nil || !strings.Contains(err.Error(), "help settings") {
		t.Error(err)
	}
}

// Each wrong line of an edited file is named, and no secret.
func TestCheckFile(t *testing.T) {
	also := func(s Setting, text string) error {
		if s.Name == "layout" && text != "flat" {
			return errors.New("is not flat")
		}
		if s.Name == "ca-file" && text != "/etc/ccsfs/ca.pem" {
			return errors.New(text)
		}
		return nil
	}
	err := CheckFile("/etc/ccsfs/config.toml", []byte("layout = 'x'\ntimeout = '1'\napi_key = 'the secret'\nca_file = 'ca.pem'\n"), also)
	if err == nil || strings.Contains(err.Error(), "the secret") {
		t.Fatal(err)
	}
	for _, want := range []string{"config.toml:1: layout = \"x\": is not flat", "config.toml:2: timeout", "config.toml:3: api_key: contains a space"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "ca_file") {
		t.Error(err)
	}
	if err := CheckFile("x", []byte("layout = 'flat'\n"), also); err != nil {
		t.Error(err)
	}
	if err := CheckFile("x", []byte("layout = \n"), also); err == nil {
		t.Error("no error")
	}
}

// Somebody's change is not written over.
func TestReplaceFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	was, there, err := ReadFile(path)
	if err != nil || there || string(was) != fileHead {
		t.Fatal(there, err)
	}
	if _, err := Set(path, "", settingOf(t, "layout"), "type"); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceFile(path, was, []byte("layout = 'flat'\n"), there); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	was, there, err = ReadFile(path)
	if err != nil || !there {
		t.Fatal(there, err)
	}
	if err := ReplaceFile(path, was, []byte("layout = 'flat'\n"), there); err != nil {
		t.Error(err)
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
	values, _, err := readFile(path)
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
		s, err := Lookup(key)
		if err != nil || len(text) > maxFile {
			return
		}
		path := filepath.Join(dir, "config.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before, _, broken := readFile(path)
		_, want, unusable := s.toml(value)
		changed, err := Set(path, "", s, value)
		data, _ := os.ReadFile(path)
		if (broken != nil || unusable != nil) && err == nil || err != nil && (changed || string(data) != text) {
			t.Fatalf("%v, %v: %q", changed, err, data)
		}
		if err != nil {
			return
		}
		after, _, err := readFile(path)
		if err != nil || after[s.Name].text != want {
			t.Fatalf("%v, %q is %q, want %q", err, s.Name, after[s.Name].text, want)
		}
		for name, v := range before {
			if name != s.Name && after[name].text != v.text {
				t.Fatalf("%s was %q, is %q", name, v.text, after[name].text)
			}
		}
	})
}
