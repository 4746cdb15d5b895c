package main

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// account is all that is needed to show the documents of one account.
type account struct {
	client  *apiclient.Client
	catalog *catalog.Catalog
	content *content.Store
	logger  *slog.Logger
}

// openAccount wires client, catalog and content for a mount, as the settings
// say. It does not ask the API yet.
func openAccount(env environment, s *settings.Settings, logger *slog.Logger) (*account, error) {
	return wireAccount(env, s, logger, false)
}

// wireAccount is openAccount; in the foreground, for a command that ends soon,
// nothing is refreshed behind.
func wireAccount(env environment, s *settings.Settings, logger *slog.Logger, foreground bool) (_ *account, err error) {
	if err := s.CheckCredentials(); err != nil {
		return nil, &exitError{exitSettings, err}
	}
	layout, err := catalog.ParseLayout(s.Listings.Layout)
	if err != nil {
		return nil, settingsError(s.Reject("layout", err))
	}
	dir, err := cacheDirectory(s)
	if err != nil {
		return nil, err
	}
	a := &account{logger: logger}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	said := logger
	if foreground && s.Source("log-level").Origin == settings.FromDefault {
		said = slog.New(slog.DiscardHandler) // the command itself says what the API does not give
	}
	if a.client, err = newClient(env, s, said); err != nil {
		return nil, err
	}
	a.catalog, err = catalog.New(catalog.Config{
		Types: s.Listings.Types, Contracts: s.Listings.Contracts, Layout: layout, ContractNames: s.Listings.ContractNames,
		TTL: s.Listings.TTL, Listings: s.Listings.Keep,
		Dir: filepath.Join(dir, "catalog"), Offline: s.API.Offline, Foreground: foreground, Logger: said, Now: env.now,
	}, a.client)
	if err != nil {
		return nil, fail(exitSettings, "cannot open the saved listings: %w", err)
	}
	a.content, err = content.Open(content.Config{
		Dir: filepath.Join(dir, "content"), CacheSize: s.Cache.Size, PrefetchLimit: s.Cache.PrefetchLimit,
		PartialTTL: s.Cache.PartialTTL, Connections: s.API.Connections, Offline: s.API.Offline, Logger: logger,
	}, a.client)
	if err != nil {
		return nil, fail(exitSettings, "cannot open the document cache: %w", err)
	}
	return a, nil
}

func newClient(env environment, s *settings.Settings, logger *slog.Logger) (*apiclient.Client, error) {
	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL = s.API.URL, s.API.OAuthURL
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = s.API.ClientID.Reveal(), s.API.ClientSecret.Reveal(), s.API.APIKey.Reveal()
	cfg.RateLimit, cfg.Connections, cfg.Timeout = s.API.RateLimit, s.API.Connections, s.API.Timeout
	cfg.UserAgent = "ccsfs/" + env.version
	cfg.Insecure, cfg.Logger = s.API.Insecure, logger
	if s.API.CAFile != "" {
		pool, err := certificates(s.API.CAFile)
		if err != nil {
			return nil, settingsError(s.Reject("ca-file", err))
		}
		cfg.RootCAs = pool
	}
	client, err := apiclient.New(cfg)
	if err != nil {
		return nil, &exitError{exitSettings, err}
	}
	return client, nil
}

func certificates(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return pool, nil
}

// Close ends everything; what is on disk stays.
func (a *account) Close() error {
	var err error
	if a.catalog != nil {
		a.catalog.Close()
	}
	if a.content != nil {
		err = a.content.Close()
	}
	if a.client != nil {
		a.client.Close()
	}
	return err
}

// ready waits for the list of contracts, from the API or as it was saved, and
// returns how many there are. Stale says why the list is an old one.
func (a *account) ready(ctx context.Context) (n int, stale, err error) {
	contracts, err := a.catalog.Contracts(ctx)
	if err != nil {
		return 0, nil, explainAPI(err)
	}
	return len(contracts.Entries), contracts.Stale, nil
}

// explainAPI gives an error of the API its exit code, and says what to do.
func explainAPI(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fail(exitFailed, "interrupted")
	case errors.Is(err, apiclient.ErrCredentials):
		return fail(exitSettings, "the API refuses the client id or the client secret: %w\n"+
			"  Check CCSFS_CLIENT_ID and CCSFS_CLIENT_SECRET against those of your application.", err)
	case apiclient.Refused(err):
		return fail(exitSettings, "the API refuses access: %w\n"+
			"  Check CCSFS_API_KEY, and whether the application may use the Cloud Customer Space API.\n"+
			"  Orange's support asks for the request id, if there is one above.", err)
	case errors.Is(err, apiclient.ErrNotFound):
		return fail(exitSettings, "nothing is found at the API's address: %w\n  Check --api-url.", err)
	case errors.Is(err, apiclient.ErrRateLimited):
		return fail(exitUnreachable, "the API refuses more requests for now: %w\n"+
			"  Wait a minute. If something else uses the same application, lower --rate-limit.", err)
	case apiclient.Temporary(err):
		return fail(exitUnreachable, "the API cannot be reached, and nothing is saved from before: %w\n"+
			"  Check the network, --api-url and --oauth-url. A company VPN or proxy often blocks the API:\n"+
			"  try without the VPN, or set HTTPS_PROXY (and --ca-file, if the proxy has certificates of its own).\n"+
			"  To look around without the network: ccsfs demo", err)
	default:
		return err
	}
}
