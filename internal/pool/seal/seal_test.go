package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"filippo.io/age"

	"ccsfs/internal/pool/seal"
)

// known is a key for tests, and what is derived from it for good: pools live longer than
// versions of the program.
const (
	known   = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
	knownID = "17d4aaa0"
)

func parse(t testing.TB, text string) *seal.Key {
	t.Helper()
	k, err := seal.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func generate(t testing.TB) (*seal.Key, string) {
	t.Helper()
	k, text, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k, text
}

func TestGenerate(t *testing.T) {
	k, text := generate(t)
	if again := parse(t, text); again.ID() != k.ID() {
		t.Errorf("%s was written, %s was read", k.ID(), again.ID())
	}
	other, _ := generate(t)
	if other.ID() == k.ID() {
		t.Error("two keys with one ID")
	}
	if ids, err := age.ParseIdentities(strings.NewReader(text)); err != nil || len(ids) != 1 {
		t.Errorf("age reads %d identities from it (%v)", len(ids), err)
	}
	if !strings.Contains(text, k.ID()) {
		t.Error("its file does not tell its ID")
	}
}

func TestParse(t *testing.T) {
	_, other := generate(t)
	public := strings.Split(strings.Split(other, "public key: ")[1], "\n")[0]
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"alone":                {known, ""},
		"a line":               {known + "\n", ""},
		"as age-keygen writes": {"# created: 2026-11-30T10:00:00Z\n# public key: age1abc\n" + known + "\n", ""},
		"of Windows":           {"\ufeff# pool\r\n\r\n" + known + "\r\n", ""},
		"with spaces":          {"  " + known + "\t\n", ""},
		"nothing":              {"", "no pool key in it"},
		"comments":             {"# " + known, "no pool key in it"},
		"two":                  {known + "\n" + other, "a second key"},
		"public":               {"# x\n" + public, "line 2: a public key"},
		"post-quantum":         {pq.String(), "another kind"},
		"plugin":               {"AGE-PLUGIN-YUBIKEY-1QQPQYQSZGFQ", "another kind"},
		"encrypted":            {"age-encryption.org/v1\n-> scrypt", "age -d"},
		"encrypted, armored":   {"-----BEGIN AGE ENCRYPTED FILE-----\n", "age -d"},
		"cut":                  {known[:60], "mistake"},
		"a letter":             {strings.Replace(known, "GFP", "GFQ", 1), "mistake"},
		"in lower case":        {strings.ToLower(known), "begins with"},
		"two in one line":      {known + known, "mistake"},
		"an open SSH key":      {"-----BEGIN OPENSSH PRIVATE KEY-----", "begins with"},
		"endless":              {strings.Repeat("#\n", 40<<10), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := seal.Parse(test.text)
			switch {
			case test.want == "" && (err != nil || k.ID() != knownID):
				t.Errorf("got %v (%v)", k, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
			showsNothing(t, fmt.Sprint(err), test.text)
		})
	}
}

// showsNothing looks for pieces of a secret in a text: six characters of Bech32 with a digit
// among them, which no message has.
func showsNothing(t *testing.T, in, secret string) {
	t.Helper()
	const characters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
	for i := range max(0, len(secret)-5) {
		piece := secret[i : i+6]
		if strings.Trim(strings.ToUpper(piece), characters) == "" && strings.ContainsAny(piece, "023456789") && strings.Contains(in, piece) {
			t.Fatalf("%q shows %q of the key", in, piece)
		}
	}
}

func TestNothingShowsAKey(t *testing.T) {
	k := parse(t, known)
	holder := struct {
		K *seal.Key
		v seal.Key
	}{k, *k}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("opened", "key", k, "value", *k, "holder", holder)
	shown := []string{string(encoded), log.String(), k.String(), fmt.Sprint(errors.Join(fmt.Errorf("%v", k)))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, k), fmt.Sprintf(verb, *k), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder))
	}
	for _, text := range shown {
		showsNothing(t, text, known)
		// B is the letter of the scalar, which is 0x42 in each byte.
		if strings.Contains(text, "BBBB") || strings.Contains(text, "4242") || strings.Contains(text, "66 66") {
			t.Errorf("%q shows the scalar", text)
		}
	}
	if got := k.String(); got != "pool key "+knownID {
		t.Errorf("shown as %q", got)
	}
	if got := fmt.Sprint(seal.Key{}); got != "pool key none" {
		t.Errorf("no key is shown as %q", got)
	}
}

func TestLock(t *testing.T) {
	k := parse(t, known)
	other, _ := generate(t)
	for _, secret := range []string{"", "t", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("long", 5000)} {
		locked, err := k.Lock("account", "token", []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		if len(secret) > 1 && bytes.Contains(locked, []byte(secret[:2+len(secret)/2])) {
			t.Error("a locked secret can be read")
		}
		if got, err := k.Unlock("account", "token", locked); err != nil || string(got) != secret {
			t.Errorf("unlocked %q (%v), want %q", got, err, secret)
		}
		if again, err := k.Lock("account", "token", []byte(secret)); err != nil || bytes.Equal(again, locked) {
			t.Errorf("locked the same way twice (%v)", err)
		}
		for _, test := range []struct{ account, name string }{{"other", "token"}, {"account", "other"}, {"accoun", "ttoken"}, {"", ""}} {
			if _, err := k.Unlock(test.account, test.name, locked); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("unlocked for %v: %v", test, err)
			}
		}
		if _, err := other.Unlock("account", "token", locked); !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("unlocked with another key: %v", err)
		}
		for cut := range min(len(locked), 100) {
			if _, err := k.Unlock("account", "token", locked[:cut]); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("unlocked %d bytes: %v", cut, err)
			}
		}
		for i := range min(len(locked), 100) {
			want := seal.ErrDamaged
			if i == 0 {
				want = seal.ErrVersion
			} else if i <= 4 {
				want = seal.ErrOtherKey
			}
			for bit := range 8 {
				p := bytes.Clone(locked)
				p[i] ^= 1 << bit
				if _, err := k.Unlock("account", "token", p); !errors.Is(err, want) {
					t.Errorf("unlocked with bit %d of byte %d turned: %v", bit, i, err)
				}
			}
		}
	}
}

// What earlier versions sealed and locked is read for good.
func TestForGood(t *testing.T) {
	k := parse(t, known)
	header, err := k.Seal("acct", "v1/acct/d/a/b/c", []byte(`{"month":"202610"}`), 5,
		fmt.Sprintf("%x", sha256.Sum256([]byte("bytes"))))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(header); got != sealedForGood {
		t.Errorf("sealed as\n%s\nwant\n%s", got, sealedForGood)
	}
	if got, err := k.Unlock("acct", "tok", fromHex(t, lockedForGood)); err != nil || string(got) != "token" {
		t.Errorf("unlocked %q (%v)", got, err)
	}
	whole := fromHex(t, encryptedForGood)
	o, err := k.Open("acct", "v1/acct/d/a/b/c", bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o.Body); err != nil || string(got) != "bytes" || !o.Encrypted {
		t.Errorf("read %q (%v)", got, err)
	}
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	var p []byte
	if _, err := fmt.Sscanf(strings.ReplaceAll(s, "\n", ""), "%x", &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzParse(f *testing.F) {
	f.Add(known)
	f.Add("# comment\r\n" + known + "\n")
	f.Add("AGE-SECRET-KEY-1")
	f.Add("age-encryption.org/v1\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := seal.Parse(text)
		if err != nil {
			showsNothing(t, err.Error(), text)
			return
		}
		locked, err := k.Lock("a", "b", []byte("c"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Unlock("a", "b", locked); err != nil || string(got) != "c" {
			t.Errorf("unlocked %q (%v)", got, err)
		}
	})
}
