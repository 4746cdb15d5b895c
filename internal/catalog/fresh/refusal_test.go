package fresh

import (
	"errors"
	"testing"
	"time"

	"ccsfs/apiclient"
)

// Where refusals cannot be saved what was refused is not shown either.
func TestRefusalThatCannotBeSaved(t *testing.T) {
	a, dir := &toyAPI{number: 1}, t.TempDir()
	p := a.process(t, toyConfig(dir))
	p.want(t, 1)
	p.scope.Close()
	off := toyConfig(dir)
	off.Offline = true
	a.process(t, off).want(t, 1)
	f := Failure{Err: errors.New("none of ours"), at: time.Now()}
	p.source.Deny("A", &f) // what has no cause that could be written
	if v, err := a.process(t, off).Get(t.Context(), "A"); err == nil {
		t.Errorf("%+v", v)
	}
}

func FuzzRefusal(f *testing.F) {
	const name = "toys/A.json"
	for _, s := range []string{
		"", "{}", "[]", "null",
		`{"of":"toys/A.json","at":"2026-01-01T00:00:00Z","delay_ns":30000000000,"cause":"access denied","text":"x","answer":{"op":"contracts","status":403}}`,
		`{"of":"toys/A.json","at":"2026-01-01T00:00:00Z","delay_ns":9000000000000000000,"cause":"access denied"}`,
	} {
		f.Add([]byte(s))
		f.Add(Seal(RefusedMagic, []byte(s)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, err := Unseal(RefusedMagic, data)
		if err != nil {
			payload = data
		}
		if r, err := parseRefusal(payload, name); err == nil && (apiclient.Cause(r.Err) == nil || r.at.IsZero() || r.Err.Error() == "") {
			t.Errorf("a refusal that says nothing: %+v", r)
		}
	})
}
