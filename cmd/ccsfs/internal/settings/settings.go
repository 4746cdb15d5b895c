// Package settings holds every setting of the tool: its name, default, help
// and check, described once in a table from which the flags, the environment
// names and the keys of config.toml all follow.
//
// A flag wins over the environment, the environment over config.toml.
// Secrets have no flag, since a command line shows in ps.
package settings

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"ccsfs/cmd/ccsfs/internal/redacted"
)

// Settings is what the user chose, checked. Load makes one.
type Settings struct {
	API      API
	Listings Listings
	Cache    Cache
	Mount    Mount
	Hooks    Hooks
	Serve    Serve
	Shared   Shared
	Log      Log

	MetricsListen string // host:port, "": not served

	// Account is the name of the section that the account is of, "" if it is of none.
	Account string
	// Accounts are the names of all sections.
	Accounts []string

	// ConfigFile is the config.toml that was looked for, whether or not it
	// exists.
	ConfigFile string
	// Warnings are things to tell the user that are no reason to stop.
	Warnings []string

	from    Options
	sources map[string]Source
	texts   map[string]string
}

// Again loads the settings once more from where they came from: files may have
// changed meanwhile. It fails with ErrOnce where that cannot be done.
func (s *Settings) Again() (*Settings, error) {
	for _, setting := range Table() {
		path := s.from.Environment[setting.Environment()+"_FILE"]
		if !setting.Secret || path == "" {
			continue
		}
		if info, err := os.Stat(s.from.absolute(path, Source{}, "")); err != nil || !info.Mode().IsRegular() {
			return nil, ErrOnce
		}
	}
	return Load(s.from)
}

// ErrOnce says that a secret came from what can be read once only: a pipe, or a file that
// is gone by now.
var ErrOnce = errors.New("a secret came from what can be read only once")

// API says where the API is, who asks, and how hard it may be asked.
type API struct {
	URL, OAuthURL                  string
	ClientID, ClientSecret, APIKey redacted.Text
	CAFile                         string // "": the system's certificates
	Insecure                       bool
	RateLimit                      float64 // requests a second, 0: no limit
	Connections                    int
	Timeout                        time.Duration
	Offline                        bool
}

// Listings says what is shown, under which names, and how long it is believed.
type Listings struct {
	Contracts, Types []string // empty: all
	Layout           string
	ContractNames    bool // directories of contracts bear their names, too
	PortableNames    bool // names are such as Windows takes
	TTL              time.Duration
	Keep             int
}

// Cache says where documents are kept, how many bytes of them, what of them is waited
// for, and how long those that change are believed.
type Cache struct {
	Dir                        string // absolute
	Size                       int64  // bytes
	PrefetchLimit, StreamAbove int64  // bytes of a document
	PartialTTL                 time.Duration
}

// Mount says how the file system presents itself.
type Mount struct {
	AllowOther, XAttrs bool
	Sizes              string // SizesExact or SizesLazy
	UID, GID, Umask    uint32
	Daemon             bool
}

// Hooks says how those are told who want to know what is new.
type Hooks struct {
	WebhookSecret redacted.Text
}

// Serve says where a server for browsers and network drives listens, and who may come in.
type Serve struct {
	Listen           string // host:port, or unix: and a path
	Faces            []string
	ClientsFile      string // absolute; "": see clients.Path
	User             string
	PasswordFile     string // absolute; "": none
	UsersFile        string // absolute; "": none
	Hosts            []string
	Certificate, Key string // absolute paths; "": no TLS
	Proxies          []string
	UserHeader       string
}

// Shared says by what the account is shared with other machines.
type Shared struct {
	Coordinator   string // the address of Redis; "": this machine is alone
	Password, Key redacted.Text
	Store         string // the address of a bucket or directory; "": none
	OnLoss        string // LossFail or LossDegraded
	Encrypt       bool
}

// The choices of --shared-on-loss.
const (
	LossFail     = "fail"
	LossDegraded = "degraded"
)

// The faces of a server, for Serve.Faces.
const (
	FacePage  = "page"
	FaceDrive = "drive"
	FaceAPI   = "api"
)

// DefaultListen is where a server listens unless it is told otherwise.
const DefaultListen = "127.0.0.1:8427"

// The choices of --sizes.
const (
	SizesExact = "exact"
	SizesLazy  = "lazy"
)

// Log says what is logged, how, and where to.
type Log struct {
	Level  slog.Level
	Format string // FormatText or FormatJSON
	File   string // absolute; "": standard error
}

// The choices of --log-format.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// Source tells where the value of the setting with this name (as in a flag,
// without dashes) came from.
func (s *Settings) Source(name string) Source { return s.sources[name] }

// Reject is the error for a value that only the rest of the program can tell
// to be wrong, worded as Load words its own.
func (s *Settings) Reject(name string, reason error) error {
	for _, setting := range Table() {
		if setting.Name == name {
			return setting.reject(s.texts[name], s.sources[name], reason)
		}
	}
	return reason
}
