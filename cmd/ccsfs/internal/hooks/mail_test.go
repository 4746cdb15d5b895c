package hooks

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/osfile/osfiletest"
)

// read parses a letter as a mail program does.
func readLetter(t *testing.T, letter []byte) (mail.Header, string) {
	t.Helper()
	for line := range bytes.Lines(letter) {
		if len(line) > 78 {
			t.Errorf("a line of %d characters: %q", len(line), line)
		}
		for _, c := range line {
			if c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
				t.Errorf("no plain ASCII: %q", line)
			}
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(letter))
	if err != nil {
		t.Fatalf("%v\n%s", err, letter)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(text)
}

func addresses(t testing.TB, list string) []*mail.Address {
	t.Helper()
	all, err := mail.ParseAddressList(list)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLetter(t *testing.T) {
	all := changes(4)
	all[2].Kind, all[3].Kind = change.Changed, change.Gone
	all[0].Path = "C/naïve €.pdf"
	h, text := readLetter(t, letter(addresses(t, `"Bücher, Ö." <a@example.com>, b@example.org`), "host.example", Message{ID: "msg_1", At: at(), Changes: all, Unlisted: []string{"OCB2: refused"}}))
	for name, want := range map[string]string{
		"Subject": "ccsfs: 2 new, 1 changed, 1 gone documents", "Message-Id": "<msg_1@host.example>", "Date": "Sat, 31 Oct 2026 12:00:00 +0000",
		"Mime-Version": "1.0", "Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "quoted-printable", "Auto-Submitted": "auto-generated",
	} {
		if got := h[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	to, err := h.AddressList("To")
	if err != nil || len(to) != 2 || to[0].Name != "Bücher, Ö." || to[0].Address != "a@example.com" || to[1].Address != "b@example.org" {
		t.Errorf("%v, %v", to, err)
	}
	if len(h) != 8 {
		t.Errorf("%v", h)
	}
	for _, want := range []string{"C/naïve €.pdf\n", "\nchanged ", "\ngone ", "As of 2026-10-31 12:00 UTC:\n", "\nOCB2: refused\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := subject(changes(1)); got != "ccsfs: 1 new document" {
		t.Error(got)
	}
}

// No text from outside becomes a header, another part, or the end of the mail.
func FuzzLetter(f *testing.F) {
	f.Add("a.pdf\nBcc: x@example.com", "bills\r\n.\r\nTo: x", "1\n\n--", "host\nX: y", "\x1b[2J\n.\n")
	f.Add("\xff\xfe", "=?utf-8?q?x?=", "", "", "\u2028\u202e")
	f.Fuzz(func(t *testing.T, path, typ, amount, host, unlisted string) {
		c := change.Change{Kind: change.New, Path: path, Type: typ, Amount: amount, Currency: host}
		h, text := readLetter(t, letter(addresses(t, "a@example.com"), host, Message{ID: "msg_1", At: at(), Changes: []change.Change{c}, Unlisted: []string{unlisted}}))
		if len(h) != 8 || h.Get("To") != "<a@example.com>" || h.Get("Subject") != "ccsfs: 1 new document" {
			t.Errorf("%v", h)
		}
		if n := strings.Count(text, "\n"); n != 7 || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("%d lines: %q", n, text)
		}
	})
}

// A mail is one for each look, goes to who was named by the interface of sendmail, and is
// kept if that fails.
func TestMail(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	dir := t.TempDir()
	program := filepath.Join(dir, "mailer")
	script := "#!/bin/sh\necho \"$@\" >>" + dir + "/args\ncat >>" + dir + "/mails\nenv >" + dir + "/env\n! test -e " + dir + "/broken\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, hooks := realHooks(t, Options{mail: []string{"a@example.com,b@example.com", "c@example.com"}, sendmail: program}, "")
	var r rec
	q := openQueue(t, queueDir(t), 0, hooks...)
	q.Commit(stage(t, q, changes(20)))
	if left := q.Once(t.Context(), r.say); len(left) != 1 || left[0].Count != 1 || left[0].Err.Error() != "exit status 1" {
		t.Fatalf("%+v", left)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if left := q.Once(t.Context(), r.say); len(left) != 0 {
		t.Fatalf("%+v", left)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	mails, _ := os.ReadFile(filepath.Join(dir, "mails"))
	if string(args) != "-t -i\n-t -i\n" || bytes.Count(mails, []byte("Subject: ccsfs: 20 new documents\n")) != 2 {
		t.Errorf("%s\n%s", args, mails)
	}
	if string(mails[:len(mails)/2]) != string(mails[len(mails)/2:]) {
		t.Error("the second one is another one")
	}
	if !strings.Contains(string(mails), "To: <a@example.com>,\n <b@example.com>,\n <c@example.com>\n") {
		t.Errorf("%s", mails)
	}
}

func TestAddresses(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	env, _, _ := cmdtest.Environment(t)
	for list, ok := range map[string]bool{
		"a@example.com": true, "A B <a@example.com>": true, "a@example.com, b@example.com": true,
		"": false, "a": false, "a@example.com\nBcc: b@example.com": false, "a@example.com,": true, "-oQ/tmp": false,
	} {
		if _, err := newMail(env, &settings.Settings{}, []string{list}, "/bin/true"); (err == nil) != ok {
			t.Errorf("%q: %v", list, err)
		}
	}
}
