package redis_test

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"ccsfs/internal/pool/redis"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"redis://host":       "host:6379",
		"redis://":           "localhost:6379",
		" redis://host:7/3 ": "host:7",
		"redis://u:" + secretInURL + "@[::1]:7?db=2":     "[::1]:7",
		"rediss://:" + secretInURL + "@host?pool_size=3": "host:6379",
		"unix:///run/redis.sock?db=1&client_name=x":      "/run/redis.sock",
		"unix://u:" + secretInURL + "@/run/redis.sock":   "/run/redis.sock",
		"":                              "",
		"host:6379":                     "",
		"http://host":                   "",
		"unix://run/redis.sock":         "",
		"unix://":                       "",
		"redis://host/x":                "",
		"redis://host/-1":               "",
		"redis://host/1/2":              "",
		"redis://host#1":                "",
		"redis://host:port":             "",
		"redis:host":                    "",
		"redis://u:" + secret + "@host": "",
		"redis://u:pa#ss@host":          "",
		"redis://u:12/pa#ss@host":       "",
		"redis://u:pa/ss@host/0":        "",
		"redis://u:12?pa#ss@host":       "",
		"redis://u:12?pass=w:o@rd":      "",
		"redis://u:" + secretInURL + "@host?max_retries=3": "",
		"rediss://host?skip_verify=true":                   "",
		"redis://host?read_timeout=1h":                     "",
		"redis://host?pool_size=-1":                        "",
		"redis://host?db=x":                                "",
		"redis://host?" + secretInURL + "=1":               "",
		"redis://host:":                                    "host:6379",
		"redis://:7":                                       "localhost:7",
		"redis://host/":                                    "host:6379",
		"redis://host?db=":                                 "host:6379",
		"REDIS://host":                                     "host:6379",
		"redis://host?conn_max_idle_time=0":                "host:6379",
		"redis://host?conn_max_lifetime=1h30m":             "host:6379",
		"redis://host?conn_max_lifetime=x":                 "",
		"redis://host?conn_max_idle_time=1d":               "",
		"redis://host?pool_size=x":                         "",
		"redis://host?pool_size=99999999999999999999":      "",
		"redis://host?db=1&db=2":                           "",
		"redis://host?db=-1":                               "",
		"redis://host?db=1;pool_size=3":                    "",
		"redis://host?db=%zz":                              "",
		"redis://host?protocol=3":                          "",
		"redis-sentinel://host":                            "",
		"unix:///run/redis.sock?path=/x":                   "",
		"\x00":                                             "",
	} {
		address, err := redis.ParseAddress(text)
		if (err == nil) != (want != "") {
			t.Errorf("%q: %v", text, err)
		}
		shown := fmt.Sprint(err)
		if err == nil {
			if got := address.String(); got != want {
				t.Errorf("%q: %q, want %q", text, got, want)
			}
			if address.TLS() != strings.Contains(text, "rediss:") {
				t.Errorf("%q: TLS is %v", text, address.TLS())
			}
			cfg := redis.Config{Address: address, Password: secret, Account: "a"}
			raw, err := json.Marshal([]any{address, cfg, &cfg})
			check(t, err)
			shown += string(raw)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				shown += fmt.Sprintf(verb+verb+verb+verb, address, cfg, &cfg, []redis.Config{cfg})
			}
		}
		for _, part := range []string{secret, secretInURL, "pa#ss", "pa/ss", "w:o@rd", "pa%23"} {
			if strings.Contains(shown, part) {
				t.Errorf("%q is shown: %s", part, shown)
			}
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{
		"redis://u:p@host:6379/0?db=1", "unix:///s", "rediss://[::1]:7", "redis://:" + secretInURL + "@host?pool_size=2&client_name=n",
		"redis://host?conn_max_idle_time=1m&conn_max_lifetime=3600", "redis://host?db=1;x", "rediss://[fe80::1%25eth0]", "unix://u:p@/a%20b?db=3",
		"redis://host/%31", "redis://%68ost:", "redis://u@host", "redis://host?db=99999999999999999999",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := redis.ParseAddress(text)
		if err != nil {
			return
		}
		c, err := redis.Open(redis.Config{Address: address, Account: "a"})
		check(t, err)
		check(t, c.Close())
		if !strings.HasPrefix(address.String(), "/") {
			host, port, err := net.SplitHostPort(address.String())
			if err != nil || host == "" || port == "" {
				t.Errorf("%q is at %q", text, address)
			}
		}
	})
}

func TestAccounts(t *testing.T) {
	address, err := redis.ParseAddress("redis://host")
	check(t, err)
	for account, ok := range map[string]bool{"a": true, "0f-9_": true, "": false, "a}": false, "{": false, "a b": false} {
		c, err := redis.Open(redis.Config{Address: address, Account: account})
		if (err == nil) != ok {
			t.Errorf("%q: %v", account, err)
		}
		if err == nil {
			check(t, c.Close())
		}
	}
	if _, err := redis.Open(redis.Config{Account: "a"}); err == nil {
		t.Error("opened nowhere")
	}
}
