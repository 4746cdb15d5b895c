package gate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"ccsfs/internal/osfile/osfiletest"
)

func TestUsersOfFiles(t *testing.T) {
	dir := t.TempDir()
	file, password := filepath.Join(dir, "users"), filepath.Join(dir, "password")
	write(t, file, "# who may look\n\nanna:"+hash(t, "password of anna")+"\nbob:"+strings.Replace(hash(t, "password of bob"), "$2a$", "$2y$", 1)+": OCB1, OCB2\r\n")
	write(t, password, "a good password\r\nnot this\n")
	u, err := ReadUsers("finance", password, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, password string
		ok             bool
		contracts      []string
	}{
		{"anna", "password of anna", true, nil},
		{"bob", "password of bob", true, []string{"OCB1", "OCB2"}},
		{"finance", "a good password", true, nil},
		{"finance", "a good password\r", false, nil},
		{"finance", "not this", false, nil},
		{"anna", "password of bob", false, nil},
		{"anna", "", false, nil},
		{"carl", "", false, nil},
		{"", "", false, nil},
	} {
		if _, ok := u.check(tt.name, tt.password); ok != tt.ok {
			t.Errorf("%s, %q: %v", tt.name, tt.password, ok)
		}
		if got, ok := u.user(tt.name); tt.ok && (!ok || !slices.Equal(got.Contracts, tt.contracts) || (got.Contracts == nil) != (tt.contracts == nil)) {
			t.Errorf("%+v, %v", got, ok)
		}
	}
}

// Who is not there takes as long to compare as who is: by a hash that costs as much as one of
// those who are.
func TestNobody(t *testing.T) {
	const cost = bcrypt.MinCost + 1
	h, err := bcrypt.GenerateFromPassword([]byte("password of anna"), cost)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, password := filepath.Join(dir, "users"), filepath.Join(dir, "password")
	write(t, file, "anna:"+string(h)+"\n")
	write(t, password, "a good password\n")
	u, err := ReadUsers("finance", password, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"anna", "nobody", "", "finance"} {
		if got, err := bcrypt.Cost([]byte(u.compared(name))); err != nil || got != cost {
			t.Errorf("%q is compared with %q: %d, %v", name, u.compared(name), got, err)
		}
	}
	for _, pw := range []string{"password of anna", "x"} {
		if _, ok := u.check("nobody", pw); ok {
			t.Errorf("nobody is let in by %q", pw)
		}
		if _, ok := u.check("finance", pw); ok {
			t.Errorf("finance is let in by %q", pw)
		}
	}
	write(t, file, "# nobody\n")
	if u, err = ReadUsers("finance", password, file); err != nil {
		t.Fatal(err)
	}
	if got, err := bcrypt.Cost([]byte(u.compared("anna"))); err != nil || got != bcrypt.DefaultCost {
		t.Errorf("of an empty file: %d, %v", got, err)
	}
}

// Whoever is taken out of a file, or gets another password or other contracts, is out: by
// password and by cookie.
func TestUsersThatChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	anna := "anna:" + hash(t, "password of anna")
	write(t, file, anna+"\n")
	users, err := ReadUsers("", "", file)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Users = users })
	cookie := r.sessions.begin("anna", users, r.now)
	enter := func() [2]bool {
		_, byCookie := r.sessions.of(cookie, users, r.now)
		status, _, _ := r.ask(request("/", basic("anna", "password of anna")))
		return [2]bool{byCookie, status == 200}
	}
	if got := enter(); got != [2]bool{true, true} {
		t.Fatal(got)
	}
	change := func(text string) {
		t.Helper()
		write(t, file, text)
		if err := os.Chtimes(file, r.now, r.now); err != nil {
			t.Fatal(err)
		}
		r.now = r.now.Add(time.Second)
		users.mu.Lock()
		users.looked = time.Time{} // it is time to look
		users.mu.Unlock()
	}
	change(anna + ":OCB1\n")
	if got := enter(); got != [2]bool{false, true} {
		t.Errorf("with fewer contracts: %v", got)
	}
	cookie = r.sessions.begin("anna", users, r.now)
	change("anna:" + hash(t, "another password") + ":OCB1\n")
	if got := enter(); got != [2]bool{false, false} {
		t.Errorf("with another password: %v", got)
	}
	change("nonsense\n")
	if got := enter(); got != [2]bool{false, false} || users.Err() == nil {
		t.Errorf("of a broken file: %v, %v", got, users.Err())
	}
	change(anna + "\n")
	if got := enter(); got != [2]bool{false, true} || users.Err() != nil {
		t.Errorf("mended: %v, %v", got, users.Err())
	}
}

func TestFilesOfUsersThatAreWrong(t *testing.T) {
	good := hash(t, "password of anna")
	for _, tt := range []struct{ name, users, password, want string }{
		{"no users", "# nobody\n", "", "has no users"},
		{"no hash", "anna:secret\n", "", "users:1: the password of anna is no hash by bcrypt; htpasswd -nB anna makes one"},
		{"one word", "\nanna\n", "", "users:2: a line is NAME:HASH"},
		{"a hash that takes for ever", "anna:$2a$31$" + good[7:], "", "users:1: to compare the password of anna takes longer than anybody waits"},
		{"twice", "anna:" + good + "\nanna:" + good, "", "users:2: anna is there twice"},
		{"no contract", "anna:" + good + ": ,\n", "", "may see no contract"},
		{"too many", "anna:" + good + ":a:b\n", "", "users:1: a line is"},
		{"a short password", "", "1234567", "less than 8 characters"},
		{"the same user", "finance:" + good, "a good password", "has a password of its own"},
	} {
		dir := t.TempDir()
		var files [2]string
		for i, text := range []string{tt.users, tt.password} {
			if text != "" {
				files[i] = filepath.Join(dir, [...]string{"users", "password"}[i])
				write(t, files[i], text)
			}
		}
		_, err := ReadUsers("finance", files[1], files[0])
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), good) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "1234567")) {
			t.Errorf("%s tells a secret: %v", tt.name, err)
		}
	}
	if _, err := ReadUsers("x", filepath.Join(t.TempDir(), "none"), ""); err == nil {
		t.Error("no file")
	}
	osfiletest.NeedsUnix(t, "modes")
	open := filepath.Join(t.TempDir(), "users")
	write(t, open, "anna:"+good)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadUsers("", "", open); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by all: %v", err)
	}
}

func FuzzUsers(f *testing.F) {
	for _, seed := range []string{"anna:$2a$10$x", "a:b:c", ":", "#", "a:\x00:,\n", fmt.Sprint("anna:", nobody, ":x")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse("users", []byte(text))
		if err != nil {
			return
		}
		for name, one := range all {
			if name == "" || one.hash == "" || one.contracts != nil && len(one.contracts) == 0 {
				t.Errorf("%q: %+v", name, one)
			}
		}
	})
}

// A user of a file who is asked about while the file becomes another is who they were, or
// nobody: never somebody who may see all.
func TestUsersWhileTheFileChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	with := "anna:" + hash(t, "password of anna") + "\n"
	write(t, file, with+"bob:"+hash(t, "password of bob")+":OCB1\n")
	u, err := ReadUsers("", "", file)
	if err != nil {
		t.Fatal(err)
	}
	bob := u.all["bob"]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			for _, all := range [...]map[string]account{nil, {"bob": bob}} {
				u.mu.Lock()
				u.looked, u.all = time.Now(), all
				u.mu.Unlock()
			}
		}
	}()
	for {
		if got, ok := u.user("bob"); ok && !slices.Equal(got.Contracts, []string{"OCB1"}) {
			t.Errorf("bob may see %v", got.Contracts)
			break
		}
		select {
		case <-done:
			return
		default:
		}
	}
	<-done
}
