package content

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"

	"ccsfs/apiclient"
)

func TestPlausible(t *testing.T) {
	for _, tt := range []struct {
		name, head string
		ok         bool
	}{
		{"a.pdf", "%PDF-1.4\n", true},
		{"a.pdf", "whatever else", false},
		{"a.pdf", "Service temporarily unavailable\n", false},
		{"a.pdf", "JVBERi0xLjQK", false}, // base64 of one
		{"a.pdf", "\x1f\x8b\x08\x00", false},
		{"a.pdf", "--boundary\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.4\n", true}, // viewers open it
		{"a.pdf", "%", false},
		{"a.pdf", "\xef\xbb\xbf%PDF-1.4\n", true},
		{"a.pdf", "\r\n%PDF-1.7\n", true},
		{"a.pdf", "%!PS-Adobe-3.0 PDF-1.4\n", false},
		{"a.xlsx", "whatever else", false},
		{"a.xlsx", "P", false},
		{"a.xlsx", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", true}, // one with a password
		{"a.XLSX", "Contract;Amount\n", false},
		{"a.zip", "whatever else", false},
		{"a.zip", "PK\x05\x06", true}, // an empty one
		{"a.gz", "whatever else", false},
		{"a.gz", "\x1f\x8b\x08\x00", true},
		{"a.xls", "Service Unavailable", false},
		{"a.xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", true},
		{"a.xls", "\x09\x08\x10\x00", true},
		{"a.PDF.", "whatever else", false},
		{"a.PDF.", "%PDF-1.4\n", true},
		{"Bill 2026", `{"timestamp":"2026","path":"/x","status":500}`, false},
		{"document", `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, false},
		{"a.bin", `{"errorCode":5,"msg":"x"}`, false},
		{"a.txt", `<?xml version="1.0"?><error/>`, false},
		{"a.txt", "[]", true},
		{"a.txt", "a\n<html>\n", true},
		{"a.csv", "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", false},
		{"a.csv", "\xfe\xff\x00a\x00;\x00b", true},
		{"a.csv", "a;b\n1;2\n<html><h1>502 Bad Gateway</h1>", false},
		{"a.csv", "a;b\n<header>;2\n", true},
		{"a.pdf", "", false},
		{"a.csv", "", false},
		{"", "", false},
		{"a.pdf", "<!DOCTYPE html><title>Sign in</title>", false},
		{"a.pdf", " \r\n <HTML>", false},
		{"a.csv", "\xef\xbb\xbf<html>", false},
		{"a", "<!doctype html>", false},
		{"a.html", "<!doctype html>", true},
		{"a.csv", "Contract;Amount\n", true},
		{"a.csv", "\xef\xbb\xbfContract;Amount\n", true},
		{"a.csv", `{"code":42,"message":"Expired credentials"}`, false},
		{"a.xlsx", `{"documents":null}`, false},
		{"a.PDF", `{"code":60}`, false},
		{"a.xlsx", "PK\x03\x04", true},
		{"a.xml", "<?xml version='1.0'?><invoice/>", true},
		{"a.csv", "<?xml version='1.0'?><fault/>", false},
		{"a.json", `{"lines":[]}`, true},
		{"a", `{"code":50,"message":"Access denied"}`, false},
		{"a", `{ "error" : "invalid_token"}`, false},
		{"a", `{"lines":[]}`, false}, // no type of document is JSON
		{"a.csv", "null", false},
		{"a.pdf", "[{", false},
		{"a.csv", " [ ]\n", false},
		{"a.xlsx", `["x"]`, false},
		{"a.csv", "[1]; a note\n", true},
		{"a.json", "[]", true},
		{"a.bin", " null\n", false},
		{"a.csv", "null;1\n", true},
		{"a.json", "null", true},
		{"a.bin", "\x00\x01", true},
		{"a.csv", "Service unavailable, try again later", false},
		{"a.csv", "Service unavailable\n", false},
		{"a.csv", `"Internal error"`, false},
		{"a.csv", strings.Repeat("\x00", 577), false},
		{"a.csv", "a;b\x00\x00\x00\x00;c", false},
		{"a.csv", "\x1f\x8b\x08\x00\x00\x00,\x00", false},
		{"a.csv", "%PDF-1.4\n1 0 obj, x\n", false},
		{"a.csv", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1,", false},
		{"a.csv", "Q29udHJhY3Q7QW1vdW50CjE7Mgo=", false}, // base64 of one
		{"a.csv", "--x\r\nContent-Type: text/csv\r\nContent-Range: bytes 0-9/10\r\n\r\na,b\n", false},
		{"a.csv", "-- totals;1\n", true},
		{"a.csv", "-- Report of October\r\nDate,Amount\r\n", true},
		{"a.csv", "Contract", false},
		{"a.csv", "Contract,Amount", true},
		{"a.csv", "Contract, Amount\n1, 2\n", true},
		{"a.csv", "Contract;Amount", true},
		{"a.csv", "a|b\n1|2\n", true},
		{"a.csv", "a\x00;\x00b\x00\n\x00", true}, // UTF-16 that does not say so
		{"a.csv", "\x00a\x00;\x00b\x00\n", true},
		{"a.csv", "a\x00b\x00c\x00\n\x00", false},
		{"a", "Service unavailable", true}, // of no kind that is known
		{"a.csv", "{\"Contract\"};Amount\n1;2\n", true},
		{"a.csv", "{\"Contract;Amount\n1;2\n", true},
		{"a.csv", "{1};{2}\n", true},
		{"a.csv", "{{name}};1\n", true},
		{"a.csv", "[Total];5\n", true},
		{"a.csv", "<none>;1\n", true},
		{"a.csv", "<none>,1\n", true},
		{"a.csv", "<5 EUR;1\n", true},
		{"a.csv", "< 5;1\n", true},
		{"a.csv", "<=5;1\n", true},
		{"a.csv", "<less than;1\n<more;2\n", true},
		{"a.csv", "<Fault>\n<code>5</code>", false},
		{"a.csv", "<div class='a;b'>Sign in</div>", false},
		{"a.csv", "</html>", false},
		{"a.csv", "{}", false},
		{"a.csv", `{"documents":null}`, false},
		{"a.csv", "{\"a\":1}\n{\"b\":2}\n", false},
		{"a.csv", "{\n  \"infoURL\": \"x\"", false},
		{"a.pdf", "{1}", false},
		{"a.pdf", "PK\x03\x04", false},
		{"a.csv", "PK\x03\x04", false},
		{"a.txt", "PK\x03\x04", false},
		{"a.zip", "PK\x03\x04", true},
		{"a.csv", "PK;1\n", true},
		{"a.xlsx", zipHead("[Content_Types].xml"), true},
		{"a.xlsx", zipHead("a.xlsx"), false},
		{"a.xlsx", zipHead("xl/workbook.xml")[:33], true},
	} {
		err := sniff(tt.name, []byte(tt.head))
		if (err == nil) != tt.ok {
			t.Errorf("sniff(%q, %q) = %v", tt.name, tt.head, err)
		}
		if err != nil && (!errors.Is(err, ErrNotDocument) || !errors.Is(err, apiclient.ErrProtocol)) {
			t.Errorf("%v is neither ErrNotDocument nor ErrProtocol", err)
		}
	}
}

func zipHead(name string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, _ = w.Create(name)
	_ = w.Close()
	return b.String()
}

// A page of plain text has no signs but its type; a table that is sent under that type
// has columns.
func TestPageOfText(t *testing.T) {
	for _, tt := range []struct {
		name, media, head string
		page              bool
	}{
		{"a.csv", "text/html; charset=utf-8", "upstream connect error or disconnect/reset before headers", true},
		{"a", "text/html", "no healthy upstream", true},
		{"a.csv", "application/problem+json", "error code: 522", true},
		{"a.csv", "text/html", "Contract;Amount\n1;2\n", false},
		{"a.csv", "text/csv", "Contract\n", false},
		{"a.csv", "application/json", "Contract\n", false}, // that is what is asked for
		{"a.bin", "text/html", "\x00\x01", false},
	} {
		if got := pageAsText(tt.name, tt.media, []byte(tt.head)); got != tt.page {
			t.Errorf("%+v: %t", tt, got)
		}
	}
}

// What says that it is parts of a document is none, whatever is in it.
func TestEnvelopesAreNoDocuments(t *testing.T) {
	for _, media := range []string{"multipart/byteranges; boundary=x", "Multipart/Mixed", " multipart/form-data"} {
		api := newFake(map[string]*fakeDoc{"a": {body: random(54, 3000), media: media}})
		s := openStore(t, t.TempDir(), api, nil)
		if _, err := s.Stat(t.Context(), ref("a")); !errors.Is(err, ErrNotDocument) {
			t.Errorf("%s: %v", media, err)
		}
	}
}

// Pages and error objects that were cut, at any byte, are no CSV, and real tables
// are, whatever they begin with.
func TestCutPagesAreNoTables(t *testing.T) {
	for _, page := range []string{
		"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>a;b;c</body></html>", "<html lang=en><body>x</body></html>",
		"<?xml version='1.0'?><fault/>", "<p>Sign in</p>", "\xef\xbb\xbf\r\n <HTML>", "<!-- a; b -->\n<html>",
		`{"code":42,"message":"Expired credentials","description":"a;b"}`, "{\n  \"error\": {\"code\": 5}\n}", `{"documents":null}`, `[{"id":1}]`,
	} {
		text := strings.TrimLeft(page, "\xef\xbb\xbf \r\n")
		for n := len(page) - len(text) + 1; n <= len(page); n++ {
			if sniff("a.csv", []byte(page[:n])) == nil {
				t.Errorf("taken for a table: %q", page[:n])
			}
		}
	}
}

func TestErrorPagesAreNeverDocuments(t *testing.T) {
	for _, body := range []string{"", "<html>proxy</html>", `{"code":42,"message":"Expired credentials"}`} {
		for _, noSize := range []bool{false, true} {
			api := newFake(map[string]*fakeDoc{"a": {body: []byte(body), noSize: noSize}})
			c := newClock()
			s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
			if info, err := s.Stat(t.Context(), ref("a")); !errors.Is(err, ErrNotDocument) {
				t.Fatalf("%q: Stat: %+v, %v", body, info, err)
			}
			if _, ok := s.Peek(ref("a")); ok {
				t.Fatalf("%q: its size is remembered", body)
			}
			if got, err := readAll(t.Context(), s, ref("a"), 100); !errors.Is(err, ErrNotDocument) || len(got) > 0 {
				t.Fatalf("%q: read %q, %v", body, got, err)
			}
			wantCalls(t, api, "a", 1)
			c.add(forEver)
			api.set("a", &fakeDoc{body: random(40, 2000)})
			wantBytes(t, s, ref("a"), random(40, 2000))
		}
	}
}

func FuzzPlausible(f *testing.F) {
	f.Add("a.pdf", []byte("%PDF"))
	f.Add("a.csv", []byte("{"))
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		if err := sniff(name, head); err == nil && len(head) == 0 {
			t.Error("nothing is taken for a document")
		}
	})
}
