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
	credentials string          // that were refused, as Config.Credentials
	before      json.RawMessage // see deny
}

// savedRefusal is on disk. It holds no secret: neither do the API's errors.
type savedRefusal struct {
	Of string `json:"of"` // name of the file
	apiclient.Remembered
	Since       time.Time     `json:"since"`
	Delay       time.Duration `json:"delay_ns"`
	Credentials string        `json:"credentials,omitempty"`

	Before json.RawMessage `json:"before,omitempty"` // see deny
}

// saveRefusal writes f in the place of what was saved under name, and reports
// whether that went well.
func (s *store) saveRefusal(name string, f *failure) bool { return s.saveRefusalOf(name, f, nil) }

func (s *store) saveRefusalOf(name string, f *failure, before json.RawMessage) bool {
	r, ok := apiclient.Remember(f.err, f.at, f.retry)
	if !ok {
		return false
	}
	out := savedRefusal{Of: name, Remembered: r, Since: f.since, Delay: f.delay, Credentials: s.env.credentials(), Before: before}
	return s.writeAs(refusedMagic, name, out)
}

// deny puts a refusal in the place of what was saved under name: nor may the
// next process show that. What sum makes of what was saved stays, through further
// refusals too, to be compared with what there is once access is granted again: it
// is when rights are changed that contracts and types are lost. A nil sum keeps nothing.
func (s *store) deny(name string, f *failure, sum func(payload []byte) json.RawMessage) {
	var before json.RawMessage
	if sum != nil {
		r := s.read(name, func(payload []byte) (time.Time, error) {
			before = sum(payload)
			return time.Time{}, nil
		})
		if r != nil {
			before = r.before
		}
	}
	if !s.saveRefusalOf(name, f, before) {
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
		before:      in.Before,
	}, nil
}

// concerns reports whether a refusal is one of the credentials of this process:
// others may be let in. Offline nobody can find out.
func (e *env) concerns(r *refusal) bool { return e.concern(r.credentials) }

func (e *env) concern(credentials string) bool {
	return e.offline || credentials == e.credentials()
}
