package session

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/pooling"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/account"
	"ccsfs/internal/authorities"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// Account is an open account, and what was made of it.
type Account struct {
	*account.Account
	Whole  bool // the list of contracts was shown itself, and not only what is in some
	Copied bool // and what there is was copied

	progress progress
}

// progress is how far a command has got, for whoever waits for it.
type progress struct {
	listed, contracts atomic.Int64 // of those to list
	shown             atomic.Bool  // the command shows it itself
}

// ShowsProgress notes whether the command itself shows how far it has got, now.
func (a *Account) ShowsProgress(does bool) { a.progress.shown.Store(does) }

// Purpose is what an account is opened for.
type Purpose int

const (
	// Lasting is a mount that stays: old listings are refreshed behind its readers.
	Lasting Purpose = iota
	// Looking is a command that ends soon: what is old is refreshed first.
	Looking
	// Copying is one that tells or copies what there is now: nothing that an earlier
	// one was told is good enough, unless --listing-ttl says so.
	Copying
)

// WireAccount opens the account, as the settings say. It does not ask the API yet.
func WireAccount(env cmdutil.Environment, s *settings.Settings, logger *slog.Logger, purpose Purpose) (*Account, error) {
	if err := s.CheckCredentials(); err != nil {
		return nil, exitcode.With(exitcode.Settings, err)
	}
	listings, err := listingsConfig(s)
	if err != nil {
		return nil, err
	}
	quiet := purpose != Lasting && s.Source("log-level").Origin == settings.FromDefault // the command itself says what the API does not give
	client, err := clientConfig(env, s, logger, quiet)
	if err != nil {
		return nil, err
	}
	said := logger
	if quiet {
		said = slog.New(slog.DiscardHandler)
	}
	shared, err := pooling.Open(env, s, filepath.Base(AccountPath(s)), client.RootCAs, said)
	if err != nil {
		return nil, err
	}
	listings.Foreground = purpose != Lasting
	documents := content.DefaultConfig()
	documents.CacheSize, documents.PrefetchLimit, documents.StreamAbove = s.Cache.Size, s.Cache.PrefetchLimit, s.Cache.StreamAbove
	documents.PartialTTL, documents.Connections = s.Cache.PartialTTL, s.API.Connections
	a, err := account.Open(account.Config{
		Dir: AccountPath(s), Client: client, Catalog: listings, Content: documents,
		Offline: s.API.Offline, Afresh: purpose == Copying && s.Source("listing-ttl").Origin == settings.FromDefault,
		Pool: shared, Now: env.Now, Logger: logger, Quiet: quiet,
	})
	if err != nil {
		return nil, explainOpen(err)
	}
	return &Account{Account: a}, nil
}

// explainOpen gives an error of account.Open its exit code, and says what failed where
// the error does not.
func explainOpen(err error) error {
	switch {
	case errors.Is(err, account.ErrCatalog):
		return exitcode.Errorf(exitcode.Settings, "cannot open the saved listings: %w", err)
	case errors.Is(err, account.ErrContent):
		return exitcode.Errorf(exitcode.Settings, "cannot open the document cache: %w", err)
	}
	return exitcode.With(exitcode.Settings, err)
}

// listingsConfig is what the settings say of listings.
func listingsConfig(s *settings.Settings) (catalog.Config, error) {
	shape, err := layout.Parse(s.Listings.Layout)
	if err != nil {
		return catalog.Config{}, cmdutil.SettingsError(s.Reject("layout", err))
	}
	return catalog.Config{
		Types: s.Listings.Types, Contracts: s.Listings.Contracts, Layout: shape.With(Names(s)), ContractNames: s.Listings.ContractNames,
		TTL: s.Listings.TTL, Listings: s.Listings.Keep,
	}, nil
}

// Names is the rule by which documents and directories get their names.
func Names(s *settings.Settings) layout.Names {
	if s.Listings.PortableNames {
		return layout.Portable
	}
	return layout.Exact
}

// Saved opens the listings that were saved in the directory of an account; it never asks
// the API.
func Saved(s *settings.Settings, dir string) (*account.Account, error) {
	listings, err := listingsConfig(s)
	if err != nil {
		return nil, err
	}
	return account.Saved(dir, listings)
}

// AccountPath is where the account of the settings keeps what it knows.
func AccountPath(s *settings.Settings) string {
	return account.Path(s.Cache.Dir, s.API.URL, s.API.ClientID.Reveal())
}

// NewClient makes a client of the API alone, whose answers observe is told of. It is closed
// by closing what is returned with it.
func NewClient(env cmdutil.Environment, s *settings.Settings, logger *slog.Logger, observe func(apiclient.Answer)) (*apiclient.Client, func(), error) {
	cfg, err := clientConfig(env, s, logger, false)
	if err != nil {
		return nil, nil, err
	}
	shared, err := pooling.Open(env, s, filepath.Base(AccountPath(s)), cfg.RootCAs, logger)
	if err != nil {
		return nil, nil, err
	}
	leave := func() {}
	if shared != nil {
		cfg.Pool = shared
		leave = func() { _ = shared.Close() } // nothing of it is needed any more
	}
	cfg.Shared = account.RateFile(AccountPath(s)) // by all who use the application
	cfg.Observe = observe
	client, err := apiclient.New(cfg)
	if err != nil {
		leave()
		return nil, nil, exitcode.With(exitcode.Settings, err)
	}
	return client, func() { client.Close(); leave() }, nil
}

// clientConfig is what the settings say of the client.
func clientConfig(env cmdutil.Environment, s *settings.Settings, logger *slog.Logger, quiet bool) (apiclient.Config, error) {
	said := logger
	if quiet {
		said = slog.New(slog.DiscardHandler)
	}
	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL = s.API.URL, s.API.OAuthURL
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = s.API.ClientID.Reveal(), s.API.ClientSecret.Reveal(), s.API.APIKey.Reveal()
	cfg.Renewed = renewed(s, said)
	cfg.RateLimit, cfg.Connections, cfg.Timeout = s.API.RateLimit, s.API.Connections, s.API.Timeout
	cfg.Patience = 3 * s.API.Timeout // who wants to wait less for an answer wants to wait less for the API
	cfg.UserAgent = "ccsfs/" + env.Version
	cfg.Insecure, cfg.Logger = s.API.Insecure, logger
	if s.API.CAFile != "" {
		pool, err := authorities.In(s.API.CAFile)
		if err != nil {
			return apiclient.Config{}, cmdutil.SettingsError(s.Reject("ca-file", err))
		}
		cfg.RootCAs = pool
	}
	return cfg, nil
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

// Ready waits for the list of contracts, from the API or as it was saved.
func (a *Account) Ready(ctx context.Context, s *settings.Settings) (*catalog.Contracts, error) {
	contracts, err := a.Catalog.Contracts(ctx)
	if err != nil {
		return nil, ExplainAPI(s, err)
	}
	return contracts, nil
}
