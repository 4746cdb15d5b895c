package redis

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccsfs/internal/authorities"
)

// Address is where a server is, and who we are to it. The zero Address is none. Nothing
// prints its password.
type Address struct{ options *options }

// options are what an address says.
type options struct {
	network, where string // as of net.Dial
	host           string // that a certificate must be for
	tls            bool
	user, password string
	database       int
	clientName     string
	caFile         string        // PEM, of who may have signed a certificate, too; "": none
	poolSize       int           // connections at most
	idle           time.Duration // until a connection that is not used is closed; 0: never
	lifetime       time.Duration // until any connection is closed; 0: never
}

// What holds where the address says nothing else.
const (
	poolSize = 8
	// idleTime is shorter than that of firewalls and of servers, which close what is idle after
	// some minutes.
	idleTime    = time.Minute
	defaultHost = "localhost"
	defaultPort = "6379"
)

// errAddress tells nothing of the text: any part of it may be of a password.
var errAddress = errors.New("redis: the address is not one like redis://user:password@host:6379/0, rediss://host (with TLS) " +
	"or unix:///path/of/socket?db=0; in a user or password write %23 for #, %2F for /, %3A for :, %3F for ?, %40 for @ and %25 for %")

// mayAsk are the options that an address may have, each once.
func mayAsk() []string {
	return []string{"db", "ca_file", "client_name", "pool_size", "conn_max_idle_time", "conn_max_lifetime"}
}

// ParseAddress reads redis://[user:password@]host[:port][/db], rediss:// for TLS, or
// unix://[user:password@]/path[?db=]. The host is localhost and the port 6379 where they are
// missing. Options may follow: db; ca_file, who else may have signed the certificate of the
// server; client_name; pool_size, connections at most; and conn_max_idle_time and
// conn_max_lifetime, durations as "90s" or seconds, 0 for no bound. Errors show nothing of the
// text.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Fragment != "" || u.Opaque != "" || strings.Contains(u.Path+u.RawQuery, "@") {
		return Address{}, errAddress
	}
	o := &options{poolSize: poolSize, idle: idleTime}
	switch u.Scheme {
	case "redis", "rediss":
		err = o.tcp(u)
	case "unix":
		err = o.socket(u)
	default:
		return Address{}, errAddress
	}
	if err != nil {
		return Address{}, err
	}
	o.user = u.User.Username()
	o.password, _ = u.User.Password()
	asked, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errAddress
	}
	if err := o.ask(asked); err != nil {
		return Address{}, err
	}
	return Address{o}, nil
}

func (o *options) tcp(u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	if o.host = u.Hostname(); o.host == "" {
		o.host = defaultHost
	}
	o.network, o.where, o.tls = "tcp", net.JoinHostPort(o.host, port), u.Scheme == "rediss"
	if _, _, err := net.SplitHostPort(o.where); err != nil { // a bracket without its other half
		return errAddress
	}
	database := strings.Trim(u.Path, "/")
	if database == "" {
		return nil
	}
	return number(&o.database, database)
}

func (o *options) socket(u *url.URL) error {
	if u.Host != "" {
		return errors.New("redis: the path of a socket begins with a slash: unix:///path/of/socket")
	}
	if strings.TrimSpace(u.Path) == "" {
		return errAddress
	}
	o.network, o.where = "unix", u.Path
	return nil
}

// ask takes what follows a question mark. A value that is empty asks for nothing.
func (o *options) ask(asked url.Values) error {
	for name, values := range asked {
		if !slices.Contains(mayAsk(), name) {
			return fmt.Errorf("redis: the address has an option that is not of %s", strings.Join(mayAsk(), ", "))
		}
		if len(values) != 1 {
			return errAddress
		}
		if values[0] == "" {
			continue
		}
		var err error
		switch name {
		case "db":
			err = number(&o.database, values[0])
		case "ca_file":
			o.caFile = values[0]
		case "client_name":
			o.clientName = values[0]
		case "pool_size":
			err = number(&o.poolSize, values[0])
		case "conn_max_idle_time":
			err = duration(&o.idle, values[0])
		case "conn_max_lifetime":
			err = duration(&o.lifetime, values[0])
		}
		if err != nil {
			return err
		}
	}
	if o.caFile != "" && !o.tls {
		return errors.New("redis: ca_file is for rediss:// alone, which speaks TLS")
	}
	if o.poolSize == 0 {
		o.poolSize = poolSize
	}
	return nil
}

// trusted are who may have signed a certificate: those of roots, nil for those that the system
// trusts, and those of a file.
func trusted(caFile string, roots *x509.CertPool) (*x509.CertPool, error) {
	if caFile == "" {
		return roots, nil
	}
	roots, err := authorities.Beside(roots, caFile)
	if err != nil {
		return nil, fmt.Errorf("redis: ca_file, %s: %w", caFile, err)
	}
	return roots, nil
}

// number reads a number that is not negative.
func number(to *int, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errAddress
	}
	*to = n
	return nil
}

// duration reads a duration, or a number of seconds; what is not positive is none.
func duration(to *time.Duration, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err != nil {
		return errAddress
	}
	*to = max(d, 0)
	return nil
}

// String tells where the server is, and no more.
func (a Address) String() string {
	if a.options == nil {
		return "no address"
	}
	return a.options.where
}

// Format implements fmt.Formatter, for the verbs that pass String by.
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// TLS tells whether the connections are encrypted.
func (a Address) TLS() bool { return a.options != nil && a.options.tls }

// HasPassword tells whether the address itself bears one.
func (a Address) HasPassword() bool { return a.options != nil && a.options.password != "" }

// accountOK tells whether keys can begin with an account: braces make a hash tag of it, so
// that the keys of one account would be on one node of a cluster.
func accountOK(account string) bool {
	return account != "" && !strings.ContainsAny(account, "{} \t\r\n")
}
