package content

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
)

// API is what the store needs of the client.
type API interface {
	File(ctx context.Context, r apiclient.FileRequest) (*apiclient.File, error)
}

// Config of a store.
type Config struct {
	Dir           string        // cache directory, made with mode 0700
	CacheSize     int64         // bytes of blobs to keep; 0: none
	PrefetchLimit int64         // bytes up to which a body is kept when only its size was asked for
	PartialTTL    time.Duration // how long volatile content is taken for unchanged
	Connections   int           // requests the client makes at once
	Offline       bool          // never ask the API
	Afresh        bool          // ask also for what is remembered from before as not to be had
	Credentials   func() string // names those that the API is asked with by now, without telling them; see failure
	Logger        *slog.Logger  // nil: discard
	Now           func() time.Time
}

// DefaultConfig gives the defaults of the command line, without a directory.
func DefaultConfig() Config {
	return Config{CacheSize: 10 << 30, PrefetchLimit: 4 << 20, PartialTTL: time.Hour, Connections: 16}
}

// ErrClosed is what a closed store answers.
var ErrClosed = errors.New("content store closed")

// Store gives sizes and bytes of documents. Its methods may be called concurrently.
type Store struct {
	cfg    Config
	api    API
	log    *slog.Logger
	disk   *disk
	blobs  *blobs
	leases *lease.Table // who asks for which document, among the processes that share the directory
	born   time.Time
	// waitMost is how long another process is waited for, the constant of that name.
	waitMost time.Duration
	parking  parking
	ahead    chan struct{} // a token for each document being fetched ahead
	memory   atomic.Int64  // bytes left for spools in memory
	buffers  sync.Pool
	trouble  atomic.Int64 // unix time of the last word on disk trouble
	zips     atomic.Bool  // the API sends ZIP archives, and documents if it is asked for them in so many words
	silence  atomic.Int64 // unix nanoseconds until which the API counts as silent
	since    atomic.Int64 // unix nanoseconds; what was confirmed before is asked for again

	counters counters

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	short shortfalls

	mu      sync.Mutex
	closed  bool
	active  map[key]*body
	bodies  map[*body]struct{} // all that are not gone, also those that handles alone still have
	indexes map[string]*index
}

// Open opens the store in cfg.Dir, which is built if it is not there.
func Open(cfg Config, api API) (*Store, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Credentials == nil { // they are always the same
		cfg.Credentials = func() string { return "" }
	}
	cfg.Connections = max(cfg.Connections, 1)
	d, err := openDisk(cfg.Dir, cfg.Logger)
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, api: api, log: cfg.Logger, disk: d, born: cfg.Now(), waitMost: waitMost,
		leases:  lease.Open(filepath.Join(d.dir, "leases")),
		blobs:   newBlobs(d.dir, cfg.CacheSize, cfg.Logger),
		parking: parking{limit: max(cfg.Connections/4, 1), ahead: cfg.Connections / 4},
		ahead:   make(chan struct{}, aheadPerConnection*cfg.Connections),
		active:  make(map[key]*body), bodies: make(map[*body]struct{}), indexes: make(map[string]*index),
	}
	s.memory.Store(memBudget)
	s.buffers.New = func() any { b := make([]byte, chunkLen); return &b }
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.wg.Go(func() { s.blobs.survey(s.ctx, "") })
	return s, nil
}

// Close ends all downloads, waits for them, and gives the session directory up.
// Files that are still open answer ErrClosed from then on: the kernel does not
// tell of all that it closes before an unmount.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	left := make([]*body, 0, len(s.active))
	for _, b := range s.active {
		left = append(left, b)
	}
	s.mu.Unlock()
	s.cancel(ErrClosed)
	s.wg.Wait()
	s.keepSizes(left)
	for _, b := range s.held() {
		b.mu.Lock()
		b.discard()
		b.mu.Unlock()
	}
	return errors.Join(s.leases.Close(), s.disk.close())
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// begin admits a run, unless the store is closed; end must follow.
func (s *Store) begin() (context.Context, context.CancelFunc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	s.wg.Add(1)
	ctx, cancel := context.WithCancel(s.ctx)
	return ctx, cancel, nil
}

func (s *Store) end() { s.wg.Done() }

func (s *Store) now() time.Time { return s.cfg.Now() }

// Peek tells what is known of a document without asking the API: false if its
// size is not known, or if it is volatile and due to be asked about again.
func (s *Store) Peek(r Ref) (Info, bool) {
	rec := s.record(r)
	if rec == nil || !s.fresh(r, rec) {
		return Info{}, false
	}
	s.adopt(r, rec)
	return s.describe(r, rec), true
}

// Stat tells a document's size, and finds it out if need be.
func (s *Store) Stat(ctx context.Context, r Ref) (Info, error) {
	if info, ok := s.Peek(r); ok {
		return info, nil
	}
	b := s.acquire(r, false, nil)
	defer b.unref(false)
	info, err := b.waitSized(ctx)
	return info, s.short.handOut(r, err)
}

// acquire returns the body that serves r, with a reference to it.
func (s *Store) acquire(r Ref, reader bool, u *apiclient.Urgency) *body {
	if u == nil {
		u = apiclient.Background()
	}
	for {
		s.mu.Lock()
		b := s.active[r.key()]
		if b == nil {
			b = newBody(s, r, u)
			s.active[r.key()] = b
			s.bodies[b] = struct{}{}
		}
		s.mu.Unlock()
		b.mu.Lock()
		if b.serves(r, s.now()) {
			b.refs++
			if reader {
				b.readers++
				select {
				case b.wanted <- struct{}{}:
				default:
				}
			}
			b.mu.Unlock()
			return b
		}
		b.mu.Unlock()
		s.forget(b)
	}
}

// forget takes b out of the way of those who ask next; handles keep it.
func (s *Store) forget(b *body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[b.ref.key()] == b {
		delete(s.active, b.ref.key())
	}
}

// held returns the bodies that are not gone.
func (s *Store) held() []*body {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.bodies))
}

// bury forgets a body that is gone.
func (s *Store) bury(b *body) {
	s.forget(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.bodies, b)
}

// index returns a contract's index, loading it at its first use.
func (s *Store) index(contract string) *index {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.indexes[contract]
	if x == nil {
		x = openIndex(s.disk.indexPath(contract), s.log, s.now)
		s.indexes[contract] = x
	}
	return x
}

func (s *Store) record(r Ref) *record { return s.index(r.ContractID).get(r.DocumentID) }

// AskAgain makes the store ask the API once more for what it had before this moment,
// when it is wanted, also where nothing tells that it changed: a call for each
// document, and its bytes where the API takes no conditions. Without effect offline.
func (s *Store) AskAgain() {
	if !s.cfg.Offline {
		s.since.Store(s.now().UnixNano())
	}
}

// fresh says whether rec answers for r without asking the API.
func (s *Store) fresh(r Ref, rec *record) bool {
	return rec.covers(r.version(), s.now()) && (!r.Volatile || rec.valid(s.now(), s.cfg.PartialTTL)) && s.confirmed(rec)
}

// confirmed says whether rec is of after AskAgain, if that was called.
func (s *Store) confirmed(rec *record) bool {
	since := s.since.Load()
	return since == 0 || rec.checked(s.now()).UnixNano() >= since
}

// adopt writes down what else the listing says of a document whose record was made
// before that was noted, so that another document under its id is told from it.
func (s *Store) adopt(r Ref, rec *record) {
	if rec.Print != 0 || r.Print == 0 || rec.void || rec.UpdatedAt != r.UpdatedAt {
		return
	}
	known := *rec
	known.Print, known.Listed = r.Print, r.Listed.Round(0)
	s.remember(r, &known)
}

// final says whether the content of r cannot change under its version, as far as
// that is to be believed.
func (s *Store) final(r Ref) bool { return !r.Volatile && s.since.Load() == 0 }

// describe is rec as an Info for r.
func (s *Store) describe(r Ref, rec *record) Info {
	info := rec.info()
	if r.Volatile {
		info.Valid = rec.validUntil(s.cfg.PartialTTL)
	}
	return info
}

// remember makes rec the record of r's document, in memory and on disk, and returns
// what stands for it from now on.
func (s *Store) remember(r Ref, rec *record) *record {
	rec, err := s.index(r.ContractID).put(rec)
	if err != nil {
		s.diskTrouble("cannot remember sizes on disk; they will be asked for again after a restart", err)
	}
	return rec
}

// file makes one request, counting it.
func (s *Store) file(ctx context.Context, r apiclient.FileRequest) (*apiclient.File, error) {
	s.counters.requests.Add(1)
	f, err := s.api.File(ctx, r)
	if err != nil {
		s.counters.failures.Add(1)
	}
	return f, err
}

func (s *Store) newMemSpool() *memSpool { return &memSpool{budget: &s.memory} }

// newSpool makes a spool on disk, or in memory where the disk does not take it.
func (s *Store) newSpool() spool {
	f, err := s.disk.create()
	if err != nil {
		s.diskTrouble("cannot write to the cache; documents are kept in memory while they are read", err)
		return s.newMemSpool()
	}
	return &fileSpool{f: f, temp: f.Name()}
}

// keepsNothing tells that a document which is fetched now is not in the cache
// afterwards, most likely: there is none, or its disk took nothing a while ago.
func (s *Store) keepsNothing() bool {
	return s.cfg.CacheSize == 0 || s.now().Unix()-s.trouble.Load() < 2*60
}

// diskTrouble says what is wrong with the cache disk, once a minute at most.
func (s *Store) diskTrouble(what string, err error) {
	s.counters.diskErrors.Add(1)
	now := s.now().Unix()
	last := s.trouble.Load()
	if now-last >= 60 && s.trouble.CompareAndSwap(last, now) {
		s.log.Warn(what, "path", s.disk.dir, "error", err)
	}
}

// holdOff is for how long a failure is remembered before the document is asked
// for again: an answer about the document itself for longer each time, since
// repeating it costs the account, a passing trouble for a moment only.
func (s *Store) holdOff(err error, fails int) time.Duration {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed), errors.Is(err, ErrChanged):
		return 0
	case apiclient.Refused(err), errors.Is(err, apiclient.ErrNotFound), errors.Is(err, apiclient.ErrInvalid):
		return min(30*time.Second<<min(fails-1, 8), 10*time.Minute)
	case errors.Is(err, apiclient.ErrProtocol):
		return min(5*time.Second<<min(fails-1, 4), time.Minute)
	}
	return time.Second
}

// drop takes a body, and its blob, out of the cache; not one that another process
// has put in its place.
func (s *Store) drop(b *body) {
	s.forget(b)
	path := s.disk.blobPath(b.ref.key())
	mine, err := b.file.Stat()
	there, err2 := os.Lstat(path)
	if err == nil && err2 == nil && !os.SameFile(mine, there) {
		return
	}
	os.Remove(path)
	s.blobs.remove(path)
}
