package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// A refresh that fails names what is not refreshed, and refreshes the rest.
func TestRefreshNamesWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for i := range 12 {
			ids = append(ids, fmt.Sprintf("C%02d", i))
		}
		api := newFake(ids...)
		c := open(t, Config{}, api)
		for _, id := range ids {
			mustList(t, c, id)
		}
		start := time.Now()
		time.Sleep(time.Second)
		api.set(func() {
			api.fail = func(k call) error {
				switch k.contract {
				case "C03":
					return apiclient.ErrServer
				case "C07":
					return apiclient.ErrForbidden
				}
				return nil
			}
		})
		err := c.Refresh(t.Context(), "")
		if !errors.Is(err, apiclient.ErrServer) || !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("%v", err)
		}
		if !strings.Contains(err.Error(), "2 of 12 contracts are not refreshed: C03, C07") {
			t.Errorf("%q does not name them", err)
		}
		for _, id := range ids {
			if l, err := c.Known(id); id != "C07" && (err != nil || l.FetchedAt.Equal(start) != (id == "C03")) {
				t.Errorf("%s: of %v, %v", id, l.FetchedAt, err)
			}
		}

		// One is named by its own error.
		api.set(func() {
			api.fail = func(k call) error { return map[string]error{"C03": apiclient.ErrServer}[k.contract] }
		})
		if err := c.Refresh(t.Context(), ""); !errors.Is(err, apiclient.ErrServer) || !strings.Contains(err.Error(), "C03") {
			t.Errorf("%v", err)
		}
		// Many are counted.
		api.set(func() { api.fail = func(k call) error { return errorFor(apiclient.ErrServer, billing.TypeBills)(k) } })
		if err := c.Refresh(t.Context(), ""); !strings.Contains(err.Error(), "12 of 12 contracts are not refreshed: C00, ") || !strings.Contains(err.Error(), "and 4 more") {
			t.Errorf("%v", err)
		}
	})
}

// The list of contracts may be what fails: the listings are refreshed all the
// same, or it is said that they are not.
func TestRefreshWhenContractsFail(t *testing.T) {
	for _, tt := range []struct {
		cause error
		calls int
		said  bool
	}{
		{apiclient.ErrServer, 7, false},
		{apiclient.ErrProtocol, 7, false},
		{apiclient.ErrUnreachable, 0, true},
		{apiclient.ErrTimeout, 0, true},
		{apiclient.ErrRateLimited, 0, true},
		{apiclient.ErrForbidden, 0, false},
	} {
		bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			api.set(func() {
				api.fail = func(k call) error {
					if k.op == "contracts" {
						return tt.cause
					}
					return nil
				}
			})
			err := c.Refresh(t.Context(), "")
			if !errors.Is(err, tt.cause) || strings.Contains(err.Error(), "nothing else was asked for") != tt.said {
				t.Errorf("%v", err)
			}
			wantCalls(t, api, "documents", tt.calls)
		})
	}
}
