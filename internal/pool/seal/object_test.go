package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"ccsfs/internal/pool/seal"
)

const (
	account = "1f0c"
	name    = "v1/1f0c/d/c/d/v"
)

func sum(p []byte) string { s := sha256.Sum256(p); return hex.EncodeToString(s[:]) }

// document gives n bytes that differ from place to place.
func document(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16)
	}
	return b
}

// sealed is a whole object as it lies in a store.
func sealed(t testing.TB, k *seal.Key, encrypted bool, meta, p []byte) []byte {
	t.Helper()
	header, err := k.Seal(account, name, meta, int64(len(p)), sum(p))
	if err != nil {
		t.Fatal(err)
	}
	return whole(t, k, encrypted, header, p)
}

func whole(t testing.TB, k *seal.Key, encrypted bool, header, p []byte) []byte {
	t.Helper()
	o := k.Plain(header, bytes.NewReader(p), int64(len(p)))
	if encrypted {
		var err error
		if o, err = k.Encrypted(header, bytes.NewReader(p), int64(len(p))); err != nil {
			t.Fatal(err)
		}
	}
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil || int64(len(got)) != o.Size() {
		t.Fatalf("%d bytes of %d (%v)", len(got), o.Size(), err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return got
}

// open reads an object to its end.
func open(k *seal.Key, account, name string, object []byte) (*seal.Opened, []byte, error) {
	o, err := k.Open(account, name, bytes.NewReader(object), int64(len(object)))
	if err != nil {
		return nil, nil, err
	}
	p, err := io.ReadAll(o.Body)
	return o, p, err
}

// kinds are the ways in which an object lies in a store.
func kinds(t *testing.T, test func(t *testing.T, encrypted bool)) {
	t.Run("plain", func(t *testing.T) { test(t, false) })
	t.Run("encrypted", func(t *testing.T) { test(t, true) })
}

func TestOpenGivesWhatWasSealed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		for _, size := range []int{0, 1, 4095, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20, 3 << 20} {
			for _, meta := range [][]byte{nil, []byte("{}"), {0, 255, '\n'}, document(seal.MetaMost)} {
				p := document(size)
				object := sealed(t, k, encrypted, meta, p)
				o, got, err := open(k, account, name, object)
				if err != nil || !bytes.Equal(got, p) {
					t.Fatalf("%d bytes: read %d (%v)", size, len(got), err)
				}
				if !bytes.Equal(o.Meta, meta) || o.Size != int64(size) || o.SHA256 != sum(p) || o.Encrypted != encrypted {
					t.Errorf("%d bytes: opened as %d, %s", size, o.Size, o.SHA256)
				}
			}
		}
		if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	})
}

// Names may be anything but long.
func TestNames(t *testing.T) {
	k, _ := generate(t)
	for _, name := range []string{"", "a", "ö\n\"<>", "\xff\xfe", strings.Repeat("\x01", 1<<10), strings.Repeat("ÿ", 1<<9)} {
		header, err := k.Seal(name, name, document(seal.MetaMost), 0, sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := open(k, name, name, header); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if _, _, err := open(k, name, strings.ToValidUTF8(name, "\ufffd")+"x", header); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// What JSON takes for the same is not.
	header, err := k.Seal(account, "\xff", nil, 0, sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(k, account, "\ufffd", header); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("a name that is not UTF-8 is taken for another: %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	k, _ := generate(t)
	for what, try := range map[string]func() ([]byte, error){
		"account": func() ([]byte, error) { return k.Seal(strings.Repeat("a", 1<<10+1), name, nil, 0, sum(nil)) },
		"name":    func() ([]byte, error) { return k.Seal(account, strings.Repeat("a", 1<<10+1), nil, 0, sum(nil)) },
		"meta":    func() ([]byte, error) { return k.Seal(account, name, document(seal.MetaMost+1), 0, sum(nil)) },
		"size":    func() ([]byte, error) { return k.Seal(account, name, nil, -1, sum(nil)) },
		"upper":   func() ([]byte, error) { return k.Seal(account, name, nil, 0, strings.ToUpper(sum(nil))) },
		"short":   func() ([]byte, error) { return k.Seal(account, name, nil, 0, sum(nil)[2:]) },
		"no sum":  func() ([]byte, error) { return k.Seal(account, name, nil, 0, "") },
	} {
		if header, err := try(); err == nil {
			t.Errorf("%s: sealed %q", what, header)
		}
	}
}

// Whoever can write to the store can put nothing in the place of anything else.
func TestObjectsAreBound(t *testing.T) {
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		object := sealed(t, k, encrypted, []byte("meta"), document(100))
		for _, test := range []struct{ account, name string }{
			{account, name + "x"}, {account, name[1:]}, {account + "x", name}, {"", name}, {account, ""},
			{account + name[:1], name[1:]}, {name, account},
		} {
			if _, _, err := open(k, test.account, test.name, object); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("opened as %v: %v", test, err)
			}
		}
		other, _ := generate(t)
		if _, _, err := open(other, account, name, object); !errors.Is(err, seal.ErrOtherKey) || errors.Is(err, seal.ErrDamaged) {
			t.Errorf("opened with another key: %v", err)
		} else if !strings.Contains(err.Error(), other.ID()) {
			t.Errorf("%v: does not tell which key is needed", err)
		}
		// The recipient is public: what somebody encrypts for it is not of a member by that.
		forged := whole(t, k, encrypted, bytes.Replace(sealed(t, other, false, nil, document(100)),
			[]byte(other.ID()), []byte(k.ID()), 1), nil)
		if _, _, err := open(k, account, name, forged); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("a forged one was opened: %v", err)
		}
	})
}

// Each bit of an object counts; of an encrypted one, where each try costs a key agreement, one
// bit of each byte is turned.
func TestFlips(t *testing.T) {
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		object := sealed(t, k, encrypted, []byte("meta of it"), document(50))
		for i := range object {
			for bit := range 8 {
				if encrypted && bit != i%8 {
					continue
				}
				p := bytes.Clone(object)
				p[i] ^= 1 << bit
				o, got, err := open(k, account, name, p)
				if !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrOtherKey) && !errors.Is(err, seal.ErrVersion) {
					t.Fatalf("bit %d of byte %d turned: %v, %q (%v)", bit, i, o, got, err)
				}
			}
		}
	})
}

func TestTruncated(t *testing.T) {
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		object := sealed(t, k, encrypted, []byte("meta"), document(200))
		for n := range object {
			if _, _, err := open(k, account, name, object[:n]); !errors.Is(err, seal.ErrDamaged) {
				t.Fatalf("opened %d bytes of %d: %v", n, len(object), err)
			}
			// A store that tells the right size and gives less.
			o, err := k.Open(account, name, bytes.NewReader(object[:n]), int64(len(object)))
			if err == nil {
				_, err = io.ReadAll(o.Body)
			}
			if !errors.Is(err, seal.ErrDamaged) {
				t.Fatalf("read %d bytes of %d: %v", n, len(object), err)
			}
		}
	})
}

func TestMoreThanItShouldBe(t *testing.T) {
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		for _, size := range []int{0, 100, 64 << 10, 200_000} {
			object := sealed(t, k, encrypted, nil, document(size))
			for _, more := range [][]byte{{0}, {'\n'}, document(100_000), object} {
				longer := append(bytes.Clone(object), more...)
				if _, _, err := open(k, account, name, longer); !errors.Is(err, seal.ErrDamaged) {
					t.Errorf("%d bytes and %d more: %v", size, len(more), err)
				}
				// A store that tells the right size and gives more.
				o, err := k.Open(account, name, bytes.NewReader(longer), int64(len(object)))
				if err == nil {
					_, err = io.ReadAll(o.Body)
				}
				if !errors.Is(err, seal.ErrDamaged) {
					t.Errorf("%d bytes and %d more behind: %v", size, len(more), err)
				}
			}
		}
	})
}

// Bytes of the right number that are not those that were sealed.
func TestOtherBytes(t *testing.T) {
	k, _ := generate(t)
	p := document(150_000)
	header, err := k.Seal(account, name, nil, int64(len(p)), sum(p))
	if err != nil {
		t.Fatal(err)
	}
	kinds(t, func(t *testing.T, encrypted bool) {
		object := whole(t, k, encrypted, header, make([]byte, len(p)))
		if _, _, err := open(k, account, name, object); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("read: %v", err)
		}
	})
}

func TestVersions(t *testing.T) {
	k, _ := generate(t)
	object := string(sealed(t, k, false, nil, nil))
	for first, want := range map[string]error{
		"ccsfs-object 2\n":               seal.ErrVersion,
		"ccsfs-object 10 zip\n":          seal.ErrVersion,
		"age-encryption.org/v2\n":        seal.ErrVersion,
		"ccsfs-object\n":                 seal.ErrDamaged,
		"<?xml version=\"1.0\"?>\n":      seal.ErrDamaged,
		"<html><body>Sign in</body>\n":   seal.ErrDamaged,
		"version https://git-lfs.git\n":  seal.ErrDamaged,
		"-----BEGIN AGE ENCRYPTED FILE-": seal.ErrDamaged,
	} {
		_, _, err := open(k, account, name, []byte(strings.Replace(object, "ccsfs-object 1\n", first, 1)))
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", first, err)
		}
	}
}

// A store that fails is not a damaged object.
func TestSourceFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		for _, size := range []int{0, 300, 150_000} {
			object := sealed(t, k, encrypted, []byte("meta"), document(size))
			for _, failure := range []error{errors.New("network"), io.ErrUnexpectedEOF} {
				for n := 0; n < len(object); n += 1 + n/20 {
					r := io.MultiReader(bytes.NewReader(object[:n]), iotest.ErrReader(failure))
					o, err := k.Open(account, name, r, int64(len(object)))
					if err == nil {
						_, err = io.ReadAll(o.Body)
					}
					if !errors.Is(err, failure) || errors.Is(err, seal.ErrDamaged) {
						t.Fatalf("failed after %d bytes of %d: %v", n, len(object), err)
					}
				}
			}
		}
	})
}

// What says that it is long takes no memory until it is known to be ours.
func TestEndlessHeaders(t *testing.T) {
	k, _ := generate(t)
	for begin, most := range map[string]int{
		"": 8 << 10, "ccsfs-object 1\n": 120 << 10, "ccsfs-object 1\n{}\n": 120 << 10,
		"age-encryption.org/v1\n": 32 << 10, "age-encryption.org/v1\n-> X25519 ": 32 << 10,
		"age-encryption.org/v1\n" + strings.Repeat("-> X25519 AAAA\nAAAA\n", 1): 32 << 10,
	} {
		for _, repeated := range []string{"a", "-> X25519 AAAA\nAAAA\n"} {
			r := &counted{r: io.MultiReader(strings.NewReader(begin), endless(repeated))}
			if _, err := k.Open(account, name, r, 1<<40); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("%q: %v", begin, err)
			}
			if r.n > most {
				t.Errorf("%q: %d bytes were read", begin, r.n)
			}
		}
	}
}

type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

type counted struct {
	r io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// An upload that is tried again, or is in parts, is of the same bytes.
func TestObjectsAreReadAnywhere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		for _, size := range []int{0, 100, 2 << 20} {
			p := document(size)
			header, err := k.Seal(account, name, nil, int64(size), sum(p))
			if err != nil {
				t.Fatal(err)
			}
			o := k.Plain(header, bytes.NewReader(p), int64(size))
			if encrypted {
				if o, err = k.Encrypted(header, bytes.NewReader(p), int64(size)); err != nil {
					t.Fatal(err)
				}
			}
			defer o.Close()
			all, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []int{len(all) / 2, 0, len(all) - 1, len(header)/2 + 1} {
				part := make([]byte, min(1000, len(all)-at))
				if n, err := o.ReadAt(part, int64(at)); n < len(part) || !bytes.Equal(part, all[at:at+n]) {
					t.Errorf("%d bytes from %d, or others (%v)", n, at, err)
				}
			}
			if n, err := o.ReadAt(make([]byte, 10), o.Size()); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("%d bytes behind its end (%v)", n, err)
			}
			if _, err := o.ReadAt(make([]byte, 10), -1); err == nil {
				t.Error("read before its beginning")
			}
		}
	})
}

// A body that is shorter than was said is no object.
func TestShortBody(t *testing.T) {
	kinds(t, func(t *testing.T, encrypted bool) {
		k, _ := generate(t)
		p := document(1000)
		header, err := k.Seal(account, name, nil, 1000, sum(p))
		if err != nil {
			t.Fatal(err)
		}
		o := k.Plain(header, bytes.NewReader(p[:999]), 1000)
		if encrypted {
			_, err = k.Encrypted(header, bytes.NewReader(p[:999]), 1000)
		} else {
			_, err = io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("read: %v", err)
		}
	})
}

// Where there is no room for it, nothing is left behind.
func TestNoRoomToEncrypt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/none")
	t.Setenv("TMP", t.TempDir()+"/none")
	k, _ := generate(t)
	p := document(2 << 20)
	if _, err := k.Encrypted(nil, bytes.NewReader(p), int64(len(p))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("encrypted: %v", err)
	}
}

// Documents can be got back without ccsfs.
func TestWithAgeAlone(t *testing.T) {
	k, text := generate(t)
	p := document(100_000)
	object := sealed(t, k, true, []byte("meta"), p)
	if bytes.Contains(object, p[1000:1020]) || bytes.Contains(object, []byte(account)) {
		t.Error("an encrypted object can be read")
	}
	ids, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(object), ids...)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitN(plain, []byte("\n"), 4)
	if len(lines) != 4 || !bytes.Equal(lines[3], p) {
		t.Errorf("after the third line there is not the document but %d lines", len(lines))
	}
}

func FuzzOpen(f *testing.F) {
	k := parse(f, known)
	for _, p := range [][]byte{nil, document(10), document(70_000)} {
		f.Add(sealed(f, k, false, []byte("m"), p), int64(0))
		f.Add(sealed(f, k, true, nil, p), int64(1))
	}
	f.Add([]byte("age-encryption.org/v1\n-> X25519 AAAA\n\n--- AAAA\n"), int64(0))
	f.Add([]byte("ccsfs-object 1\n{\"size\":-1}\n"+strings.Repeat("0", 64)+"\n"), int64(0))
	f.Fuzz(func(t *testing.T, object []byte, off int64) {
		o, err := k.Open(account, name, bytes.NewReader(object), int64(len(object))+off)
		var p []byte
		if err == nil {
			p, err = io.ReadAll(o.Body)
		}
		switch {
		case err == nil && (sum(p) != o.SHA256 || int64(len(p)) != o.Size):
			t.Errorf("opened %d bytes that are not what was sealed", len(p))
		case err != nil && !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrOtherKey) && !errors.Is(err, seal.ErrVersion):
			t.Errorf("failed otherwise: %v", err)
		}
	})
}

func Example() {
	key, _, err := seal.Generate() // the text goes to a file of mode 0600
	if err != nil {
		panic(err)
	}
	document := []byte("the bytes")
	header, err := key.Seal("account", "d/1", []byte("about it"), int64(len(document)), sum(document))
	if err != nil {
		panic(err)
	}
	object, err := key.Encrypted(header, bytes.NewReader(document), int64(len(document)))
	if err != nil {
		panic(err)
	}
	defer object.Close()

	opened, err := key.Open("account", "d/1", io.NewSectionReader(object, 0, object.Size()), object.Size())
	if err != nil {
		panic(err)
	}
	p, err := io.ReadAll(opened.Body)
	fmt.Printf("%s, %s, %v\n", opened.Meta, p, err)
	// Output: about it, the bytes, <nil>
}
