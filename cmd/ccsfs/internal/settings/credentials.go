package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings/environment"
	"ccsfs/cmd/ccsfs/internal/settings/secretfile"
)

// credentialPrefix starts the names of our systemd credentials, as in
// LoadCredential=ccsfs.api_key:/etc/ccsfs/api_key.
const credentialPrefix = "ccsfs."

// ErrNoCredentials is what CheckCredentials returns if one is missing.
var ErrNoCredentials = errors.New("credentials are missing")

// CheckCredentials tells whether all three are there; if not, the error says
// which are missing and every way to give them.
func (s *Settings) CheckCredentials() error {
	names := s.lacking()
	switch {
	case len(names) == 0:
		return nil
	case s.Account == "" && len(names) == 3 && len(s.Accounts) > 0:
		return fmt.Errorf("%w: there are several accounts in %s, and none was chosen\n  Say which one: --account=%s, or default_account in that file", ErrNoCredentials, s.ConfigFile, strings.Join(s.Accounts, " or "))
	case s.Account != "":
		return fmt.Errorf("%w: the account %s has no %s\n  Add them to [account.%[2]s] in %[4]s (chmod 600), or run: ccsfs config account add %[2]s", ErrNoCredentials, s.Account, strings.Join(names, ", "), s.ConfigFile)
	}
	env := environment.Prefix + strings.ToUpper(names[0])
	return fmt.Errorf(`%w: %s
  Give each in one of these ways (shown for %[3]s):
    in the environment    export %[4]s=…
    in a file, 0600       export %[4]s_FILE=/path/to/file
    in the settings file  %[3]s = "…"  in %[5]s (chmod 600)
    from systemd          LoadCredential=%[6]s%[3]s:/path/to/file
  The user guide of the Cloud Customer Space API says where to get them.
  To try ccsfs without an account: ccsfs demo`,
		ErrNoCredentials, strings.Join(names, ", "), names[0], env, s.ConfigFile, credentialPrefix)
}

// LacksCredentials names the credentials that there are none of, "" if there are all.
func (s *Settings) LacksCredentials() string { return strings.Join(s.lacking(), ", ") }

func (s *Settings) lacking() (names []string) {
	for _, c := range []struct {
		name   string
		secret redacted.Text
	}{{"client_id", s.API.ClientID}, {"client_secret", s.API.ClientSecret}, {"api_key", s.API.APIKey}} {
		if !c.secret.Given() {
			names = append(names, c.name)
		}
	}
	return names
}

// secret finds a secret in the environment, in the file that the environment
// names, or among the systemd credentials.
func (o Options) secret(setting Setting) (v Given, warnings []string, err error) {
	name := setting.Environment()
	text, path := strings.TrimSpace(o.Environment[name]), o.Environment[name+"_FILE"]
	switch {
	case text != "" && path != "":
		return v, nil, fmt.Errorf("both %s and %s_FILE are set; keep one of them", name, name)
	case text != "":
		return Given{text, Source{FromEnvironment, name}}, nil, nil
	case path != "":
		path = o.absolute(path, Source{}, "")
		return read(path, Source{FromEnvironment, fmt.Sprintf("%s_FILE (%s)", name, path)})
	}
	dir := o.Environment["CREDENTIALS_DIRECTORY"]
	if dir == "" {
		return v, nil, nil
	}
	path = filepath.Join(dir, credentialPrefix+setting.Key())
	v, _, err = read(path, Source{FromCredential, path})
	if missing(err) {
		return Given{}, nil, nil
	}
	return v, nil, err // systemd answers for the permissions
}

func read(path string, from Source) (Given, []string, error) {
	text, warnings, err := secretfile.Read(path, from)
	if err != nil {
		return Given{}, nil, err
	}
	return Given{text, from}, warnings, nil
}
