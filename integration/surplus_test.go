//go:build linux

package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// TestSurplusBytesAreNotPrinted: what a server sends beyond the length that it
// announced may be the rest of a document, and is printed nowhere. (net/http gives
// it to the log of the process.)
func TestSurplusBytesAreNotPrinted(t *testing.T) {
	begin(t)
	const surplus = "4711;Maison Lumiere;847,35"
	sim := &apisim.Server{Account: sample()}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/file") {
			sim.ServeHTTP(w, r)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nday;total")
		time.Sleep(200 * time.Millisecond) // until the connection is idle
		fmt.Fprint(conn, surplus)
		conn.Read(make([]byte, 1)) // until it is closed
	}))
	t.Cleanup(web.Close)
	p := startBinary(t, web.URL, filepath.Join(t.TempDir(), "cache"), t.TempDir())
	if out, err := run(t, "cat", filepath.Join(p.dir, "OCB0001234", "CreditNote.txt")); err != nil || out != "day;total" {
		t.Errorf("read %q, %v", out, err)
	}
	time.Sleep(500 * time.Millisecond)
	if err := p.stop(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if strings.Contains(p.errors.String(), "4711") {
		t.Errorf("printed: %s", p.errors.String())
	}
}
