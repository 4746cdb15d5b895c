package s3_test

import (
	"errors"
	"strings"
	"testing"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/s3"
)

func TestParseAddress(t *testing.T) {
	for _, test := range []struct {
		text string
		want s3.Address
		err  string
	}{
		{text: "s3://bills", want: s3.Address{Bucket: "bills"}},
		{text: "s3://bills/", want: s3.Address{Bucket: "bills"}},
		{text: "s3://bills/a/b/", want: s3.Address{Bucket: "bills", Prefix: "a/b"}},
		{text: "s3://bills?region=eu-west-3", want: s3.Address{Bucket: "bills", Region: "eu-west-3"}},
		{text: "s3://my.bills/p?endpoint=https://s3.example.com:9000/&region=x&path-style=1",
			want: s3.Address{Bucket: "my.bills", Prefix: "p", Endpoint: "https://s3.example.com:9000", Region: "x", PathStyle: true}},
		{text: "s3://bills?endpoint=http%3A%2F%2F%5B%3A%3A1%5D%3A9000&path-style=0", want: s3.Address{Bucket: "bills", Endpoint: "http://[::1]:9000"}},
		{text: "", err: "begins with s3://"},
		{text: "https://s3.example.com/bills", err: "begins with s3://"},
		{text: "S3://bills", err: "begins with s3://"},
		{text: "s3://", err: "name of a bucket"},
		{text: "s3:///prefix", err: "name of a bucket"},
		{text: "s3://ab", err: "name of a bucket"},
		{text: "s3://Bills", err: "name of a bucket"},
		{text: "s3://127.0.0.1", err: "name of a bucket"},
		{text: "s3://bills:9000/", err: "port"},
		{text: "s3://key:geheim@bills/", err: "no credentials"},
		{text: "s3://AKIAGEHEIM@bills", err: "no credentials"},
		{text: "s3://AKIA%zz:geheim@bills", err: "no credentials"},
		{text: "s3://bills?access-key=geheim", err: "no credentials"},
		{text: "s3://bills?AWS_SECRET_ACCESS_KEY=geheim", err: "no credentials"},
		{text: "s3://bills?X-Amz-Signature=geheim", err: "no credentials"},
		{text: "s3://bills?endpoint=https://key:geheim@host", err: "no credentials"},
		{text: "s3://bills?geheim=1", err: "nothing else"},
		{text: "s3://bills#geheim", err: "behind #"},
		{text: "s3://bills#", err: "behind #"},
		{text: "s3://bills/%zz/geheim", err: "no address"},
		{text: "s3://bills?region=a;b=c", err: "&"},
		{text: "s3://bills/a//b", err: "behind the bucket"},
		{text: "s3://bills/../b", err: "behind the bucket"},
		{text: "s3://bills/ä", err: "behind the bucket"},
		{text: "s3://bills?region=", err: "region"},
		{text: "s3://bills?region=eu west", err: "region"},
		{text: "s3://bills?region=a&region=b", err: "twice"},
		{text: "s3://bills?path-style=yes", err: "path-style"},
		{text: "s3://bills?endpoint=", err: "URL"},
		{text: "s3://bills?endpoint=minio:9000", err: "URL"},
		{text: "s3://bills?endpoint=minio", err: "URL"},
		{text: "s3://bills?endpoint=ftp://host", err: "https://"},
		{text: "s3://bills?endpoint=https://", err: "host"},
		{text: "s3://bills?endpoint=https://host:", err: "host"},
		{text: "s3://bills?endpoint=https://host/bills", err: "behind its host"},
		{text: "s3://bills?endpoint=https://host%3Fa", err: "behind its host"},
		{text: "s3://bills?endpoint=https://host%23", err: "behind its host"},
	} {
		got, err := s3.ParseAddress(test.text)
		switch {
		case test.err == "" && (err != nil || got != test.want):
			t.Errorf("%q: %+v (%v)", test.text, got, err)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
			t.Errorf("%q: %v, want %q", test.text, err, test.err)
		case err != nil && (strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "GEHEIM")):
			t.Errorf("%q: %v shows what could be a secret", test.text, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"s3://bills/a/b?endpoint=https://h:1&region=r&path-style=1", "s3://a:b@c", "s3://bills?x=y", "s3://bills#", "s3://[::1]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := s3.ParseAddress(text)
		if err != nil {
			return
		}
		if again, err := s3.ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q is %+v, which is written %q, which is %+v (%v)", text, a, a.String(), again, err)
		}
		if strings.Contains(text, "@") {
			t.Errorf("%q may have a credential in it", text)
		}
	})
}

// Without TLS nothing leaves the machine, unless that is wanted.
func TestTLSIsAsked(t *testing.T) {
	setenv(t)
	for endpoint, refused := range map[string]bool{
		"http://127.0.0.1:9000": false, "http://localhost:9000": false, "http://[::1]:9000": false, "http://127.1.2.3": false,
		"https://s3.example.com": false, "http://s3.example.com": true, "http://10.0.0.1:9000": true,
		"http://localhost.example.com": true, "http://127.0.0.1.example.com": true, "http://0.0.0.0:9000": true,
	} {
		for _, insecure := range []bool{false, true} {
			s, err := s3.Open(s3.Address{Bucket: "bills", Endpoint: endpoint}, s3.Options{Insecure: insecure})
			if want := refused && !insecure; want != errors.Is(err, pool.ErrRefused) || !want && err != nil {
				t.Errorf("%s, insecure %v: %v", endpoint, insecure, err)
			}
			if err == nil {
				s.Close()
			}
		}
	}
}
