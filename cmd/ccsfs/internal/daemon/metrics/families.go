package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ccsfs/internal/catalog"
)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// families are all metrics. Their names are what dashboards and alerts hang
// on: a name that is out in the world keeps its meaning.
func families() []metric {
	return slices.Concat(mountFamilies(), catalogFamilies(), contentFamilies(), apiFamilies(), poolFamilies())
}

func mountFamilies() []metric {
	return []metric{
		{name: "ccsfs_mount_info", help: "The mount, always 1.", kind: gauge, labels: []string{"mountpoint", "version", "account"},
			samples: func(s *snapshot) []sample {
				return []sample{{1, []string{s.source.Mountpoint, s.source.Version, s.source.Account}}}
			}},
		{name: "ccsfs_mount_start_time_seconds", help: "When it was mounted, in Unix time.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return unix(s.source.Started) })},
	}
}

func catalogFamilies() []metric {
	return []metric{
		{name: "ccsfs_contracts", help: "Contracts shown.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.catalog.Contracts) })},
		{name: "ccsfs_listings", help: "Contracts whose listing is in memory.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.catalog.Listings) })},
		{name: "ccsfs_listings_refreshing", help: "Listings being asked for.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.catalog.Refreshing) })},
		{name: "ccsfs_documents", help: "Documents in the listings in memory.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.catalog.Documents) })},
		{name: "ccsfs_catalog_stale", help: "What is shown as it was, for it could not be asked for anew, by what it is.",
			kind: gauge, labels: []string{"op"},
			samples: byOp(func(p catalog.Problem) bool { return !p.Denied })},
		{name: "ccsfs_catalog_denied", help: "What is not shown, for the API refuses it or knows it no more, by what it is.",
			kind: gauge, labels: []string{"op"},
			samples: byOp(func(p catalog.Problem) bool { return p.Denied })},
		{name: "ccsfs_catalog_stale_age_seconds", help: "For how long the oldest of these could not be asked for anew, 0 if none.",
			kind: gauge, samples: one(staleAge)},
		{name: "ccsfs_catalog_refused_types", help: "Document types left out of listings, for the API refuses them.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(len(s.catalog.Refused)) })},
		{name: "ccsfs_catalog_suspect_listings", help: "Listings that the API may have cut short.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(len(s.catalog.Suspect)) })},
		{name: "ccsfs_catalog_gone", help: "What was listed before and is not any more, for five weeks.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(len(s.catalog.Gone)) })},
	}
}

// byOp counts what is failing, by its kind; all kinds are always there.
func byOp(which func(catalog.Problem) bool) func(*snapshot) []sample {
	return func(s *snapshot) []sample {
		var samples []sample
		for _, op := range []string{"contracts", "listing", "detail"} {
			n := 0
			for _, p := range s.catalog.Failing {
				if p.Op == op && which(p) {
					n++
				}
			}
			samples = append(samples, sample{float64(n), []string{op}})
		}
		return samples
	}
}

func staleAge(s *snapshot) float64 {
	var age time.Duration
	for _, p := range s.catalog.Failing {
		if !p.Since.IsZero() {
			age = max(age, s.now.Sub(p.Since))
		}
	}
	return age.Seconds()
}

func contentFamilies() []metric {
	return []metric{
		{name: "ccsfs_sizes_known", help: "Documents whose size is known, of the contracts looked at.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.content.SizesKnown) })},
		{name: "ccsfs_cache_documents", help: "Documents in the cache.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Blobs) })},
		{name: "ccsfs_cache_bytes", help: "Bytes of documents in the cache.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.content.BlobBytes) })},
		{name: "ccsfs_cache_limit_bytes", help: "Bytes of documents that the cache may hold (--cache-size).", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.content.CacheSize) })},
		{name: "ccsfs_cache_hits_total", help: "Documents opened from the cache.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Hits) })},
		{name: "ccsfs_cache_disk_errors_total", help: "Failures to write to the cache.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.content.DiskErrors) })},
		{name: "ccsfs_documents_open", help: "Documents open or on their way.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Active) })},
		{name: "ccsfs_documents_ahead_total", help: "Documents fetched ahead of their reader.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Ahead) })},
		{name: "ccsfs_document_failures_total", help: "Requests for documents that failed, after all tries.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Failures) })},
		{name: "ccsfs_downloads_total", help: "Documents fetched whole.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Downloads) })},
		{name: "ccsfs_downloaded_bytes_total", help: "Bytes of documents fetched.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.content.Bytes) })},
	}
}

func apiFamilies() []metric {
	return []metric{
		{name: "ccsfs_api_requests_total", help: "Requests sent to the API, repeated ones included, by operation and result.",
			kind: counter, labels: []string{"op", "result"}, samples: requests},
		{name: "ccsfs_api_retries_total", help: "Of these, those sent again after a failure.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.api.Retries) })},
		{name: "ccsfs_api_rejected_total", help: "Requests not sent, for the circuit breaker was open.", kind: counter,
			samples: one(func(s *snapshot) float64 { return float64(s.api.Rejected) })},
		{name: "ccsfs_api_rate_wait_seconds_total", help: "Time during which any request waited for the rate limit.", kind: counter,
			samples: one(func(s *snapshot) float64 { return s.api.RateWait.Seconds() })},
		{name: "ccsfs_api_rate_limit_per_second", help: "Requests a second allowed now, 0 if there is no limit.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return s.api.Rate })},
		{name: "ccsfs_api_requests_in_flight", help: "Requests under way.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.api.InFlight) })},
		{name: "ccsfs_api_requests_waiting", help: "Requests that wait for a connection or for the rate limit.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return float64(s.api.Waiting) })},
		{name: "ccsfs_api_token_age_seconds", help: "Age of the access token, 0 if there is none.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return since(s.api.TokenObtained, s.now) })},
		{name: "ccsfs_api_credentials_refused", help: "1 while the API refuses the client id or secret.", kind: gauge,
			samples: one(func(s *snapshot) float64 { return truth(!s.api.TokenNextTry.IsZero()) })},
		{name: "ccsfs_api_breaker_state", help: "1 for the state that the circuit breaker is in: open while the API is out of reach.",
			kind: gauge, labels: []string{"state"}, samples: breaker},
	}
}

func requests(s *snapshot) []sample {
	var samples []sample
	for op, results := range s.api.Calls {
		for result, n := range results {
			samples = append(samples, sample{float64(n), []string{op, result}})
		}
	}
	return samples
}

func breaker(s *snapshot) []sample {
	var samples []sample
	for _, state := range []string{"closed", "half-open", "open"} {
		samples = append(samples, sample{truth(s.api.Breaker == state), []string{state}})
	}
	return samples
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return now.Sub(t).Seconds()
}
