package settings

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings/environment"
	"ccsfs/cmd/ccsfs/internal/settings/value"
	"ccsfs/internal/suggest"
)

// Group says which commands a setting matters to, so that each command shows
// the flags that do something there.
type Group int

// The groups of settings.
const (
	GroupAccount Group = iota + 1 // where the API is and who asks
	GroupTraffic                  // how the API is asked
	GroupTree                     // what is shown, and how it is named
	GroupCache                    // where documents are kept
	GroupMount                    // how the mount presents itself
	GroupDaemon                   // running in the background
	GroupMetrics                  // being looked after
	GroupHooks                    // who is told what is new
	GroupServe                    // who may look with a browser or a network drive, and where
	GroupClients                  // which programs may ask a gateway
	GroupLog                      // what is logged
)

// Setting describes one setting; the flag, the environment name and the key
// in config.toml follow from its name.
type Setting struct {
	Name    string // as in a flag: listing-ttl
	Group   Group
	Default string // "": none, or told by Help
	Value   string // what stands for the value in help: DURATION
	Help    string
	Example string   // a good value, for error messages
	Choices []string // to complete; where Value does not name them all, there are others
	Secret  bool     // no flag; never shown
	List    bool     // may be given several times; commas separate
	Switch  bool     // on or off
	Rare    bool     // not in the help of commands, but in `ccsfs help settings`

	key  string // in config.toml, if it does not follow from the name
	path bool   // made absolute where it was given
	set  func(*Settings, string) error
}

// Environment is the name of the setting in the environment.
func (s Setting) Environment() string { return environment.Variable(s.Name) }

// Key is the name of the setting in config.toml.
func (s Setting) Key() string {
	if s.key != "" {
		return s.key
	}
	return environment.Key(s.Name)
}

// Lookup finds a setting by any of its names: that of the flag, of the environment, or the
// key in config.toml.
func Lookup(typed string) (Setting, error) {
	name := nameOf(strings.TrimPrefix(typed, "--"))
	var names []string
	for _, s := range Table() {
		if s.Name == name || s.Environment() == typed {
			return s, nil
		}
		names = append(names, s.Key())
	}
	hint := "; `ccsfs help settings` lists all of them"
	if near := suggest.Nearest(environment.Key(strings.ToLower(name)), names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return Setting{}, fmt.Errorf("%q is no setting%s", typed, hint)
}

// nameOf is the name of the setting with a key.
func nameOf(key string) string {
	if i := slices.IndexFunc(Table(), func(s Setting) bool { return s.Key() == key }); i >= 0 {
		return Table()[i].Name
	}
	return strings.ReplaceAll(key, "_", "-")
}

// keyOf is the key of the setting with a name.
func keyOf(name string) string {
	if i := slices.IndexFunc(Table(), func(s Setting) bool { return s.Name == name }); i >= 0 {
		return Table()[i].Key()
	}
	return environment.Key(name)
}

// IsPath tells whether the value is the path of a file or directory.
func (s Setting) IsPath() bool { return s.path }

// DocumentTypes are the types that the API documents; the fourth but one is
// spelled as the API spells it.
func DocumentTypes() []string {
	return []string{"bills", "invoices", "reports", "partialBills",
		"partialConsumptionRatedReports", "comsumptionRatedReports"}
}

// Table lists every setting, in the order of the manual.
func Table() []Setting {
	var all []Setting
	for _, part := range [][]Setting{
		accountSettings(), treeSettings(), cacheSettings(), trafficSettings(), sharedSettings(), mountSettings(), hookSettings(), serveSettings(), clientSettings(), logSettings(),
	} {
		all = append(all, part...)
	}
	return all
}

type duration = time.Duration

// bind makes the setter of a Setting from a reader of values and the place of its value.
func bind[T any](read func(string) (T, error), at func(*Settings) *T) func(*Settings, string) error {
	return func(s *Settings, text string) error {
		v, err := read(text)
		if err != nil {
			return err
		}
		*at(s) = v
		return nil
	}
}

func accountSettings() []Setting {
	return []Setting{
		{Name: "account", Group: GroupAccount, key: "default_account", Value: "NAME",
			Help: "the account of the section [account.NAME] in config.toml", Example: "holding",
			set: bind(parseAccountName, func(s *Settings) *string { return new(string) })},
		{Name: "api-url", Group: GroupAccount, Rare: true, Default: apiclient.DefaultAPIURL, Value: "URL",
			Help: "where the API is", Example: "https://api.orange.com/cloud/b2b/v1",
			set: bind(value.URL, func(s *Settings) *string { return &s.API.URL })},
		{Name: "oauth-url", Group: GroupAccount, Rare: true, Default: apiclient.DefaultOAuthURL, Value: "URL",
			Help: "where access tokens are asked for, at URL/token", Example: "https://api.orange.com/oauth/v3",
			set: bind(value.URL, func(s *Settings) *string { return &s.API.OAuthURL })},
		{Name: "client-id", Group: GroupAccount, Secret: true, Help: "client id of the application",
			set: bind(value.Secret, func(s *Settings) *redacted.Text { return &s.API.ClientID })},
		{Name: "client-secret", Group: GroupAccount, Secret: true, Help: "client secret of the application",
			set: bind(value.Secret, func(s *Settings) *redacted.Text { return &s.API.ClientSecret })},
		{Name: "api-key", Group: GroupAccount, Secret: true, Help: "API key of the customer space",
			set: bind(value.Secret, func(s *Settings) *redacted.Text { return &s.API.APIKey })},
		{Name: "ca-file", Group: GroupAccount, Rare: true, Value: "FILE", path: true,
			Help: "trust the certificate authorities in this PEM file instead of the system's (for webhooks and a shared bucket: beside them)", Example: "/etc/ssl/proxy-ca.pem",
			set: bind(value.Text, func(s *Settings) *string { return &s.API.CAFile })},
		{Name: "insecure", Group: GroupAccount, Rare: true, Default: "false", Switch: true,
			Help: "allow plain http to other machines (credentials travel readable)", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.API.Insecure })},
	}
}

func treeSettings() []Setting {
	return []Setting{
		{Name: "contract", Group: GroupTree, Value: "ID", List: true,
			Help: "show only this contract (may be repeated)", Example: "OCB0001234",
			set: bind(value.List, func(s *Settings) *[]string { return &s.Listings.Contracts })},
		{Name: "types", Group: GroupTree, Value: "LIST", List: true, Choices: DocumentTypes(),
			Help: "show only these document types", Example: "bills,invoices",
			set: bind(value.Choices(DocumentTypes()), func(s *Settings) *[]string { return &s.Listings.Types })},
		{Name: "layout", Group: GroupTree, Default: "flat", Value: "LAYOUT", Choices: []string{"flat", "type", "period"},
			Help:    "directories inside a contract: flat, type, period, or a template of {type} {year} {month} {period} {id} {filename}",
			Example: "{year}/{type}/{filename}",
			set:     bind(value.Text, func(s *Settings) *string { return &s.Listings.Layout })},
		{Name: "contract-names", Group: GroupTree, Default: "false", Switch: true,
			Help: "name the directories of contracts \"OCB0001234 Name\" instead of OCB0001234", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.Listings.ContractNames })},
		{Name: "portable-names", Group: GroupTree, Default: portableNames, Switch: true,
			Help: "give documents and directories names that Windows and macOS take, too", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.Listings.PortableNames })},
		{Name: "listing-ttl", Group: GroupTree, Default: "10m", Value: "DURATION",
			Help: "believe a listing for this long", Example: "15m",
			set: bind(value.TTL, func(s *Settings) *duration { return &s.Listings.TTL })},
		{Name: "listings", Group: GroupTree, Rare: true, Default: "1024", Value: "N",
			Help: "keep the listings of this many contracts in memory", Example: "1024",
			set: bind(value.Int(1, 1_000_000), func(s *Settings) *int { return &s.Listings.Keep })},
	}
}

func cacheSettings() []Setting {
	return []Setting{
		{Name: "cache-dir", Group: GroupCache, Value: "DIR", path: true,
			Help: "keep listings and documents here (default: ccsfs in the XDG cache directory)", Example: "/var/cache/ccsfs",
			set: bind(value.Text, func(s *Settings) *string { return &s.Cache.Dir })},
		{Name: "cache-size", Group: GroupCache, Default: "10GiB", Value: "SIZE",
			Help: "keep at most this many bytes of documents", Example: "10GiB",
			set: bind(value.Size, func(s *Settings) *int64 { return &s.Cache.Size })},
		{Name: "prefetch-limit", Group: GroupCache, Rare: true, Default: "4MiB", Value: "SIZE",
			Help: "keep a document met while finding out its size if it is no larger than this", Example: "4MiB",
			set: bind(value.Size, func(s *Settings) *int64 { return &s.Cache.PrefetchLimit })},
		{Name: "stream-above", Group: GroupCache, Rare: true, Default: "64MiB", Value: "SIZE",
			Help: "an open waits for all of a document, unless it is larger than this", Example: "64MiB",
			set: bind(value.Size, func(s *Settings) *int64 { return &s.Cache.StreamAbove })},
		{Name: "partial-ttl", Group: GroupCache, Rare: true, Default: "1h", Value: "DURATION",
			Help: "ask again after this long whether a document of the running month has changed", Example: "30m",
			set: bind(value.Duration, func(s *Settings) *duration { return &s.Cache.PartialTTL })},
	}
}

func trafficSettings() []Setting {
	return []Setting{
		{Name: "rate-limit", Group: GroupTraffic, Rare: true, Default: "20", Value: "N",
			Help: "requests a second at most, 0 for no limit (the API refuses more than 25)", Example: "20",
			set: bind(value.Rate, func(s *Settings) *float64 { return &s.API.RateLimit })},
		{Name: "connections", Group: GroupTraffic, Rare: true, Default: "16", Value: "N",
			Help: "requests at the same time at most", Example: "16",
			set: bind(value.Int(1, 256), func(s *Settings) *int { return &s.API.Connections })},
		{Name: "timeout", Group: GroupTraffic, Rare: true, Default: "30s", Value: "DURATION",
			Help: "give up a connection or an answer that stands still for this long", Example: "30s",
			set: bind(value.Duration, func(s *Settings) *duration { return &s.API.Timeout })},
		{Name: "offline", Group: GroupTraffic, Default: "false", Switch: true,
			Help: "never ask the network; show what was seen before", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.API.Offline })},
	}
}

func sharedSettings() []Setting {
	return []Setting{
		{Name: "shared", Group: GroupTraffic, Rare: true, Value: "URL",
			Help: "share rate, token and work with the machines that name the same Redis or Valkey", Example: "rediss://redis.example.com:6380/0",
			set: bind(value.Text, func(s *Settings) *string { return &s.Shared.Coordinator })},
		{Name: "shared-password", Group: GroupTraffic, Secret: true, Help: "its password",
			set: bind(value.Secret, func(s *Settings) *redacted.Text { return &s.Shared.Password })},
		{Name: "shared-store", Group: GroupTraffic, Rare: true, Value: "URL",
			Help: "keep documents and listings here for those machines: s3://BUCKET/PREFIX or file:///DIRECTORY", Example: "s3://bills/ccsfs?region=eu-west-3",
			set: bind(value.Text, func(s *Settings) *string { return &s.Shared.Store })},
		{Name: "shared-key", Group: GroupTraffic, Secret: true, Help: "the key that these machines have in common, see ccsfs shared init",
			set: bind(value.Lines, func(s *Settings) *redacted.Text { return &s.Shared.Key })},
		{Name: "shared-on-loss", Group: GroupTraffic, Rare: true, Default: LossFail, Value: "fail|degraded", Choices: []string{LossFail, LossDegraded},
			Help: "without Redis ask for nothing (fail), or go on alone, at a share of the rate (degraded)", Example: LossDegraded,
			set: bind(value.Choice(LossFail, LossDegraded), func(s *Settings) *string { return &s.Shared.OnLoss })},
		{Name: "shared-encrypt", Group: GroupTraffic, Rare: true, Default: "false", Switch: true,
			Help: "encrypt what is put into the shared store", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.Shared.Encrypt })},
	}
}

func mountSettings() []Setting {
	return []Setting{
		{Name: "sizes", Group: GroupMount, Default: SizesExact, Value: "exact|lazy", Choices: []string{SizesExact, SizesLazy},
			Help: "lazy shows a placeholder for sizes not known yet: faster, but tar, rsync and du get it wrong", Example: SizesExact,
			set: bind(value.Choice(SizesExact, SizesLazy), func(s *Settings) *string { return &s.Mount.Sizes })},
		{Name: "xattrs", Group: GroupMount, Default: "false", Switch: true,
			Help: "show id, type, period, amount … as extended attributes user.ccs.*", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.Mount.XAttrs })},
		{Name: "allow-other", Group: GroupMount, Default: "false", Switch: true,
			Help: "let other users read the mount, root included", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.Mount.AllowOther })},
		{Name: "uid", Group: GroupMount, Value: "UID", Help: "owner of the files (default: you)", Example: "1000",
			set: bind(value.ID, func(s *Settings) *uint32 { return &s.Mount.UID })},
		{Name: "gid", Group: GroupMount, Value: "GID", Help: "group of the files (default: yours)", Example: "1000",
			set: bind(value.ID, func(s *Settings) *uint32 { return &s.Mount.GID })},
		{Name: "umask", Group: GroupMount, Default: "022", Value: "OCTAL",
			Help: "permissions to take away from 0444 and 0555", Example: "077",
			set: bind(value.Umask, func(s *Settings) *uint32 { return &s.Mount.Umask })},
		{Name: "daemon", Group: GroupDaemon, Default: "false", Switch: true,
			Help: "go to the background once mounted", Example: "true",
			set: bind(value.Bool, func(s *Settings) *bool { return &s.Mount.Daemon })},
		{Name: "metrics-listen", Group: GroupMetrics, Value: "ADDRESS",
			Help: "serve metrics for Prometheus here, at /metrics, and probes, at /healthz and /readyz; without a host only to this machine", Example: "127.0.0.1:9464",
			set: bind(value.Listen, func(s *Settings) *string { return &s.MetricsListen })},
	}
}

func hookSettings() []Setting {
	return []Setting{
		{Name: "webhook-secret", Group: GroupHooks, Secret: true, Help: "what webhooks are signed with, 16 bytes or more, or whsec_ and base64",
			set: bind(value.Secret, func(s *Settings) *redacted.Text { return &s.Hooks.WebhookSecret })},
	}
}

func serveSettings() []Setting {
	return []Setting{
		{Name: "listen", Group: GroupServe, Default: DefaultListen, Value: "ADDRESS",
			Help: "serve at this address, HOST:PORT or unix:PATH; other machines can connect only with TLS", Example: "0.0.0.0:8443",
			set: bind(value.Socket, func(s *Settings) *string { return &s.Serve.Listen })},
		{Name: "faces", Group: GroupServe, Default: FacePage + "," + FaceDrive, Value: "LIST", List: true, Choices: []string{FacePage, FaceDrive, FaceAPI},
			Help: "what is served: page, drive, api (for programs that ask the API itself)", Example: FaceAPI,
			set: bind(value.Some(FacePage, FaceDrive, FaceAPI), func(s *Settings) *[]string { return &s.Serve.Faces })},
		{Name: "user", Group: GroupServe, Default: "ccsfs", Value: "NAME",
			Help: "the user who has the password of --password-file, or one that is made up", Example: "finance",
			set: bind(value.User, func(s *Settings) *string { return &s.Serve.User })},
		{Name: "password-file", Group: GroupServe, Value: "FILE", path: true,
			Help: "the first line of this file is the user's password", Example: "/etc/ccsfs/password",
			set: bind(value.Text, func(s *Settings) *string { return &s.Serve.PasswordFile })},
		{Name: "users-file", Group: GroupServe, Value: "FILE", path: true,
			Help: "more users, a line each: NAME:HASH by htpasswd -nB NAME, and :CONTRACT,CONTRACT for those who may see no others", Example: "/etc/ccsfs/users",
			set: bind(value.Text, func(s *Settings) *string { return &s.Serve.UsersFile })},
		{Name: "host", Group: GroupServe, Value: "NAME", List: true,
			Help: "a name by which the server is called (may be repeated); those of its certificate are known", Example: "bills.example.com",
			set: bind(value.List, func(s *Settings) *[]string { return &s.Serve.Hosts })},
		{Name: "tls-cert", Group: GroupServe, Value: "FILE", path: true,
			Help: "the server's certificate, in PEM form, with those of its authorities", Example: "/etc/ccsfs/cert.pem",
			set: bind(value.Text, func(s *Settings) *string { return &s.Serve.Certificate })},
		{Name: "tls-key", Group: GroupServe, Value: "FILE", path: true,
			Help: "the key of the certificate, in PEM form", Example: "/etc/ccsfs/key.pem",
			set: bind(value.Text, func(s *Settings) *string { return &s.Serve.Key })},
		{Name: "trusted-proxy", Group: GroupServe, Rare: true, Value: "CIDR", List: true,
			Help: "a reverse proxy at these addresses (or unix, for one that comes by the socket) says who asks", Example: "127.0.0.1/32",
			set: bind(value.List, func(s *Settings) *[]string { return &s.Serve.Proxies })},
		{Name: "user-header", Group: GroupServe, Rare: true, Default: "X-Forwarded-User", Value: "NAME",
			Help: "the header in which it does", Example: "X-Forwarded-User",
			set: bind(value.Text, func(s *Settings) *string { return &s.Serve.UserHeader })},
	}
}

func clientSettings() []Setting {
	return []Setting{
		{Name: "clients-file", Group: GroupClients, Value: "FILE", path: true,
			Help: "who may ask the gateway, see ccsfs gateway client; without it clients.json beside config.toml", Example: "/etc/ccsfs/clients.json",
			set: bind(value.Text, func(s *Settings) *string { return &s.Serve.ClientsFile })},
	}
}

func logSettings() []Setting {
	return []Setting{
		{Name: "log-level", Group: GroupLog, Default: "info", Value: "LEVEL", Choices: value.LogLevels(),
			Help: "log this and what is graver: debug, info, warn, error", Example: "debug",
			set: bind(value.Level, func(s *Settings) *slog.Level { return &s.Log.Level })},
		{Name: "log-format", Group: GroupLog, Rare: true, Default: FormatText, Value: "text|json", Choices: []string{FormatText, FormatJSON},
			Help: "how log lines look", Example: FormatJSON,
			set: bind(value.Choice(FormatText, FormatJSON), func(s *Settings) *string { return &s.Log.Format })},
		{Name: "log-file", Group: GroupLog, Value: "FILE", path: true,
			Help: "log to this file instead of standard error", Example: "/var/log/ccsfs.log",
			set: bind(value.Text, func(s *Settings) *string { return &s.Log.File })},
	}
}
