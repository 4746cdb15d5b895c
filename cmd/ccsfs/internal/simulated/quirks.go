package simulated

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/suggest"
)

// quirks are the unknowns of the API that can be switched on by name.
func quirks() map[string]func(*apisim.Quirks) {
	return map[string]func(*apisim.Quirks){
		"head":            func(q *apisim.Quirks) { q.Head = true },
		"range":           func(q *apisim.Quirks) { q.Range = true },
		"etag":            func(q *apisim.Quirks) { q.ETag = true },
		"last-modified":   func(q *apisim.Quirks) { q.LastModified = true },
		"chunked":         func(q *apisim.Quirks) { q.Chunked = true },
		"gzip":            func(q *apisim.Quirks) { q.Gzip = true },
		"content-types":   func(q *apisim.Quirks) { q.ContentTypes = true },
		"document-type":   func(q *apisim.Quirks) { q.DocumentType = true },
		"dates":           func(q *apisim.Quirks) { q.Dates = true },
		"amounts":         func(q *apisim.Quirks) { q.Amounts = true },
		"zipped":          func(q *apisim.Quirks) { q.Zipped = true },
		"wrapped":         func(q *apisim.Quirks) { q.Wrap = "documents" },
		"null-when-empty": func(q *apisim.Quirks) { q.NullWhenEmpty = true },
		"paged":           func(q *apisim.Quirks) { q.LimitCap, q.LimitTold = 10, "next" },
		"shuffle":         func(q *apisim.Quirks) { q.Shuffle = true },
		"expires-string":  func(q *apisim.Quirks) { q.ExpiresString = true },
		"no-invoices":     func(q *apisim.Quirks) { q.RefusedTypes = []string{"invoices"} },
		"offset":          func(q *apisim.Quirks) { q.Offset = true },
		"unlimited":       func(q *apisim.Quirks) { q.Unlimited = true },
		"rate-headers":    func(q *apisim.Quirks) { q.RateHeaders = []string{"X-RateLimit-Limit", "X-RateLimit-Remaining"} },
		"short-tokens":    func(q *apisim.Quirks) { q.TokenLifetime = 10 * time.Second },
	}
}

// QuirkNames are the names that SetQuirks takes, in order.
func QuirkNames() []string { return slices.Sorted(maps.Keys(quirks())) }

// SetQuirks switches those of these names on.
func SetQuirks(q *apisim.Quirks, names []string) error {
	known := quirks()
	for _, name := range names {
		set, ok := known[name]
		if !ok {
			hint := "there are " + strings.Join(QuirkNames(), ", ")
			if near := suggest.Nearest(name, QuirkNames()); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return exitcode.Errorf(exitcode.Usage, "--quirk %q is unknown; %s", name, hint)
		}
		set(q)
	}
	return nil
}
