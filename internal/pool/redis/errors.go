package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"ccsfs/internal/pool"
	"github.com/gomodule/redigo/redis"
)

// verdict is what an answer of the server means, by how it begins.
type verdict struct {
	begins string
	kind   error
	means  string
}

// verdicts are from error codes of Redis 7 (src/server.c, createSharedObjects), and what
// services say that are like it. What may pass by itself is no fault of the settings.
func verdicts() []verdict {
	refused, away := pool.ErrRefused, pool.ErrAway
	return []verdict{
		{"WRONGPASS", refused, "the user or the password is wrong"},
		{"NOAUTH", refused, "it asks for a password, and none is set"},
		{"ERR AUTH", refused, "a password is set, and it has none; or a user is missing"},
		{"ERR invalid password", refused, "the password is wrong"},
		{"ERR Client sent AUTH, but no password is set", refused, "a password is set, and it has none"},
		{"NOPERM", refused, "its access rules (ACL) do not let this user do what is needed"},
		{"ERR ACL failure", refused, "its access rules (ACL) do not let this user do what is needed"},
		{"DENIED", refused, "it is in protected mode, which lets only its own machine in: set a password there"},
		{"MOVED", refused, "it is a node of a cluster; what is needed is one server, or a primary with replicas"},
		{"ASK ", refused, "it is a node of a cluster; what is needed is one server, or a primary with replicas"},
		{"CROSSSLOT", refused, "it is a node of a cluster; what is needed is one server, or a primary with replicas"},
		{"ERR unknown command", refused, "it does not know a command that is needed; Redis from version 5 on does"},
		{"ERR This instance has cluster support disabled", refused, "it is not what the address says"},
		{"ERR DB index", refused, "it has no database of that number"},
		{"ERR invalid DB index", refused, "it has no database of that number"},
		{"ERR SELECT is not allowed", refused, "it is a node of a cluster; what is needed is one server, or a primary with replicas"},
		{"WRONGTYPE", refused, "another program uses keys that begin as ours; take another database"},
		{"READONLY", away, "it is a replica, which cannot be written to; after a failover that passes, else the address is that of a replica"},
		{"LOADING", away, "it has just started and reads its data"},
		{"OOM", away, "its memory is full (maxmemory)"},
		{"MISCONF", away, "it cannot write to its disk"},
		{"NOREPLICAS", away, "too few replicas are connected"},
		{"MASTERDOWN", away, "it is a replica, and its primary is away"},
		{"CLUSTERDOWN", away, "it is a node of a cluster, which is down; what is needed is one server, or a primary with replicas"},
		{"BUSY", away, "a script of somebody runs for long"},
		{"ERR max number of clients", away, "too many clients are connected (maxclients)"},
	}
}

// explain makes an error of the library one that says what is the matter, and Is
// [pool.ErrAway] or [pool.ErrRefused]. Its text is of ours and the server's, without secrets:
// Redis cites arguments of what it does not know.
func (c *Coordinator) explain(err error) error {
	means, kind := c.judge(err)
	return fmt.Errorf("redis at %s: %s (%s): %w", c.where, means, c.scrub(err.Error()), kind)
}

func (c *Coordinator) judge(err error) (means string, kind error) {
	var answered redis.Error
	if errors.As(err, &answered) {
		text := answered.Error()
		for _, v := range verdicts() {
			if strings.HasPrefix(text, v.begins) || strings.Contains(text, "-"+v.begins) {
				return v.means, v.kind
			}
		}
		return "it answers with an error", pool.ErrAway
	}
	if means := certificate(err); means != "" {
		return means, pool.ErrRefused
	}
	var unheard *unheardError
	if errors.As(err, &unheard) {
		if means := c.closedAtOnce(unheard); means != "" {
			return means, pool.ErrAway
		}
	}
	var netErr net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled): // of the caller it is told without this
		return "a call was under way", errClosed
	case errors.As(err, &dns):
		return "its name is not found", pool.ErrAway
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "it does not answer", pool.ErrAway
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection", pool.ErrAway
	case errors.As(err, &netErr):
		return "it cannot be reached", pool.ErrAway
	}
	return "what answers does not speak as Redis does", pool.ErrAway
}

// closedAtOnce tells what may be the matter with a server that takes a connection and ends it
// without a word, as one does, too, that ends itself; "" for one that takes none.
func (c *Coordinator) closedAtOnce(err *unheardError) string {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return ""
	}
	switch {
	case err.asked:
		return "it closed the connection at once, and had asked for a certificate of ours; " + noCertificate
	case !c.tls:
		return "it closed the connection without a word; one that wants TLS does so (rediss://), or a proxy that has no server"
	}
	return "it closed the connection without a word"
}

// noCertificate is what to do about a server that asks for one, as Redis does if it is not told
// otherwise.
const noCertificate = "none is served: set there tls-auth-clients no"

// certificate tells what is wrong with TLS, "" if it is something else.
func certificate(err error) string {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		header  tls.RecordHeaderError
		alert   *net.OpError // crypto/tls has no type of its own for those of TCP
		unheard *unheardError
	)
	switch {
	case errors.As(err, &host):
		return "its certificate is for another name than that of the address"
	case errors.As(err, &unknown):
		return "its certificate is signed by nobody that is trusted: name a file of who signed it, as rediss://HOST?ca_file=FILE"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "its certificate is not valid"
	case errors.As(err, &header):
		return "it does not speak TLS: rediss:// is for servers that do, redis:// for those that do not"
	case errors.As(err, &alert) && alert.Op == "remote error" && errors.As(err, &unheard) && unheard.asked:
		return "it asks for a certificate of ours; " + noCertificate
	case errors.As(err, &alert) && alert.Op == "remote error":
		return "it refuses TLS as we speak it, which is version 1.2 or 1.3"
	}
	return ""
}

// secretsOf are the texts that no error may hold.
func secretsOf(passwords ...string) []string {
	secrets := slices.Clone(passwords)
	for _, s := range passwords {
		secrets = append(secrets, url.QueryEscape(s), url.PathEscape(s))
	}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may hold another
	return slices.Compact(secrets)
}

// begins tells whether an error is an answer of the server, and begins like this, but for the
// code that says nothing.
func begins(err error, text string) bool {
	var answered redis.Error
	return errors.As(err, &answered) && strings.HasPrefix(strings.TrimPrefix(string(answered), "ERR "), text)
}

func (c *Coordinator) scrub(text string) string {
	for _, s := range c.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}
