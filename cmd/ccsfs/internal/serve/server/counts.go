package server

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/gateway"
)

// counts are the numbers of the server for Prometheus.
type counts struct {
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	running  *prometheus.GaugeVec
}

func newCounts() *counts {
	return &counts{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ccsfs_http_requests_total", Help: "Requests answered, by face and status."}, []string{"face", "status"}),
		bytes:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ccsfs_http_sent_bytes_total", Help: "Bytes of answers sent."}, []string{"face"}),
		running:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "ccsfs_http_requests_in_flight", Help: "Requests being answered."}, []string{"face"}),
	}
}

func (c *counts) collectors() []prometheus.Collector {
	return []prometheus.Collector{c.requests, c.bytes, c.running}
}

// faceOf is the face that a request is for: a handful of words, whatever is asked.
func faceOf(r *http.Request) string {
	switch {
	case r.URL.Path == "/healthz":
		return "probe"
	case r.URL.Path == davPrefix || strings.HasPrefix(r.URL.Path, davPrefix+"/"):
		return settings.FaceDrive
	case strings.HasPrefix(r.URL.Path, gateway.APIPath+"/"), strings.HasPrefix(r.URL.Path, gateway.OAuthPath+"/"):
		return settings.FaceAPI
	}
	return settings.FacePage
}

// count counts what next answers.
func (c *counts) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		face := faceOf(r)
		running := c.running.WithLabelValues(face)
		running.Inc()
		counted := &countedWriter{ResponseWriter: w}
		defer func() {
			running.Dec()
			status := counted.status
			if status == 0 {
				status = http.StatusOK
			}
			c.requests.WithLabelValues(face, strconv.Itoa(status)).Inc()
			c.bytes.WithLabelValues(face).Add(float64(counted.sent))
		}()
		next.ServeHTTP(counted, r)
	})
}

// countedWriter knows what was answered.
type countedWriter struct {
	http.ResponseWriter
	status int
	sent   int64
}

// Unwrap lets http.ResponseController through.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *countedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // else the answer is still to come
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	return n, err
}
