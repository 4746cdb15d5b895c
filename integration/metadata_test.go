//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
)

// TestGeneratedFilesAreJSON: .contract.json and .documents.json of a fresh mount
// have their right sizes at the first stat, and say what the API says.
func TestGeneratedFilesAreJSON(t *testing.T) {
	begin(t)
	r := newRig(t, options{layout: "period", quirks: apisim.Quirks{Dates: true, Amounts: true}})
	out := r.sh(`cd "$MNT"
		for f in */.*.json; do
			size=$(stat -c %s "$f"); [ "$size" -gt 2 ]; [ "$(wc -c < "$f")" = "$size" ]; [ "$(cat "$f" | wc -c)" = "$size" ]
			jq -e . "$f" > /dev/null
			[ "$(tail -c 1 "$f")" = "" ]
		done
		tar -cf "$OUT/a.tar" . && tar -C "$OUT" -xf "$OUT/a.tar"
		[ "$(find . -name '.*.json' -size -3c)" = "" ]`)
	for _, c := range r.sim.Snapshot().Contracts {
		var detail struct {
			ID, Name, ContractType string
			Offer, Customer        struct{ Name string }
		}
		readJSON(t, out+"/"+c.ID+"/.contract.json", &detail)
		if detail.ID != c.ID || detail.Name != c.Name || detail.ContractType != c.Type || detail.Offer.Name != c.Offer || detail.Customer.Name != c.CustomerName {
			t.Errorf("%s: %+v", c.ID, detail)
		}
		type entry struct {
			Path, ID, Type, Filename, Period, CreatedAt, UpdatedAt, Currency string
			Amount                                                           json.Number
		}
		var got []entry
		readJSON(t, out+"/"+c.ID+"/.documents.json", &got)
		want := make(map[string]entry)
		for _, d := range c.Documents {
			e := entry{
				Path: d.Period[:4] + "/" + d.Period[4:6] + "/" + d.Filename, ID: d.ID, Type: d.Type, Filename: d.Filename, Period: d.Period,
				CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Currency: d.Currency, Amount: json.Number(d.Amount),
			}
			if d.Type == unknownType {
				e.Type = "other" // it does not say it, and no query has told
			}
			want[d.ID] = e
		}
		have := make(map[string]entry)
		for _, e := range got {
			have[e.ID] = e
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s/.documents.json (-want +got):\n%s", c.ID, diff)
		}
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

// TestJqFindsWhatNamesCannotTell: the amounts in .documents.json are numbers.
func TestJqFindsWhatNamesCannotTell(t *testing.T) {
	begin(t)
	r := newRig(t, options{quirks: apisim.Quirks{Amounts: true}})
	cents := 0
	for _, d := range r.sim.Snapshot().Contracts[0].Documents {
		var whole, rest int
		if d.Type == "bills" {
			fmt.Sscanf(d.Amount, "%d.%d", &whole, &rest)
			cents += whole*100 + rest
		}
	}
	got := r.must("jq", `[.[] | select(.type == "bills") | .amount] | add * 100 | round`, r.path("OCB0001234", ".documents.json"))
	if cents == 0 || strings.TrimSpace(got) != fmt.Sprint(cents) {
		t.Errorf("bills add up to %s, want %d", got, cents)
	}
}

// TestModificationTimes: updatedAt, else createdAt, else the end of the period with
// a minute and second of the id's,
// and its beginning as long as it is not over; copies keep them, and find sees
// them, without any content being fetched for it.
func TestModificationTimes(t *testing.T) {
	begin(t)
	doc := func(id, period, created, updated string) apisim.Document {
		return apisim.Document{ID: id, Type: "bills", Filename: id, Period: period, CreatedAt: created, UpdatedAt: updated, Content: apisim.Bytes([]byte(id))}
	}
	next := time.Now().UTC().AddDate(0, 2, 0).Format("200601")
	account := &apisim.Account{Contracts: []apisim.Contract{{ID: "C", CreatedAt: "2023-03-04T05:06:07Z", Documents: []apisim.Document{
		doc("updated", "202401", "2024-02-03T04:05:06Z", "2024-05-06T07:08:09Z"),
		doc("created", "202401", "2024-02-03T04:05:06+02:00", ""),
		doc("period", "202402", "", ""),
		doc("long", "202402-31", "", ""),
		doc("ahead", next, "", ""),
	}}}}
	r := newRig(t, options{account: account, quirks: apisim.Quirks{Dates: true}})
	got := r.must("find", r.dir, "-mindepth", "1", "!", "-name", ".*", "-printf", "%f %TFT%TT\n")
	want := map[string]string{
		"C": "2023-03-04T05:06:07", "updated": "2024-05-06T07:08:09", "created": "2024-02-03T02:05:06", "period": "2024-02-29T10:08:44",
		"long": "2024-02-29T10:49:29", "ahead": next[:4] + "-" + next[4:] + "-01T00:00:00",
	}
	have := make(map[string]string)
	for line := range strings.Lines(got) {
		name, at, _ := strings.Cut(strings.TrimSpace(line), " ")
		have[name], _, _ = strings.Cut(at, ".")
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	newer := r.must("find", r.path("C"), "-type", "f", "!", "-name", ".*", "-newermt", "2024-02-15", "-not", "-newermt", "2024-03-15", "-printf", "%f\n")
	if newer != "long\nperiod\n" && newer != "period\nlong\n" {
		t.Errorf("find -newermt: %q", newer)
	}
	out := r.sh(`rsync -a "$MNT/" "$OUT/"`)
	if st, err := os.Stat(out + "/C/updated"); err != nil || !st.ModTime().Equal(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)) {
		t.Errorf("rsync keeps %v, %v", st.ModTime(), err)
	}
}

// TestEveryWriteIsRefused: with EROFS, whatever is tried.
func TestEveryWriteIsRefused(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	f := r.path("OCB0001234", "CreditNote.txt")
	for _, script := range []string{
		`echo x > "$F"`, `echo x >> "$F"`, `touch "$F"`, `touch -d yesterday "$F"`, `rm -f "$F"`, `mv "$F" "$F.2"`, `ln "$F" "$F.2"`, `ln -s x "$F.2"`,
		`mkdir "$MNT/x"`, `rmdir "$MNT/OCB0001234"`, `rm -r "$MNT/OCB0001234"`, `chmod 777 "$F"`, `chown 1 "$F"`, `truncate -s 0 "$F"`,
		`mkfifo "$MNT/p"`, `cp /etc/passwd "$MNT/OCB0001234/new"`, `touch "$MNT/OCB0001234/.contract.json"`, `mv "$MNT/OCB0001234" "$MNT/y"`,
		`dd if=/dev/zero of="$F" conv=notrunc count=1`, `fallocate -l 10 "$F"`, `python3 -c 'import os,sys; os.open(sys.argv[1], os.O_RDWR)' "$F"`,
	} {
		cmd := command(t, "sh", "-c", script)
		cmd.Env = append(os.Environ(), "F="+f, "MNT="+r.dir)
		if text, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(text), "Read-only file system") {
			t.Errorf("%s: %v: %s", script, err, text)
		}
	}
	r.must("cmp", f, reference(t, expected(t, r.sim, nil))+"/OCB0001234/CreditNote.txt")
}

// TestStatfsNeedsNoAPI: df and stat answer while the API hangs.
func TestStatfsNeedsNoAPI(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	r.sim.Faults.Add(apisim.Match{}, 0, apisim.Fault{Never: true})
	out := r.must("stat", "-f", "-c", "%T %s %b %l", r.dir)
	if !strings.HasPrefix(out, "fuse") || !strings.Contains(out, " 255") {
		t.Errorf("stat -f: %s", out)
	}
	r.must("stat", r.dir)
	r.must("python3", "-c", "import os,sys; s = os.statvfs(sys.argv[1]); assert s.f_blocks > 0 and s.f_flag & os.ST_RDONLY", r.dir)
	if n := r.sim.Calls(); n.Token+n.Contracts != 0 {
		t.Errorf("calls: %+v", n)
	}
}

// TestPermissions: 0444 and 0555 under the umask, everywhere.
func TestPermissions(t *testing.T) {
	begin(t)
	for umask, want := range map[uint32]string{0: "d 555\nf 444\n", 0o022: "d 555\nf 444\n", 0o077: "d 500\nf 400\n", 0o027: "d 550\nf 440\n"} {
		t.Run(fmt.Sprintf("%03o", umask), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{umask: umask, layout: "type"})
			if got := r.must("sh", "-c", `find "$0" -printf '%y %m\n' | sort -u`, r.dir); got != want {
				t.Errorf("modes %q, want %q", got, want)
			}
		})
	}
}

// TestRefusedContractIsRefused: EACCES, also for what is cached of it; the other
// contracts are as before; and when access is back, so is the contract.
func TestRefusedContractIsRefused(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	files := expected(t, r.sim, nil)
	a := newAgent(t)
	const refused, other = "OCB0001234", "OCB0001871"
	r.sh(`cp -r "$MNT" "$OUT/x"`)
	r.sim.ForbidContract(refused, true)
	if err := r.catalog.Refresh(t.Context(), refused); err == nil {
		t.Error("a refresh that is refused is no error")
	}
	for path, op := range map[string]string{
		refused: "list", refused + "/.documents.json": "read", refused + "/.contract.json": "read", refused + "/CreditNote.txt": "read",
	} {
		if x := <-a.ask(question{Op: op, Path: r.path(path), Len: -1}); x.Errno != "EACCES" {
			t.Errorf("%s %s: %q, want EACCES", op, path, x.Errno)
		}
	}
	if x := a.list(r.dir); len(x.Names) != 2 {
		t.Errorf("contracts %q, %s", x.Names, x.Errno)
	}
	var rest []file
	for _, f := range files {
		if f.contract == other {
			rest = append(rest, f)
		}
	}
	sameTree(t, r.sh(`cp -r "$MNT/OCB0001871" "$OUT"; ! cp -r "$MNT/OCB0001234" "$OUT"; rm -rf "$OUT/OCB0001234"`), rest)

	r.sim.ForbidContract(refused, false)
	r.clock.advance(time.Hour)
	eventually(t, "the contract is back", func() bool {
		return string(a.readAll(r.path(refused, "CreditNote.txt")).Data) == "credit note\n"
	})
}

// TestRefusedFromTheBeginning: a contract that was never seen.
func TestRefusedFromTheBeginning(t *testing.T) {
	begin(t)
	r := newServedRig(t, options{})
	r.sim.ForbidContract("OCB0001234", true)
	r.mount()
	a := newAgent(t)
	if x := a.list(r.path("OCB0001234")); x.Errno != "EACCES" {
		t.Errorf("list: %q, want EACCES", x.Errno)
	}
	r.sh(`ls "$MNT"; s=0; ls -lR "$MNT" > "$OUT/ls" 2> "$OUT/errors" || s=$?; [ $s != 0 ]; grep -q 'Permission denied' "$OUT/errors"; grep -q Invoice_OCB0001871 "$OUT/ls"`)
}

// TestProgramsDoNotInheritTheMount: a program that has the connection to the
// kernel open keeps a mount half alive whose server has died.
func TestProgramsDoNotInheritTheMount(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	if fds := r.must("bash", "-c", "ls -l /proc/self/fd /proc/$$/fd"); strings.Contains(fds, "/dev/fuse") {
		t.Errorf("a program has open:\n%s", fds)
	}
}
