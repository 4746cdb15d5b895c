// Package pooling joins the pool of machines that the settings name: it opens the engines
// that they say, by the key that they give. What a pool does is none of its business.
package pooling

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/pool"
	"ccsfs/internal/pool/directory"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/s3"
	"ccsfs/internal/pool/seal"
)

// Engines are what a pool is made of, open.
type Engines struct {
	Coordinator *redis.Coordinator
	Objects     pool.Objects // nil: the settings name none
	Key         *seal.Key
}

// Named tells whether the settings name a pool.
func Named(s *settings.Settings) bool { return s.Shared.Coordinator != "" || s.Shared.Store != "" }

// MustHaveBegun tells whether the shared store must be begun by hand: a directory that is not
// mounted looks like one that was never begun.
func MustHaveBegun(s *settings.Settings) bool { return strings.HasPrefix(s.Shared.Store, "file:") }

// Open joins the pool of an account, named as its directory is; nil where the settings name
// none. It asks nothing of the network.
func Open(env cmdutil.Environment, s *settings.Settings, account string, roots *x509.CertPool, logger *slog.Logger) (*pool.Pool, error) {
	if !Named(s) || s.API.Offline {
		return nil, nil
	}
	e, err := OpenEngines(s, account, roots)
	if err != nil {
		return nil, exitcode.With(exitcode.Settings, err)
	}
	return pool.Open(pool.Config{
		Account: account, Member: rand.Text(), About: about(env), Coordinator: e.Coordinator, Objects: e.Objects, Key: e.Key,
		Encrypt: s.Shared.Encrypt, Begun: MustHaveBegun(s), Alone: s.Shared.OnLoss == settings.LossDegraded, Logger: logger,
	}), nil
}

// about is what others are told of this process.
func about(env cmdutil.Environment) pool.About {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	what := ""
	for _, arg := range env.Args {
		if !strings.HasPrefix(arg, "-") {
			what = arg
			break
		}
	}
	return pool.About{Host: host, PID: os.Getpid(), Version: env.Version, What: what, Since: time.Now().UTC().Truncate(time.Second)}
}

// OpenEngines opens the engines that the settings name, to be closed by the caller.
func OpenEngines(s *settings.Settings, account string, roots *x509.CertPool) (_ Engines, err error) {
	switch {
	case s.Shared.Coordinator == "":
		return Engines{}, s.Reject("shared-store", errors.New("needs shared, too: without Redis or Valkey nobody knows who asks for what, and all machines together exceed the rate"))
	case !s.Shared.Key.Given():
		return Engines{}, errors.New("shared_key is missing, the key that the machines have in common; make one with: ccsfs shared init --key-file=FILE\n  and give it to each machine, as a secret: CCSFS_SHARED_KEY_FILE=FILE")
	}
	var e Engines
	if e.Key, err = seal.Parse(s.Shared.Key.Reveal()); err != nil {
		return Engines{}, fmt.Errorf("shared_key: %w", err)
	}
	address, err := coordinatorAddress(s.Shared.Coordinator)
	if err != nil {
		return Engines{}, s.Reject("shared", err)
	}
	if e.Coordinator, err = redis.Open(redis.Config{Address: address, Password: s.Shared.Password.Reveal(), Account: account, RootCAs: roots}); err != nil {
		return Engines{}, s.Reject("shared", err)
	}
	if s.Shared.Store == "" {
		return e, nil
	}
	if e.Objects, err = openObjects(s.Shared.Store, s3.Options{Insecure: s.API.Insecure, CAFile: s.API.CAFile}); err != nil {
		_ = e.Coordinator.Close() // it has asked nothing yet
		return Engines{}, s.Reject("shared-store", err)
	}
	return e, nil
}

func openObjects(address string, options s3.Options) (pool.Objects, error) {
	if strings.HasPrefix(address, "file:") {
		path, err := directory.ParseAddress(address)
		if err != nil {
			return nil, err
		}
		return directory.Open(path), nil
	}
	a, err := s3.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	return s3.Open(a, options)
}

// coordinatorAddress reads the address of Redis. A password has a setting of its own, which
// has no flag and is never shown.
func coordinatorAddress(text string) (redis.Address, error) {
	a, err := redis.ParseAddress(text)
	if err == nil && a.HasPassword() {
		return redis.Address{}, errors.New("must not hold a password: that is shared_password, CCSFS_SHARED_PASSWORD or CCSFS_SHARED_PASSWORD_FILE")
	}
	return a, err
}

// Check tells what is wrong with the text of a setting of the pool, nil if nothing is, or if
// it is a setting of something else.
func Check(name, text string) (err error) {
	switch {
	case text == "":
	case name == "shared":
		_, err = coordinatorAddress(text)
	case name == "shared-key":
		_, err = seal.Parse(text)
	case name == "shared-store" && strings.HasPrefix(text, "file:"):
		_, err = directory.ParseAddress(text)
	case name == "shared-store":
		_, err = s3.ParseAddress(text)
	}
	return err
}
