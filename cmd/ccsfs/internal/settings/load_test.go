package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings/secretfile"
	"ccsfs/internal/osfile/osfiletest"
)

// place is a home directory with a settings file, if content is not empty.
func place(t *testing.T, content string) Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "ccsfs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if content != "" {
		write(t, filepath.Join(dir, "ccsfs", "config.toml"), content, 0o600)
	}
	return Options{ConfigHome: dir, CacheHome: "/cache", Home: "/home/me", Dir: "/work", Environment: map[string]string{}}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
}

func TestLoadDefaults(t *testing.T) {
	s, err := Load(place(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		API: API{URL: "https://api.orange.com/cloud/b2b/v1", OAuthURL: "https://api.orange.com/oauth/v3",
			RateLimit: 20, Connections: 16, Timeout: 30 * time.Second},
		Listings: Listings{Layout: "flat", PortableNames: portableNames == "true", TTL: 10 * time.Minute, Keep: 1024},
		Cache:    Cache{Dir: filepath.FromSlash("/cache/ccsfs"), Size: 10 << 30, PrefetchLimit: 4 << 20, StreamAbove: 64 << 20, PartialTTL: time.Hour},
		Mount:    Mount{Sizes: "exact", UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Umask: 0o022},
		Log:      Log{Level: slog.LevelInfo, Format: "text"},
	}
	for _, d := range []string{
		cmp.Diff(want.API, s.API, cmp.Comparer(func(a, b redacted.Text) bool { return a.Reveal() == b.Reveal() })),
		cmp.Diff(want.Listings, s.Listings), cmp.Diff(want.Cache, s.Cache),
		cmp.Diff(want.Mount, s.Mount), cmp.Diff(want.Log, s.Log),
	} {
		if d != "" {
			t.Error(d)
		}
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings: %q", s.Warnings)
	}
}

func TestLoadPrecedence(t *testing.T) {
	o := place(t, "layout = \"type\"\nlistings = 1\nconnections = 1\ntypes = [\"bills\", \"reports\"]\n# note\noffline = true\nrate_limit = 0.5\n")
	o.Environment["CCSFS_LISTINGS"] = "2"
	o.Environment["CCSFS_CONNECTIONS"] = "2"
	o.Environment["CCSFS_LAYOUT"] = ""
	o.Flags = map[string]string{"connections": "3"}
	s, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(s.Listings.Layout, s.Listings.Keep, s.API.Connections, s.Listings.Types, s.API.Offline, s.API.RateLimit)
	if want := "type2 3 [bills reports] true 0.5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	sources := map[string]string{
		"layout": s.ConfigFile + ":1", "listings": "CCSFS_LISTINGS", "connections": "--connections",
		"offline": s.ConfigFile + ":6", "timeout": "default",
	}
	for name, want := range sources {
		if got := s.Source(name).String(); got != want {
			t.Errorf("source of %s: %q, want %q", name, got, want)
		}
	}
}

func TestLoadPaths(t *testing.T) {
	o := place(t, "cache_dir = \"beside\"\nca_file = \"~/ca.pem\"\n")
	o.Flags = map[string]string{"log-file": "here.log"}
	s, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{s.Cache.Dir, s.API.CAFile, s.Log.File}
	want := []string{filepath.Join(o.ConfigHome, "ccsfs", "beside"), filepath.FromSlash("/home/me/ca.pem"), filepath.FromSlash("/work/here.log")}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Every wrong value names the setting, the value, where it stands, and a good one.
func TestLoadRefuses(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none", "b")
	_, missing := os.ReadFile(none)
	missing = errors.Unwrap(missing) // as this system words it
	for _, c := range []struct {
		name, file string
		env, flags map[string]string
		want       []string
	}{
		{name: "flag", flags: map[string]string{"listing-ttl": "10"},
			want: []string{`--listing-ttl "10"`, "has no unit", "--listing-ttl=15m"}},
		{name: "empty flag", flags: map[string]string{"layout": ""}, want: []string{`--layout ""`, "is empty"}},
		{name: "environment", env: map[string]string{"CCSFS_CACHE_SIZE": "lots"},
			want: []string{`CCSFS_CACHE_SIZE="lots"`, "is not a size", "CCSFS_CACHE_SIZE=10GiB"}},
		{name: "file", file: "\nconnections = 0\n",
			want: []string{`config.toml:2: connections = "0"`, "from 1 to 256", `connections = "16"`}},
		{name: "misspelt type", flags: map[string]string{"types": "bills,consumptionRatedReports"},
			want: []string{`did you mean "comsumptionRatedReports"?`}},
		{name: "type all", env: map[string]string{"CCSFS_TYPES": "all"}, want: []string{`"all" is none of bills`}},
		{name: "unknown key", file: "layuot = \"flat\"", want: []string{`config.toml:1: unknown setting "layuot"; did you mean "layout"?`}},
		{name: "dashed key", file: "listing-ttl = \"1m\"", want: []string{`did you mean "listing_ttl"?`}},
		{name: "table", file: "[api]\nurl = \"x\"", want: []string{`config.toml:1: unknown setting "api"`}},
		{name: "table in place of a value", file: "[layout]\nx = 1", want: []string{"config.toml:1: layout", "takes a simple value"}},
		{name: "list in place of a value", file: "layout = [\"flat\"]", want: []string{"takes one value"}},
		{name: "list of numbers", file: "types = [1]", want: []string{"other than texts"}},
		{name: "date", file: "layout = 2026-01-01", want: []string{"date"}},
		{name: "empty in file", file: "layout = \"\"", want: []string{"layout", "is empty"}},
		{name: "not TOML", file: "layout: flat", want: []string{"config.toml:1:", "not valid TOML"}},
		{name: "two at once", env: map[string]string{"CCSFS_UMASK": "999", "CCSFS_UID": "-1"}, want: []string{"CCSFS_UMASK", "CCSFS_UID"}},
		{name: "placeholder", env: map[string]string{"CCSFS_API_KEY": "Your API_KEY provided to you by ECC team"},
			want: []string{"CCSFS_API_KEY: still holds the placeholder"}},
		{name: "secret in two places", env: map[string]string{"CCSFS_API_KEY": "a", "CCSFS_API_KEY_FILE": "b"},
			want: []string{"both CCSFS_API_KEY and CCSFS_API_KEY_FILE"}},
		{name: "secret file missing", env: map[string]string{"CCSFS_API_KEY_FILE": none}, want: []string{"CCSFS_API_KEY_FILE (" + none + ")", missing.Error()}},
		{name: "settings file missing", env: map[string]string{"CCSFS_CONFIG": "no.toml"}, want: []string{filepath.FromSlash("/work/no.toml") + " does not exist"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := place(t, c.file)
			for k, v := range c.env {
				o.Environment[k] = v
			}
			o.Flags = c.flags
			_, err := Load(o)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if got, want := OnlyFlags(err), c.flags != nil; got != want {
				t.Errorf("OnlyFlags is %v, want %v", got, want)
			}
		})
	}
}

func TestSettingsFileIsPrivate(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
		unix bool
	}{
		{"readable by others", func(t *testing.T, p string) { write(t, p, "", 0o604) }, "chmod 600", true},
		{"writable by the group", func(t *testing.T, p string) { write(t, p, "", 0o620) }, "chmod 600", true},
		{"directory", func(t *testing.T, p string) { mkdir(t, p) }, "a directory", false},
		{"device", func(t *testing.T, p string) { symlink(t, "/dev/zero", p) }, "not a regular file", true},
		{"huge", func(t *testing.T, p string) { write(t, p, strings.Repeat("#\n", secretfile.Most), 0o600) }, "larger than", false},
		{"dangling link", func(t *testing.T, p string) { symlink(t, "/none", p) }, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.unix {
				osfiletest.NeedsUnix(t, "modes and devices")
			}
			o := place(t, "")
			c.make(t, filepath.Join(o.ConfigHome, "ccsfs", "config.toml"))
			_, err := Load(o)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want one with %q", err, c.want)
			}
		})
	}
}

// A settings file of somebody else decides where credentials are sent.
func TestSettingsFileOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	o := place(t, "layout = \"flat\"")
	if err := os.Chown(filepath.Join(o.ConfigHome, "ccsfs", "config.toml"), 12345, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(o); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("got %v", err)
	}
}

func TestStrayNamesAreToldOf(t *testing.T) {
	o := place(t, "")
	for _, name := range []string{"CCSFS_LISTNG_TTL", "CCSFS_XYZZY", "CCSFS_API_KEY_FLIE", "CCSFS_INTERNAL_X", "PATH"} {
		o.Environment[name] = "value-of-it"
	}
	s, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"CCSFS_API_KEY_FLIE in the environment is no setting, it is ignored; did you mean CCSFS_API_KEY_FILE?",
		"CCSFS_LISTNG_TTL in the environment is no setting, it is ignored; did you mean CCSFS_LISTING_TTL?",
		"CCSFS_XYZZY in the environment is no setting, it is ignored",
	}
	if d := cmp.Diff(want, s.Warnings); d != "" {
		t.Error(d)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}
