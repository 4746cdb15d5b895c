package fresh

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ccsfs/apiclient"
)

// Refusals on disk, in the place of what was refused.

// RefusedMagic begins a file that says that something was refused, in the place
// of what was saved of it.
const RefusedMagic = "ccsfs-refused 1 "

// Refusal is a failure that another process may know of, this one before the
// last start included.
type Refusal struct {
	Failure
	credentials string          // that were refused, as Config.Credentials
	Before      json.RawMessage // see Deny
}

// savedRefusal is on disk. It holds no secret: neither do the API's errors.
type savedRefusal struct {
	Of string `json:"of"` // name of the file, with slashes
	apiclient.Remembered
	Since       time.Time     `json:"since"`
	Delay       time.Duration `json:"delay_ns"`
	Credentials string        `json:"credentials,omitempty"`

	Before json.RawMessage `json:"before,omitempty"` // see Deny
}

// saveRefusal writes f in the place of what was saved under name, and reports
// whether that went well.
func (s *Store) saveRefusal(name string, f *Failure) bool { return s.saveRefusalOf(name, f, nil) }

func (s *Store) saveRefusalOf(name string, f *Failure, before json.RawMessage) bool {
	out, ok := s.scope.savedRefusal(name, f, before)
	return ok && s.writeAs(RefusedMagic, name, out)
}

// savedRefusal is how a failure is saved under a name. It fails for one without a cause that
// can be written.
func (s *Scope) savedRefusal(name string, f *Failure, before json.RawMessage) (out savedRefusal, ok bool) {
	r, ok := apiclient.Remember(f.Err, f.at, f.Retry)
	return savedRefusal{
		Of: filepath.ToSlash(name), Remembered: r, Since: f.Since, Delay: f.delay, Credentials: s.credentials(), Before: before,
	}, ok
}

// Deny puts a refusal in the place of what was saved under name: nor may the
// next process show that. What sum makes of what was saved stays, through further
// refusals too, to be compared with what there is once access is granted again: it
// is when rights are changed that things are lost. A nil sum keeps nothing.
func (s *Store) Deny(name string, f *Failure, sum func(payload []byte) json.RawMessage) {
	var before json.RawMessage
	if sum != nil {
		r := s.Read(name, func(payload []byte) (time.Time, error) {
			before = sum(payload)
			return time.Time{}, nil
		})
		if r != nil {
			before = r.Before
		}
	}
	if !s.saveRefusalOf(name, f, before) {
		s.Remove(name)
	}
}

// refusal returns what was refused under name, nil if nothing.
func (s *Store) refusal(name string) *Refusal { return s.Read(name, nil) }

func parseRefusal(payload []byte, name string) (*Refusal, error) {
	var in savedRefusal
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	err := in.Err()
	switch {
	case filepath.ToSlash(in.Of) != filepath.ToSlash(name):
		return nil, fmt.Errorf("of another thing, %q", in.Of)
	case err == nil || in.Delay < 0 || in.Delay > DeniedMost:
		return nil, errors.New("without a time or a cause")
	}
	return &Refusal{
		Failure:     Failure{Err: err, at: in.At, Since: in.Since, delay: in.Delay, Retry: in.Retry},
		credentials: in.Credentials,
		Before:      in.Before,
	}, nil
}

// concerns reports whether a refusal is one of the credentials of this process:
// others may be let in. Offline nobody can find out.
func (s *Scope) concerns(r *Refusal) bool { return s.concern(r.credentials) }

func (s *Scope) concern(credentials string) bool {
	return s.offline || credentials == s.credentials()
}
