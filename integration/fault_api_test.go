//go:build linux

package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
)

func everyOp() []apisim.Op {
	return []apisim.Op{apisim.OpToken, apisim.OpContracts, apisim.OpContract, apisim.OpDocuments, apisim.OpFile}
}

// failuresThatPass are ways in which a call fails that is well when it is made again.
func failuresThatPass() map[string]apisim.Fault {
	return map[string]apisim.Fault{
		"500":                       {Status: 500, Code: 1},
		"502 of a gateway":          {Status: 502, Body: apisim.HTMLPage},
		"503":                       {Status: 503, Code: 5},
		"503 without a body":        {Status: 503},
		"504":                       {Status: 504, Code: 6},
		"connection reset":          {Reset: true},
		"body cut":                  {Cut: true, After: 7},
		"403 with code 53":          {Status: 403, Code: 53},
		"408":                       {Status: 408, Code: 63},
		"429":                       {Status: 429, Code: 53},
		"429 with Retry-After":      {Status: 429, Code: 53, RetryAfter: "1"},
		"403/53 with Retry-After":   {Status: 403, Code: 53, RetryAfter: "1"},
		"503 with Retry-After":      {Status: 503, Code: 5, RetryAfter: "1"},
		"429 with a senseless wait": {Status: 429, Code: 53, RetryAfter: "soon"},
	}
}

// TestFailuresThatPass: what the API fails to do at first it is asked for again,
// and every byte arrives.
func TestFailuresThatPass(t *testing.T) {
	begin(t)
	account := small()
	for name, f := range failuresThatPass() {
		times := 2
		if name != "503" {
			times = 1 // each costs a wait
		}
		surviveOnEach(t, fmt.Sprintf("%s, %d times for each call", name, times), func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account, client: func(c *apiclient.Config) {
				c.RateLimit, c.Burst = 1000, 100 // without one, a refusal slows down to 20 a second
			}})
			for _, op := range everyOp() {
				r.sim.Faults.Add(apisim.Match{Op: op}, times, f)
			}
			r.allRight(nil)
			if n := r.sim.Faults.Pending(); n != 0 {
				t.Errorf("%d faults did not happen", n)
			}
		})
	}
}

// lasting is a way in which calls fail for ever.
type lasting struct {
	name    string
	fault   apisim.Fault
	listing []string // errno of what cannot be listed
	file    []string // errno of what cannot be read
	about   bool     // the answer is about the document: stat tells a made-up size
}

func failuresThatLast() []lasting {
	return []lasting{
		{"500", apisim.Fault{Status: 500, Code: 1}, []string{"EIO"}, []string{"EIO"}, false},
		{"503 with HTML", apisim.Fault{Status: 503, Body: apisim.HTMLPage}, []string{"EIO"}, []string{"EIO"}, false},
		{"403", apisim.Fault{Status: 403, Code: 50}, []string{"EACCES"}, []string{"EACCES"}, true},
		{"404", apisim.Fault{Status: 404, Code: 60}, []string{"ENOENT"}, []string{"EIO"}, true},
		{"200 with HTML", apisim.Fault{Body: apisim.HTMLPage}, []string{"EIO"}, []string{"EIO"}, true},
		{"200 with an error object", apisim.Fault{Body: `{"code":50,"message":"Access denied","description":"no"}`}, []string{"EIO", "EACCES"}, []string{"EIO"}, true},
		{"200 with nothing", apisim.Fault{Status: 200}, []string{"EIO"}, []string{"EIO"}, true},
		{"400", apisim.Fault{Status: 400, Code: 28}, []string{"EIO"}, []string{"EIO"}, true},
		{"406", apisim.Fault{Status: 406, Code: 62}, []string{"EIO"}, []string{"EIO"}, true},
		{"408", apisim.Fault{Status: 408, Code: 63}, []string{"EIO"}, []string{"EIO"}, false},
		{"never an answer", apisim.Fault{Never: true}, []string{"ETIMEDOUT"}, []string{"ETIMEDOUT"}, false},
		{"reset", apisim.Fault{Reset: true}, []string{"EHOSTUNREACH"}, []string{"EHOSTUNREACH"}, false},
		{"cut", apisim.Fault{Cut: true, After: 5}, []string{"EHOSTUNREACH", "EIO"}, []string{"EHOSTUNREACH"}, false},
	}
}

// TestFailuresThatLast: what the API cannot do is an error with the errno of
// the table, never an empty file or directory; what was seen before stays; and
// all comes back when the API does.
func TestFailuresThatLast(t *testing.T) {
	begin(t)
	account := small()
	for _, c := range failuresThatLast() {
		surviveOnEach(t, c.name+", for ever", func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account, client: impatient(on)})
			files := expected(t, r.sim, nil)
			a := r.agent()
			seen, unseen, other := files[0], files[1], account.Contracts[1].ID
			a.gets(r.path(seen.path), seen.data)
			stop := []func(){
				r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, c.fault),
				r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, c.fault),
			}
			file := append(slices.Clone(c.file), "EHOSTUNREACH") // the latter once the breaker is open
			for range 2 {
				a.fails(r.path(unseen.path), file...)
				// The size 0 would be taken for the document, and is never told.
				// A drive tells one byte of what is answered with an error, too, for that may be
				// so of this document alone, and for ever.
				x, answered := a.stat(r.path(unseen.path)), c.fault.Status != 0 || c.fault.Cut
				made := x.Errno == "" && x.Size == 1
				if x.Errno == "" && !made || made != c.about && !(on == asDrive && answered) {
					t.Errorf("stat says %d bytes, %q, of a document that cannot be had", x.Size, x.Errno)
				}
				a.failsToList(r.path(other), append(c.listing, "EHOSTUNREACH")...)
				a.gets(r.path(seen.path), seen.data)
				a.names(r.path(seen.contract), len(account.Contracts[0].Documents))
				if on == asDrive && made { // clients go by that one byte, and are kept from it
					file = append(file, "EACCES")
				}
			}
			if on == asDrive {
				r.lasting(seen, unseen, c.about)
			}
			for _, f := range stop {
				f()
			}
			r.sim.Faults.Clear()
			r.ended()
			// What was refused or not found is asked for again after a while only.
			r.clock.advance(time.Hour)
			eventually(t, "all is well again", func() bool { return a.readAll(r.path(unseen.path)).Errno == "" && a.list(r.path(other)).Errno == "" })
			r.allRight(nil)
		})
	}
}

// TestAPartIsNotTheWhole: a listing of which one type cannot be had is an
// error; where a whole one is known from before, that is shown.
func TestAPartIsNotTheWhole(t *testing.T) {
	begin(t)
	account := small()
	bodies := map[string]string{
		"cut":               `[{"id":"1","filename":"a.pdf"`,
		"an object":         `{"a":1}`,
		"a text":            `"text"`,
		"a number":          `17`,
		"nothing":           ``,
		"nulls":             `[null,null]`,
		"lists":             `[[],[]]`,
		"ids of null":       `[{"id":null,"filename":"a.pdf"}]`,
		"no ids":            `[{"filename":"a.pdf"}]`,
		"empty ids":         `[{"id":"","filename":"a.pdf"}]`,
		"ids of objects":    `[{"id":{"x":1},"filename":"a.pdf"}]`,
		"two lists":         `[] []`,
		"deep":              strings.Repeat("[", 200_000),
		"deep objects":      strings.Repeat(`{"documents":`, 100_000),
		"an error object":   `{"code":1,"message":"Internal error","description":"x"}`,
		"a proxy's page":    apisim.HTMLPage,
		"not UTF-8":         "\xff\xfe\x00",
		"documents: a text": `{"documents":"none"}`,
		"documents: false":  `{"documents":false}`,
	}
	for name, body := range bodies {
		surviveOnEach(t, "a type answered by "+name, func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account})
			fault := apisim.Fault{Body: body, ContentType: "application/json"}
			if body == "" {
				fault = apisim.Fault{Status: 200}
			}
			partlyListed(t, r, fault)
		})
	}
	survive(t, "a type answered by too much", func(t *testing.T) {
		p := newProgram(t, options{account: account}) // built without -race: it is fast
		p.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Type: "invoices"}, 1,
			apisim.Fault{Body: "[", Pad: 65 << 20, ContentType: "application/json"})
		p.start(nil)
		a := newAgent(t)
		a.failsToList(p.path("OCB0000001"), "EIO")
		eventually(t, "it is asked for again", func() bool { return a.list(p.path("OCB0000001")).Errno == "" })
		a.names(p.path("OCB0000001"), len(account.Contracts[0].Documents))
		p.kill(unix.SIGTERM)
	})
	surviveOnEach(t, "a type answered by 500", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, client: quickly(time.Second)})
		partlyListed(t, r, apisim.Fault{Status: 500, Code: 1})
	})
	surviveOnEach(t, "a type not found", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		partlyListed(t, r, apisim.Fault{Status: 404, Code: 60})
	})
}

// partlyListed meets a fault of the listings of one type, before anything is
// known and after.
func partlyListed(t *testing.T, r *rig, fault apisim.Fault) {
	t.Helper()
	a := r.agent()
	dir := r.path(r.sim.Snapshot().Contracts[0].ID)
	remove := r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Type: "invoices"}, 0, fault)
	a.failsToList(dir, "EIO", "EHOSTUNREACH")
	a.fails(dir+"/bills-1.pdf", "EIO", "EHOSTUNREACH")
	a.fails(dir+"/.documents.json", "EIO", "EHOSTUNREACH")
	if r.opt.face == asDrive {
		r.noSizes(r.sim.Snapshot().Contracts[0].ID)
	}
	remove()
	r.clock.advance(time.Hour)
	whole := len(r.sim.Snapshot().Contracts[0].Documents)
	a.names(dir, whole)
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Type: "invoices"}, 0, fault)
	r.clock.advance(time.Hour)
	a.names(dir, whole) // the old one, which is whole
	r.remount()
	a.names(r.path(r.sim.Snapshot().Contracts[0].ID), whole)
}

// TestOddListings: shapes that are strange but whole.
func TestOddListings(t *testing.T) {
	begin(t)
	account := small()
	surviveOnEach(t, "documents given twice", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, apisim.Fault{Duplicates: true})
		r.allRight(nil)
	})
	surviveOnEach(t, "fields of null, numbers, objects", func(t *testing.T, on face) {
		a := small()
		for i := range a.Contracts[0].Documents {
			d := &a.Contracts[0].Documents[i]
			d.Raw = fmt.Sprintf(`{"id":%q,"filename":%q,"period":null,"createdAt":null,"updatedAt":null,"amount":null,"currency":null,"documentType":null,"more":{"a":[null]}}`, d.ID, d.Filename)
		}
		a.Contracts[1].Raw = `{"id":"OCB0000002","name":null,"createdAt":null,"offer":null,"more":[1]}`
		r := newRig(t, options{face: on, account: a})
		r.allRight(nil)
	})
	survive(t, "documents without a name", func(t *testing.T) {
		a := small()
		docs := a.Contracts[0].Documents
		docs[0].Raw = fmt.Sprintf(`{"id":%q,"filename":null,"period":"202608"}`, docs[0].ID)
		docs[1].Raw = fmt.Sprintf(`{"id":%q}`, docs[1].ID)
		r := newRig(t, options{account: a})
		out := r.sh(`cp -r "$MNT/OCB0000001/." "$OUT"; ls "$OUT" | wc -l > "$OUT/../n"`)
		if n := strings.TrimSpace(r.must("sh", "-c", "ls "+out+" | wc -l")); n != fmt.Sprint(len(docs)) {
			t.Errorf("%s documents, want %d", n, len(docs))
		}
	})
	surviveOnEach(t, "a type refused", func(t *testing.T, on face) {
		log := &logBook{}
		r := newRig(t, options{face: on, account: account, logger: log.logger()})
		r.sim.ForbidType("invoices", true)
		r.allRight(ofType("invoices"))
		r.refresh()
		r.allRight(ofType("invoices"))
		if n := strings.Count(log.text(), "refused and left out"); n != len(account.Contracts) {
			t.Errorf("said %d times, want once for each of %d contracts", n, len(account.Contracts))
		}
		r.sim.ForbidType("invoices", false)
		r.refresh()
		r.allRight(nil)
	})
}

// TestNotADocument: an error page or object that comes with status 200 is
// never a document, whatever the document is called, and never kept.
func TestNotADocument(t *testing.T) {
	begin(t)
	account := small()
	for name, f := range map[string]apisim.Fault{
		"a proxy's page":           {Body: apisim.HTMLPage},
		"a page as application":    {Body: apisim.HTMLPage, ContentType: "application/octet-stream"},
		"a page after white space": {Body: "\r\n\t <HTML><body>no</body>", ContentType: "application/pdf"},
		"an error object":          {Body: `{"code":42,"message":"Expired credentials","description":"d"}`},
		"an OAuth error":           {Body: `{"error":"invalid_client"}`},
		"nothing":                  {Status: 200},
		"null":                     {Body: "null"},
	} {
		surviveOnEach(t, name+" in place of a document", func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account})
			a := r.agent()
			a.names(r.path("OCB0000001"), len(account.Contracts[0].Documents))
			files := slices.DeleteFunc(expected(t, r.sim, nil), func(f file) bool {
				return filepath.Ext(f.path) != ".pdf" // a table may be empty
			})
			if on == asDrive {
				files = []file{files[0], files[len(files)-1]} // what is judged of each is judged for all faces
			}
			for _, file := range files { // one at a time: several are an outage
				remove := r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: file.id}, 0, f)
				a.fails(r.path(file.path), "EIO")
				if x := a.stat(r.path(file.path)); x.Errno != "" || x.Size != 1 {
					t.Errorf("stat: %q, %d bytes", x.Errno, x.Size)
				}
				remove()
			}
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: files[0].id}, 0, f)
			r.remount()
			a.fails(r.path(files[0].path), "EIO")
			if on == asDrive {
				r.sizes(files[0].contract, files[0])
			}
			r.sim.Faults.Clear()
			r.clock.advance(7 * time.Minute) // of a drive until nobody goes by the length that was told
			r.allRight(nil)
		})
	}
}
