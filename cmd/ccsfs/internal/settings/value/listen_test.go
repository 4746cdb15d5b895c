package value

import (
	"net"
	"testing"
)

func TestListen(t *testing.T) {
	for text, want := range map[string]string{
		"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0": "127.0.0.1:0",
		"0.0.0.0:9464": "0.0.0.0:9464", "[::]:9464": "[::]:9464", "localhost:1": "localhost:1",
		"": "", "localhost": "", "host:http": "", "1.2.3.4:65536": "", "a b:1": "", "::1:9464": "", "x:-1": "", "x:01": "", "x:+1": "",
	} {
		got, err := Listen(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// Whatever is typed: what is taken has a host, so that it is never by accident
// that other machines can connect.
func FuzzListen(f *testing.F) {
	for _, seed := range []string{"9464", ":1", "[::]:2", "x:y", "\x00:1", "[fe80::1%eth0]:9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Listen(text)
		if err != nil {
			return
		}
		host, _, err := net.SplitHostPort(got)
		if err != nil || host == "" {
			t.Errorf("%q became %q", text, got)
		}
		if again, err := Listen(got); err != nil || again != got {
			t.Errorf("%q became %q, and that %q, %v", text, got, again, err)
		}
	})
}
