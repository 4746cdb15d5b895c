package configfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/osfile/osfiletest"
)

func TestMerge(t *testing.T) {
	values := map[string]string{"api_key": "a+b/c==", "contract": "OCB1", "api_url": apiclient.DefaultAPIURL + "/"}
	const head = "# Settings of ccsfs; `ccsfs help settings` lists all there are.\n"
	for _, tt := range []struct {
		name, before, after string
		force               bool
		unchanged           bool
		taken               []string
		err                 string
	}{
		{name: "new", before: "", after: head + "api_key = 'a+b/c=='\ncontract = 'OCB1'\n"},
		{name: "added", before: "# mine\nlayout = \"period\" # mine too", after: "# mine\nlayout = \"period\" # mine too\napi_key = 'a+b/c=='\ncontract = 'OCB1'\n"},
		{name: "there", before: "contract = [\"OCB1\"]\napi_key = \"a+b/c==\"\n", unchanged: true},
		{name: "taken", before: "api_key = 'old'\ncontract = 'OCB1'\n", taken: []string{"api_key"}},
		{name: "forced", before: "api_key = 'old' # c\nlayout='flat'\n", force: true, after: "api_key = 'a+b/c=='\nlayout='flat'\ncontract = 'OCB1'\n"},
		{name: "another than the default", before: "api_key = 'a+b/c=='\ncontract = 'OCB1'\napi_url = 'http://127.0.0.1:1'\n", taken: []string{"api_url"}},
		{name: "default forced", before: "# mine\napi_url = 'http://127.0.0.1:1'\napi_key = 'a+b/c=='\ncontract = 'OCB1'\n", force: true,
			after: "# mine\napi_key = 'a+b/c=='\ncontract = 'OCB1'\n"},
		{name: "default there", before: "api_url = 'https://api.orange.com/cloud/b2b/v1'\napi_key = 'a+b/c=='\ncontract = 'OCB1'\n", unchanged: true},
		{name: "on several lines", before: "contract = [\n 'OCB2',\n 'OCB3' ]\n", force: true, err: "cannot be edited safely"},
		{name: "in a text", before: "layout = '''\ncontract = 'x'\n'''\n", err: ""},
		{name: "broken", before: "api_key = \n", err: "not valid TOML"},
		{name: "unknown key", before: "apikey = 'x'\n", err: `did you mean "api_key"`},
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
			done, err := Merge(path, "", values, tt.force)
			changed := done.Changed
			data, _ := os.ReadFile(path)
			var taken *TakenError
			switch {
			case tt.taken != nil:
				if !errors.As(err, &taken) || cmp.Diff(tt.taken, taken.Keys) != "" || strings.Contains(err.Error(), "a+b") {
					t.Errorf("error %v", err)
				}
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v", err)
			case tt.err == "" && err != nil:
				t.Errorf("error %v", err)
			}
			if (err != nil || tt.unchanged) && (changed || string(data) != tt.before) {
				t.Errorf("changed to %q", data)
			}
			if tt.after != "" && (!changed || string(data) != tt.after) {
				t.Errorf("changed %v, %q", changed, data)
			}
			if err == nil {
				info, err := os.Stat(path)
				if err != nil || !osfiletest.HasMode(info, 0o600) {
					t.Errorf("mode %v, %v", info.Mode(), err)
				}
			}
		})
	}
}

// Somebody who keeps the file elsewhere, behind a link, finds it there afterwards.
func TestMergeFollowsLinks(t *testing.T) {
	osfiletest.SkipWine(t)
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.toml"), filepath.Join(dir, "config.toml")
	if err := os.WriteFile(real, []byte("layout = 'flat'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if done, err := Merge(link, "", map[string]string{"api_key": "k"}, false); !done.Changed || err != nil {
		t.Fatal(done, err)
	}
	if target, err := os.Readlink(link); err != nil || target != real {
		t.Errorf("%q, %v", target, err)
	}
	keys, err := settings.KeysIn(link, "")
	if d := cmp.Diff(map[string]settings.Source{"layout": {Origin: settings.FromFile, Name: link + ":1"}, "api_key": {Origin: settings.FromFile, Name: link + ":2"}}, keys); d != "" || err != nil {
		t.Error(d, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}
