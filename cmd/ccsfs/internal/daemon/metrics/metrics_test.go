package metrics

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixed[T any] struct{ stats T }

func (f fixed[T]) Stats() T { return f.stats }

// source is a mount that has seen a bit of everything.
func source() Source { return sourceAt(time.Now()) }

func sourceAt(now time.Time) Source {
	return Source{
		Mountpoint: "/srv/bills", Version: "1.2.3", Started: time.Unix(1_700_000_000, 0),
		Client: fixed[apiclient.Stats]{apiclient.Stats{
			Calls:   map[string]map[string]int64{"file": {"ok": 7, "server": 2}, "token": {"ok": 1}},
			Retries: 2, Rejected: 3, RateWait: 1500 * time.Millisecond, InFlight: 4, Waiting: 5, Rate: 20,
			TokenNextTry: now.Add(time.Minute), Breaker: "open",
		}},
		Catalog: fixed[catalog.Stats]{catalog.Stats{
			Contracts: 3, Listings: 2, Documents: 100, Refreshing: 1,
			Failing: []catalog.Problem{
				{Op: "listing", ContractID: "A", Since: now.Add(-2 * time.Hour)},
				{Op: "listing", ContractID: "B", Since: now.Add(-time.Hour)},
				{Op: "detail", ContractID: "A", Denied: true},
			},
			Refused: []catalog.Problem{{Type: "invoices"}},
			Suspect: []catalog.Problem{{}, {}},
			Gone:    []catalog.Problem{{}, {}, {}},
		}},
		Content: fixed[content.Stats]{content.Stats{
			Blobs: 10, BlobBytes: 1 << 20, CacheSize: 1 << 30, SizesKnown: 50, Active: 6, Requests: 99, Failures: 8,
			Downloads: 11, Bytes: 12345, Hits: 13, Ahead: 14, DiskErrors: 15, Taken: 16, Given: 17,
		}},
		Pool: fixed[pool.Stats]{pool.Stats{Members: 18, Turns: 19, Waited: 20, Lost: 21, StoreAway: now.Add(-time.Minute)}},
	}
}

func TestValues(t *testing.T) {
	const want = `
# HELP ccsfs_api_breaker_state 1 for the state that the circuit breaker is in: open while the API is out of reach.
# TYPE ccsfs_api_breaker_state gauge
ccsfs_api_breaker_state{state="closed"} 0
ccsfs_api_breaker_state{state="half-open"} 0
ccsfs_api_breaker_state{state="open"} 1
# HELP ccsfs_api_credentials_refused 1 while the API refuses the client id or secret.
# TYPE ccsfs_api_credentials_refused gauge
ccsfs_api_credentials_refused 1
# HELP ccsfs_api_rate_wait_seconds_total Time during which any request waited for the rate limit.
# TYPE ccsfs_api_rate_wait_seconds_total counter
ccsfs_api_rate_wait_seconds_total 1.5
# HELP ccsfs_api_requests_total Requests sent to the API, repeated ones included, by operation and result.
# TYPE ccsfs_api_requests_total counter
ccsfs_api_requests_total{op="file",result="ok"} 7
ccsfs_api_requests_total{op="file",result="server"} 2
ccsfs_api_requests_total{op="token",result="ok"} 1
# HELP ccsfs_api_token_age_seconds Age of the access token, 0 if there is none.
# TYPE ccsfs_api_token_age_seconds gauge
ccsfs_api_token_age_seconds 0
# HELP ccsfs_cache_disk_errors_total Failures to write to the cache.
# TYPE ccsfs_cache_disk_errors_total counter
ccsfs_cache_disk_errors_total 15
# HELP ccsfs_catalog_denied What is not shown, for the API refuses it or knows it no more, by what it is.
# TYPE ccsfs_catalog_denied gauge
ccsfs_catalog_denied{op="contracts"} 0
ccsfs_catalog_denied{op="detail"} 1
ccsfs_catalog_denied{op="listing"} 0
# HELP ccsfs_catalog_gone What was listed before and is not any more, for five weeks.
# TYPE ccsfs_catalog_gone gauge
ccsfs_catalog_gone 3
# HELP ccsfs_catalog_stale What is shown as it was, for it could not be asked for anew, by what it is.
# TYPE ccsfs_catalog_stale gauge
ccsfs_catalog_stale{op="contracts"} 0
ccsfs_catalog_stale{op="detail"} 0
ccsfs_catalog_stale{op="listing"} 2
# HELP ccsfs_mount_info The mount, always 1.
# TYPE ccsfs_mount_info gauge
ccsfs_mount_info{account="",mountpoint="/srv/bills",version="1.2.3"} 1
# HELP ccsfs_mount_start_time_seconds When it was mounted, in Unix time.
# TYPE ccsfs_mount_start_time_seconds gauge
ccsfs_mount_start_time_seconds 1.7e+09
# HELP ccsfs_shared_leases_lost_total Leases that could not be renewed in time.
# TYPE ccsfs_shared_leases_lost_total counter
ccsfs_shared_leases_lost_total 21
# HELP ccsfs_shared_taken_total Documents had from the shared store, and not from the API.
# TYPE ccsfs_shared_taken_total counter
ccsfs_shared_taken_total 16
`
	var names []string
	for line := range strings.Lines(want) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			names = append(names, strings.Fields(name)[0])
		}
	}
	if err := testutil.CollectAndCompare(newCollector(source()), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestStaleAge(t *testing.T) {
	now := time.Now()
	s := &snapshot{now: now, catalog: sourceAt(now).Catalog.Stats()}
	if age := staleAge(s); age != 7200 {
		t.Errorf("%v seconds", age)
	}
	if age := staleAge(&snapshot{now: now}); age != 0 {
		t.Errorf("%v seconds of nothing", age)
	}
}

// What is shared has no samples where nothing is.
func TestNothingShared(t *testing.T) {
	alone := source()
	alone.Pool = nil
	for _, m := range poolFamilies() {
		if n := testutil.CollectAndCount(newCollector(alone), m.name); n != 0 {
			t.Errorf("%s has %d samples", m.name, n)
		}
	}
}

// Names, units and help texts are as Prometheus wants them, and each family
// gives samples: a metric that never shows cannot be missed.
func TestFamilies(t *testing.T) {
	problems, err := testutil.CollectAndLint(newCollector(source()))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, m := range families() {
		if testutil.CollectAndCount(newCollector(source()), m.name) == 0 {
			t.Errorf("%s has no samples", m.name)
		}
	}
}

// The dashboard and the alerts name metrics that exist, and the dashboard
// leaves none of ours out.
func TestDashboardAndAlertsNameWhatExists(t *testing.T) {
	registry, err := NewRegistry(source())
	if err != nil {
		t.Fatal(err)
	}
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, family := range all {
		exists[family.GetName()] = true
	}
	dashboard := namesIn(t, "../../../../../packaging/grafana/ccsfs.json")
	alerts := namesIn(t, "../../../../../packaging/prometheus/ccsfs-alerts.yml")
	for _, used := range []map[string]bool{dashboard, alerts} {
		if len(used) < 5 {
			t.Errorf("only %d names found", len(used))
		}
		for name := range used {
			if !exists[name] {
				t.Errorf("%s does not exist", name)
			}
		}
	}
	for name := range exists {
		if strings.HasPrefix(name, "ccsfs_") && !dashboard[name] {
			t.Errorf("the dashboard leaves out %s", name)
		}
	}
}

// namesIn finds the names of metrics in a file: words of ours and of the
// client library's collectors.
func namesIn(t *testing.T, path string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(ccsfs|go|process)_[a-z_]+\b`).FindAllString(string(data), -1) {
		names[name] = true
	}
	return names
}

// Labels have few values whatever the account holds.
func TestLabelsAreBounded(t *testing.T) {
	s := source()
	many := s.Catalog.Stats()
	for range 10_000 {
		many.Failing = append(many.Failing, catalog.Problem{Op: "listing", ContractID: "X", Cause: "y"})
	}
	s.Catalog = fixed[catalog.Stats]{many}
	if a, b := testutil.CollectAndCount(newCollector(source())), testutil.CollectAndCount(newCollector(s)); a != b {
		t.Errorf("%d samples became %d", a, b)
	}
}

func TestServe(t *testing.T) {
	registry, err := NewRegistry(source())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, slog.New(slog.DiscardHandler))
	s.Mounted(Handler(registry), Probes{Alive: func() bool { return true }, Ready: func() (string, error) { return "", nil }})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	got := map[string]int{}
	var body string
	for _, path := range []string{"/metrics", "/", "/debug/pprof/", "/status", "/healthz", "/readyz", "/healthz/x"} {
		resp, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got[path] = resp.StatusCode; path == "/metrics" {
			body = string(data)
		}
	}
	want := map[string]int{"/metrics": 200, "/": 404, "/debug/pprof/": 404, "/status": 404, "/healthz": 200, "/readyz": 200, "/healthz/x": 404}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for _, name := range []string{"ccsfs_documents 100", "go_goroutines", "process_open_fds"} {
		if !strings.Contains(body, name) {
			t.Errorf("no %s", name)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("still listening")
	}
	if err := s.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

func TestEveryOperationIsThere(t *testing.T) {
	client, err := apiclient.New(apiclient.Config{ClientID: "a", ClientSecret: "b", APIKey: "c"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ops := map[string]bool{}
	for _, s := range requests(&snapshot{api: client.Stats()}) {
		ops[s.labels[0]] = true
	}
	want := []string{"contract", "contracts", "documents", "file", "token"}
	if got := slices.Sorted(maps.Keys(ops)); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
