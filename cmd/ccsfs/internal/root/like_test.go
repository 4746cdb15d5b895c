package root

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/observed"
)

// examined runs doctor --bundle, and returns what it saw, but for what is measured.
func examined(t *testing.T, r *toolRig, bundle string) *observed.Table {
	t.Helper()
	var out bytes.Buffer
	env := r.env
	env.Stdout, env.Stderr = &out, &out
	if code := run(t.Context(), env, []string{"doctor", "--bundle=" + bundle}); code != exitcode.Done && code != exitcode.Mount {
		t.Fatalf("exit code %d\n%s", code, &out)
	}
	table, err := observed.Read(filepath.Join(r.env.Dirs.Work, bundle))
	if err != nil {
		t.Fatal(err)
	}
	table.Observations = slices.DeleteFunc(table.Observations, func(o observed.Observation) bool { return o.Measured })
	return table
}

// lockedBuffer is what several goroutines write to and read.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// simulating runs simulate --like until the test ends, points r at it, and returns what
// it said.
func simulating(t *testing.T, r *toolRig, bundle string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	read, write := io.Pipe()
	var said lockedBuffer
	env := r.env
	env.Stdout, env.Stderr = write, &said
	ended := make(chan int)
	go func() {
		ended <- run(ctx, env, []string{"simulate", "--listen=127.0.0.1:0", "--like=" + bundle})
		write.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitcode.Done {
			t.Errorf("simulate: exit code %d\n%s", code, &said)
		}
	})
	lines := bufio.NewScanner(read)
	for n := 0; n < 5 && lines.Scan(); n++ {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		r.env.Vars[name] = strings.Trim(value, "'")
	}
	return said.String()
}

// An API that is like what doctor saw of another looks the same to doctor.
func TestLikeTheOther(t *testing.T) {
	unknown := apisim.DefaultAccount()
	for _, month := range []string{"202608", "202610"} {
		unknown.Contracts[0].Documents = append(unknown.Contracts[0].Documents, apisim.Document{
			ID: "700" + month, Type: "creditNotes", Period: month, Filename: "Credit_" + month + ".csv",
			CreatedAt: "2026-11-02T00:00:00Z", Content: apisim.Bytes([]byte("Column;Value\n1;2\n")),
		})
	}
	for name, tt := range map[string]struct {
		quirks   apisim.Quirks
		account  *apisim.Account
		redirect bool
		want     map[string]string // answers that must be among those
	}{
		"nothing": {want: map[string]string{"file.head": "no", "file.range": "no", "file.length": "yes", "list.limit": "yes",
			"list.offset": "no", "documents.bare": "yes", "request_id": "yes", "types.refused": "no", "list.cap": "no"}},
		"sizes":        {quirks: apisim.Quirks{Head: true, Range: true}, want: map[string]string{"file.head.length": "yes", "file.range": "yes", "file.accept_ranges": "yes"}},
		"no sizes":     {quirks: apisim.Quirks{Head: true, Chunked: true}, want: map[string]string{"file.length": "no", "file.head.length": "no"}},
		"bare HEAD":    {quirks: apisim.Quirks{Head: true, HeadBare: true}, want: map[string]string{"file.length": "yes", "file.head.length": "no"}},
		"validators":   {quirks: apisim.Quirks{ETag: true, LastModified: true, Range: true}, want: map[string]string{"file.etag.asked": "yes", "file.last_modified.asked": "yes"}},
		"weak":         {quirks: apisim.Quirks{ETag: true, WeakETag: true, Unaware: true}, want: map[string]string{"file.etag": "yes", "file.etag.asked": "no"}},
		"shapes":       {quirks: apisim.Quirks{Wrap: "documents", WrapContracts: "data", NumericIDs: true}, want: map[string]string{"documents.bare": "no", "contracts.bare": "no", "documents.id": "no"}},
		"data, null":   {quirks: apisim.Quirks{Wrap: "data", NullWhenEmpty: true, EmptyTypes: []string{"reports", "invoices"}}, want: map[string]string{"documents.empty": "no", "types.listed": "no"}},
		"bare null":    {quirks: apisim.Quirks{NullWhenEmpty: true, BareNull: true, EmptyTypes: []string{"partialBills"}}, want: map[string]string{"documents.empty": "no"}},
		"empty list":   {quirks: apisim.Quirks{EmptyTypes: []string{"partialBills"}}, want: map[string]string{"documents.empty": "yes"}},
		"all members":  {quirks: apisim.Quirks{DocumentType: true, Dates: true, Amounts: true, AmountText: true}, want: map[string]string{"documents.documentType": "yes", "documents.amount": "yes", "documents.updatedAt": "yes"}},
		"seconds":      {quirks: apisim.Quirks{Dates: true, DateLayout: "unix", PeriodLayout: "2006-01-02"}, want: map[string]string{"dates": "no", "documents.period": "no"}},
		"milliseconds": {quirks: apisim.Quirks{Dates: true, DateLayout: "unixms", PeriodLayout: "2006-01"}, want: map[string]string{"dates": "no"}},
		"without zone": {quirks: apisim.Quirks{Dates: true, DateLayout: "2006-01-02T15:04:05", PeriodLayout: "20060102"}, want: map[string]string{"dates": "no"}},
		"other zone":   {quirks: apisim.Quirks{Dates: true, DateLayout: "2006-01-02T15:04:05.000-0700"}, want: map[string]string{"dates": "no"}},
		"members": {quirks: apisim.Quirks{Extra: []string{"size", "download_url"}, ExtraContract: []string{"status"}, WithoutInList: []string{"offer"}, WithoutInDetail: []string{"contact", "platformId"}},
			want: map[string]string{"documents.unknown": "yes", "contract.members": "no", "contracts.members": "no", "contracts.unknown": "yes"}},
		"unknown types": {quirks: apisim.Quirks{DocumentType: true}, account: unknown, want: map[string]string{"types.unknown": "yes"}},
		"capped":        {quirks: apisim.Quirks{LimitCap: 10}, want: map[string]string{"list.cap": "yes", "list.told": "no"}},
		"next":          {quirks: apisim.Quirks{LimitCap: 10, LimitTold: "next"}, want: map[string]string{"list.cap": "yes", "list.told": "yes"}},
		"link":          {quirks: apisim.Quirks{LimitCap: 20, LimitTold: "link", Wrap: "documents"}, want: map[string]string{"list.cap": "yes"}},
		"count":         {quirks: apisim.Quirks{LimitTold: "count"}, want: map[string]string{"list.cap": "no", "list.told": "yes"}},
		"total":         {quirks: apisim.Quirks{LimitTold: "total", LimitCap: 7}, want: map[string]string{"list.told": "yes"}},
		"206":           {quirks: apisim.Quirks{LimitTold: "206", LimitCap: 7}, want: map[string]string{"list.told": "yes", "list.cap": "yes"}},
		"unlimited":     {quirks: apisim.Quirks{Unlimited: true}, want: map[string]string{"list.limit": "no"}},
		"limit refused": {quirks: apisim.Quirks{LimitMax: 100}, want: map[string]string{"list.limit_1000": "no", "errors.codes": "yes"}},
		"offset":        {quirks: apisim.Quirks{Offset: true, Shuffle: true}, want: map[string]string{"list.offset": "yes", "list.newest": "no"}},
		"empty type":    {quirks: apisim.Quirks{EmptyNull: true}, want: map[string]string{"list.empty_type": "no"}},
		"documents":     {quirks: apisim.Quirks{ContentTypes: true, Disposition: true, Gzip: true}, want: map[string]string{"file.type": "yes", "file.disposition": "yes", "lists.gzip": "yes", "file.encoded": "no"}},
		"encoded":       {quirks: apisim.Quirks{GzipForced: true}, want: map[string]string{"file.encoded": "yes"}},
		"zipped":        {quirks: apisim.Quirks{Zipped: true}, want: map[string]string{"file.zipped": "yes", "file.zipped.asked": "yes"}},
		"never zipped":  {quirks: apisim.Quirks{ZippedUnseen: true}, want: map[string]string{"file.zipped": "no", "file.zipped.asked": "no"}},
		"redirected":    {quirks: apisim.Quirks{ETag: true, Range: true}, redirect: true, want: map[string]string{"file.redirect": "yes", "file.range": "yes"}},
		"refused":       {quirks: apisim.Quirks{RefusedTypes: []string{"invoices", "bills"}}, want: map[string]string{"types.refused": "yes", "errors.shape": "yes", "errors.codes": "yes"}},
		"errors":        {quirks: apisim.Quirks{RefusedTypes: []string{"invoices"}, ErrorShape: "nested"}, want: map[string]string{"errors.shape": "no", "errors.codes": "yes"}},
		"no errors":     {quirks: apisim.Quirks{RefusedTypes: []string{"invoices"}, ErrorShape: "none"}, want: map[string]string{"errors.shape": "no", "errors.codes": "no"}},
		"text":          {quirks: apisim.Quirks{RefusedTypes: []string{"invoices"}, ErrorShape: "text"}, want: map[string]string{"errors.shape": "no"}},
		"headers":       {quirks: apisim.Quirks{RateHeaders: []string{"X-Ratelimit-Limit", "X-Quota-Left"}, NoRequestID: true}, want: map[string]string{"rate.headers": "yes", "request_id": "no"}},
		"token":         {quirks: apisim.Quirks{TokenLifetime: 20 * time.Minute, ExpiresString: true}, want: map[string]string{"token.hour": "no", "token.number": "no"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newToolRig(t, tt.account)
			r.sim.Quirks = tt.quirks
			if tt.redirect {
				origin := httptest.NewServer(r.sim.Origin())
				t.Cleanup(origin.Close)
				t.Cleanup(origin.CloseClientConnections)
				r.sim.Quirks.Redirect = origin.URL
			}
			before := examined(t, r, "one.zip")
			for question, answer := range tt.want {
				if o := before.Of(question); o.Answer != answer {
					t.Errorf("%s: %s %v, want %s", question, o.Answer, o.Values, answer)
				}
			}
			if said := simulating(t, r, "one.zip"); strings.Contains(said, "cannot be simulated") {
				t.Error(said)
			}
			after := examined(t, r, "two.zip")
			if d := cmp.Diff(before, after); d != "" {
				t.Error(d)
			}
		})
	}
}
