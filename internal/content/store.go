package content

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/blobstore/disk"
	"ccsfs/internal/content/blobstore/memory"
	"ccsfs/internal/content/index"
	"ccsfs/internal/lease"
	"ccsfs/internal/pool"
)

// API is what the store needs of the client.
type API interface {
	File(ctx context.Context, r apiclient.FileRequest) (*apiclient.File, error)
}

// Config of a store.
type Config struct {
	Dir           string          // cache directory, made with mode 0700
	Blobs         blobstore.Store // where documents are kept, and closed with the store; nil: on disk, in Dir
	CacheSize     int64           // bytes of blobs to keep; 0: none
	PrefetchLimit int64           // bytes up to which a body is kept when only its size was asked for
	StreamAbove   int64           // bytes above which a document is read while it comes; see File.Begin
	PartialTTL    time.Duration   // how long volatile content is taken for unchanged
	Connections   int             // requests the client makes at once
	Pool          *pool.Pool      // the machines that share the account; nil: this one alone. Not closed with the store
	Offline       bool            // never ask the API
	Afresh        bool            // ask also for what is remembered from before as not to be had
	Credentials   func() string   // names those that the API is asked with by now, without telling them; see failure
	Logger        *slog.Logger    // nil: discard
	Now           func() time.Time
}

// DefaultConfig gives the defaults of the command line, without a directory.
func DefaultConfig() Config {
	return Config{CacheSize: 10 << 30, PrefetchLimit: 4 << 20, StreamAbove: 64 << 20, PartialTTL: time.Hour, Connections: 16}
}

// ErrClosed is what a closed store answers.
var ErrClosed = errors.New("content store closed")

// Store gives sizes and bytes of documents. Its methods may be called concurrently.
type Store struct {
	cfg     Config
	api     API
	log     *slog.Logger
	blobs   blobstore.Store
	indexes *index.Dir
	leases  *lease.Table // who asks for which document, among the processes that share the directory
	born    time.Time
	// waitMost is how long another process is waited for, the constant of that name.
	waitMost  time.Duration
	lingering lingering
	peers     peers
	ahead     chan struct{} // a token for each document being fetched ahead
	memory    memory.Budget // for spools where the blobs take none
	buffers   sync.Pool
	trouble   atomic.Int64 // unix time of the last word on disk trouble
	zips      atomic.Bool  // the API sends ZIP archives, and documents if it is asked for them in so many words
	silence   atomic.Int64 // unix nanoseconds until which the API counts as silent
	since     atomic.Int64 // unix nanoseconds; what was confirmed before is asked for again
	forgiven  atomic.Int64 // unix nanoseconds; what could not be had before is asked for again

	poolIndexes poolIndexes
	giving      giving

	counters counters

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	short shortfalls

	mu        sync.Mutex
	closed    bool
	active    map[key]*download
	downloads map[*download]struct{} // all that are not gone, also those that handles alone still have
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
	indexes := index.NewDir(filepath.Join(cfg.Dir, "index"), cfg.Logger, cfg.Now)
	if err := indexes.Make(); err != nil && !disk.Unwritable(err) {
		return nil, fmt.Errorf("content cache: %w", err)
	}
	if cfg.Blobs == nil {
		blobs, err := disk.Open(cfg.Dir, cfg.CacheSize, cfg.Logger)
		if err != nil {
			return nil, fmt.Errorf("content cache: %w", err)
		}
		cfg.Blobs = blobs
	}
	s := &Store{
		cfg: cfg, api: api, log: cfg.Logger, blobs: cfg.Blobs, indexes: indexes, born: cfg.Now(), waitMost: waitMost,
		leases:    lease.Open(filepath.Join(cfg.Dir, "leases")),
		lingering: lingering{limit: max(cfg.Connections/2, 1), ahead: cfg.Connections / 4},
		ahead:     make(chan struct{}, aheadPerConnection*cfg.Connections),
		active:    make(map[key]*download), downloads: make(map[*download]struct{}),
	}
	s.memory.Add(memBudget)
	s.buffers.New = func() any { b := make([]byte, chunkLen); return &b }
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.giving.owed = make(map[blobstore.Key]Ref)
	s.giving.ctx, s.giving.cancel = context.WithCancel(context.Background())
	return s, nil
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
	if s.lookInPool(ctx, r.ContractID) {
		if info, ok := s.Peek(r); ok {
			return info, nil
		}
	}
	d := s.acquire(r, false, nil)
	defer d.unref(false)
	info, err := d.waitSized(ctx)
	return info, s.short.handOut(r, err)
}

// Learnt is what somebody else knows of a content, who has seen it whole.
type Learnt struct {
	Ref
	Size   int64  // bytes
	SHA256 string // hex, "" if only the size is known
}

// Learn takes in what somebody else knows of documents of one contract. What is known here
// already stays, and so does what may change without a word.
func (s *Store) Learn(all []Learnt) {
	if s.isClosed() {
		return
	}
	var news []*index.Record
	for _, l := range all {
		if l.Volatile || l.Size <= 0 || l.SHA256 != "" && !index.IsHash(l.SHA256) {
			continue
		}
		if rec := s.record(l.Ref); rec != nil && rec.Covers(l.version(), s.now()) {
			continue
		}
		news = append(news, &index.Record{
			ID: l.DocumentID, UpdatedAt: l.UpdatedAt, Fingerprint: l.Fingerprint, Listed: l.Listed.Round(0), Size: l.Size, SHA256: l.SHA256,
			Changed: s.now(), Checked: s.now(), Final: s.final(l.Ref),
		})
	}
	if len(news) == 0 {
		return
	}
	if err := s.indexes.Of(all[0].ContractID).PutAll(news); err != nil {
		s.diskTrouble("cannot remember sizes on disk; they will be asked for again after a restart", err)
	}
}

// acquire returns the download that serves r, with a reference to it.
func (s *Store) acquire(r Ref, reader bool, u *apiclient.Priority) *download {
	if u == nil {
		u = apiclient.LowPriority()
	}
	for {
		s.mu.Lock()
		d := s.active[r.key()]
		if d == nil {
			d = newDownload(s, r, u)
			s.active[r.key()] = d
			s.downloads[d] = struct{}{}
		}
		s.mu.Unlock()
		d.mu.Lock()
		if d.serves(r, s.now()) {
			d.refs++
			if reader {
				d.readers++
				select {
				case d.wanted <- struct{}{}:
				default:
				}
			}
			d.mu.Unlock()
			return d
		}
		d.mu.Unlock()
		s.forget(d)
	}
}

// forget takes b out of the way of those who ask next; handles keep it.
func (s *Store) forget(d *download) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[d.ref.key()] == d {
		delete(s.active, d.ref.key())
	}
}

// held returns the downloads that are not gone.
func (s *Store) held() []*download {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.downloads))
}

// bury forgets a download that is gone.
func (s *Store) bury(d *download) {
	s.forget(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.downloads, d)
}

func (s *Store) record(r Ref) *index.Record { return s.indexes.Of(r.ContractID).Get(r.DocumentID) }

// infoOf is a record as an Info.
func infoOf(r *index.Record) Info {
	return Info{Size: r.Size, SHA256: r.SHA256, Changed: r.Changed, Seen: r.FirstSeen(), Generation: r.Generation}
}

// describe is rec as an Info for r.
func (s *Store) describe(r Ref, rec *index.Record) Info {
	info := infoOf(rec)
	if r.Volatile {
		info.Valid = rec.ValidUntil(s.cfg.PartialTTL)
	}
	return info
}

// remember makes rec the record of r's document, in memory and on disk, and returns
// what stands for it from now on.
func (s *Store) remember(r Ref, rec *index.Record) *index.Record {
	rec, err := s.indexes.Of(r.ContractID).Put(rec)
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

// streamAbove is the size above which a document is read while it comes, in bytes.
func (s *Store) streamAbove() int64 { return max(s.cfg.StreamAbove, s.cfg.PrefetchLimit) }

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
		s.log.Warn(what, "path", s.cfg.Dir, "error", err)
	}
}
