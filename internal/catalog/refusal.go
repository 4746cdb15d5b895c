package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ccsfs/apiclient"
)

// refusedMagic begins a file that says that something was refused, in the place
// of what was saved of it.
const refusedMagic = "ccsfs-refused 1 "

// refusal is a failure that another process may know of, this one before the
// last start included.
type refusal struct {
	failure
	credentials string // that were refused, as Config.Credentials
}

// savedRefusal is on disk. It holds no secret: neither do the API's errors.
type savedRefusal struct {
	Of string `json:"of"` // name of the file
	apiclient.Remembered
	Since       time.Time     `json:"since"`
	Delay       time.Duration `json:"delay_ns"`
	Credentials string        `json:"credentials,omitempty"`
}

// saveRefusal writes f in the place of what was saved under name, and reports
// whether that went well.
func (s *store) saveRefusal(name string, f *failure) bool {
	r, ok := apiclient.Remember(f.err, f.at, f.retry)
	if !ok {
		return false
	}
	out := savedRefusal{Of: name, Remembered: r, Since: f.since, Delay: f.delay, Credentials: s.env.credentials()}
	return s.writeAs(refusedMagic, name, out)
}

// deny puts a refusal in the place of what was saved under name: nor may the
// next process show that.
func (s *store) deny(name string, f *failure) {
	if !s.saveRefusal(name, f) {
		s.remove(name)
	}
}

// refusal returns what was refused under name, nil if nothing.
func (s *store) refusal(name string) *refusal { return s.read(name, nil) }

func parseRefusal(payload []byte, name string) (*refusal, error) {
	var in savedRefusal
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	err := in.Err()
	switch {
	case in.Of != name:
		return nil, fmt.Errorf("of another thing, %q", in.Of)
	case err == nil || in.Delay < 0 || in.Delay > deniedMost:
		return nil, errors.New("without a time or a cause")
	}
	return &refusal{
		failure:     failure{err: err, at: in.At, since: in.Since, delay: in.Delay, retry: in.Retry},
		credentials: in.Credentials,
	}, nil
}

// concerns reports whether a refusal is one of the credentials of this process:
// others may be let in. Offline nobody can find out.
func (e *env) concerns(r *refusal) bool { return e.concern(r.credentials) }

func (e *env) concern(credentials string) bool {
	return e.offline || credentials == e.credentials()
}
