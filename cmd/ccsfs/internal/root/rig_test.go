package root

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/mounts"
)

// toolRig runs commands inside the test, on a simulated account that can change.
type toolRig struct {
	t   *testing.T
	sim *apisim.Server
	env cmdutil.Environment
}

func newToolRig(t *testing.T, account *apisim.Account) *toolRig {
	t.Helper()
	r := &toolRig{t: t, sim: &apisim.Server{Account: account}}
	web := httptest.NewServer(r.sim)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	r.env, _, _ = cmdtest.Environment(t)
	r.env.Vars = map[string]string{
		"CCSFS_API_URL": web.URL + apisim.APIPath, "CCSFS_OAUTH_URL": web.URL + apisim.OAuthPath,
		"CCSFS_CLIENT_ID": apisim.ClientID, "CCSFS_CLIENT_SECRET": apisim.ClientSecret, "CCSFS_API_KEY": apisim.APIKey,
		"CCSFS_RATE_LIMIT": "0", mounts.PlaceVariable: filepath.Join(r.env.Dirs.Work, "run", "ccsfs"), // doctor looks at no other mounts
	}
	return r
}

// run runs a command, checks its exit code, and returns what it printed.
func (r *toolRig) run(code int, args ...string) (stdout, stderr string) {
	r.t.Helper()
	var out, errs bytes.Buffer
	env := r.env
	env.Stdout, env.Stderr = &out, &errs
	if got := run(context.Background(), env, args); got != code {
		r.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, &out, &errs)
	}
	for _, secret := range cmdtest.Secrets() {
		if strings.Contains(out.String()+errs.String(), secret) {
			r.t.Fatalf("%v prints a secret", args)
		}
	}
	return out.String(), errs.String()
}

func (r *toolRig) file(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.env.Dirs.Work, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func onePartial() *apisim.Account {
	content := func(version int) (f *strings.Reader) {
		return strings.NewReader("day;amount\n" + strings.Repeat("1;2\n", version+1))
	}
	return &apisim.Account{Contracts: []apisim.Contract{{ID: "C1", Name: "evil \x1b]0;title\x07 \u202ename", Documents: []apisim.Document{
		{ID: "p", Type: "partialConsumptionRatedReports", Filename: "running.csv", Period: "202611", Content: cmdtest.AsContent(content)},
		{ID: "f", Type: "comsumptionRatedReports", Filename: "../final\x1b[31m.csv", Period: "202610", Content: cmdtest.AsContent(content)},
	}}}}
}

// expire lets a validity of one second, the shortest that can be set, pass.
func expire(t *testing.T) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond)
}
