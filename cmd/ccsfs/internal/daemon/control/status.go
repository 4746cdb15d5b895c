package control

import (
	"os"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// Status is the state of a mount at one moment. Times that do not apply are
// left out.
type Status struct {
	Mountpoint    string    `json:"mountpoint"`       // of what is Served its address
	Served        bool      `json:"served,omitempty"` // it is no mount, but shown by a server
	Version       string    `json:"version"`
	PID           int       `json:"pid"`
	Started       time.Time `json:"started"`
	UptimeSeconds float64   `json:"uptime_seconds"`
	APIURL        string    `json:"api_url"`
	Offline       bool      `json:"offline"`
	Account       string    `json:"account"`                // the name of its directory in the cache
	AccountName   string    `json:"account_name,omitempty"` // in the settings file
	Layout        string    `json:"layout"`
	ContractNames bool      `json:"contract_names"`
	PortableNames bool      `json:"portable_names"`
	LogFile       string    `json:"log_file,omitempty"`

	Catalog CatalogStatus `json:"catalog"`
	Content ContentStatus `json:"content"`
	API     APIStatus     `json:"api"`
	Pool    *PoolStatus   `json:"pool,omitempty"` // nil: the account is this machine's alone

	LastErrors []FailedRequest `json:"last_errors"` // oldest first
}

// CatalogStatus says what is known to exist.
type CatalogStatus struct {
	Contracts  int       `json:"contracts"`
	Listings   int       `json:"listings"`  // in memory
	Documents  int       `json:"documents"` // in those
	Refreshing int       `json:"refreshing"`
	Stale      []Problem `json:"stale"`         // could not be refreshed, or was refused
	Refused    []Problem `json:"refused_types"` // left out, for the API refuses them
	Named      bool      `json:"types_named"`   // types were asked for by name
	Suspect    []Problem `json:"suspect"`       // the API may have cut them short
	Gone       []Problem `json:"gone"`          // was listed before, and is not any more
}

// Problem is something that is not as it should be.
type Problem struct {
	Op         string    `json:"op"`
	ContractID string    `json:"contract,omitempty"`
	Type       string    `json:"type,omitempty"`
	Cause      string    `json:"cause"`
	Denied     bool      `json:"denied,omitempty"` // nothing of it is shown
	Told       bool      `json:"told,omitempty"`   // of suspect: the API says so itself
	Old        bool      `json:"old,omitempty"`    // of suspect: what is not listed any more is shown as before
	Empty      bool      `json:"empty,omitempty"`  // of suspect: there is nothing
	Absent     bool      `json:"absent,omitempty"` // of suspect: it was named, and the account has it not
	Since      time.Time `json:"since,omitzero"`
	Retry      time.Time `json:"next_try,omitzero"`
}

// ContentStatus says what is inside the cache, and what was done for it.
type ContentStatus struct {
	SizesKnown      int   `json:"sizes_known"`
	Cached          int   `json:"cached"`
	CachedBytes     int64 `json:"cached_bytes"`
	CacheLimitBytes int64 `json:"cache_limit_bytes"`
	Open            int   `json:"open"`
	Requests        int64 `json:"requests"`
	Failures        int64 `json:"failures"`
	Downloads       int64 `json:"downloads"`
	DownloadedBytes int64 `json:"downloaded_bytes"`
	Hits            int64 `json:"hits"`
	Ahead           int64 `json:"ahead"`
	DiskErrors      int64 `json:"disk_errors"`
}

// APIStatus says how the API has been asked, and how that goes.
type APIStatus struct {
	Calls           map[string]map[string]int64 `json:"calls"` // by kind and result
	Retries         int64                       `json:"retries"`
	Rejected        int64                       `json:"rejected"` // failed at once by the breaker
	RateWaitSeconds float64                     `json:"rate_wait_seconds"`
	RatePerSecond   float64                     `json:"rate_per_second"` // allowed now; 0: no limit
	InFlight        int                         `json:"in_flight"`
	Waiting         int                         `json:"waiting"`
	Token           Token                       `json:"token"`
	Breaker         Breaker                     `json:"breaker"`
}

// The states of a Token.
const (
	TokenNone    = "none"
	TokenValid   = "valid"
	TokenExpired = "expired"
	TokenRefused = "refused" // the credentials are; see NextTry
)

// Token says how old the access token is.
type Token struct {
	State      string    `json:"state"`
	Obtained   time.Time `json:"obtained,omitzero"`
	Expires    time.Time `json:"expires,omitzero"`
	AgeSeconds float64   `json:"age_seconds,omitempty"`
	NextTry    time.Time `json:"next_try,omitzero"`
}

// Breaker says whether the API is being asked at all.
type Breaker struct {
	State   string    `json:"state"` // closed, half-open or open
	Since   time.Time `json:"since,omitzero"`
	NextTry time.Time `json:"next_try,omitzero"`
	Cause   string    `json:"cause,omitempty"` // the latest failure, unless closed
}

// Closed is the state of a Breaker that lets everything pass.
const Closed = "closed"

// FailedRequest is a request to the API that failed.
type FailedRequest struct {
	Time time.Time `json:"time"`
	Op   string    `json:"op"`
	Text string    `json:"text"`
}

// Status gathers the state of the mount. It waits for neither network nor disk.
func (m *Mount) Status() *Status {
	now := time.Now()
	api := m.Client.Stats()
	documents := m.Content.Stats()
	return &Status{
		Mountpoint: m.Point, Served: m.Served, Version: m.Version, PID: os.Getpid(), Started: m.Started,
		UptimeSeconds: now.Sub(m.Started).Seconds(), APIURL: m.APIURL, Offline: m.Offline,
		Account: m.Account, AccountName: m.AccountName, Layout: m.Layout, ContractNames: m.ContractNames, PortableNames: m.PortableNames, LogFile: m.LogFile,
		Catalog:    m.catalogStatus(m.Catalog.Stats()),
		Content:    contentStatus(documents),
		Pool:       poolStatus(m.Pool, documents),
		API:        apiStatus(api, now),
		LastErrors: failedRequests(api.Errors),
	}
}

func (m *Mount) catalogStatus(s catalog.Stats) CatalogStatus {
	return CatalogStatus{
		Contracts: s.Contracts, Listings: s.Listings, Documents: s.Documents, Refreshing: s.Refreshing,
		Stale: problems(s.Failing), Refused: problems(s.Refused), Named: m.Named, Suspect: problems(s.Suspect),
		Gone: problems(s.Gone),
	}
}

// problems is never nil, so that JSON has [] and not null.
func problems(from []catalog.Problem) []Problem {
	list := make([]Problem, len(from))
	for i, p := range from {
		list[i] = Problem(p)
	}
	return list
}

func contentStatus(s content.Stats) ContentStatus {
	return ContentStatus{
		SizesKnown: s.SizesKnown, Cached: s.Blobs, CachedBytes: s.BlobBytes, CacheLimitBytes: s.CacheSize,
		Open: s.Active, Requests: s.Requests, Failures: s.Failures, Downloads: s.Downloads,
		DownloadedBytes: s.Bytes, Hits: s.Hits, Ahead: s.Ahead, DiskErrors: s.DiskErrors,
	}
}

func apiStatus(s apiclient.Stats, now time.Time) APIStatus {
	a := APIStatus{
		Calls: s.Calls, Retries: s.Retries, Rejected: s.Rejected, RateWaitSeconds: s.RateWait.Seconds(),
		RatePerSecond: s.Rate, InFlight: s.InFlight, Waiting: s.Waiting,
		Token:   Token{State: tokenState(s, now), Obtained: s.TokenObtained, Expires: s.TokenExpires, NextTry: s.TokenNextTry},
		Breaker: Breaker{State: s.Breaker, Since: s.BreakerSince, NextTry: s.NextTry},
	}
	if !s.TokenObtained.IsZero() {
		a.Token.AgeSeconds = now.Sub(s.TokenObtained).Seconds()
	}
	if n := len(s.Errors); s.Breaker != Closed && n > 0 {
		a.Breaker.Cause = s.Errors[n-1].Text
	}
	return a
}

func tokenState(s apiclient.Stats, now time.Time) string {
	switch {
	case !s.TokenNextTry.IsZero():
		return TokenRefused
	case s.TokenObtained.IsZero():
		return TokenNone
	case now.After(s.TokenExpires):
		return TokenExpired
	}
	return TokenValid
}

func failedRequests(from []apiclient.Failure) []FailedRequest {
	list := make([]FailedRequest, len(from))
	for i, f := range from {
		list[i] = FailedRequest(f)
	}
	return list
}
