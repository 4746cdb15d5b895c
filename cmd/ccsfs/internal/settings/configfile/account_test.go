package configfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/settings"
)

const twoAccounts = `layout = "period"   # for all
types = ["bills"]

[account.holding]
client_id = "holding-id"
client_secret = "holding-secret"
api_key = "holding-key"
layout = "type"

[account."sub.one"]
client_id = "sub-id"
client_secret = "sub-secret"
`

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
}

func TestEditAccounts(t *testing.T) {
	const head = "# mine\nlayout = 'flat'\n"
	const a, b = "\n[account.a] # first\napi_key = 'ka'\n# of a\n", "\n[account.b]\napi_key = 'kb'\n"
	key := func(v string) map[string]string { return map[string]string{"api_key": v} }
	for _, tt := range []struct {
		name, before, account, after string
		values                       map[string]string
		taken                        bool
	}{
		{name: "a new one", before: head, account: "a", values: key("x"), after: head + "\n[account.a]\napi_key = 'x'\n"},
		{name: "a new one with a dot", before: head, account: "a.b", values: key("x"), after: head + "\n[account.\"a.b\"]\napi_key = 'x'\n"},
		{name: "one more", before: head + a, account: "b", values: key("kb"), after: head + a + b},
		{name: "for all, before the sections", before: head + a + b, values: map[string]string{"contract": "C"}, after: head + "contract = 'C'\n" + a + b},
		{name: "into the first", before: head + a + b, account: "a", values: map[string]string{"contract": "C"}, after: head + a + "contract = 'C'\n" + b},
		{name: "into the last", before: head + a + b, account: "b", values: map[string]string{"contract": "C"}, after: head + a + b + "contract = 'C'\n"},
		{name: "replaced in its own", before: head + a + b, account: "b", values: key("new"), after: head + a + "\n[account.b]\napi_key = 'new'\n"},
		{name: "the same for all is another", before: head + a, values: key("top"), after: head + "api_key = 'top'\n" + a},
		{name: "a default is different there", before: "layout = 'type'\n" + a, account: "a", values: map[string]string{"layout": "flat"}, after: "layout = 'type'\n" + a + "layout = 'flat'\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			write(t, path, tt.before, 0o600)
			if done, err := Merge(path, tt.account, tt.values, true); err != nil || !done.Changed {
				t.Fatalf("%+v, %v", done, err)
			}
			if got, _ := os.ReadFile(path); string(got) != tt.after {
				t.Errorf("got\n%s\nwant\n%s", got, tt.after)
			}
		})
	}
}

func TestRemoveAccount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := RemoveAccount(path, "a"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("without a file: %v", err)
	}
	write(t, path, "default_account = 'holding'\n"+twoAccounts, 0o600)
	for _, name := range []string{"", "nobody", "account"} {
		if err := RemoveAccount(path, name); !errors.Is(err, ErrNoAccount) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := RemoveAccount(path, "holding"); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(path)
	if want := "layout = \"period\"   # for all\ntypes = [\"bills\"]\n\n[account.\"sub.one\"]\nclient_id = \"sub-id\"\nclient_secret = \"sub-secret\"\n"; string(got) != want {
		t.Errorf("got\n%s", got)
	}
	write(t, path, "account = { a = { api_key = 'x' } }\n", 0o600)
	if err := RemoveAccount(path, "a"); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Error(err)
	}
}

// Edits of one account change nothing of the others, in whatever order they come.
func TestEditsOfAccounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "ccsfs-settings-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "config.toml")
		want := map[string]map[string]string{}
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			account := rapid.SampledFrom([]string{"", "a", "b", "b.c", "account"}).Draw(t, "account")
			if account != "" && want[account] != nil && rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
				if err := RemoveAccount(path, account); err != nil {
					t.Fatal(err)
				}
				delete(want, account)
				continue
			}
			key := rapid.SampledFrom([]string{"api_key", "client_id", "contract"}).Draw(t, "key")
			value := rapid.StringMatching(`[a-z\[\]="'#.]{1,12}`).Draw(t, "value")
			if _, err := Merge(path, account, map[string]string{key: value}, true); err != nil {
				t.Fatal(err)
			}
			if want[account] == nil {
				want[account] = map[string]string{}
			}
			want[account][key] = value
		}
		for account, values := range want {
			keys, err := settings.KeysIn(path, account)
			if err != nil || len(keys) != len(values) {
				t.Fatalf("%s: %v, %v, want %v", account, keys, err, values)
			}
		}
	})
}
