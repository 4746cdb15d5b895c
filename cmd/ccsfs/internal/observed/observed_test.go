package observed

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/internal/osfile/osfiletest"
)

func documents(query, body string, header ...string) apiclient.Answer {
	q, _ := url.ParseQuery(query)
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return apiclient.Answer{Op: "documents", Method: "GET", Query: q, Status: 200, Proto: "HTTP/1.1", Header: h, Body: []byte(body), Whole: true}
}

// What answers look like decides what is said of them.
func TestAnswers(t *testing.T) {
	file := func(change func(*apiclient.Answer)) apiclient.Answer {
		a := apiclient.Answer{Op: "file", Method: "GET", Status: 200, Proto: "HTTP/2.0", TLS: "TLS 1.3", Header: http.Header{}, Asked: http.Header{}, Query: url.Values{}, Body: []byte("%PDF")}
		change(&a)
		return a
	}
	three := `[{"id":"1","period":"202610"},{"id":"2","period":"202609"},{"id":"3","period":"202608"}]`
	for name, tt := range map[string]struct {
		answers []apiclient.Answer
		want    map[string]string // "answer values"
	}{
		"nothing":              {nil, map[string]string{"file.head": "not seen ", "list.cap": "not seen "}},
		"limit that is full":   {[]apiclient.Answer{documents("documentType=bills&limit=3", three)}, map[string]string{"list.limit": "yes ", "list.newest": "yes ", "types.listed": "yes ", "list.cap": "not seen "}},
		"limit that is broken": {[]apiclient.Answer{documents("documentType=bills&limit=2", three)}, map[string]string{"list.limit": "no "}},
		"oldest first": {[]apiclient.Answer{documents("documentType=bills&limit=9", `[{"id":1,"period":"2026-09"},{"id":2,"period":"2026-10"}]`)},
			map[string]string{"list.newest": "no ", "documents.id": "no number ×2", "documents.period": "no 9999-99 ×2", "list.limit": "not seen "}},
		"a cap": {[]apiclient.Answer{documents("documentType=bills&limit=100", three), documents("documentType=reports&limit=100", three), documents("documentType=&limit=1000", three)},
			map[string]string{"list.cap": "yes 3 ×1", "list.empty_type": "yes ", "list.limit_1000": "yes "}},
		"no cap": {[]apiclient.Answer{documents("documentType=bills&limit=100", three), documents("documentType=reports&limit=100", `[{"id":"9"}]`),
			documents("documentType=&limit=1000", `[{"id":"1"},{"id":"2"},{"id":"3"},{"id":"9"}]`)}, map[string]string{"list.cap": "no "}},
		"an empty type of nothing": {[]apiclient.Answer{documents("documentType=&limit=1000", `{"documents":null}`)},
			map[string]string{"list.empty_type": "no documents=null ×1", "documents.empty": "not seen "}},
		"told": {[]apiclient.Answer{documents("documentType=bills&limit=9", `{"documents":[{"id":"1"}],"total":30,"hasMore":true}`, "Link", "<x>; rel=next", "X-Total-Count", "30")},
			map[string]string{"list.told": "yes header link ×1, header x-total-count ×1, member hasMore ×1, member total ×1"}},
		"wrapped in another": {[]apiclient.Answer{documents("documentType=bills&limit=9", `{"items":[{"id":"1"}]}`)}, map[string]string{"documents.empty": "no items ×1"}},
		"dates": {[]apiclient.Answer{documents("limit=9&documentType=x", `[{"id":"1","createdAt":"2026-10-01T08:00:00Z","updatedAt":1700000000},{"id":"2","createdAt":"12 mars 2026","updatedAt":null}]`)},
			map[string]string{"dates": "no (other) ×1, 9999-99-99T99:99:99Z ×1, number 9999999999 ×1 (1 of 3)", "documents.updatedAt": "yes number ×1 (1 of 2)"}},
		"not whole":          {[]apiclient.Answer{{Op: "documents", Method: "GET", Status: 200, Header: http.Header{}, Body: []byte(three)}}, map[string]string{"documents.bare": "not seen "}},
		"a page of a proxy":  {[]apiclient.Answer{documents("documentType=bills&limit=3", "<html>")}, map[string]string{"documents.bare": "not seen ", "documents.empty": "not seen "}},
		"a single value":     {[]apiclient.Answer{documents("documentType=bills&limit=3", "12")}, map[string]string{"documents.empty": "no (other) ×1"}},
		"an element of none": {[]apiclient.Answer{documents("documentType=bills&limit=3", "[null, 3, [], {}]")}, map[string]string{"documents.bare": "yes nothing ×1", "documents.id": "no nothing ×4"}},
		"a type": {[]apiclient.Answer{documents("documentType=&limit=1000", `[{"id":"1","documentType":"bills"},{"id":"2","documentType":"creditNotes"},{"id":"3","type":"OCB0001234"}]`)},
			map[string]string{"types.unknown": "yes (other) ×1, creditNotes ×1 (2 of 3)", "documents.documentType": "yes text ×3"}},
		"no length": {[]apiclient.Answer{file(func(a *apiclient.Answer) {})}, map[string]string{"file.length": "no ", "file.type": "no none ×1", "http.2": "yes HTTP/2.0 ×1", "tls.13": "yes TLS 1.3 ×1", "file.zipped": "no "}},
		"a table in OOXML is no archive": {[]apiclient.Answer{file(func(a *apiclient.Answer) {
			a.Body = append(append([]byte("PK\x03\x04"), make([]byte, 26)...), "xl/workbook.xml"...)
		})}, map[string]string{"file.zipped": "no "}},
		"an archive": {[]apiclient.Answer{file(func(a *apiclient.Answer) {
			a.Body = append(append([]byte("PK\x03\x04"), make([]byte, 26)...), "Invoice.pdf"...)
		})}, map[string]string{"file.zipped": "yes "}},
		"HEAD that is unknown": {[]apiclient.Answer{file(func(a *apiclient.Answer) { a.Method, a.Status = "HEAD", 405 })}, map[string]string{"file.head": "no 405 ×1", "file.head.length": "not seen ", "errors.shape": "not seen "}},
		"redirect":             {[]apiclient.Answer{file(func(a *apiclient.Answer) { a.Status = 307 })}, map[string]string{"file.redirect": "yes 307 ×1"}},
		"not modified":         {[]apiclient.Answer{file(func(a *apiclient.Answer) { a.Status = 304; a.Asked.Set("If-None-Match", `"x"`) })}, map[string]string{"file.redirect": "not seen ", "file.etag.asked": "yes 304 ×1"}},
		"errors": {[]apiclient.Answer{
			{Op: "contract", Status: 429, Header: http.Header{"Retry-After": {"3"}}, Body: []byte(`{"code":53,"message":"x","description":"y","infoURL":"z"}`)},
			{Op: "contract", Status: 500, Header: http.Header{}, Body: []byte(`<html>`)},
			{Op: "contract", Status: 502, Header: http.Header{}},
			{Op: "contract", Status: 400, Header: http.Header{}, Body: []byte(`{"OCB0001234":1,"Maison Lumière":2,"code":123456}`)},
		}, map[string]string{"errors.shape": "no (other)+code ×1, code+description+infoURL+message ×1, nothing ×1, page ×1 (1 of 4)", "errors.codes": "no 400/none ×1, 429/53 ×1, 500/none ×1, 502/none ×1 (1 of 4)", "errors.retry_after": "yes "}},
		"token": {[]apiclient.Answer{{Op: "token", Status: 200, Header: http.Header{}, Body: []byte(`{"expires_in":"1800"}`)}}, map[string]string{"token.number": "no text ×1", "token.hour": "no 1800 ×1"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewObserver()
			for _, a := range tt.answers {
				o.Seen(a)
			}
			table := o.Table()
			for question, want := range tt.want {
				got := table.Of(question)
				if text := got.Answer + " " + got.Text(); text != want {
					t.Errorf("%s: %q, want %q", question, text, want)
				}
			}
			if again := o.Table(); len(table.Observations) != len(Questions()) || again.Of("list.limit").Answer != table.Of("list.limit").Answer {
				t.Error("a table changes what was seen")
			}
			data, err := json.Marshal(table)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(data); err != nil {
				t.Errorf("it cannot be read: %v\n%s", err, data)
			}
		})
	}
}

// Whatever an API answers, the table can be read by others, and holds nothing of it but
// words that look like names of members.
func TestTableTellsNoData(t *testing.T) {
	secret := rapid.StringMatching(`[A-Z]{3}[0-9]{7}|[0-9]{4,9}\.[0-9]{2}|Facture [a-z]+ [0-9]{6}\.pdf|[0-9]{8}`)
	rapid.Check(t, func(t *rapid.T) {
		o := NewObserver()
		var all []string
		for range rapid.IntRange(1, 5).Draw(t, "answers") {
			s := secret.Draw(t, "secret")
			all = append(all, s)
			q, _ := json.Marshal(s)
			text := string(q)
			body := rapid.SampledFrom([]string{
				`[{"id":` + text + `,"filename":` + text + `,"documentType":` + text + `,"createdAt":` + text + `,"amount":` + text + `,` + text + `:1}]`,
				`{` + text + `:[{"id":"1"}]}`, `{"documents":[],` + text + `:"x"}`, `{"code":` + text + `,"message":` + text + `,` + text + `:{}}`, text, `{"error":{` + text + `:` + text + `}}`,
				`{"expires_in":` + text + `}`,
			}).Draw(t, "body")
			h := http.Header{}
			for _, name := range []string{"ETag", "Content-Type", "Link", "X-Total-Count", "X-Ratelimit-" + s, "Content-Encoding", "X-Oapi-Request-Id", "X-Count-" + s} {
				h.Set(name, s)
			}
			o.Seen(apiclient.Answer{
				Op: rapid.SampledFrom([]string{"token", "contracts", "contract", "documents", "file"}).Draw(t, "op"), Method: "GET",
				Query: url.Values{"documentType": {s}, "limit": {"5"}}, Asked: http.Header{}, Header: h, Proto: s, TLS: s,
				Status: rapid.SampledFrom([]int{200, 206, 400, 403, 429}).Draw(t, "status"), Body: []byte(body), Whole: true, Took: time.Millisecond,
			})
		}
		data, err := json.Marshal(o.Table())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if strings.Contains(string(data), s) {
				t.Fatalf("%q is in %s", s, data)
			}
		}
		if _, err := Parse(data); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
	})
}

func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const good = `{"format":"ccsfs-observations","version":1,"observations":[{"name":"file.head","answer":"yes","values":{"200":1}},{"name":"of a later one","answer":"perhaps"}]}`

func TestReadingBundles(t *testing.T) {
	many := make([]string, 0, 200)
	for range 100 {
		many = append(many, "x", "y")
	}
	whole := archive(t, "README.txt", "hello", File, good)
	bomb := archive(t, File, `{"format":"`+strings.Repeat(" ", 50<<20)+`"}`)
	if len(bomb) > 1<<20 {
		t.Fatal("no bomb")
	}
	damaged := bytes.Clone(whole)
	at := bytes.Index(damaged, []byte(File)) + len(File)
	damaged[at+5] ^= 0xff
	for name, tt := range map[string]struct {
		data []byte
		want string // in the error; "": none
	}{
		"a bundle":                  {whole, ""},
		"the table alone":           {[]byte(good), ""},
		"a report":                  {[]byte(`{"format":"ccsfs-doctor","observations":` + good + `}`), ""},
		"with white space":          {[]byte(" \n" + good + "\n"), ""},
		"nothing":                   {nil, "it is empty"},
		"a part of an archive":      {whole[:len(whole)-30], "was it copied whole?"},
		"a damaged one":             {damaged, "was it copied whole?"},
		"a part of a table":         {[]byte(good[:100]), "was it copied whole?"},
		"another archive":           {archive(t, "a.txt", "b"), "there is no observations.json in it"},
		"an archive of many":        {archive(t, many...), "it has 100 files"},
		"a text":                    {[]byte("hello"), "ccsfs doctor --bundle"},
		"other JSON":                {[]byte(`{"a":1}`), "no format"},
		"a list":                    {[]byte(`[1]`), "no bundle"},
		"of another version":        {[]byte(strings.Replace(good, `"version":1`, `"version":2`, 1)), "version 2, and this ccsfs reads version 1"},
		"of no version":             {[]byte(strings.Replace(good, `"version":1,`, ``, 1)), "version 0"},
		"a bomb":                    {bomb, "larger than"},
		"a large file":              {bytes.Repeat([]byte("PK"), maxBundle), "larger than any bundle"},
		"an answer that is none":    {[]byte(strings.Replace(good, `"yes"`, `"maybe"`, 1)), "observation file.head"},
		"a value for a terminal":    {[]byte(strings.Replace(good, `"200"`, `"\u001b[2J"`, 1)), "no ccsfs writes"},
		"a value that is long":      {[]byte(strings.Replace(good, `"200"`, `"`+strings.Repeat("a", 81)+`"`, 1)), "no ccsfs writes"},
		"a count below nothing":     {[]byte(strings.Replace(good, `"200":1`, `"200":-1`, 1)), "no ccsfs writes"},
		"of the wrong types":        {[]byte(`{"format":"ccsfs-observations","version":1,"observations":{}}`), "no JSON of ccsfs"},
		"an archive of an archive":  {archive(t, File, string(whole)), "no JSON of ccsfs"},
		"an archive of nothing":     {archive(t), "there is no observations.json in it"},
		"twice the same, another":   {archive(t, File, good, File, "x"), ""},
		"more values than there is": {[]byte(strings.Replace(good, `"200":1`, `"0":1`+manyValues(), 1)), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bundle")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			table, err := Read(path)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			case err == nil && (table.Of("file.head").Answer != Yes || len(table.Observations) != 1):
				t.Errorf("%+v", table)
			}
		})
	}
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := osfiletest.Pipe(t, fifo); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(fifo); err == nil {
		t.Error("a pipe without a writer is read")
	}
	if _, err := Read("/dev/zero"); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
}

func manyValues() string {
	var b strings.Builder
	for i := range maxValues + 1 {
		b.WriteString(`,"v` + strings.Repeat("a", i) + `":1`)
	}
	return b.String()
}

// A file from anybody is read, or is an error; what was read can be written, and read
// again.
func FuzzParseFile(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"observations":` + good + `}`))
	f.Add(archive(f, File, good))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte(`{"format":"ccsfs-observations","version":1,"observations":[{"name":"list.cap","answer":"no","values":{"\u202e":1}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := ParseFile(data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%q", err)
			}
			return
		}
		out, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(out); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		for _, o := range table.Observations {
			if strings.ContainsFunc(o.Text()+o.Name, func(r rune) bool { return r < ' ' || r == 0x202e }) {
				t.Errorf("%q", o.Text())
			}
		}
	})
}

// Answers of an API are not always what they should be.
func FuzzSeen(f *testing.F) {
	f.Add("documents", 200, []byte(`[{"id":1}]`), "bills", "X-Ratelimit-Limit")
	f.Add("token", 200, []byte(`{"expires_in":1e99}`), "", "Link")
	f.Add("file", 200, []byte("PK\x03\x04"), "", "Etag")
	f.Add("contract", 500, []byte(`{"error":{"code":"53"}}`), "", "Retry-After")
	f.Fuzz(func(t *testing.T, op string, status int, body []byte, docType, header string) {
		o := NewObserver()
		a := documents("documentType="+url.QueryEscape(docType)+"&limit=5&offset=1", string(body), header, "x")
		a.Op, a.Status = op, status
		o.Seen(a)
		a.Method, a.Probe = "HEAD", true
		o.Seen(a)
		data, err := json.Marshal(o.Table())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err != nil {
			t.Errorf("%v: %s", err, data)
		}
	})
}
