// Package account opens one account: the client of its API, the catalog of what exists,
// the store of what is inside, and the folder that joins them, from plain values. It is
// the only one that wires these; where the values come from is up to who calls it, and so
// is what an error means to a user.
//
// The directory of a cache has a part of its own for each account, see Path.
package account

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
	"ccsfs/internal/pool"
)

// Config of an account. Client, Catalog and Content are as their packages describe them;
// what they have in common (directories, Offline, Afresh, credentials, the clock) is set
// here, once, and need not be set there.
type Config struct {
	Dir     string // where all is kept, as Path says; "" keeps listings in memory and has no content
	Client  apiclient.Config
	Catalog catalog.Config
	Content content.Config
	Pool    *pool.Pool // the machines that share the account, closed with it, also where Open fails; nil: this one alone

	Offline bool             // the API is never asked
	Afresh  bool             // nothing that was asked for before is good enough
	Now     func() time.Time // of what is asked and reported; nil: time.Now
	Logger  *slog.Logger     // nil: none
	// Quiet has client and catalog say nothing of what they cannot get: whoever opened
	// the account says that.
	Quiet bool
}

// DefaultConfig gives the defaults of the command line, without credentials or a
// directory.
func DefaultConfig() Config {
	return Config{Client: apiclient.DefaultConfig(), Content: content.DefaultConfig()}
}

// Account is all that is needed to show the documents of one account.
type Account struct {
	Pool    *pool.Pool // nil: the account is this machine's alone
	Client  *apiclient.Client
	Catalog *catalog.Catalog
	Content *content.Store // nil without Config.Dir
	Folder  *folder.Folder
	Logger  *slog.Logger
}

// The parts that an account is made of. An error of Open Is the one that failed.
var (
	ErrClient  = errors.New("the client of the API cannot be made")
	ErrCatalog = errors.New("the saved listings cannot be opened")
	ErrContent = errors.New("the document cache cannot be opened")
)

// partError is an error of Open: it reads as its cause, and Is a part and its cause.
type partError struct{ part, err error }

func (e *partError) Error() string   { return e.err.Error() }
func (e *partError) Unwrap() []error { return []error{e.part, e.err} }

// Open opens an account. It makes its directory, which has to be its user's alone
// (ErrDirectory), and does not ask the API yet.
func Open(cfg Config) (_ *Account, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	said := cfg.Logger
	if cfg.Quiet {
		said = slog.New(slog.DiscardHandler)
	}
	a := &Account{Logger: cfg.Logger, Pool: cfg.Pool}
	defer func() {
		if err != nil {
			_ = a.Close() // that it was not opened is what matters
		}
	}()
	if cfg.Dir != "" {
		if err := PrivateDirectory(filepath.Dir(cfg.Dir)); err != nil {
			return nil, err
		}
		if err := PrivateDirectory(cfg.Dir); err != nil {
			return nil, err
		}
		cfg.Client.Shared = RateFile(cfg.Dir)
		cfg.Catalog.Dir = filepath.Join(cfg.Dir, catalogDir)
		cfg.Content.Dir = filepath.Join(cfg.Dir, contentDir)
	}
	cfg.Client.Logger = said
	if cfg.Pool != nil {
		cfg.Client.Pool, cfg.Catalog.Pool, cfg.Content.Pool = cfg.Pool, cfg.Pool, cfg.Pool
	}
	if a.Client, err = apiclient.New(cfg.Client); err != nil {
		return nil, &partError{ErrClient, err}
	}
	c := cfg.Catalog
	c.Offline, c.Afresh, c.Now, c.Logger, c.Credentials = cfg.Offline, cfg.Afresh, cfg.Now, said, a.Client.CredentialsName
	c.Known = a.learn
	if a.Catalog, err = catalog.New(c, a.Client); err != nil {
		return nil, &partError{ErrCatalog, err}
	}
	if cfg.Dir != "" {
		s := cfg.Content
		s.Offline, s.Afresh, s.Logger, s.Credentials = cfg.Offline, cfg.Afresh, cfg.Logger, a.Client.CredentialsName
		if a.Content, err = content.Open(s, a.Client); err != nil {
			return nil, &partError{ErrContent, err}
		}
	}
	a.Folder = folder.New(a.Catalog, a.Content, folder.Options{Prefetch: cfg.Content.PrefetchLimit})
	return a, nil
}

// learn has the store know what a gateway tells of the documents of a contract.
func (a *Account) learn(listed time.Time, told []catalog.Told) {
	if a.Content == nil {
		return
	}
	all := make([]content.Learnt, len(told))
	for i, t := range told {
		all[i] = content.Learnt{Ref: folder.Ref(t.Document, listed), Size: t.Size, SHA256: t.SHA256}
	}
	a.Content.Learn(all)
}

// Saved opens the listings that were saved in the directory of an account, as they are:
// there is no API to ask, and no content. It makes no directory.
func Saved(dir string, cfg catalog.Config) (*Account, error) {
	if _, err := os.Stat(filepath.Join(dir, catalogDir)); err != nil {
		return nil, &partError{ErrCatalog, err}
	}
	if err := PrivateDirectory(dir); err != nil {
		return nil, err
	}
	cfg.Dir, cfg.Offline = filepath.Join(dir, catalogDir), true
	c, err := catalog.New(cfg, nil)
	if err != nil {
		return nil, &partError{ErrCatalog, fmt.Errorf("%s: %w", dir, err)}
	}
	return &Account{Catalog: c, Folder: folder.New(c, nil, folder.Options{}), Logger: slog.New(slog.DiscardHandler)}, nil
}

// Cached opens the documents that are kept in the directory of an account, to be looked
// at: nobody is asked, and nothing is removed for want of room.
func Cached(dir string, logger *slog.Logger) (*content.Store, error) {
	s, err := content.Open(content.Config{Dir: filepath.Join(dir, contentDir), Offline: true, Logger: logger, CacheSize: math.MaxInt64}, nil)
	if err != nil {
		return nil, &partError{ErrContent, err}
	}
	return s, nil
}

// Close ends everything; what is on disk stays.
func (a *Account) Close() error {
	var err error
	if a.Catalog != nil {
		a.Catalog.Close()
	}
	if a.Content != nil {
		err = a.Content.Close()
	}
	if a.Client != nil {
		a.Client.Close()
	}
	if a.Pool != nil {
		err = errors.Join(err, a.Pool.Close())
	}
	return err
}
