package s3

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"

	"ccsfs/internal/pool"
)

// Address is where a bucket is.
type Address struct {
	Bucket string
	// Prefix begins the names of all objects, without slashes at its ends; "": none.
	Prefix string
	// Endpoint is the URL of the service, http or https, a host, and perhaps a port; "": that
	// of AWS.
	Endpoint string
	Region   string // "": what AWS_REGION or AWS_DEFAULT_REGION say, or us-east-1
	// PathStyle asks for ENDPOINT/BUCKET instead of BUCKET.ENDPOINT. Where the endpoint is not
	// one of AWS or Google that is so anyway.
	PathStyle bool
}

// Scheme begins an address.
const Scheme = "s3://"

// errSecretInAddress is of what looks like a credential, which is not shown.
var errSecretInAddress = errors.New("no credentials belong into the address of a bucket: they are taken from " +
	"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from a profile (AWS_PROFILE), or from the role of the machine")

// ParseAddress reads s3://BUCKET[/PREFIX][?endpoint=URL&region=REGION&path-style=1]. Nothing of
// what could be a secret is in its errors.
func ParseAddress(text string) (Address, error) {
	if !strings.HasPrefix(text, Scheme) {
		return Address{}, fmt.Errorf("the address of a bucket begins with %s", Scheme)
	}
	u, err := url.Parse(text)
	switch {
	case strings.Contains(strings.SplitN(strings.TrimPrefix(text, Scheme), "/", 2)[0], "@"):
		return Address{}, errSecretInAddress
	case err != nil: // its text has the address in it
		return Address{}, errors.New("this is no address of a bucket; one is s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return Address{}, errors.New("the address of a bucket has no part behind #")
	case u.Port() != "" || strings.Contains(u.Host, ":"):
		return Address{}, errors.New("a bucket has no port; the service is told as s3://BUCKET?endpoint=https://HOST:PORT")
	}
	a := Address{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if err := s3utils.CheckValidBucketNameStrict(a.Bucket); err != nil {
		return Address{}, fmt.Errorf("%q cannot be the name of a bucket: %w", a.Bucket, err)
	}
	if a.Prefix != "" {
		if err := pool.CheckName(a.Prefix); err != nil {
			return Address{}, fmt.Errorf("the part behind the bucket: %w", err)
		}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errors.New("what follows ? in the address of a bucket cannot be read; & separates what it has")
	}
	return a, a.set(q)
}

// set takes what follows the question mark.
func (a *Address) set(q url.Values) error {
	for key, values := range q {
		value := values[len(values)-1]
		switch key {
		case "endpoint":
			if err := checkEndpoint(value); err != nil {
				return err
			}
			a.Endpoint = strings.TrimSuffix(value, "/")
		case "region":
			if value == "" || strings.Trim(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(value) > 64 {
				return errors.New("a region has small letters, digits and - alone, such as eu-west-3")
			}
			a.Region = value
		case "path-style":
			if value != "1" && value != "0" {
				return errors.New("path-style is 1 or 0")
			}
			a.PathStyle = value == "1"
		default:
			if looksSecret(key) {
				return errSecretInAddress
			}
			return errors.New("in the address of a bucket endpoint, region and path-style may follow ?, and nothing else")
		}
		if len(values) > 1 {
			return fmt.Errorf("%s is there twice in the address of a bucket", key)
		}
	}
	return nil
}

func looksSecret(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"key", "secret", "token", "pass", "cred", "user", "signature"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" && u.Opaque != "" || u.Scheme == "":
		return errors.New("an endpoint is a URL such as https://s3.example.com:9000")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("an endpoint begins with https://, or http:// on this machine")
	case u.User != nil || strings.Contains(text, "@"):
		return errSecretInAddress
	case u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return errors.New("an endpoint has a host, as in https://s3.example.com")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return errors.New("an endpoint has nothing behind its host and port; the bucket stands before, as in s3://BUCKET?endpoint=https://HOST")
	}
	return nil
}

// String is the address as ParseAddress reads it.
func (a Address) String() string {
	u := url.URL{Scheme: "s3", Host: a.Bucket}
	if a.Prefix != "" {
		u.Path = "/" + a.Prefix
	}
	q := make(url.Values)
	if a.Endpoint != "" {
		q.Set("endpoint", a.Endpoint)
	}
	if a.Region != "" {
		q.Set("region", a.Region)
	}
	if a.PathStyle {
		q.Set("path-style", "1")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// service is the host that is asked, and whether with TLS.
func (a Address) service() (host string, secure bool) {
	if a.Endpoint == "" {
		return "s3.amazonaws.com", true
	}
	u, err := url.Parse(a.Endpoint)
	if err != nil {
		return "", true
	}
	return u.Host, u.Scheme == "https"
}

// region is the one that requests are signed for.
func (a Address) region() string {
	for _, region := range []string{a.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region
		}
	}
	return "us-east-1"
}

// local tells whether a host is this machine.
func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
