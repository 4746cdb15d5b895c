package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/daemon/control/peer"
)

// statusWait bounds how long a process may take to tell its state: it waits
// for neither network nor disk, so one that takes longer hangs.
const statusWait = 5 * time.Second

// SilentError says that the process that serves a mount stands still. It Is
// context.DeadlineExceeded.
type SilentError struct{ PID int } // 0: not known

// Error implements error.
func (e *SilentError) Error() string {
	who := "the process that serves the mount"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d, which serves the mount,", e.PID)
	}
	return who + " does not answer"
}

// Is makes it context.DeadlineExceeded.
func (e *SilentError) Is(target error) bool { return target == context.DeadlineExceeded }

// Client talks to the process that serves a mount.
type Client struct {
	path string
	pid  int // of who listens there, 0: not known
	http *http.Client
}

// Connect finds the process that serves the mount at mountpoint, resolved as
// the table of mounts has it. If there is none the error Is ErrNotRunning;
// if it is another user's it also Is fs.ErrPermission.
func Connect(ctx context.Context, places Places, mountpoint string) (*Client, error) {
	why := errors.New("it has no control socket")
	for _, path := range places.find(mountpoint) {
		c := newClient(path)
		err := c.ping(ctx)
		if err == nil {
			return c, nil
		}
		why = err
	}
	return nil, notRunning(mountpoint, why)
}

// ConnectAll finds all processes of the user that serve mounts. Sockets that
// dead ones left are removed.
func ConnectAll(ctx context.Context, places Places) []*Client {
	var all []*Client
	for _, path := range places.all() {
		c := newClient(path)
		switch err := c.ping(ctx); {
		case err == nil:
			all = append(all, c)
		case peer.Refused(err):
			os.Remove(path) // nobody listens: its process is dead
		}
	}
	return all
}

// Elsewhere returns the places of other users, for root, who may ask about
// their mounts too.
func Elsewhere() Places {
	// No error: the pattern is sound.
	dirs, _ := filepath.Glob("/run/user/*/ccsfs")
	return dirs
}

func newClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// ping connects, to see whether anybody is there.
func (c *Client) ping(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: statusWait}).DialContext(ctx, "unix", c.path)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return err
	}
	if u, ok := conn.(*net.UnixConn); ok {
		_, c.pid, _ = peer.Credentials(u) // else it is not named
	}
	return conn.Close()
}

// Status asks for the state of the mount. Of a process that stands still it is a
// *SilentError.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	asking, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	body, err := c.ask(asking, http.MethodGet, "/status", nil)
	if err != nil {
		return nil, c.silent(ctx, asking, err)
	}
	defer body.Close()
	var s Status
	if err := c.silent(ctx, asking, json.NewDecoder(body).Decode(&s)); err != nil {
		return nil, fmt.Errorf("the answer of the mount is no status: %w", err)
	}
	return &s, nil
}

// silent is err, or what it means that the time was over, and not the caller's.
func (c *Client) silent(ctx, asking context.Context, err error) error {
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		return &SilentError{c.pid}
	}
	return err
}

// Refresh asks the API anew: about the contract of a path, or with "" about
// everything that is known. Its error is a *Failure if the mount answered.
func (c *Client) Refresh(ctx context.Context, path string) error {
	form := url.Values{}
	if path != "" {
		form.Set("path", path)
	}
	body, err := c.ask(ctx, http.MethodPost, "/refresh", form)
	if err != nil {
		return err
	}
	return body.Close()
}

// Warm has all documents below these paths (none: all there are) fetched that are
// chosen and not cached yet, and hands each event to tell. If the mount ends meanwhile
// the error Is io.ErrUnexpectedEOF.
func (c *Client) Warm(ctx context.Context, paths []string, chosen choice.Flags, tell func(Event)) error {
	form := chosen.Form()
	form["path"] = paths
	body, err := c.ask(ctx, http.MethodPost, "/warm", form)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(bufio.NewReader(body))
	for {
		var e Event
		if err := lines.Decode(&e); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		tell(e)
		if e.Event == EventDone {
			return nil
		}
	}
}

// Get copies the answer to a path of the socket, such as /metrics.
func (c *Client) Get(ctx context.Context, path string, to io.Writer) error {
	body, err := c.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(to, body)
	return err
}

// ask makes a request, and returns the body of a good answer.
func (c *Client) ask(ctx context.Context, method, path string, form url.Values) (io.ReadCloser, error) {
	target := "http://ccsfs" + path
	if len(form) > 0 {
		target += "?" + form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without the made-up URL
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var f Failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&f); err != nil || f.Text == "" {
		return nil, fmt.Errorf("the mount answers %s", resp.Status)
	}
	return nil, &f
}
