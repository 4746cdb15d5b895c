package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// Source is the mount that is told of.
type Source struct {
	Mountpoint, Version string
	Account             string // its name in the settings file, "" if it has none
	Started             time.Time

	Client  interface{ Stats() apiclient.Stats }
	Catalog interface{ Stats() catalog.Stats }
	Content interface{ Stats() content.Stats }
	Pool    interface{ Stats() pool.Stats } // nil: the account is this machine's alone

	More []prometheus.Collector
}

// NewRegistry returns the metrics of a mount, and those of its process.
func NewRegistry(s Source) (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	for _, c := range append([]prometheus.Collector{
		newCollector(s),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, s.More...) {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// snapshot is what one scrape looks at.
type snapshot struct {
	source  Source
	now     time.Time
	api     apiclient.Stats
	catalog catalog.Stats
	content content.Stats
	pool    *pool.Stats // nil: there is none
}

// metric is a family of samples, and how to take them from a snapshot.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	samples    func(*snapshot) []sample
}

// sample is a value with the values of its labels.
type sample struct {
	value  float64
	labels []string
}

// one is the value of a family without labels.
func one(v func(*snapshot) float64) func(*snapshot) []sample {
	return func(s *snapshot) []sample { return []sample{{value: v(s)}} }
}

// collector takes all samples from one snapshot a scrape, so that they fit
// together.
type collector struct {
	source  Source
	metrics []metric
	descs   []*prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

func newCollector(s Source) *collector {
	c := &collector{source: s, metrics: families()}
	for _, m := range c.metrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, m.labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := &snapshot{
		source: c.source, now: time.Now(),
		api: c.source.Client.Stats(), catalog: c.source.Catalog.Stats(), content: c.source.Content.Stats(),
	}
	if c.source.Pool != nil {
		shared := c.source.Pool.Stats()
		s.pool = &shared
	}
	for i, m := range c.metrics {
		for _, v := range m.samples(s) {
			to <- prometheus.MustNewConstMetric(c.descs[i], m.kind, v.value, v.labels...)
		}
	}
}
