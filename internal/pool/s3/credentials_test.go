package s3_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/s3"
)

// signedBy is a store whose service notes which access key signed; it refuses those in refused.
func signedBy(t *testing.T, refused ...string) (s *s3.Store, last func() string) {
	t.Helper()
	var key atomic.Value
	key.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		id, _, _ := strings.Cut(rest, "/")
		key.Store(id)
		for _, r := range refused {
			if id == r {
				xmlError(w, 403, "InvalidAccessKeyId", "")
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return openAt(t, "s3://pool/p?endpoint="+server.URL, s3.Options{}), func() string { return key.Load().(string) }
}

func profiles(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", path)
}

const twoProfiles = "[default]\naws_access_key_id=ofdefault\naws_secret_access_key=s\n[other]\naws_access_key_id=ofother\naws_secret_access_key=s\n"

func TestCredentialsAreFound(t *testing.T) {
	role := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" { // STS
			fmt.Fprintf(w, "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ofpod</AccessKeyId>"+
				"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials>"+
				"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"AccessKeyId": "ofcontainer", "SecretAccessKey": "s", "Token": "t",
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}))
	t.Cleanup(role.Close)
	for name, test := range map[string]struct {
		set  func(t *testing.T)
		want string
	}{
		"environment": {func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "ofenvironment")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
			profiles(t, twoProfiles)
		}, "ofenvironment"},
		"half an environment": {func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "ofenvironment")
			profiles(t, twoProfiles)
		}, "ofdefault"},
		"profile": {func(t *testing.T) { profiles(t, twoProfiles) }, "ofdefault"},
		"another profile": {func(t *testing.T) {
			profiles(t, twoProfiles)
			t.Setenv("AWS_PROFILE", "other")
		}, "ofother"},
		"container": {func(t *testing.T) { t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.URL+"/creds") }, "ofcontainer"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			test.set(t)
			s, last := signedBy(t)
			if err := s.Remove(t.Context(), "d/1"); err != nil || last() != test.want {
				t.Errorf("signed by %q (%v), want %q", last(), err, test.want)
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	setenv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	profiles(t, "[default]\naws_secret_access_key geheim\n")
	s, last := signedBy(t)
	for what, err := range each(t, s) {
		if !errors.Is(err, pool.ErrRefused) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if last() != "" {
		t.Error("asked without credentials")
	}
}

// Where those who give credentials are away, it is not for want of a setting.
func TestCredentialsAreAway(t *testing.T) {
	setenv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/creds")
	s, _ := signedBy(t)
	if err := s.Remove(t.Context(), "d/1"); !errors.Is(err, pool.ErrAway) || errors.Is(err, pool.ErrRefused) {
		t.Errorf("removed: %v", err)
	}
}

// Who gives credentials and does not get on holds nobody for longer than they want to wait.
func TestCredentialsThatHang(t *testing.T) {
	setenv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", hanging.URL+"/creds")
	s, _ := signedBy(t)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), short/10)
		if err := s.Remove(ctx, "d/1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("removed: %v", err)
		}
		cancel()
	}
}
