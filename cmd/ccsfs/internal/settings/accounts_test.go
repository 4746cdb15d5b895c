package settings

import (
	"errors"
	"strings"
	"testing"
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
