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

	whole  bool // the list of contracts was shown itself, and not only what is in some
	copied bool // and what there is was copied
}

// purpose is what an account is opened for.
type purpose int

const (
	// lasting is a mount that stays: old listings are refreshed behind its readers.
	lasting purpose = iota
	// looking is a command that ends soon: what is old is refreshed first.
	looking
	// copying is one that tells or copies what there is now: nothing that an earlier
	// one was told is good enough, unless --listing-ttl says so.
	copying
)

// wireAccount wires client, catalog and content, as the settings say. It does not
// ask the API yet.
func wireAccount(env environment, s *settings.Settings, logger *slog.Logger, purpose purpose) (_ *account, err error) {
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
	if purpose != lasting && s.Source("log-level").Origin == settings.FromDefault {
		said = slog.New(slog.DiscardHandler) // the command itself says what the API does not give
	}
	if a.client, err = newClient(env, s, said); err != nil {
		return nil, err
	}
	afresh := purpose == copying && s.Source("listing-ttl").Origin == settings.FromDefault
	a.catalog, err = catalog.New(catalog.Config{
		Types: s.Listings.Types, Contracts: s.Listings.Contracts, Layout: layout, ContractNames: s.Listings.ContractNames,
		TTL: s.Listings.TTL, Listings: s.Listings.Keep,
		Dir: filepath.Join(dir, "catalog"), Offline: s.API.Offline, Credentials: a.client.CredentialsName, Logger: said, Now: env.now,
		Foreground: purpose != lasting,
		Afresh:     afresh,
	}, a.client)
	if err != nil {
		return nil, fail(exitSettings, "cannot open the saved listings: %w", err)
	}
	a.content, err = content.Open(content.Config{
		Dir: filepath.Join(dir, "content"), CacheSize: s.Cache.Size, PrefetchLimit: s.Cache.PrefetchLimit,
		PartialTTL: s.Cache.PartialTTL, Connections: s.API.Connections, Offline: s.API.Offline, Logger: logger,
		Afresh: afresh, Credentials: a.client.CredentialsName,
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
	cfg.Renewed = renewed(s, logger)
	cfg.RateLimit, cfg.Connections, cfg.Timeout = s.API.RateLimit, s.API.Connections, s.API.Timeout
	cfg.Patience = 3 * s.API.Timeout // who wants to wait less for an answer wants to wait less for the API
	cfg.UserAgent = "ccsfs/" + env.version
	cfg.Shared = filepath.Join(accountPath(s), "rate") // by all who use the application
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

// renewed tells the client the secrets as they are set now: in files they are renewed
// while a mount goes on. Another client id is another application, which may see another
// account: that takes another mount. It is nil for those that were not loaded, as of the
// simulated account.
func renewed(s *settings.Settings, logger *slog.Logger) func() (apiclient.Credentials, bool) {
	if s.Source("client-id").Origin == settings.FromDefault { // it has none
		return nil
	}
	return func() (apiclient.Credentials, bool) {
		now, err := s.Again()
		if err == nil {
			err = now.CheckCredentials()
		}
		switch {
		case errors.Is(err, settings.ErrOnce):
			return apiclient.Credentials{}, false
		case err != nil:
			logger.Warn("the settings cannot be read any more; the credentials stay as they are", "error", err)
			return apiclient.Credentials{}, false
		case now.API.ClientID.Reveal() != s.API.ClientID.Reveal():
			logger.Warn("the client id is another one now: to use it, unmount and mount again")
			return apiclient.Credentials{}, false
		}
		return apiclient.Credentials{ClientID: now.API.ClientID.Reveal(), ClientSecret: now.API.ClientSecret.Reveal(), APIKey: now.API.APIKey.Reveal()}, true
	}
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

// ready waits for the list of contracts, from the API or as it was saved.
func (a *account) ready(ctx context.Context, s *settings.Settings) (*catalog.Contracts, error) {
	contracts, err := a.catalog.Contracts(ctx)
	if err != nil {
		return nil, explainAPI(s, err)
	}
	return contracts, nil
}
