package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
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

func TestAccounts(t *testing.T) {
	whole := map[string]string{"CCSFS_CLIENT_ID": "env-id", "CCSFS_CLIENT_SECRET": "env-secret", "CCSFS_API_KEY": "env-key"}
	with := func(vars map[string]string, more ...string) map[string]string {
		all := map[string]string{}
		for k, v := range vars {
			all[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	for _, tt := range []struct {
		name, file string
		env, flags map[string]string
		account    string
		id, key    string
		layout     string
	}{
		{name: "none chosen", file: twoAccounts, layout: "period"},
		{name: "by flag", file: twoAccounts, flags: map[string]string{"account": "holding"}, account: "holding", id: "holding-id", key: "holding-key", layout: "type"},
		{name: "by environment", file: twoAccounts, env: map[string]string{"CCSFS_ACCOUNT": "sub.one"}, account: "sub.one", id: "sub-id", layout: "period"},
		{name: "by file", file: "default_account = 'holding'\n" + twoAccounts, account: "holding", id: "holding-id", key: "holding-key", layout: "type"},
		{name: "flag before environment", file: twoAccounts, env: map[string]string{"CCSFS_ACCOUNT": "sub.one"}, flags: map[string]string{"account": "holding"}, account: "holding", id: "holding-id", key: "holding-key", layout: "type"},
		{name: "the only one", file: "[account.a]\nclient_id='i'\n", account: "a", id: "i", layout: "flat"},
		{name: "not the only one", file: "client_id='top'\n[account.a]\nclient_id='i'\n", id: "top", layout: "flat"},
		{name: "environment before the only one", file: "[account.a]\nclient_id='i'\n", env: whole, id: "env-id", key: "env-key", layout: "flat"},
		{name: "environment before the default", file: "default_account = 'holding'\n" + twoAccounts, env: whole, id: "env-id", key: "env-key", layout: "period"},
		// The key of the environment is another account's.
		{name: "credentials are one thing", file: twoAccounts, env: with(whole, "CCSFS_ACCOUNT", "sub.one"), account: "sub.one", id: "sub-id", layout: "period"},
		{name: "of the file, too", file: "api_key = 'top'\n" + twoAccounts, flags: map[string]string{"account": "sub.one"}, account: "sub.one", id: "sub-id", layout: "period"},
		{name: "a section without any has those of the file", file: "client_id='top'\n[account.view]\nlayout='type'\n", flags: map[string]string{"account": "view"}, account: "view", id: "top", layout: "type"},
		{name: "what is no credential", file: twoAccounts, env: map[string]string{"CCSFS_LAYOUT": "flat"}, flags: map[string]string{"account": "holding"}, account: "holding", id: "holding-id", key: "holding-key", layout: "flat"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := place(t, tt.file)
			o.Flags = tt.flags
			if tt.env != nil {
				o.Environment = tt.env
			}
			s, err := Load(o)
			if err != nil {
				t.Fatal(err)
			}
			if s.Account != tt.account || s.API.ClientID.Reveal() != tt.id || s.API.APIKey.Reveal() != tt.key || s.Listings.Layout != tt.layout {
				t.Errorf("account %q, id %q, key %q, layout %q", s.Account, s.API.ClientID.Reveal(), s.API.APIKey.Reveal(), s.Listings.Layout)
			}
		})
	}
}

// What the environment says of another account's credentials includes where they are sent:
// `eval $(ccsfs simulate)` must not send those of a section to the simulator. An address
// alone is meant for whatever is asked.
func TestAddressesGoWithTheirCredentials(t *testing.T) {
	const there = "http://127.0.0.1:1/api"
	address := map[string]string{"CCSFS_API_URL": there, "CCSFS_OAUTH_URL": there}
	whole := map[string]string{"CCSFS_API_URL": there, "CCSFS_OAUTH_URL": there, "CCSFS_CLIENT_ID": "env-id", "CCSFS_CLIENT_SECRET": "s", "CCSFS_API_KEY": "k"}
	for name, tt := range map[string]struct {
		env     map[string]string
		account string
		id      string
		moved   bool
	}{
		"another account":        {whole, "holding", "holding-id", false},
		"its own":                {whole, "", "env-id", true},
		"an address for all":     {address, "holding", "holding-id", true},
		"no section that is one": {whole, "view", "env-id", true},
	} {
		o := place(t, twoAccounts+"[account.view]\nlayout = 'type'\n")
		o.Environment = tt.env
		if tt.account != "" {
			o = o.For(tt.account)
		}
		s, err := Load(o)
		if err != nil {
			t.Fatal(err)
		}
		if moved := s.API.URL == there && s.API.OAuthURL == there; moved != tt.moved || s.API.ClientID.Reveal() != tt.id {
			t.Errorf("%s: %s is sent to %s, %s", name, s.API.ClientID.Reveal(), s.API.URL, s.API.OAuthURL)
		}
	}
}

func TestBadAccounts(t *testing.T) {
	for name, tt := range map[string]struct {
		file string
		flag string
		want []string
	}{
		"unknown":           {twoAccounts, "holdin", []string{`--account: there is no account "holdin" in `, "did you mean holding?"}},
		"far":               {twoAccounts, "x", []string{"there are holding, sub.one"}},
		"without any":       {"layout = 'flat'\n", "x", []string{"which has no sections [account.NAME]"}},
		"a text":            {"account = 'holding'\n", "", []string{"config.toml:1: accounts are sections", "default_account"}},
		"no section":        {"[account]\nholding = 1\n", "", []string{"account.holding is no section"}},
		"a bad name":        {"[account.'a/b']\nclient_id='x'\n", "", []string{`"a/b" is no name of an account`}},
		"dots":              {"[account.'..']\nclient_id='x'\n", "", []string{`".." is no name`}},
		"a bad key":         {twoAccounts + "api_kee = 'x'\n", "", []string{"config.toml:13: unknown setting", `did you mean "api_key"`}},
		"a bad value":       {twoAccounts + "listing_ttl = 'soon'\n", "sub.one", []string{"config.toml:13"}},
		"an account in one": {"[account.a]\n[account.a.account.b]\nclient_id='x'\n", "", []string{"unknown setting \"account\""}},
		"default unknown":   {"default_account = 'nobody'\n" + twoAccounts, "", []string{`config.toml:1: there is no account "nobody"`}},
	} {
		t.Run(name, func(t *testing.T) {
			o := place(t, tt.file)
			if tt.flag != "" {
				o.Flags = map[string]string{"account": tt.flag}
			}
			_, err := Load(o)
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v, want %s", err, want)
				}
			}
		})
	}
}

// Where there are several accounts and none is meant, it is said which there are; and of
// one what it lacks.
func TestNoAccountChosenIsSaid(t *testing.T) {
	s, err := Load(place(t, twoAccounts))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckCredentials(); !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "--account=holding or sub.one") {
		t.Error(err)
	}
	o := place(t, twoAccounts)
	if s, err = Load(o.For("sub.one")); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckCredentials(); !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "the account sub.one has no api_key") {
		t.Error(err)
	}
	if again, err := s.Again(); err != nil || again.Account != "sub.one" {
		t.Errorf("again: %+v, %v", again, err)
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
			if done, err := EditFile(path, tt.account, tt.values, true); err != nil || !done.Changed {
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
			if _, err := EditFile(path, account, map[string]string{key: value}, true); err != nil {
				t.Fatal(err)
			}
			if want[account] == nil {
				want[account] = map[string]string{}
			}
			want[account][key] = value
		}
		for account, values := range want {
			keys, err := KeysIn(path, account)
			if err != nil || len(keys) != len(values) {
				t.Fatalf("%s: %v, %v, want %v", account, keys, err, values)
			}
		}
	})
}
