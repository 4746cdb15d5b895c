// Package clients is the file of those who may ask a gateway: programs and other machines,
// by ids, secrets and keys of their own. Of secrets the file holds hashes alone, and the key
// that access tokens are sealed with, so that gateways on several machines that have the same
// file take each other's tokens.
//
// Not here: people with passwords (package gate), what a client is answered.
package clients

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/gateway"
	"ccsfs/internal/osfile"
)

// Path is the file that the settings name, or the one beside config.toml; "" if there is no
// place for one.
func Path(s *settings.Settings) string {
	if s.Serve.ClientsFile != "" || s.ConfigFile == "" {
		return s.Serve.ClientsFile
	}
	return filepath.Join(filepath.Dir(s.ConfigFile), "clients.json")
}

// Entry is a client as the file has it.
type Entry struct {
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	Secret    string    `json:"secret_sha256"`
	APIKey    string    `json:"api_key_sha256"`
	Contracts []string  `json:"contracts,omitempty"` // ids; none: all
	Created   time.Time `json:"created"`
}

// Credentials are what a client asks with. Nobody can tell them again.
type Credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	APIKey       string `json:"api_key"`
}

// file is what is in the file.
type file struct {
	Format  int     `json:"format"`
	Key     string  `json:"token_key"` // hex
	Clients []Entry `json:"clients"`
}

const (
	format  = 1
	keyLen  = 32      // bytes
	maxFile = 8 << 20 // bytes
)

// read reads a file. One that is not there has no clients, and a new key.
func read(path string) (*file, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, keyLen)
		_, _ = rand.Read(key) // it never fails
		return &file{Format: format, Key: hex.EncodeToString(key)}, nil
	}
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, fmt.Errorf("%s is no file of clients", path)
	case osfile.Exposed(info, 0o007):
		return nil, fmt.Errorf("%s can be read or written by every user (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), term.Quote(path))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s is no file of clients: %w", path, err)
	}
	return &f, f.check(path)
}

// check refuses what no Add has made.
func (f *file) check(path string) error {
	if f.Format != format {
		return fmt.Errorf("%s is of another version of ccsfs (format %d, this one has %d)", path, f.Format, format)
	}
	if key, err := hex.DecodeString(f.Key); err != nil || len(key) != keyLen {
		return fmt.Errorf("%s: its token_key is none", path)
	}
	names, ids := map[string]bool{}, map[string]bool{}
	for _, e := range f.Clients {
		_, errSecret := hash(e.Secret)
		_, errKey := hash(e.APIKey)
		switch {
		case !nameForm.MatchString(e.Name) || e.ID == "":
			return fmt.Errorf("%s: a client has no name, or no id", path)
		case names[e.Name] || ids[e.ID]:
			return fmt.Errorf("%s: the client %s is there twice", path, e.Name)
		case errSecret != nil || errKey != nil:
			return fmt.Errorf("%s: the client %s has no secret, or no key", path, e.Name)
		case slices.Contains(e.Contracts, ""):
			return fmt.Errorf("%s: the client %s has a contract without an id", path, e.Name)
		}
		names[e.Name], ids[e.ID] = true, true
	}
	return nil
}

// hash reads a SHA-256.
func hash(text string) (sum [sha256.Size]byte, err error) {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != len(sum) {
		err = errors.New("no SHA-256")
	}
	copy(sum[:], b)
	return sum, err
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// nameForm is what a name of a client looks like.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// Errors of a name.
var (
	ErrName  = errors.New("a name has letters, digits, dots, dashes and underscores, 64 at most, and begins with a letter or a digit")
	ErrTaken = errors.New("there is a client of that name")
	ErrNone  = errors.New("there is no client of that name")
)

// Add makes a client, and returns what it asks with.
func Add(path, name string, contracts []string, now time.Time) (Credentials, error) {
	if !nameForm.MatchString(name) {
		return Credentials{}, ErrName
	}
	var c Credentials
	return c, edit(path, func(f *file) error {
		if f.find(name) >= 0 {
			return ErrTaken
		}
		c = newCredentials()
		f.Clients = append(f.Clients, Entry{
			Name: name, ID: c.ClientID, Secret: hashed(c.ClientSecret), APIKey: hashed(c.APIKey),
			Contracts: contracts, Created: now.UTC().Truncate(time.Second),
		})
		return nil
	})
}

// Renew gives a client another secret and another key; those before end at once.
func Renew(path, name string) (Credentials, error) {
	var c Credentials
	return c, edit(path, func(f *file) error {
		i := f.find(name)
		if i < 0 {
			return ErrNone
		}
		c = newCredentials()
		c.ClientID = f.Clients[i].ID
		f.Clients[i].Secret, f.Clients[i].APIKey = hashed(c.ClientSecret), hashed(c.APIKey)
		return nil
	})
}

// Remove takes a client out.
func Remove(path, name string) error {
	return edit(path, func(f *file) error {
		i := f.find(name)
		if i < 0 {
			return ErrNone
		}
		f.Clients = slices.Delete(f.Clients, i, i+1)
		return nil
	})
}

// List are the clients of a file, in order of their names; none if it is not there.
func List(path string) ([]Entry, error) {
	f, err := read(path)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(f.Clients, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return f.Clients, nil
}

func (f *file) find(name string) int {
	return slices.IndexFunc(f.Clients, func(e Entry) bool { return e.Name == name })
}

// How long another process that changes a file is waited for, and how often it is looked.
const (
	lockPatience = 10 * time.Second
	lockAgain    = 20 * time.Millisecond
)

// edit changes a file, one process after the other.
func edit(path string, change func(f *file) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	lock, err := osfile.Open(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for end := time.Now().Add(lockPatience); osfile.TryLock(lock) != nil; time.Sleep(lockAgain) {
		if time.Now().After(end) {
			return fmt.Errorf("another process has been changing %s for long", path)
		}
	}
	f, err := read(path)
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(data, '\n'))
}

// newCredentials are as the API's own look: the key is long, and has the characters of
// base 64. Each has more than 128 bits.
func newCredentials() Credentials {
	key := make([]byte, 96)
	_, _ = rand.Read(key) // it never fails
	return Credentials{
		ClientID:     "ccsfs" + (rand.Text() + rand.Text())[:27],
		ClientSecret: (rand.Text() + rand.Text())[:32],
		APIKey:       base64.StdEncoding.EncodeToString(key),
	}
}

// Registry is a file of clients, read again when it changes; it implements gateway.Clients.
type Registry struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	looked time.Time
	info   os.FileInfo // of what was read; nil: it was not there
	key    []byte
	byID   map[string]gateway.Client
	err    error
}

// Open reads a file of clients, which must have one. What becomes of it later is in the log.
func Open(path string, log *slog.Logger) (*Registry, error) {
	r := &Registry{path: path, log: log}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew()
	if r.err == nil && len(r.byID) == 0 {
		return nil, fmt.Errorf("nobody may ask: %s has no clients; make one with: ccsfs gateway client add NAME", path)
	}
	return r, r.err
}

// lookEvery is after how long a file is read again that seems to be the same.
const lookEvery = 2 * time.Second

// renew reads the file again if it is another one, as Add and the others leave it, or may have
// been changed in place. Where it cannot be read, nobody is let in. r.mu is held.
func (r *Registry) renew() {
	info, err := os.Stat(r.path)
	if err != nil {
		info = nil
	}
	same := (info == nil) == (r.info == nil) && (info == nil || os.SameFile(info, r.info) && info.ModTime().Equal(r.info.ModTime()))
	if !r.looked.IsZero() && same && time.Since(r.looked) < lookEvery {
		return
	}
	began := r.looked.IsZero()
	r.looked, r.info = time.Now(), info
	f, err := read(r.path)
	switch had := r.err; {
	case began:
	case err != nil && (had == nil || had.Error() != err.Error()):
		r.log.Warn("clients cannot be let in", "error", err)
	case err == nil && had != nil:
		r.log.Info("clients can be let in again")
	}
	r.err, r.byID = err, map[string]gateway.Client{}
	if err != nil {
		return
	}
	r.key, _ = hex.DecodeString(f.Key) // checked
	for _, e := range f.Clients {
		c := gateway.Client{Name: e.Name, ID: e.ID, Contracts: e.Contracts}
		c.Secret, _ = hash(e.Secret) // checked
		c.APIKey, _ = hash(e.APIKey)
		r.byID[e.ID] = c
	}
}

// Client implements gateway.Clients.
func (r *Registry) Client(id string) (gateway.Client, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew()
	c, ok := r.byID[id]
	return c, ok
}

// Key implements gateway.Clients.
func (r *Registry) Key() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.key
}
