package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks/program"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// newMail makes the hook that mails all changes of a look, by the interface of sendmail(8).
func newMail(env cmdutil.Environment, s *settings.Settings, addresses []string, sendmail string) (*Hook, error) {
	var to []*mail.Address
	for _, text := range addresses {
		list, err := mail.ParseAddressList(text)
		if err != nil {
			return nil, exitcode.Errorf(exitcode.Usage, "--mail %q: %w", text, err)
		}
		to = append(to, list...)
	}
	path, err := findSendmail(env, sendmail)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // without one the id is unique all the same
	h := &Hook{look: true, program: true}
	h.deliver = func(ctx context.Context, m Message, say Say) error {
		p := program.Program{Path: path, Args: []string{path, "-t", "-i"}, Dir: "/", Vars: environmentFor(env, s), Timeout: h.timeout, Inherits: h.running.inherited()}
		return p.Run(ctx, nil, letter(to, host, m), say)
	}
	return h, nil
}

func findSendmail(env cmdutil.Environment, name string) (string, error) {
	if name != "" {
		path, err := find(env, name)
		if err != nil {
			return "", exitcode.Errorf(exitcode.Usage, "--sendmail: %s cannot be run: %w", term.Quote(name), err)
		}
		return path, nil
	}
	for _, name := range []string{"/usr/sbin/sendmail", "/usr/lib/sendmail", "sendmail"} {
		path, err := exec.LookPath(name)
		if err == nil {
			return path, nil
		}
	}
	return "", exitcode.Errorf(exitcode.Usage, "--mail needs a program that sends mail, and there is no sendmail: install one (msmtp-mta, nullmailer, postfix), or name it with --sendmail")
}

// letter is a mail that tells of changes: RFC 5322, with a text of ASCII (RFC 2045). What
// the API tells is in the text alone, never in a header.
func letter(to []*mail.Address, host string, m Message) []byte {
	var b bytes.Buffer
	names := make([]string, len(to))
	for i, a := range to {
		names[i] = a.String()
	}
	if !regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,200}[A-Za-z0-9])?$`).MatchString(host) {
		host = "localhost"
	}
	for _, header := range [][2]string{
		{"To", strings.Join(names, ",\n ")},
		{"Subject", subject(m.Changes)},
		{"Date", m.At.UTC().Format("Mon, 02 Jan 2006 15:04:05 +0000")},
		{"Message-ID", "<" + m.ID + "@" + host + ">"}, // the same if it comes twice
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: nobody's holidays are told to it
	} {
		fmt.Fprintf(&b, "%s: %s\n", header[0], header[1])
	}
	b.WriteString("\n")
	var text bytes.Buffer
	w := quotedprintable.NewWriter(&text)
	err := errors.Join(writeText(w, m), w.Close())
	if err != nil {
		return b.Bytes() // never: a buffer takes everything
	}
	b.Write(bytes.ReplaceAll(text.Bytes(), []byte("\r\n"), []byte("\n"))) // sendmail(8) takes lines of this system
	return b.Bytes()
}

// subject says how many changes there are.
func subject(all []change.Change) string {
	count := map[string]int{}
	for _, c := range all {
		count[c.Kind]++
	}
	var parts []string
	for _, kind := range []string{change.New, change.Changed, change.Gone} {
		if n := count[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	noun := "documents"
	if len(all) == 1 {
		noun = "document"
	}
	return "ccsfs: " + strings.Join(parts, ", ") + " " + noun
}

func writeText(w *quotedprintable.Writer, m Message) error {
	if _, err := fmt.Fprintf(w, "As of %s UTC:\n\n", term.Readable(m.At)); err != nil {
		return err
	}
	if err := change.PrintLines(w, m.Changes); err != nil {
		return err
	}
	if len(m.Unlisted) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\nNot everything could be looked at. What is missing here is news once it can be:\n\n"); err != nil {
		return err
	}
	for _, line := range m.Unlisted {
		if _, err := fmt.Fprintf(w, "%s\n", term.Plain(line)); err != nil {
			return err
		}
	}
	return nil
}
