package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ccsfs/internal/pool"
)

// Bounds of the search for credentials.
const (
	// metadataPatience is how long the metadata service of a machine in EC2, which is on the
	// same host, is waited for, twice; elsewhere nothing answers at its address.
	metadataPatience = 500 * time.Millisecond
	// remotePatience is how long what gives credentials for a role is waited for.
	remotePatience = 2 * time.Second
	// forgetAfter is how long credentials that could not be had are not looked for again.
	forgetAfter = 15 * time.Second
)

// keyring has the credentials that requests are signed with. They are looked for beside the
// requests, each of which waits as long as its own context lets it; minio-go asks the keyring
// for what it has.
type keyring struct {
	sources []source
	cancel  context.CancelFunc
	life    context.Context
	wg      sync.WaitGroup

	mu      sync.Mutex
	value   credentials.Value
	have    bool      // value is there, whether or not it is still good
	due     time.Time // when value is looked for again; zero: never
	found   time.Time // when value was found
	doubted bool
	served  bool          // minio-go has it
	looking chan struct{} // closed when a search ends; nil: there is none
	err     error         // of the last search
	failed  time.Time     // when that was
}

// source is somewhere that credentials may be.
type source struct {
	name     string
	provider credentials.Provider
	client   *http.Client // of those that ask somebody
	remote   bool         // it was chosen, and answers unless it is away
}

// newKeyring looks where AWS tools do, in their order: environment, the token of a pod, files
// with profiles, container, machine.
func newKeyring(transport *http.Transport) *keyring {
	remote := &http.Client{Transport: transport, Timeout: remotePatience}
	sources := []source{{name: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", provider: &credentials.EnvAWS{}}}
	pod := source{name: "AWS_WEB_IDENTITY_TOKEN_FILE", provider: &credentials.IAM{Client: remote}, client: remote, remote: true}
	container := source{name: "AWS_CONTAINER_CREDENTIALS_…", provider: &credentials.IAM{Client: remote}, client: remote, remote: true}
	if os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" {
		sources = append(sources, pod)
	}
	sources = append(sources, source{name: "the files of profiles", provider: &credentials.FileAWSCredentials{}, client: remote})
	switch {
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		sources = append(sources, container)
	case !strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		sources = append(sources, metadata())
	}
	life, cancel := context.WithCancel(context.Background())
	return &keyring{sources: sources, life: life, cancel: cancel}
}

// metadata asks the machine itself, never through a proxy.
func metadata() source {
	client := &http.Client{Timeout: metadataPatience, Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: metadataPatience}).DialContext, DisableKeepAlives: true,
	}}
	return source{name: "the role of the machine", provider: &credentials.IAM{Client: client}, client: client}
}

func (k *keyring) close() {
	k.cancel()
	k.wg.Wait()
}

// ready waits until there are credentials, or until the context ends. The error Is
// [pool.ErrRefused] where there are none, and [pool.ErrAway] where those who give them cannot
// be asked.
func (k *keyring) ready(ctx context.Context) error {
	for {
		k.mu.Lock()
		switch {
		case k.good():
			k.mu.Unlock()
			return nil
		case k.looking == nil && k.err != nil && time.Since(k.failed) < forgetAfter:
			defer k.mu.Unlock()
			return k.err
		case k.looking == nil:
			k.looking = make(chan struct{})
			k.wg.Go(k.look)
		}
		done := k.looking
		k.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// good tells whether what is there need not be looked for. k.mu is held.
func (k *keyring) good() bool {
	now := time.Now()
	switch {
	case !k.have || k.doubted:
		return false
	case k.due.IsZero() || now.Before(k.due):
		return true
	}
	// What is due and could not be had again is good until it ends.
	return k.err != nil && now.Sub(k.failed) < forgetAfter && now.Before(k.value.Expiration)
}

func (k *keyring) look() {
	value, err := k.search()
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.err, k.failed = err, now
	if err == nil {
		k.value, k.have, k.found, k.served, k.doubted = value, true, now, false, false
		k.due = time.Time{}
		if end := value.Expiration; !end.IsZero() {
			k.due = now.Add(end.Sub(now) * 4 / 5)
		}
	}
	close(k.looking)
	k.looking = nil
}

func (k *keyring) search() (credentials.Value, error) {
	var tried []string
	kind := pool.ErrRefused
	for _, s := range k.sources {
		value, err := s.provider.RetrieveWithCredContext(&credentials.CredContext{Client: s.client, Context: k.life})
		if err == nil && value.AccessKeyID != "" && value.SecretAccessKey != "" {
			return value, nil
		}
		tried = append(tried, s.name+": "+why(err))
		var asked *url.Error
		if s.remote && errors.As(err, &asked) {
			kind = pool.ErrAway
		}
	}
	return credentials.Value{}, fmt.Errorf("%w: no credentials for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "+
		"or AWS_PROFILE, or give the machine a role (%s)", kind, strings.Join(tried, "; "))
}

// why tells why a source has nothing. The errors of a file of profiles may have its lines in them.
func why(err error) string {
	var file *fs.PathError
	var asked *url.Error
	switch {
	case err == nil:
		return "not set"
	case errors.As(err, &file):
		return file.Error()
	case errors.As(err, &asked):
		return asked.Err.Error()
	}
	return "it cannot be used"
}

// doubt is told the code of an answer: credentials that are refused are looked for again, since
// files and roles change.
func (k *keyring) doubt(code string) {
	switch code {
	case minio.InvalidAccessKeyID, minio.SignatureDoesNotMatch, "ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidClientTokenId":
		k.mu.Lock()
		defer k.mu.Unlock()
		if time.Since(k.found) > forgetAfter {
			k.doubted, k.err = true, nil
		}
	}
}

// RetrieveWithCredContext implements credentials.Provider.
func (k *keyring) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.have {
		return credentials.Value{}, errors.New("no credentials yet")
	}
	k.served = true
	return k.value, nil
}

// Retrieve implements credentials.Provider.
func (k *keyring) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider.
func (k *keyring) IsExpired() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.served
}
