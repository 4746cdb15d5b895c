// Package s3 keeps the objects of a pool in a bucket of S3, or of a service that speaks its
// protocol. It knows buckets, credentials and how such services fail, and not what the objects
// are.
//
// Every object is put with one request, whatever its size, up to 5 GiB: what a kill interrupts
// leaves nothing behind, which uploads in parts do. Requests bear a Content-MD5, which AWS,
// Ceph, Google, MinIO and versitygw all compare with what arrives, and which buckets with a
// default retention ask for.
package s3

import (
	"context"
	"crypto/md5" // what S3 compares
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ccsfs/internal/authorities"
	"ccsfs/internal/pool"
)

// Options are what an address does not tell. Zero durations are the defaults.
type Options struct {
	// Insecure lets requests go without TLS to another machine. What they bear can then be
	// read on the way; they are signed all the same.
	Insecure bool
	// CAFile is a PEM file of authorities that are trusted, too; "": none.
	CAFile string
	// Patience is how long the first byte of an answer to a read is waited for, connecting,
	// credentials and trying again included: 2 s.
	Patience time.Duration
	// Stall is how long an upload, a download or a list may stand still: 10 s. The answer to a
	// whole upload is waited for three times as long.
	Stall time.Duration
}

const (
	patience = 2 * time.Second
	stall    = 10 * time.Second
	// tries is how often a request is sent. The second time is for a connection that the
	// service has closed meanwhile, and for a hiccup; more is for whoever calls.
	tries = 2
	// connections are kept open.
	connections = 32
	// sizeMost is what S3 takes with one request, in bytes.
	sizeMost = 5 << 30
)

// Store is a [pool.Objects] in a bucket.
type Store struct {
	address   Address
	host      string
	region    string
	secure    bool
	options   Options
	core      minio.Core
	keys      *keyring
	transport *http.Transport
	clock     *clock
	closed    atomic.Bool
}

var _ pool.Objects = (*Store)(nil)

// Open prepares the use of a bucket; it does not ask for it. The error Is [pool.ErrRefused] for
// an address that must not be used.
func Open(address Address, options Options) (*Store, error) {
	if options.Patience == 0 {
		options.Patience = patience
	}
	if options.Stall == 0 {
		options.Stall = stall
	}
	host, secure := address.service()
	if !secure && !options.Insecure && !local(host) {
		return nil, fmt.Errorf("%w: %s is another machine, and documents do not go there without TLS; "+
			"write endpoint=https://%s in the address, or allow it", pool.ErrRefused, host, host)
	}
	roots, err := trusted(options.CAFile)
	if err != nil {
		return nil, err
	}
	transport := newTransport(roots, options.Patience)
	s := &Store{address: address, host: host, region: address.region(), secure: secure, options: options,
		keys: newKeyring(transport), transport: transport, clock: &clock{next: transport}}
	lookup := minio.BucketLookupAuto
	if address.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(host, &minio.Options{
		Creds: credentials.New(s.keys), Secure: secure, Transport: s.clock, Region: s.region,
		BucketLookup: lookup, MaxRetries: tries,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be a service of S3: %w", pool.ErrRefused, host, err)
	}
	s.core = minio.Core{Client: client}
	return s, nil
}

func newTransport(roots *x509.CertPool, patience time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: patience, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: patience,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     30 * time.Second, // less than services close them after
		DisableCompression:  true,             // sizes are those of what lies there
	}
}

// trusted are those that may sign certificates: the system's, those of the file that
// AWS_CA_BUNDLE names, as AWS tools take it, and those of caFile; nil: the system's
// alone.
func trusted(caFile string) (roots *x509.CertPool, err error) {
	for _, file := range []struct{ from, path string }{{"AWS_CA_BUNDLE", os.Getenv("AWS_CA_BUNDLE")}, {"ca-file", caFile}} {
		if file.path == "" {
			continue
		}
		if roots, err = authorities.Beside(roots, file.path); err != nil {
			return nil, fmt.Errorf("%w: %s, %s: %w", pool.ErrRefused, file.from, file.path, err)
		}
	}
	return roots, nil
}

// Close ends what is in the background. Bodies that are open can be read on.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.keys.close()
	s.transport.CloseIdleConnections()
	return nil
}

// admit tells whether a request may be made at all.
func (s *Store) admit(ctx context.Context, name string) error {
	if s.closed.Load() {
		return fmt.Errorf("the bucket: %w", fs.ErrClosed)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return pool.CheckName(name)
}

// key is the name of an object in the bucket.
func (s *Store) key(name string) string {
	if s.address.Prefix == "" {
		return name
	}
	return s.address.Prefix + "/" + name
}

// Get implements [pool.Objects]. The context is of the body, too.
func (s *Store) Get(ctx context.Context, name string) (pool.Object, error) {
	if err := s.admit(ctx, name); err != nil {
		return pool.Object{}, err
	}
	doing := "read " + name
	ctx, w := newWatch(ctx, s.options.Patience, errSilent)
	fail := func(err error) error {
		return s.failure(ctx, doing, "s3:GetObject, and s3:ListBucket, "+
			"without which what is not there is refused, too", err)
	}
	if err := s.keys.ready(ctx); err != nil {
		defer w.end()
		return pool.Object{}, fail(err)
	}
	body, info, _, err := s.core.GetObject(ctx, s.address.Bucket, s.key(name), minio.GetObjectOptions{})
	if err != nil {
		defer w.end()
		return pool.Object{}, fail(err)
	}
	w.rest()
	if info.Size < 0 {
		defer w.end()
		body.Close()
		return pool.Object{}, fail(errors.New("it does not say how large the object is"))
	}
	stalled := func(err error) error {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errStill
			return fmt.Errorf("%s at %s: %w: %w", doing, s.host, pool.ErrAway, err)
		}
		return fail(err)
	}
	return pool.Object{Body: &download{body: body, w: w, stall: s.options.Stall, left: info.Size, fail: stalled}, Size: info.Size}, nil
}

// Put implements [pool.Objects]. It takes as long as it gets on.
func (s *Store) Put(ctx context.Context, name string, body io.ReaderAt, size int64) error {
	if err := s.admit(ctx, name); err != nil {
		return err
	}
	doing := "write " + name
	if size < 0 || size > sizeMost {
		return fmt.Errorf("%s: %w: %d bytes; S3 takes 0 to %d at once", doing, pool.ErrRefused, size, int64(sizeMost))
	}
	ctx, w := newWatch(ctx, s.options.Stall, errStill)
	defer w.end()
	u := &upload{w: w, stall: s.options.Stall, size: size, body: body}
	err := s.keys.ready(ctx)
	var info minio.UploadInfo
	if err == nil {
		info, err = s.put(ctx, s.key(name), u, size)
	}
	if failed := u.end(); failed != nil && err != nil {
		return fmt.Errorf("%s: %w", doing, failed)
	}
	if err == nil && info.ETag == "" {
		err = minio.ErrorResponse{StatusCode: http.StatusOK, Code: "NoETag", Message: "no ETag in the answer"}
	}
	if err != nil {
		return s.failure(ctx, doing, "s3:PutObject", err)
	}
	return nil
}

// put sends an object. Its SHA-256 is part of the signature where TLS does not keep it from
// being changed on the way; signatures in pieces (aws-chunked), which minio-go makes otherwise,
// are not taken by all services.
func (s *Store) put(ctx context.Context, key string, u *upload, size int64) (minio.UploadInfo, error) {
	sum, whole := md5.New(), sha256.New()
	var to io.Writer = sum
	if !s.secure {
		to = io.MultiWriter(sum, whole)
	}
	if _, err := io.Copy(to, io.NewSectionReader(u, 0, size)); err != nil {
		return minio.UploadInfo{}, err
	}
	signed := ""
	if !s.secure {
		signed = hex.EncodeToString(whole.Sum(nil))
	}
	return s.core.PutObject(ctx, s.address.Bucket, key, io.NewSectionReader(u, 0, size), size,
		base64.StdEncoding.EncodeToString(sum.Sum(nil)), signed, minio.PutObjectOptions{DisableContentSha256: true})
}

// Remove implements [pool.Objects].
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := s.admit(ctx, name); err != nil {
		return err
	}
	ctx, w := newWatch(ctx, s.options.Stall, errSilent)
	defer w.end()
	err := s.keys.ready(ctx)
	if err == nil {
		err = s.core.Client.RemoveObject(ctx, s.address.Bucket, s.key(name), minio.RemoveObjectOptions{})
	}
	if err != nil {
		err = s.failure(ctx, "remove "+name, "s3:DeleteObject", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements [pool.Objects]. It asks for 1,000 at a time, and leaves out what no pool puts.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return func(yield func(pool.ObjectInfo, error) bool) {
		if err := s.admit(ctx, "list"); err != nil {
			yield(pool.ObjectInfo{}, err)
			return
		}
		ctx, w := newWatch(ctx, s.options.Stall, errSilent)
		defer w.end()
		fail := func(err error) { yield(pool.ObjectInfo{}, s.failure(ctx, "list "+prefix+"…", "s3:ListBucket", err)) }
		if err := s.keys.ready(ctx); err != nil {
			fail(err)
			return
		}
		owner, last := false, "/" // no name begins with it
		for info := range s.core.ListObjectsIter(ctx, s.address.Bucket,
			minio.ListObjectsOptions{Prefix: s.key("") + prefix, Recursive: true, FetchOwner: &owner}) {
			w.rest()
			if info.Err != nil {
				fail(info.Err)
				return
			}
			name := strings.TrimPrefix(info.Key, s.key(""))
			if last != "/" && name <= last {
				// S3 sorts (API reference, ListObjectsV2); one that does not may never end.
				fail(fmt.Errorf("%w: it lists %s after %s; a service must list by name", pool.ErrRefused, name, last))
				return
			}
			last = name
			if pool.CheckName(name) == nil && !yield(pool.ObjectInfo{Name: name, Size: info.Size, Modified: info.LastModified}, nil) {
				return
			}
			w.arm(s.options.Stall)
		}
		if ctx.Err() != nil { // the iterator ends without a word
			fail(context.Cause(ctx))
		}
	}
}
