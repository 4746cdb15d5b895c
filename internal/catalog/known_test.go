package catalog

import (
	"testing"

	"ccsfs/apiclient"
)

// Who asks for what is known of the contracts never waits: there is no list before
// somebody has waited for one, and then it is that, whatever becomes of the API.
func TestKnownContractsAsksNobody(t *testing.T) {
	f := newFake("A", "B")
	c, err := New(Config{}, f)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if list, err := c.KnownContracts(); list != nil || err != nil {
		t.Fatalf("%v, %v", list, err)
	}
	if _, err := c.Contracts(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.fail = func(call) error { return apiclient.ErrUnreachable } })
	if list, err := c.KnownContracts(); err != nil || len(list.Entries) != 2 || list.Stale != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if len(f.calls) != 1 {
		t.Errorf("calls: %v", f.calls)
	}
}
