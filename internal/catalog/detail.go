package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog/fresh"
)

// The description of a contract.

// indented returns a JSON text in our own layout: the same for answers that
// differ in white space only, and valid UTF-8, whatever the API sent.
func indented(raw []byte) ([]byte, error) {
	raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	var tight, out bytes.Buffer
	if err := json.Compact(&tight, raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w: %w", err, apiclient.ErrProtocol)
	}
	if err := json.Indent(&out, tight.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("not JSON: %w: %w", err, apiclient.ErrProtocol)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func (c *Catalog) fetchDetail(ctx context.Context, contractID string, _ *Detail) (*Detail, error) {
	ctx, asked := c.scope.Asking(ctx)
	d, err := c.api.Contract(ctx, contractID)
	if err != nil {
		return nil, fmt.Errorf("contract %s: %w", contractID, err)
	}
	text, err := indented(d.Raw)
	if err != nil {
		return nil, fmt.Errorf("contract %s: %w", contractID, err)
	}
	return &Detail{JSON: text, FetchedAt: asked()}, nil
}

func (c *Catalog) detailSource() *fresh.Source[Detail] {
	seed := maphash.MakeSeed()
	return &fresh.Source[Detail]{
		Name:      opDetail,
		Fetch:     c.fetchDetail,
		File:      detailFile,
		Load:      c.disk.detail,
		Parse:     func(id string, payload []byte) (*Detail, error) { return parseDetail(payload, id) },
		Saved:     savedFormOfDetail,
		Deny:      func(id string, f *fresh.Failure) { c.disk.Deny(detailFile(id), f, nil) },
		FetchedAt: func(d *Detail) time.Time { return d.FetchedAt },
		WithStale: func(d *Detail, err error) *Detail {
			s := *d
			s.Stale = err
			return &s
		},
		Fingerprint: func(d *Detail) uint64 { return maphash.Bytes(seed, d.JSON) },
		Same:        func(a, b *Detail) bool { return bytes.Equal(a.JSON, b.JSON) },
		Changed:     func(string, *Detail, *Detail, error) {}, // readers see it by its age
	}
}
