package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	Of          string        `json:"of"` // name of the file
	At          time.Time     `json:"at"`
	Since       time.Time     `json:"since"`
	Delay       time.Duration `json:"delay_ns"`
	Retry       time.Time     `json:"retry"`
	Cause       string        `json:"cause"`
	Text        string        `json:"text"`
	Answer      *savedAnswer  `json:"answer,omitempty"`
	Credentials string        `json:"credentials,omitempty"`
}

// savedAnswer is what an apiclient.Error tells of the API's answer.
type savedAnswer struct {
	Op          string `json:"op"`
	Status      int    `json:"status,omitempty"`
	Code        int    `json:"code,omitempty"`
	Message     string `json:"message,omitempty"`
	Description string `json:"description,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
}

// remembered is an error that another process was given.
type remembered struct {
	text  string
	cause error            // one of causes
	api   *apiclient.Error // what the API said, nil if that is not known
	at    time.Time
	retry time.Time // zero: whenever it is wanted
}

func (e *remembered) Error() string {
	text := fmt.Sprintf("%s (at %s", e.text, e.at.Local().Format(time.DateTime))
	if !e.retry.IsZero() {
		text += ", not asked again before " + e.retry.Local().Format(time.TimeOnly)
	}
	return text + ")"
}

func (e *remembered) Unwrap() []error {
	if e.api == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.api}
}

// saveRefusal writes f in the place of what was saved under name, and reports
// whether that went well.
func (s *store) saveRefusal(name string, f *failure) bool {
	cause := causeOf(f.err)
	if cause == nil {
		return false
	}
	text := f.err.Error()
	if r := (*remembered)(nil); errors.As(f.err, &r) {
		text = r.text
	}
	out := savedRefusal{
		Of: name, At: f.at, Since: f.since, Delay: f.delay, Retry: f.retry, Cause: cause.Error(), Text: text, Credentials: s.env.credentials,
	}
	if e := (*apiclient.Error)(nil); errors.As(f.err, &e) {
		out.Answer = &savedAnswer{e.Op, e.Status, e.Code, e.Message, e.Description, e.RequestID}
	}
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
	i := slices.IndexFunc(causes(), func(err error) bool { return err.Error() == in.Cause })
	switch {
	case in.Of != name:
		return nil, fmt.Errorf("of another thing, %q", in.Of)
	case i < 0 || in.At.IsZero() || in.Delay < 0 || in.Delay > deniedMost:
		return nil, errors.New("without a time or a cause")
	}
	err := &remembered{text: in.Text, cause: causes()[i], at: in.At}
	if a := in.Answer; a != nil {
		err.api = &apiclient.Error{Op: a.Op, Status: a.Status, Code: a.Code, Message: a.Message, Description: a.Description, RequestID: a.RequestID}
	}
	if in.Delay > 0 {
		err.retry = in.Retry
	}
	return &refusal{
		failure:     failure{err: err, at: in.At, since: in.Since, delay: in.Delay, retry: in.Retry},
		credentials: in.Credentials,
	}, nil
}

// concerns reports whether a refusal is one of the credentials of this process:
// others may be let in. Offline nobody can find out.
func (e *env) concerns(r *refusal) bool { return e.offline || r.credentials == e.credentials }

// causeOf returns the sentinel that an error is, nil if none.
func causeOf(err error) error {
	for _, cause := range causes() {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return nil
}

// causes are the sentinels of apiclient, a special one before its general one.
func causes() []error {
	return []error{
		apiclient.ErrCredentials, apiclient.ErrUnauthorized, apiclient.ErrForbidden, apiclient.ErrNotFound,
		apiclient.ErrRateLimited, apiclient.ErrInvalid, apiclient.ErrServer, apiclient.ErrProtocol,
		apiclient.ErrTimeout, apiclient.ErrUnreachable,
	}
}
