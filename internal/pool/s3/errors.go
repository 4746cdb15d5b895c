package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"

	"github.com/minio/minio-go/v7"

	"ccsfs/internal/pool"
)

// failure is an error of a request as the pool knows them: it wraps fs.ErrNotExist,
// [pool.ErrAway] or [pool.ErrRefused], or is that of the caller's context. permission is what
// AWS calls the right to do it.
func (s *Store) failure(ctx context.Context, doing, permission string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errSilent) || errors.Is(cause, errStill) {
			return fmt.Errorf("%s at %s: %w: %w", doing, s.host, pool.ErrAway, cause)
		}
		return fmt.Errorf("%s: %w", doing, cause)
	}
	var resp minio.ErrorResponse
	switch {
	case errors.Is(err, pool.ErrAway), errors.Is(err, pool.ErrRefused): // of credentials
		return fmt.Errorf("%s: %w", doing, err)
	case untrusted(err) != "":
		return fmt.Errorf("%s at %s: %w (%w): %s", doing, s.host, pool.ErrRefused, err, untrusted(err))
	case !errors.As(err, &resp):
		return fmt.Errorf("%s at %s: %w: %w", doing, s.host, pool.ErrAway, err)
	case resp.Code == minio.NoSuchKey && resp.XMLName.Local == "Error":
		return fmt.Errorf("%s: %w", doing, fs.ErrNotExist)
	}
	s.keys.doubt(resp.Code)
	if advice := s.advice(resp, permission); advice != "" {
		return fmt.Errorf("%s at %s: %w (%s): %s", doing, s.host, pool.ErrRefused, said(resp), advice)
	}
	return fmt.Errorf("%s at %s: %w: %s", doing, s.host, pool.ErrAway, said(resp))
}

// untrusted is what to do about a service that does not prove who it is; "" for another error.
func untrusted(err error) string {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		remote  *net.OpError // crypto/tls has no type of its own for what the other side says
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by nobody that is trusted; name a file of who signed it in AWS_CA_BUNDLE or ca-file"
	case errors.As(err, &name):
		return "its certificate is for another name; correct the endpoint in the address, or have a certificate made for this one"
	case errors.As(err, &verify):
		return "its certificate is not valid"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS; write http:// for one on this machine, or correct the endpoint in the address"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "it refuses TLS as we speak it, which is version 1.2 or 1.3, without a certificate of ours"
	}
	return ""
}

// said is what the service answered, in short: its own text may be a page of HTML.
func said(resp minio.ErrorResponse) string {
	const most = 200
	text := resp.Message
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%d %s: %q", resp.StatusCode, resp.Code, text)
}

// advice is what to do about an answer that stays the same until somebody does something; ""
// for one that may pass.
func (s *Store) advice(resp minio.ErrorResponse, permission string) string {
	switch resp.Code {
	case "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", minio.InternalError:
		if resp.XMLName.Local == "Error" {
			return ""
		}
	case minio.NoSuchBucket:
		return fmt.Sprintf("there is no bucket %s; make it, or correct the address", s.address.Bucket)
	case minio.InvalidAccessKeyID, "InvalidToken", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId":
		return "it does not know the access key, or not any more; " + credentialsHint
	case minio.SignatureDoesNotMatch:
		return "the secret key does not belong to the access key, or a proxy changes requests on their way; " + credentialsHint
	case minio.RequestTimeTooSkewed, "RequestExpired":
		return "the clock of this machine, or that of the service, is wrong by more than it allows; let NTP set them"
	case minio.AuthorizationHeaderMalformed, minio.InvalidRegion, "PermanentRedirect", "TemporaryRedirect", "Redirect", "IllegalLocationConstraintException":
		return s.elsewhere(resp)
	case "InvalidObjectState":
		return "the object was moved to an archive; end the lifecycle rule of the bucket that does so"
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage":
		return "its storage, or what we may have of it, is full; make room"
	}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Sprintf("the access key may not do that in bucket %s; it needs %s", s.address.Bucket, permission)
	case code >= 300 && code < 400:
		return s.elsewhere(resp)
	case code == http.StatusInsufficientStorage:
		return "its storage, or what we may have of it, is full; make room"
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code == 499, code >= 500 && code != http.StatusNotImplemented:
		return ""
	case resp.XMLName.Local != "Error":
		return "this is not how S3 answers; correct the endpoint in the address"
	}
	return "the request is not one that it takes; correct endpoint, region and path-style in the address"
}

const credentialsHint = "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile, or the role"

// elsewhere is of a bucket that another region or host has. Nobody is followed there: requests
// are signed for one host.
func (s *Store) elsewhere(resp minio.ErrorResponse) string {
	if resp.Region != "" && resp.Region != s.region {
		return fmt.Sprintf("the bucket is in region %s; add region=%s to the address", resp.Region, resp.Region)
	}
	return "the bucket is somewhere else; correct endpoint and region in the address"
}
