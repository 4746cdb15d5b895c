package account

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/osfile/osfiletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is one of the simulated account, which nobody serves.
func config(dir string) Config {
	cfg := DefaultConfig()
	cfg.Dir = dir
	cfg.Client.APIURL, cfg.Client.OAuthURL = "http://127.0.0.1:1"+apisim.APIPath, "http://127.0.0.1:1"+apisim.OAuthPath
	cfg.Client.ClientID, cfg.Client.ClientSecret, cfg.Client.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	return cfg
}

// Each account has a part of the cache of its own: by the API and the client id, and by
// nothing that is renewed.
func TestCacheDirectoryIsTheAccounts(t *testing.T) {
	cache := t.TempDir() + "/new/ccsfs"
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]bool{}
	for _, of := range [][2]string{{"https://a", "id"}, {"https://b", "id"}, {"https://a", "other"}, {"https://a", "id"}} {
		a, err := Open(config(Path(cache, of[0], of[1])))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		dir := Path(cache, of[0], of[1])
		dirs[dir] = true
		info, err := os.Stat(dir)
		if err != nil || !osfiletest.HasMode(info, 0o700) {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	got, err := In(cache)
	if err != nil || len(dirs) != 3 || len(got) != 3 {
		t.Errorf("%v, %v, %v", dirs, got, err)
	}
}

// What cannot be opened says which part it was, and leaves nothing behind that runs.
func TestWhatCannotBeOpened(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(cfg *Config)
		want  error
	}{
		"no credentials": {func(cfg *Config) { cfg.Client.ClientID = "" }, ErrClient},
		"no such type":   {func(cfg *Config) { cfg.Catalog.Types = []string{"bilsl"} }, ErrCatalog},
		"open to others": {func(cfg *Config) { os.MkdirAll(cfg.Dir, 0o700); os.Chmod(cfg.Dir, 0o755) }, ErrDirectory},
		"a link":         {func(cfg *Config) { os.MkdirAll(filepath.Dir(cfg.Dir), 0o700); os.Symlink("/tmp", cfg.Dir) }, ErrDirectory},
		"a file in its place": {func(cfg *Config) {
			os.MkdirAll(cfg.Dir, 0o700)
			os.WriteFile(filepath.Join(cfg.Dir, contentDir), nil, 0o600)
		}, ErrContent},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(filepath.Join(t.TempDir(), "cache", "part"))
			switch name {
			case "open to others":
				osfiletest.NeedsUnix(t, "modes")
			case "a link":
				osfiletest.SkipWine(t)
			}
			tt.spoil(&cfg)
			a, err := Open(cfg)
			if err == nil {
				a.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// Saved asks nobody, and makes nothing.
func TestSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache", "part")
	if _, err := Saved(dir, config(dir).Catalog); !errors.Is(err, ErrCatalog) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a directory was made")
	}
	a, err := Open(config(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Saved(dir, config(dir).Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Folder.Find(t.Context(), "OCB1"); err == nil || errors.Is(err, apiclient.ErrNotFound) {
		t.Errorf("nothing is saved, and nobody knows: %v", err)
	}
}
