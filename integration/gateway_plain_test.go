//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/billing"
)

// Programs that know nothing of ccsfs, and ask a gateway as they ask the API.

// postmanFiles are those of the API's user guide.
const postmanFiles = "../apiclient/apisim/testdata/postman/"

// newman returns the command of newman, which runs collections of Postman without it; the test
// is skipped where it is not to be had.
func newman(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("newman"); err == nil {
		return []string{"newman"}
	}
	if _, err := exec.LookPath("npx"); err == nil {
		if _, err := run(t, "npx", "--no-install", "newman", "--version"); err == nil {
			return []string{"npx", "--no-install", "newman"}
		}
	}
	t.Skip("newman is not installed: npm install --global newman")
	return nil
}

// edited is a copy of one of Postman's files, with texts replaced by others.
func edited(t *testing.T, name string, pairs ...string) (path string) {
	t.Helper()
	b, err := os.ReadFile(postmanFiles + name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(b, []byte(pairs[i])) {
			t.Fatalf("%s has no %s", name, pairs[i])
		}
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(b))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPostmanAsksAGateway: the collection of the API's user guide, filled in with what
// `ccsfs gateway client add` printed, does what it does with the API.
func TestPostmanAsksAGateway(t *testing.T) {
	program := newman(t)
	begin(t)
	g := newGateways(t, 1, false, apisim.Synthetic(2, 5, 2_000, ".pdf"))
	f := g.files[0]
	collection := edited(t, "API_CLOUDSTORE_CUSTOMER_SPACE.postman_collection.json",
		"ExAMpleBiu4eYZxJ8qRfCquvJCYzAX9HPo", g.named.ID, "EXAMpleOrsuDaT3T", g.named.Secret, "****insert here your document id****", f.id)
	environment := edited(t, "OrangeCloud_API.postman_environment.json",
		"Your API_KEY provided to you by ECC team", g.named.Key, "ID of the contract (OCB000xxxx)", f.contract,
		"https://api.orange.com/cloud/b2b/v1", g.at[0]+apisim.APIPath, "https://api.orange.com/oauth/v3", g.at[0]+apisim.OAuthPath)
	results := filepath.Join(t.TempDir(), "results.json")
	newman := func(folder ...string) (status []int) {
		args := append([]string{"run", collection, "--environment", environment, "--export-environment", environment, "--reporters", "json", "--reporter-json-export", results}, folder...)
		if _, err := run(t, append(slices.Clone(program), args...)...); err != nil {
			t.Fatal(err)
		}
		var ran struct {
			Run struct {
				Executions []struct {
					Response struct {
						Code int
						Size int `json:"responseSize"`
					}
				}
			}
		}
		b, err := os.ReadFile(results)
		if err == nil {
			err = json.Unmarshal(b, &ran)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range ran.Run.Executions {
			status = append(status, e.Response.Code)
			if e.Response.Code == 200 && e.Response.Size == 0 {
				t.Error("an answer is empty")
			}
		}
		return status
	}
	if got := newman("--folder", "generate access token"); !slices.Equal(got, []int{200}) { // it is the second of the collection, and the first needs it
		t.Errorf("for the token: %v", got)
	}
	if got := newman(); !slices.Equal(got, []int{200, 200, 200, 200, 200}) {
		t.Errorf("for the five requests of the collection: %v", got)
	}
	g.end(0, 15)
}

// plainPython asks for every document of every contract and type, as scripts do: with a limit
// that grows until a list is shorter. It goes by requests, or by what Python has itself.
const plainPython = `
import base64, json, os, sys
try:
    import requests
    def ask(method, url, headers, data=None):
        r = requests.request(method, url, headers=headers, data=data, timeout=60)
        r.raise_for_status()
        return r.content
except ImportError:
    import urllib.request
    def ask(method, url, headers, data=None):
        return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60).read()

at, id, secret, key, to = sys.argv[1:6]
basic = base64.b64encode(f"{id}:{secret}".encode()).decode()
token = json.loads(ask("POST", at + "/oauth/v3/token", {"Authorization": "Basic " + basic, "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded"}, b"grant_type=client_credentials"))["access_token"]
headers = {"Authorization": "Bearer " + token, "X-API-Key": key, "Accept": "application/json"}
api = at + "/cloud/b2b/v1"
for contract in json.loads(ask("GET", api + "/contracts", headers)):
    mine = dict(headers, **{"X-ECCS-Contract-Id": contract["id"]})
    os.makedirs(os.path.join(to, contract["id"]))
    for kind in sys.argv[6:]:
        limit = 10
        while True:
            docs = json.loads(ask("GET", f"{api}/documents?documentType={kind}&limit={limit}", mine))
            docs = docs["documents"] or [] if isinstance(docs, dict) else docs
            if len(docs) < limit:
                break
            limit *= 2
        for d in docs:
            with open(os.path.join(to, contract["id"], d["filename"]), "xb") as f:
                f.write(ask("GET", f"{api}/documents/{d['id']}/file", mine))
`

// TestScriptsAskAGateway: a script in Python gets every document by the lists, as they are,
// and each is asked for once, though two scripts run at once.
func TestScriptsAskAGateway(t *testing.T) {
	begin(t)
	g := newGateways(t, 2, true, apisim.Synthetic(2, 30, 20_000, ".pdf"))
	var scripts []*exec.Cmd
	for i := range 2 {
		cmd := command(t, append([]string{"python3", "-c", plainPython, g.at[i], g.named.ID, g.named.Secret, g.named.Key, g.tree(i)}, billing.Types()...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, cmd)
	}
	for i, cmd := range scripts {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a script: %v", err)
		}
		sameTree(t, g.tree(i), g.files)
	}
	g.wantCalls(0, 1)
}

// curl runs it with a token, and what else stands in a file of settings for each transfer.
func (g *gateways) curl(contract string, parallel int, transfers []string) (string, error) {
	g.t.Helper()
	out, err := run(g.t, "curl", "-sS", "--fail", "-u", g.named.ID+":"+g.named.Secret, "-H", "Accept: application/json", "-d", "grant_type=client_credentials", g.at[0]+apisim.OAuthPath+"/token")
	var token struct {
		Token string `json:"access_token"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &token)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	settings := filepath.Join(g.t.TempDir(), "curl")
	if err := os.WriteFile(settings, []byte(strings.Join(transfers, "\n")), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return run(g.t, "curl", "-sS", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", strconv.Itoa(parallel), "--config", settings,
		"-H", "Accept: application/json", "-H", "Authorization: Bearer "+token.Token, "-H", "X-API-Key: "+g.named.Key, "-H", "X-ECCS-Contract-Id: "+contract)
}

// transfer is a line for curl: a document, and where it goes.
func (g *gateways) transfer(f file, to string) string {
	return fmt.Sprintf("url = %q\noutput = %q", g.at[0]+apisim.APIPath+"/documents/"+f.id+"/file", to)
}

// TestAHundredWantOneDocument: a hundred connections at once want a document for which the
// API takes its time: all get it, by one call.
func TestAHundredWantOneDocument(t *testing.T) {
	begin(t)
	const many = 100
	g := newGateways(t, 1, false, apisim.Synthetic(1, 3, 300_000, ".pdf"))
	f := g.files[0]
	g.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Delay: 2 * time.Second})
	var transfers []string
	to := t.TempDir()
	for i := range many {
		transfers = append(transfers, g.transfer(f, filepath.Join(to, strconv.Itoa(i))))
	}
	if _, err := g.curl(f.contract, many, transfers); err != nil {
		t.Error(err)
	}
	for i := range many {
		if b, err := os.ReadFile(filepath.Join(to, strconv.Itoa(i))); err != nil || !bytes.Equal(b, f.data) {
			t.Errorf("%d bytes of %d, or others: %v", len(b), len(f.data), err)
		}
	}
	if n := g.sim.Calls().File; n != 1 {
		t.Errorf("%d calls for one document", n)
	}
	g.end(0, 15)
}

// TestCurlGetsEveryDocument: all documents of a contract at once, by many connections.
func TestCurlGetsEveryDocument(t *testing.T) {
	begin(t)
	g := newGateways(t, 1, true, apisim.Synthetic(1, 100, 20_000, ".pdf"))
	var transfers []string
	for _, f := range g.files {
		to := filepath.Join(g.dest, f.path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		transfers = append(transfers, g.transfer(f, to))
	}
	for range 2 {
		if _, err := g.curl(g.files[0].contract, 50, transfers); err != nil {
			t.Error(err)
		}
		sameTree(t, g.dest, g.files)
	}
	g.wantCalls(0, 1)
	g.end(0, 15)
}
