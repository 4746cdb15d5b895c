package redis

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Address is where a server is, and who we are to it. The zero Address is none. Nothing
// prints its password.
type Address struct{ options *redis.Options }

// errAddress tells nothing of the text: any part of it may be of a password.
var errAddress = errors.New("redis: the address is not one like redis://user:password@host:6379/0, rediss://host (with TLS) " +
	"or unix:///path/of/socket?db=0; in a user or password write %23 for #, %2F for /, %3A for :, %3F for ?, %40 for @ and %25 for %")

// mayAsk are the options that an address may have; the rest of those that the library knows
// would make calls wait longer than they may, or trust anybody.
func mayAsk() []string {
	return []string{"db", "client_name", "pool_size", "conn_max_idle_time", "conn_max_lifetime"}
}

// ParseAddress reads redis://[user:password@]host[:port][/db], rediss:// for TLS, or
// unix://[user:password@]/path[?db=]. Errors show nothing of it.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Fragment != "" || u.Opaque != "" || strings.Contains(u.Path+u.RawQuery, "@") {
		return Address{}, errAddress
	}
	if u.Scheme == "unix" && u.Host != "" {
		return Address{}, errors.New("redis: the path of a socket begins with a slash: unix:///path/of/socket")
	}
	for name := range u.Query() {
		if !slices.Contains(mayAsk(), name) {
			return Address{}, fmt.Errorf("redis: the address has an option that is not of %s", strings.Join(mayAsk(), ", "))
		}
	}
	o, err := redis.ParseURL(u.String())
	if err != nil || o.DB < 0 || o.PoolSize < 0 {
		return Address{}, errAddress
	}
	return Address{o}, nil
}

// String tells where the server is, and no more.
func (a Address) String() string {
	if a.options == nil {
		return "no address"
	}
	return a.options.Addr
}

// Format implements fmt.Formatter, for the verbs that pass String by.
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// TLS tells whether the connections are encrypted.
func (a Address) TLS() bool { return a.options != nil && a.options.TLSConfig != nil }

// HasPassword tells whether the address itself bears one.
func (a Address) HasPassword() bool { return a.options != nil && a.options.Password != "" }

// accountOK tells whether keys can begin with an account: braces make a hash tag of it, so
// that the keys of one account would be on one node of a cluster.
func accountOK(account string) bool {
	return account != "" && !strings.ContainsAny(account, "{} \t\r\n")
}
