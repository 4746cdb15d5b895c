//go:build linux

package integration

import (
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// quirk is one of the unknowns of the API, other than it most likely is.
type quirk struct {
	name     string
	quirks   apisim.Quirks
	redirect bool
	hidden   func(*apisim.Document) bool // documents that the API shows nobody
	raw      func(*apisim.Account)       // what no switch does
	before   func(*rig)                  // happens first
}

func ofType(docType string) func(*apisim.Document) bool {
	return func(d *apisim.Document) bool { return d.Type == docType }
}

// quirks are the unknowns one by one; the sample account as it is has them all
// the other way round (see TestEveryToolGetsEveryByte). The last are combined
// as a server would.
func quirks() []quirk {
	return []quirk{
		{name: "HEAD is allowed", quirks: apisim.Quirks{Head: true}},
		{name: "Range is honoured", quirks: apisim.Quirks{Range: true}},
		{name: "ETag", quirks: apisim.Quirks{ETag: true}},
		{name: "Last-Modified", quirks: apisim.Quirks{LastModified: true}},
		{name: "chunked, without a length", quirks: apisim.Quirks{Chunked: true}},
		{name: "gzipped where the client accepts it", quirks: apisim.Quirks{Gzip: true}},
		{name: "gzipped and chunked", quirks: apisim.Quirks{Gzip: true, Chunked: true}},
		{name: "Content-Disposition", quirks: apisim.Quirks{Disposition: true}},
		{name: "exact Content-Type", quirks: apisim.Quirks{ContentTypes: true}},
		{name: "redirected to another origin", redirect: true},
		{name: "redirected, with Range and without a length", redirect: true, quirks: apisim.Quirks{Range: true, Chunked: true}},

		{name: "documents say their type", quirks: apisim.Quirks{DocumentType: true}},
		{name: "documents have dates", quirks: apisim.Quirks{Dates: true}},
		{name: "documents have amounts", quirks: apisim.Quirks{Amounts: true}},
		{name: "numeric ids", quirks: apisim.Quirks{NumericIDs: true}},
		{name: "lists wrapped as documents", quirks: apisim.Quirks{Wrap: "documents"}},
		{name: "lists wrapped as data", quirks: apisim.Quirks{Wrap: "data"}},
		{name: "null for no documents", quirks: apisim.Quirks{NullWhenEmpty: true}, raw: withoutBills},
		{name: "an empty list for no documents", raw: withoutBills},
		{name: "another order each time", quirks: apisim.Quirks{Shuffle: true}},

		{name: "limit capped silently, above what there is", quirks: apisim.Quirks{LimitCap: 5}, hidden: ofType(unknownType)},
		{name: "limit above 100 refused", quirks: apisim.Quirks{LimitMax: 100}},
		{name: "limit above 10 refused", quirks: apisim.Quirks{LimitMax: 10}, hidden: ofType(unknownType)},
		{name: "no type means null", quirks: apisim.Quirks{EmptyNull: true}, hidden: ofType(unknownType)},
		{name: "no type means the known ones", quirks: apisim.Quirks{EmptyOnly: true}, hidden: ofType(unknownType)},

		{name: "invoices refused", quirks: apisim.Quirks{RefusedTypes: []string{"invoices"}}, hidden: ofType("invoices")},
		{name: "unknown contracts not found", quirks: apisim.Quirks{UnknownNotFound: true}},
		{name: "expires_in as a string", quirks: apisim.Quirks{ExpiresString: true}},
		{name: "tokens end before they say", before: func(r *rig) {
			r.sh(`ls "$MNT"/*`) // with a token that no document will be got with
			r.sim.ExpireTokens()
		}},
		{name: "requests limited, as 403", quirks: apisim.Quirks{RateLimit: 30, RateWindow: 100 * time.Millisecond}},
		{name: "requests limited, as 429", quirks: apisim.Quirks{RateLimit: 30, RateWindow: 100 * time.Millisecond, RateAs429: true}},

		{name: "all that helps", quirks: apisim.Quirks{
			Head: true, Range: true, ETag: true, LastModified: true, Disposition: true, ContentTypes: true,
			DocumentType: true, Dates: true, Amounts: true,
		}},
		{name: "all that does not", redirect: true, quirks: apisim.Quirks{
			Chunked: true, Gzip: true, NumericIDs: true, Wrap: "data", NullWhenEmpty: true, Shuffle: true,
			EmptyNull: true, ExpiresString: true, RefusedTypes: []string{"invoices"},
		}, hidden: func(d *apisim.Document) bool { return d.Type == "invoices" || d.Type == unknownType }},
	}
}

// withoutBills takes a type away from an account.
func withoutBills(a *apisim.Account) {
	for i := range a.Contracts {
		var docs []apisim.Document
		for _, d := range a.Contracts[i].Documents {
			if d.Type != "bills" {
				docs = append(docs, d)
			}
		}
		a.Contracts[i].Documents = docs
	}
}

// TestEveryUnknownOfTheAPIEitherWay: whatever the API does where its behaviour
// is not known, every tool gets every byte of every document that it shows, by
// one call a document, and nobody but the API gets credentials.
func TestEveryUnknownOfTheAPIEitherWay(t *testing.T) {
	begin(t)
	plain := sample()
	files := expected(t, &apisim.Server{Account: plain}, nil)
	env := answers(t, files)
	for _, q := range quirks() {
		account, files, env := plain, files, env
		if q.raw != nil {
			account = sample()
			q.raw(account)
		}
		if q.raw != nil || q.hidden != nil {
			files = expected(t, &apisim.Server{Account: account}, q.hidden)
			env = answers(t, files)
		}
		for _, tl := range copiers() {
			t.Run(q.name+"/"+tl.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, options{account: account, quirks: q.quirks, redirect: q.redirect})
				if q.before != nil {
					q.before(r)
				}
				r.use(tl, files, env)
				if q.quirks.RateLimit == 0 && q.before == nil { // else some calls are refused and repeated
					onceEach(t, r.sim, files)
				}
				noCredentialsElsewhere(t, r, len(files))
			})
		}
		t.Run(q.name+"/drive", func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{face: asDrive, account: account, quirks: q.quirks, redirect: q.redirect})
			if q.before != nil {
				if x := r.agent().list(r.path(files[0].contract)); x.Errno != "" {
					t.Error(x.Errno)
				}
				r.sim.ExpireTokens()
			}
			if wrong := r.walk(files); wrong != "" {
				t.Error(wrong)
			}
			if q.quirks.RateLimit == 0 && q.before == nil {
				onceEach(t, r.sim, files)
			}
			noCredentialsElsewhere(t, r, len(files))
		})
	}
}

// TestAccountThatZips: where the API sends ZIP archives unless it is asked for the
// documents themselves, every tool gets those, at hardly a call more.
func TestAccountThatZips(t *testing.T) {
	begin(t)
	account := sample()
	files := expected(t, &apisim.Server{Account: account}, nil)
	env := answers(t, files)
	for _, tl := range copiers() {
		t.Run(tl.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account, quirks: apisim.Quirks{Zipped: true}})
			r.use(tl, files, env)
			if more := r.sim.Calls().File - len(files); more > 16 { // asked for at once, before the first had come
				t.Errorf("%d calls more than documents", more)
			}
		})
	}
}

// noCredentialsElsewhere looks at what reached the other origin: each document
// once, and nothing that identifies the account.
func noCredentialsElsewhere(t *testing.T, r *rig, documents int) {
	t.Helper()
	elsewhere := 0
	for _, q := range r.sim.Requests() {
		if q.Op != apisim.OpOrigin {
			continue
		}
		elsewhere++
		for _, header := range []string{"Authorization", "X-API-Key", "X-ECCS-Contract-Id", "Cookie", "Referer"} {
			if v := q.Header.Values(header); len(v) > 0 {
				t.Errorf("%s reached another origin", header)
			}
		}
		if strings.Contains(q.URL, apisim.ClientID) {
			t.Error("the client id reached another origin")
		}
	}
	want := 0
	if r.sim.Quirks.Redirect != "" {
		want = documents
	}
	if elsewhere != want {
		t.Errorf("%d requests at the other origin, want %d", elsewhere, want)
	}
}
