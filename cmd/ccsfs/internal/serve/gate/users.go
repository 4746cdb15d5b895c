package gate

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"ccsfs/cmd/ccsfs/internal/serve/who"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/osfile"
)

// Who may come in, and with what.

// Users are those who are let in. Files are read again when they change: who is taken out
// of them is out.
type Users struct {
	one      string // with a password of its own; "": there is a file of users alone
	password func() ([]byte, error)
	file     string // of users, "": none
	key      []byte // see compared

	mu     sync.Mutex
	looked time.Time
	all    map[string]account
	secret []byte // the password of one, as it was read last
	err    error  // of the latest reading
}

// account is a user of a file.
type account struct {
	hash      string // bcrypt
	contracts []string
}

// Generated are users that are one, with a password that was made up.
func Generated(name string) (users *Users, password string) {
	text := strings.ToLower(rand.Text()[:20]) // 100 bits
	password = strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:]}, "-")
	return &Users{one: name, secret: []byte(password)}, password
}

// ReadUsers reads who may come in: one user whose password is the first line of a file, and
// those of a file of users; either may be "". A line of that is NAME:HASH, the hash by
// bcrypt (htpasswd -nB NAME makes one), and, to show no other contracts,
// NAME:HASH:CONTRACT,CONTRACT. Lines that begin with # are none.
func ReadUsers(name, passwordFile, usersFile string) (*Users, error) {
	u := &Users{file: usersFile, key: []byte(rand.Text())}
	if passwordFile != "" {
		u.one = name
		u.password = func() ([]byte, error) { return readPassword(passwordFile) }
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read()
	if u.err != nil {
		return nil, u.err
	}
	return u, nil
}

// minPassword is how long a password of a file is at least, in bytes.
const minPassword = 8

func readPassword(path string) ([]byte, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) < minPassword {
		return nil, fmt.Errorf("%s: its first line, the password, has less than %d characters", path, minPassword)
	}
	return line, nil
}

// readPrivate reads a file of secrets, which nobody else may read or write.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if perm := info.Mode().Perm(); info.Mode().IsRegular() && osfile.Exposed(info, 0o007) {
		return nil, fmt.Errorf("%s can be read or written by every user (mode %04o); run: chmod 600 %s", path, perm, term.Quote(path))
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is too large (%d bytes)", path, info.Size())
	}
	return os.ReadFile(path)
}

const maxFile = 1 << 20 // bytes

// maxCost is what a hash may cost, which whoever guesses has paid by the server: it is what
// htpasswd makes at most, and takes some ten seconds.
const maxCost = 17

// parse reads a file of users.
func parse(path string, data []byte) (map[string]account, error) {
	all := map[string]account{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.Split(line, ":")
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", path, n, fmt.Sprintf(format, args...))
		}
		if len(parts) < 2 || len(parts) > 3 || parts[0] == "" {
			return nil, fail("a line is NAME:HASH or NAME:HASH:CONTRACT,CONTRACT; htpasswd -nB NAME makes one")
		}
		cost, err := bcrypt.Cost([]byte(parts[1]))
		if err != nil {
			return nil, fail("the password of %s is no hash by bcrypt; htpasswd -nB %s makes one", parts[0], parts[0])
		}
		if cost > maxCost {
			return nil, fail("to compare the password of %s takes longer than anybody waits; htpasswd -nB %s makes a hash of less cost", parts[0], parts[0])
		}
		if _, twice := all[parts[0]]; twice {
			return nil, fail("%s is there twice", parts[0])
		}
		one := account{hash: parts[1]}
		if len(parts) == 3 {
			one.contracts = []string{}
			for id := range strings.SplitSeq(parts[2], ",") {
				if id = strings.TrimSpace(id); id != "" {
					one.contracts = append(one.contracts, id)
				}
			}
			if len(one.contracts) == 0 {
				return nil, fail("%s may see no contract; without the second colon it is all of them", parts[0])
			}
		}
		all[parts[0]] = one
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// read reads the files. What cannot be read any more lets nobody in. u.mu is held.
func (u *Users) read() {
	u.err = nil
	if u.password != nil {
		secret, err := u.password()
		u.secret, u.err = secret, err
	}
	if u.file == "" {
		return
	}
	u.all = nil
	data, err := readPrivate(u.file)
	if err == nil {
		u.all, err = parse(u.file, data)
	}
	if err == nil && u.one != "" && u.all[u.one].hash != "" {
		err = fmt.Errorf("%s: %s is there, and has a password of its own", u.file, u.one)
	}
	if err == nil && len(u.all) == 0 && u.one == "" {
		err = fmt.Errorf("%s has no users", u.file)
	}
	u.err = errors.Join(u.err, err)
}

// lookEvery is how often files are read, at most: times and sizes do not tell whether one has
// changed.
const lookEvery = 2 * time.Second

// renew reads the files again if it is time. u.mu is held.
func (u *Users) renew() {
	if u.password == nil && u.file == "" || time.Since(u.looked) < lookEvery {
		return
	}
	u.looked = time.Now()
	u.read()
}

// Err is why nobody, or not everybody, can be let in, by what the files hold now.
func (u *Users) Err() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.renew()
	return u.err
}

// mark is the same for as long as a user has the same password and rights, "" of nobody.
func (u *Users) mark(name string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.renew()
	return u.markNow(name)
}

// markNow is mark by what was read last. u.mu is held.
func (u *Users) markNow(name string) string {
	switch one, ok := u.all[name]; {
	case ok:
		return one.hash + "\x00" + strings.Join(one.contracts, ",")
	case name == u.one && name != "" && len(u.secret) > 0:
		sum := sha256.Sum256(u.secret)
		return string(sum[:])
	}
	return ""
}

// user is a user by name. Whether there is one, and what they may see, is by one reading of
// the files.
func (u *Users) user(name string) (who.User, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.renew()
	if u.markNow(name) == "" {
		return who.User{}, false
	}
	return who.User{Name: name, Contracts: slices.Clone(u.all[name].contracts)}, true
}

// proxied is a user that a trusted proxy names. Where there is a file of users, it has to
// be one of them.
func (u *Users) proxied(name string) (who.User, bool) {
	if u.file == "" {
		return who.User{Name: name}, true
	}
	return u.user(name)
}

// check compares a password, and returns the mark of whom it is right for. It takes as long
// for nobody as for somebody.
func (u *Users) check(name, password string) (as string, ok bool) {
	u.mu.Lock()
	u.renew()
	one, secret, file := u.all[name], u.secret, u.file
	as = u.markNow(name)
	mine := name == u.one && name != "" && len(secret) > 0
	hash := u.compared(name)
	u.mu.Unlock()
	if file != "" {
		ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil && one.hash != ""
	}
	if mine {
		a, b := sha256.Sum256(secret), sha256.Sum256([]byte(password))
		ok = subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	return as, ok
}

// compared is the hash that a password of a name is compared with. Of who is not in the file
// it is that of one who is, always the same one, so that the time it takes does not tell them
// apart: hashes differ in what they cost. u.mu is held.
func (u *Users) compared(name string) string {
	if one, ok := u.all[name]; ok {
		return one.hash
	}
	if len(u.all) == 0 {
		return nobody
	}
	sum := hmac.New(sha256.New, u.key)
	_, _ = sum.Write([]byte(name)) // never fails
	names := slices.Sorted(maps.Keys(u.all))
	return u.all[names[binary.BigEndian.Uint64(sum.Sum(nil))%uint64(len(names))]].hash
}

// nobody is the hash of a password that nobody knows.
const nobody = "$2a$10$7EqJtq98hPqEX7fNZaFWoOa5T1Hk8lqVh6DxqQ0h1WcQ0i1kJm9Xe"
