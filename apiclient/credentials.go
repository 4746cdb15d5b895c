package apiclient

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Credentials are what the API knows an application by: the client id and secret of
// its token, and the key that goes with each call.
type Credentials struct{ ClientID, ClientSecret, APIKey string }

func (c Credentials) validate() error {
	cfg := Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, APIKey: c.APIKey}
	return cfg.validateSecrets()
}

// digest tells those of the token apart without telling them.
func (c Credentials) digest() string { return digestOf(c.ClientID, c.ClientSecret) }

// name tells all of them apart without telling them.
func (c Credentials) name() string { return digestOf(c.ClientID, c.ClientSecret, c.APIKey) }

func digestOf(secrets ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(secrets, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// lookAgain bounds how often it is looked for other credentials: where the ones in use
// are refused, every call asks, and a command has just read them when it first asks.
const lookAgain = time.Second

// lookMost bounds how long it is waited for what they are now: a settings file on a
// server that is away stands still, and calls with the ones in use may go on.
const lookMost = 2 * time.Second

// wallet keeps the credentials in use, and takes others where there are some: secrets
// are renewed now and then, while a mount goes on.
type wallet struct {
	renewed func() (Credentials, bool) // nil: there never are others
	taken   func(Credentials)          // hears of others before they are used
	log     *slog.Logger
	now     atomic.Pointer[Credentials]

	mu      sync.Mutex
	looked  time.Time
	reading *reading // that was not waited for to its end; nil: none
}

// reading is a call of Config.Renewed, which nothing can end.
type reading struct {
	done chan struct{}
	now  Credentials
	ok   bool
}

func newWallet(cfg *Config, taken func(Credentials)) *wallet {
	w := &wallet{renewed: cfg.Renewed, taken: taken, log: cfg.Logger, looked: time.Now()} // as they are set now
	w.now.Store(&Credentials{cfg.ClientID, cfg.ClientSecret, cfg.APIKey})
	return w
}

// look takes other credentials than those in use if there are some, and reports
// whether there were. Ones that cannot be sent do not count.
func (w *wallet) look() bool {
	if w.renewed == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = time.Now()
	c, ok := w.read()
	if !ok || c == *w.now.Load() || c.validate() != nil {
		return false
	}
	w.taken(c)
	w.now.Store(&c)
	return true
}

// read asks what the credentials are now. Who stands still is not asked again before it
// has come to an end, and then afresh. The mutex is held.
func (w *wallet) read() (Credentials, bool) {
	if w.reading != nil {
		select {
		case <-w.reading.done:
		default:
			return Credentials{}, false
		}
	}
	r := &reading{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.now, r.ok = w.renewed()
	}()
	timer := time.NewTimer(lookMost)
	defer timer.Stop()
	select {
	case <-r.done:
		w.reading = nil
		return r.now, r.ok
	case <-timer.C:
		w.reading = r
		w.log.Warn("the settings cannot be read now, the file system that they are on stands still; the credentials stay as they are")
		return Credentials{}, false
	}
}

// lookNow is look, unless it was done a moment ago.
func (w *wallet) lookNow() bool {
	w.mu.Lock()
	recent := time.Since(w.looked) < lookAgain
	w.mu.Unlock()
	return !recent && w.look()
}
