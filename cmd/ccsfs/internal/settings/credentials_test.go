package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/internal/osfile/osfiletest"
)

func TestCredentialSources(t *testing.T) {
	o := place(t, "client_id = \"from-file\"\nclient_secret = \"from-file\"\napi_key = \"from-file\"\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ccsfs.client_secret"), "from-systemd\n", 0o440)
	write(t, filepath.Join(dir, "ccsfs.client_id"), "from-systemd\n", 0o440)
	write(t, filepath.Join(dir, "id"), "from-env-file\r\n", 0o600)
	o.Environment["CREDENTIALS_DIRECTORY"] = dir
	o.Environment["CCSFS_CLIENT_ID_FILE"] = filepath.Join(dir, "id")
	s, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckCredentials(); err != nil {
		t.Error(err)
	}
	got := strings.Join([]string{s.API.ClientID.Reveal(), s.API.ClientSecret.Reveal(), s.API.APIKey.Reveal()}, " ")
	if want := "from-env-file from-systemd from-file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.Source("client-secret").Origin; got != FromCredential {
		t.Errorf("origin %v", got)
	}

	o.Environment["CCSFS_API_KEY"] = " from-env "
	if s, err = Load(o); err != nil || s.API.APIKey.Reveal() != "from-env" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestMissingCredentialsMessage(t *testing.T) {
	o := place(t, "")
	o.Environment["CCSFS_CLIENT_SECRET"] = "there"
	s, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	err = s.CheckCredentials()
	if !errors.Is(err, ErrNoCredentials) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"missing: client_id, api_key", "CCSFS_CLIENT_ID=", "CCSFS_CLIENT_ID_FILE=", s.ConfigFile,
		"LoadCredential=ccsfs.client_id:", "ccsfs demo",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q:\n%v", want, err)
		}
	}
}

func TestSecretFilePermissions(t *testing.T) {
	osfiletest.NeedsUnix(t, "modes")
	for _, c := range []struct {
		mode    os.FileMode
		refused string
		warned  bool
	}{
		{0o600, "", false}, {0o440, "", false}, {0o644, "", true}, {0o602, "can be written by every user", false},
	} {
		t.Run(fmt.Sprintf("%04o", c.mode), func(t *testing.T) {
			o := place(t, "")
			path := filepath.Join(t.TempDir(), "key")
			write(t, path, "abc\n", c.mode)
			o.Environment["CCSFS_API_KEY_FILE"] = path
			s, err := Load(o)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := len(s.Warnings) > 0; got != c.warned {
				t.Errorf("warnings: %q", s.Warnings)
			}
			if s.API.APIKey.Reveal() != "abc" {
				t.Errorf("got %q", s.API.APIKey.Reveal())
			}
		})
	}
}

// Whatever way settings are printed, secrets stay out.
func TestSecretsAreNotPrinted(t *testing.T) {
	const secret = "p4ssw0rd"
	type holder struct{ hidden Settings }
	s := Settings{API: API{ClientID: redacted.New(secret), ClientSecret: redacted.New(secret), APIKey: redacted.New(secret)}}
	out := &strings.Builder{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(out, verb+"\n", s.API.ClientID)
		fmt.Fprintf(out, verb+"\n", s)
		fmt.Fprintf(out, verb+"\n", holder{s})
	}
	slog.New(slog.NewTextHandler(out, nil)).Info("x", "a", s, "b", s.API.APIKey)
	slog.New(slog.NewJSONHandler(out, nil)).Info("x", "a", s, "b", s.API.APIKey)
	if err := json.NewEncoder(out).Encode(s); err != nil {
		t.Fatal(err)
	}
	for _, shape := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret))} {
		if strings.Contains(out.String(), shape) {
			t.Errorf("%q shows in %s", shape, out)
		}
	}
	if !strings.Contains(out.String(), redacted.Shown) {
		t.Error("nothing was printed at all")
	}
}

// An error about a secret says which and where, never what.
func TestSecretErrorsDoNotTell(t *testing.T) {
	for _, value := range []string{"s3cr et", "s3cr\tet", "your s3cr", "s3cr\net"} {
		o := place(t, fmt.Sprintf("api_key = %q\n", value))
		_, err := Load(o)
		if err == nil || strings.Contains(err.Error(), "s3cr") || !strings.Contains(err.Error(), "config.toml:1: api_key") {
			t.Errorf("file: %v", err)
		}
		o = place(t, "")
		o.Environment["CCSFS_API_KEY"] = value
		if _, err = Load(o); err == nil || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("environment: %v", err)
		}
	}
	for _, content := range []string{
		"api_key = s3cr3t", "api_key = \"s3cr3t", "api_key = 's3cr3t\n'", "api_key = \"a\"\napi_key = \"s3cr3t\"",
		"api_key \"s3cr3t\"", "api_key = \"s3cr3t\\z\"", "api_key = [\"s3cr3t\"]", "api_key = {a=\"s3cr3t\"}",
	} {
		_, err := Load(place(t, content))
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", content, err)
		}
	}
}
