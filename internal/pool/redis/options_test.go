package redis

import (
	"testing"
	"time"
)

// What an address asks for, and what holds where it asks for nothing.
func TestWhatAnAddressAsksFor(t *testing.T) {
	for text, want := range map[string]options{
		"redis://":              {network: "tcp", where: "localhost:6379", host: "localhost", poolSize: 8, idle: time.Minute},
		"rediss://h:7/3":        {network: "tcp", where: "h:7", host: "h", tls: true, database: 3, poolSize: 8, idle: time.Minute},
		"rediss://[::1]":        {network: "tcp", where: "[::1]:6379", host: "::1", tls: true, poolSize: 8, idle: time.Minute},
		"redis://u%3A:p%40@h":   {network: "tcp", where: "h:6379", host: "h", user: "u:", password: "p@", poolSize: 8, idle: time.Minute},
		"redis://:p@h/1?db=2":   {network: "tcp", where: "h:6379", host: "h", password: "p", database: 2, poolSize: 8, idle: time.Minute},
		"redis://u@h":           {network: "tcp", where: "h:6379", host: "h", user: "u", poolSize: 8, idle: time.Minute},
		"unix:///s?db=2":        {network: "unix", where: "/s", database: 2, poolSize: 8, idle: time.Minute},
		"unix://u:p@/a%20b":     {network: "unix", where: "/a b", user: "u", password: "p", poolSize: 8, idle: time.Minute},
		"redis://h?pool_size=3": {network: "tcp", where: "h:6379", host: "h", poolSize: 3, idle: time.Minute},
		"redis://h?pool_size=0": {network: "tcp", where: "h:6379", host: "h", poolSize: 8, idle: time.Minute},
		"redis://h?client_name=a+b&conn_max_idle_time=90&conn_max_lifetime=1h": {
			network: "tcp", where: "h:6379", host: "h", clientName: "a b", poolSize: 8, idle: 90 * time.Second, lifetime: time.Hour},
		"redis://h?conn_max_idle_time=0&conn_max_lifetime=-1":       {network: "tcp", where: "h:6379", host: "h", poolSize: 8},
		"redis://h?conn_max_idle_time=&db=&pool_size=&client_name=": {network: "tcp", where: "h:6379", host: "h", poolSize: 8, idle: time.Minute},
	} {
		address, err := ParseAddress(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if *address.options != want {
			t.Errorf("%q: %+v, want %+v", text, *address.options, want)
		}
	}
}
