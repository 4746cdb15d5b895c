// Package cmdtest is what tests of several commands share.
package cmdtest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
)

// Environment is one without signals, variables or files.
func Environment(t testing.TB) (cmdutil.Environment, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	dir := t.TempDir()
	return cmdutil.Environment{
		Printed: &atomic.Int64{},
		Stdin:   strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Vars: map[string]string{}, Version: "test", Now: time.Now, Stopped: &atomic.Int32{},
		Dirs:   cmdutil.Directories{Work: dir, Home: dir, Temp: dir, Config: dir, Cache: dir, State: dir},
		Notify: func(...os.Signal) (<-chan os.Signal, func()) { return make(chan os.Signal), func() {} },
	}, &stdout, &stderr
}

// Patience bounds waits for things that take milliseconds; it only decides how
// long a failing test takes.
const Patience = 30 * time.Second

// Secrets are the credentials of the simulated API, the parts of the key
// that a cut log line might still show, and what a careless print would make
// of a Secret.
func Secrets() []string {
	return []string{apisim.ClientSecret, apisim.APIKey[:40], apisim.APIKey[len(apisim.APIKey)-40:],
		fmt.Sprintf("%x", apisim.ClientSecret), fmt.Sprintf("%d", []byte(apisim.ClientSecret))}
}

// AsContent makes a Content of something simpler.
func AsContent(f func(version int) *strings.Reader) apisim.Content {
	return func(version int) (io.ReadSeeker, error) { return f(version), nil }
}
