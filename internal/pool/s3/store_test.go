package s3_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/pooltest"
	"ccsfs/internal/pool/s3"
	"ccsfs/internal/pool/s3/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setenv gives credentials, and nothing that would lead to others.
func setenv(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": s3test.AccessKey, "AWS_SECRET_ACCESS_KEY": s3test.SecretKey, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/none", "AWS_CONFIG_FILE": t.TempDir() + "/none", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(name, value)
	}
}

func openAt(t *testing.T, address string, options s3.Options) *s3.Store {
	t.Helper()
	a, err := s3.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3.Open(a, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fake is a service in this process, and the address of a bucket of it.
func fake(t *testing.T) (address string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("pool"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return "s3://pool/some/prefix?endpoint=" + server.URL
}

func TestObjectsInMemory(t *testing.T) {
	setenv(t)
	address := fake(t)
	pooltest.RunObjects(t, func(t *testing.T) pool.Objects { return openAt(t, address, s3.Options{}) })
}

func TestObjectsOfVersitygw(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv()
	pooltest.RunObjects(t, func(t *testing.T) pool.Objects { return openAt(t, server.Address, s3.Options{}) })
}

// Services that are slower than any that is used are waited for, as this machine may be busy.
func TestObjectsOfOthers(t *testing.T) {
	for _, program := range s3test.Others() {
		t.Run(program, func(t *testing.T) {
			setenv(t)
			address := s3test.StartOther(t, program)
			patient := s3.Options{Patience: time.Minute, Stall: time.Minute}
			pooltest.RunObjects(t, func(t *testing.T) pool.Objects { return openAt(t, address, patient) })
			for _, f := range openAt(t, address, patient).Check(t.Context()) {
				if f.Err != nil || f.Doubt || f.Says == "" {
					t.Errorf("%s: %q (%v)", f.About, f.Says, f.Err)
				}
			}
		})
	}
}
