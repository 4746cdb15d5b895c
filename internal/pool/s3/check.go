package s3

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"ccsfs/internal/pool"
)

// clock notes how far the clock of a service is from ours, by the Date of its answers, which
// has seconds.
type clock struct {
	next http.RoundTripper
	off  atomic.Int64 // nanoseconds that the service is ahead
	seen atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (c *clock) RoundTrip(req *http.Request) (*http.Response, error) {
	begun := time.Now()
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		took := time.Since(begun)
		c.off.Store(int64(date.Add(time.Second / 2).Sub(begun.Add(took / 2))))
		c.seen.Store(true)
	}
	return resp, nil
}

// Check finds out whether everything that a pool does can be done, with an object that it puts
// and removes again, and what the bucket does besides.
func (s *Store) Check(ctx context.Context) []pool.Finding {
	findings := []pool.Finding{s.transportFinding()}
	probe := "check-" + strings.ToLower(rand.Text())
	findings = append(findings, pool.Probe(ctx, s, probe)...)
	if s.clock.seen.Load() {
		findings = append(findings, pool.ClockFinding(time.Duration(s.clock.off.Load())))
	}
	return append(findings, s.encryption(ctx), s.versioning(ctx), s.lifecycle(ctx), s.retention(ctx))
}

func (s *Store) transportFinding() pool.Finding {
	f := pool.Finding{About: "transport", Says: "TLS to " + s.host}
	if !s.secure {
		f.Says = "without TLS to " + s.host
		f.Doubt = !local(s.host)
	}
	return f
}

// look asks for a property of the bucket, each of which may be kept from us, or not be known to
// the service.
func (s *Store) look(ctx context.Context, about string, ask func(ctx context.Context) (says string, doubt bool, err error)) pool.Finding {
	ctx, w := newWatch(ctx, s.options.Stall, errSilent)
	defer w.end()
	says, doubt, err := "", false, s.keys.ready(ctx)
	if err == nil {
		says, doubt, err = ask(ctx)
	}
	if err == nil {
		return pool.Finding{About: about, Says: says, Doubt: doubt}
	}
	var resp minio.ErrorResponse
	var other xml.UnmarshalError // it answers something else
	if !errors.As(err, &resp) && !errors.As(err, &other) {
		return pool.Finding{About: about, Says: "cannot be seen: " + s.failure(ctx, "ask", "", err).Error()}
	}
	switch {
	case strings.HasSuffix(resp.Code, "NotFoundError"), strings.HasPrefix(resp.Code, "NoSuch"):
		return pool.Finding{About: about, Says: "none set"}
	case resp.StatusCode == http.StatusForbidden:
		return pool.Finding{About: about, Says: "cannot be seen with these credentials"}
	}
	return pool.Finding{About: about, Says: "not told by this service"}
}

func (s *Store) encryption(ctx context.Context) pool.Finding {
	return s.look(ctx, "encryption at rest", func(ctx context.Context) (string, bool, error) {
		c, err := s.core.GetBucketEncryption(ctx, s.address.Bucket)
		if err != nil || len(c.Rules) == 0 {
			return "none set", false, err
		}
		return c.Rules[0].Apply.SSEAlgorithm, false, nil
	})
}

func (s *Store) versioning(ctx context.Context) pool.Finding {
	return s.look(ctx, "versions", func(ctx context.Context) (string, bool, error) {
		c, err := s.core.GetBucketVersioning(ctx, s.address.Bucket)
		if err != nil || !c.Enabled() {
			return "not kept", false, err
		}
		return "kept: what is replaced or removed stays and takes room until a lifecycle rule ends it", true, nil
	})
}

func (s *Store) lifecycle(ctx context.Context) pool.Finding {
	return s.look(ctx, "lifecycle", func(ctx context.Context) (string, bool, error) {
		c, err := s.core.GetBucketLifecycle(ctx, s.address.Bucket)
		if err != nil {
			return "", false, err
		}
		for _, rule := range c.Rules {
			switch {
			case rule.Status != "Enabled":
			case !rule.Expiration.IsDaysNull() || !rule.Expiration.IsDateNull():
				return fmt.Sprintf("rule %q removes objects: documents are then fetched from the API again", rule.ID), true, nil
			case !rule.Transition.IsNull():
				return fmt.Sprintf("rule %q moves objects to %s: from an archive they cannot be read", rule.ID, rule.Transition.StorageClass), true, nil
			}
		}
		return fmt.Sprintf("%d rules, none of which removes or moves objects", len(c.Rules)), false, nil
	})
}

func (s *Store) retention(ctx context.Context) pool.Finding {
	return s.look(ctx, "retention", func(ctx context.Context) (string, bool, error) {
		mode, validity, unit, err := s.core.GetBucketObjectLockConfig(ctx, s.address.Bucket)
		if err != nil || mode == nil || validity == nil || unit == nil {
			return "none set", false, err
		}
		return fmt.Sprintf("%s for %d %s: nothing can be removed before", *mode, *validity, *unit), true, nil
	})
}
