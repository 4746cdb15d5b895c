package apiclient

import (
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

// lookAgain bounds how often it is looked for other credentials: where the ones in use
// are refused, every call asks, and a command has just read them when it first asks.
const lookAgain = time.Second

// wallet keeps the credentials in use, and takes others where there are some: secrets
// are renewed now and then, while a mount goes on.
type wallet struct {
	renewed func() (Credentials, bool) // nil: there never are others
	taken   func(Credentials)          // hears of others before they are used
	now     atomic.Pointer[Credentials]

	mu     sync.Mutex
	looked time.Time
}

func newWallet(cfg *Config, taken func(Credentials)) *wallet {
	w := &wallet{renewed: cfg.Renewed, taken: taken, looked: time.Now()} // as they are set now
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
	c, ok := w.renewed()
	if !ok || c == *w.now.Load() || c.validate() != nil {
		return false
	}
	w.taken(c)
	w.now.Store(&c)
	return true
}

// lookNow is look, unless it was done a moment ago.
func (w *wallet) lookNow() bool {
	w.mu.Lock()
	recent := time.Since(w.looked) < lookAgain
	w.mu.Unlock()
	return !recent && w.look()
}
