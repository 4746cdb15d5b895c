//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
)

// soak is a mount, and a model of what it may show.
type soak struct {
	*rig
	t        *testing.T
	rand     *rand.Rand
	agent    *agent
	versions map[string][][]byte // by path: every content it ever had
	unsure   map[string]bool     // paths that came or went since all was compared
	updates  int
	added    int
	done     map[string]int // what was done how often
	pending  []reading
	other    *rig   // a second mount with the same cache; nil while there is none
	ballast  string // what fills the disk of the cache, "": it has none of its own
	full     bool   // it is there
}

// reading is under way.
type reading struct {
	path string
	q    question
	c    <-chan answer
}

// TestSoak lets chance read, change and break things for a while (ten minutes
// with CCSFS_SOAK=10m), against a model: whatever is read is the content of one
// version of the document, whole; from time to time all is compared, and
// goroutines, descriptors and memory must not have grown. At times a second
// mount shares the cache, the API is away, its listings are slow, or the disk of the
// cache, where it can have one of its own, is full.
func TestSoak(t *testing.T) {
	begin(t)
	survive(t, "soak", func(t *testing.T) { // alone: no test with a parent runs beside it
		r := seeded(t)
		account := small()
		for i := range account.Contracts {
			for n := range 30 {
				name := fmt.Sprintf("more-%d.pdf", n)
				account.Contracts[i].Documents = append(account.Contracts[i].Documents, apisim.Document{
					ID: fmt.Sprint(1000*(i+1) + n), Type: "invoices", Filename: name, Period: "202605",
					Content: apisim.Pseudo(uint64(1000*i+n), int64(500+n*n*700), name),
				})
			}
		}
		disk, ballast := soakDisk(t)
		s := &soak{
			ballast: ballast,
			rig: newRig(t, options{account: account, cache: disk, client: quickly(700 * time.Millisecond), logger: soakLog(t),
				quirks: apisim.Quirks{Dates: true, Range: true, ETag: true, DocumentType: true}}),
			t: t, rand: r, agent: newAgent(t), versions: make(map[string][][]byte), unsure: make(map[string]bool), done: make(map[string]int),
		}
		s.learn(func(file) bool { return true })
		var first usage
		rounds := 0
		for end := time.Now().Add(soakTime(t, 20*time.Second)); time.Now().Before(end) && !t.Failed(); rounds++ {
			for range 60 {
				s.step()
				s.check(24)
			}
			s.settle(rounds%4 == 3)
			if s.disconnect(); rounds == 2 {
				first = s.use()
			} else if rounds > 2 {
				s.noMoreThan(first)
			}
		}
		t.Logf("%d rounds, %v", rounds, s.done)
	})
}

// docs are the documents that there are now, without their content.
func (s *soak) docs() []file {
	var files []file
	for _, c := range s.sim.Snapshot().Contracts {
		for _, d := range c.Documents {
			files = append(files, file{path: c.ID + "/" + d.Filename, contract: c.ID, id: d.ID, doc: d})
		}
	}
	return files
}

// learn takes contents as they are into the model: of documents of which is
// says so.
func (s *soak) learn(is func(file) bool) {
	for _, f := range s.docs() {
		if !is(f) {
			continue
		}
		data, err := s.sim.Bytes(f.contract, f.id)
		if err != nil {
			s.t.Error(err)
		}
		s.versions[f.path] = append(s.versions[f.path], data)
	}
}

// step does something, or several things at once.
func (s *soak) step() {
	files := s.docs()
	f := files[s.rand.IntN(len(files))]
	s.updates++
	updated := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(s.updates) * time.Minute).Format(time.RFC3339)
	do := func(name string, err error) {
		s.done[name]++
		if err != nil {
			s.t.Errorf("%s: %v", name, err)
		}
	}
	switch n := s.rand.IntN(100); {
	case n < 2 && s.ballast != "":
		do("disk", s.fill())
	case n < 50:
		s.done["reads"]++
		s.read(files)
	case n < 54:
		do("version", s.sim.Bump(f.contract, f.id, updated))
		s.learn(func(o file) bool { return o.path == f.path })
	case n < 58:
		do("rename", s.rename(f, updated))
	case n < 60:
		do("partials", s.sim.BumpPartials(""))
		s.learn(func(o file) bool { return strings.HasPrefix(o.doc.Type, "partial") })
	case n < 62:
		do("second mount", nil)
		s.second()
	case n < 64:
		do("outage", nil)
		s.outage()
	case n < 66:
		do("add", s.add(f.contract, "bills"))
	case n < 69:
		if len(files) > 60 {
			s.unsure[f.path] = true
			do("remove", s.sim.RemoveDocument(f.contract, f.id))
		}
	case n < 71:
		if s.rand.IntN(2) == 0 { // while it is listed
			s.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Contract: f.contract}, 3, apisim.Fault{Delay: 150 * time.Millisecond})
			go s.anyMount().catalog.Refresh(s.t.Context(), f.contract)
			time.Sleep(50 * time.Millisecond)
		}
		s.sim.ForbidContract(f.contract, s.rand.IntN(2) == 0)
		do("forbid", nil)
	case n < 74:
		s.sim.RevokeTokens()
		do("revoke", nil)
	case n < 80:
		s.clock.advance(time.Duration(s.rand.IntN(40)) * time.Minute)
		do("clock", nil)
	case n < 84:
		go s.anyMount().catalog.Refresh(s.t.Context(), "")
		do("refresh", nil)
	case n < 96:
		s.sim.Faults.Add(apisim.Match{Op: everyOp()[1+s.rand.IntN(4)]}, 1+s.rand.IntN(3), s.fault())
		do("fault", nil)
	case n < 98:
		do("list", nil)
		s.agent.list(s.anyMount().path(f.contract))
	default:
		s.sim.Faults.Clear()
		do("clear", nil)
	}
}

// add adds a document.
func (s *soak) add(contract, docType string) error {
	s.added++
	name := fmt.Sprintf("new-%d.pdf", s.added)
	s.unsure[contract+"/"+name] = true
	err := s.sim.AddDocument(contract, apisim.Document{ID: fmt.Sprint(5000 + s.added), Type: docType, Filename: name, Period: "202611",
		Content: apisim.Pseudo(uint64(5000+s.added), 3000, name)})
	s.learn(func(o file) bool { return o.doc.Filename == name && o.contract == contract })
	return err
}

// rename gives a document another name and other content at once, and at times
// does not say that it has changed: then its old content may be shown.
func (s *soak) rename(f file, updated string) error {
	s.added++
	d := f.doc
	d.Filename = fmt.Sprintf("renamed-%d.pdf", s.added)
	if strings.HasPrefix(d.Type, "partial") { // see settle
		d.Filename = "partial-" + d.Filename
	}
	// A shorter one than its beginning and its end together has no end, and so is no PDF.
	d.Content = apisim.Pseudo(uint64(9000+s.added), int64(len("%PDF-1.4\n\n%%EOF\n")+s.rand.IntN(60_000)), d.Filename)
	path := f.contract + "/" + d.Filename
	if strings.HasPrefix(d.Type, "partial") && s.rand.IntN(2) == 0 {
		s.versions[path] = append(s.versions[path], s.versions[f.path]...)
	} else {
		d.UpdatedAt = updated
	}
	s.unsure[f.path], s.unsure[path] = true, true
	err := s.sim.ReplaceDocument(f.contract, d)
	s.learn(func(o file) bool { return o.path == path })
	if v := s.versions[path]; len(v) > 0 { // an old listing leads to the new content by the old name
		s.versions[f.path] = append(s.versions[f.path], v[len(v)-1])
	}
	return err
}

// second mounts once more with the same cache, or ends that mount.
func (s *soak) second() {
	if s.other == nil {
		s.other = s.beside()
		return
	}
	s.check(0) // else it is busy
	s.other.unmount()
	s.other = nil
}

// soakDisk is a disk for the cache, and where what fills it may lie, outside of the
// cache; nothing for who is not root.
func soakDisk(t *testing.T) (cache, ballast string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return "", ""
	}
	disk := tmpfs(t, 48<<20)
	return filepath.Join(disk, "cache"), filepath.Join(disk, "ballast")
}

// fill fills the disk of the cache, but for a bit at times, or makes room again.
func (s *soak) fill() error {
	if s.full {
		s.full = false
		return os.Remove(s.ballast)
	}
	s.full = true
	f, err := os.Create(s.ballast)
	if errors.Is(err, unix.ENOSPC) {
		s.full = false
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, page := int64(0), make([]byte, 4096)
	for err == nil {
		var n int
		n, err = f.Write(page)
		size += int64(n)
	}
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return f.Truncate(max(0, size-int64(s.rand.IntN(3))*int64(s.rand.IntN(300_000))))
}

// anyMount is one of the mounts.
func (s *soak) anyMount() *rig {
	if s.other != nil && s.rand.IntN(2) == 0 {
		return s.other
	}
	return s.rig
}

// outage lets the API, or a part of it, be away for a while, or makes listings slow.
func (s *soak) outage() {
	match := []apisim.Match{{}, {}, {Op: apisim.OpDocuments}, {Op: apisim.OpToken}, {Contract: "OCB0000002"}}[s.rand.IntN(5)]
	d := time.Duration(50+s.rand.IntN(1200)) * time.Millisecond
	if s.rand.IntN(3) == 0 {
		s.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Contract: match.Contract}, 1+s.rand.IntN(20), apisim.Fault{Delay: d})
		return
	}
	s.sim.GoAway(apisim.Outages()[s.rand.IntN(5)], match, d)
}

func (s *soak) fault() apisim.Fault {
	after := int64(s.rand.IntN(5000))
	return [...]apisim.Fault{
		{Status: 500, Code: 1}, {Status: 503, Code: 5, Body: apisim.HTMLPage}, {Body: apisim.HTMLPage}, {Reset: true},
		{Cut: true, After: after}, {Stall: true, After: after}, {Delay: 100 * time.Millisecond}, {Status: 504, Code: 6},
		{Drip: time.Millisecond, Chunk: 2000}, {Body: `{"code":1,"message":"x"}`}, {Body: "[{"}, {Duplicates: true},
	}[s.rand.IntN(12)]
}

// read begins to read some documents at once, whole or a part.
func (s *soak) read(files []file) {
	for range 1 + s.rand.IntN(8) {
		f := files[s.rand.IntN(len(files))]
		q := question{Op: []string{"read", "sendfile"}[s.rand.IntN(2)], Path: s.anyMount().path(f.path), Len: -1}
		if s.rand.IntN(2) == 0 {
			q.Off, q.Len = int64(s.rand.IntN(len(s.versions[f.path][0]))), 1+s.rand.IntN(9000)
		}
		s.pending = append(s.pending, reading{f.path, q, s.agent.ask(q)})
	}
}

// check waits until at most so many readings are under way, and compares what
// has come with every content that the document ever had.
func (s *soak) check(most int) {
	for len(s.pending) > most {
		r := s.pending[0]
		s.pending = s.pending[1:]
		x := <-r.c
		s.done["answers "+x.Errno]++
		switch {
		case x.Errno == "ENOENT" && s.unsure[r.path]:
		case x.Errno == "ENOENT":
			s.t.Errorf("%s: ENOENT, and it is there all the time", r.path)
		case x.Errno == "":
			s.oneOf(r.path, r.q, x.Data)
		}
	}
}

func (s *soak) oneOf(path string, q question, got []byte) {
	for _, v := range s.versions[path] {
		want := v[min(q.Off, int64(len(v))):]
		if q.Len >= 0 {
			want = want[:min(len(want), q.Len)]
		}
		if bytes.Equal(want, got) {
			return
		}
	}
	s.t.Errorf("%s by %s, %d from %d: %d bytes of no version of %d: %.60q", path, q.Op, q.Len, q.Off, len(got), len(s.versions[path]), got)
}

// sayWhatRuns tells of what did not end, where a test has failed.
func (s *soak) sayWhatRuns() {
	if !s.t.Failed() {
		return
	}
	for _, r := range []*rig{s.rig, s.other} {
		if r != nil && r.client != nil {
			s.t.Logf("client %+v\ncontent %+v\ncatalog %+v", r.client.Stats(), r.content.Stats(), r.catalog.Stats())
		}
	}
	var stacks bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	s.t.Logf("what runs:\n%s", stacks.Bytes())
}

// settle ends all trouble, but for a disk that is full, and compares everything. Documents of the month are
// compared after a remount only: neither the kernel's clock nor the client's
// knows of ours.
func (s *soak) settle(remount bool) {
	s.sim.Faults.Clear()
	s.sim.ComeBack()
	s.check(0)
	for _, c := range s.sim.Snapshot().Contracts {
		s.sim.ForbidContract(c.ID, false)
	}
	// What is on its way was met by trouble, perhaps, and is remembered when it ends:
	// that belongs to the time before.
	defer s.sayWhatRuns()
	eventually(s.t, "all that is on its way has ended", func() bool {
		for _, r := range []*rig{s.rig, s.other} {
			if r != nil && (r.client.Stats().InFlight > 0 || r.content.Stats().Running > 0 || r.catalog.Stats().Refreshing > 0) {
				return false
			}
		}
		return true
	})
	s.clock.advance(3 * time.Hour)
	var hidden func(*apisim.Document) bool
	if remount {
		s.remount()
	} else {
		hidden = func(d *apisim.Document) bool { return strings.HasPrefix(d.Type, "partial") }
	}
	refusal := ""
	eventually(s.t, "the API is asked again", func() bool {
		err := s.catalog.Refresh(s.t.Context(), "")
		if apiclient.Refused(err) && !remount {
			// Tokens were revoked so fast that the client takes new ones for useless.
			s.done["holds"]++
			s.remount()
			err = s.catalog.Refresh(s.t.Context(), "")
		}
		if err != nil && err.Error() != refusal {
			refusal = err.Error()
			s.t.Log("refresh: ", refusal)
		}
		return err == nil
	})
	s.believe()
	wrong, said := "", ""
	defer func() {
		if wrong != "" {
			s.t.Logf("at the end: %s\n%s", wrong, said)
			for _, c := range s.sim.Snapshot().Contracts {
				if l, err := s.catalog.Listing(s.t.Context(), c.ID); err == nil && l.Suspect != "" {
					s.t.Logf("%s: %s", c.ID, l.Suspect)
				}
			}
		}
	}()
	right := func(r *rig) func() bool {
		return func() bool {
			errs := filepath.Join(s.t.TempDir(), "said")
			out := r.sh(`cp -r "$MNT/." "$OUT" 2>"$SAID" || true; if [ -n "$HIDE" ]; then rm -f "$OUT"/*/partial*; fi`, "SAID="+errs, "HIDE="+map[bool]string{false: "yes"}[remount])
			text, _ := os.ReadFile(errs) // for the log alone
			said = string(text)
			wrong = difference(s.t, out, expected(s.t, s.sim, hidden))
			return wrong == ""
		}
	}
	eventually(s.t, "all is as it should be", right(s.rig))
	if s.other != nil {
		if s.locked(s.other) {
			s.done["holds"]++
			s.other.remount()
		}
		if s.full { // what the first mount was told it could not save for the second
			eventually(s.t, "the API is asked again by the second mount", func() bool { return s.other.catalog.Refresh(s.t.Context(), "") == nil })
		}
		if !remount { // else it knows nothing of the documents of the month
			eventually(s.t, "all is as it should be in the second mount", right(s.other))
		}
		s.second()
	}
	clear(s.unsure)
}

// locked says whether a mount is refused a contract while its client takes new tokens
// for useless, which it does for a minute, by its own clock: they were revoked so fast.
func (s *soak) locked(r *rig) bool {
	if r.client.Stats().TokenNextTry.IsZero() {
		return false
	}
	for _, c := range s.sim.Snapshot().Contracts {
		if _, err := r.catalog.Listing(s.t.Context(), c.ID); apiclient.Refused(err) {
			return true
		}
	}
	return false
}

// believe ends what the catalog does not believe yet, and therefore still shows: it
// lets pass the time for the last document of a type, and one more of a type that
// has a number of documents which could be a cap makes it another number.
func (s *soak) believe() {
	gone, capped := false, false
	for _, c := range s.sim.Snapshot().Contracts {
		l, err := s.catalog.Listing(s.t.Context(), c.ID)
		if err != nil || l.Suspect == "" {
			continue
		}
		gone = gone || strings.Contains(l.Suspect, "is still shown")
		if !strings.Contains(l.Suspect, "may be hidden") {
			continue
		}
		capped = true
		have := make(map[string]int)
		for _, d := range c.Documents {
			have[d.Type]++
		}
		for docType, n := range have {
			if n%10 == 0 {
				if err := s.add(c.ID, docType); err != nil {
					s.t.Error(err)
				}
			}
		}
	}
	if gone {
		s.done["last of a type"]++
		s.clock.advance(2 * time.Hour)
	}
	if capped {
		s.done["like a cap"]++
	}
	if gone || capped {
		eventually(s.t, "the API is asked once more", func() bool { return s.catalog.Refresh(s.t.Context(), "") == nil })
	}
}

// usage is what a process must not use more and more of.
type usage struct {
	goroutines, files int
	heap              int64 // bytes, without those of the model
}

func (s *soak) use() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := 0
	for _, k := range openFiles(s.t) {
		n += k
	}
	heap := int64(m.HeapAlloc)
	for _, versions := range s.versions {
		for _, v := range versions {
			heap -= int64(len(v))
		}
	}
	return usage{runtime.NumGoroutine(), n, heap}
}

// noMoreThan fails if more is used than at first, for longer than a moment.
func (s *soak) noMoreThan(first usage) {
	s.t.Helper()
	var now usage
	for range 50 {
		if now = s.use(); now.goroutines <= first.goroutines+10 && now.files <= first.files+10 && now.heap <= first.heap+32<<20 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Errorf("%+v, at first %+v", now, first)
	s.sayWhatRuns()
}

// disconnect ends the connections to the API: how many there are is up to what was done
// at once lately.
func (s *soak) disconnect() {
	s.web.CloseClientConnections()
	time.Sleep(200 * time.Millisecond)
}

// soakLog is a log in the file that CCSFS_SOAK_LOG names, to look for the cause of
// what went wrong; nil without.
func soakLog(t *testing.T) *slog.Logger {
	path := os.Getenv("CCSFS_SOAK_LOG")
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
