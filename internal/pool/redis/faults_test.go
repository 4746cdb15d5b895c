package redis_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/pooltest"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/redis/redistest"
	redigo "github.com/gomodule/redigo/redis"
)

// secret stands in URLs as it is, and changed.
const secret = "pa#ss/w:o@rd%"

const secretInURL = "pa%23ss%2Fw%3Ao%40rd%25"

// wantAll expects each call to fail in one way, and no error to hold the password.
func wantAll(t *testing.T, c pool.Coordinator, kind error, holds string) {
	t.Helper()
	for name, err := range pooltest.EveryCall(t.Context(), c) {
		wantError(t, name, err, kind, holds)
	}
}

func wantError(t *testing.T, name string, err, kind error, holds string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), holds) {
		t.Errorf("%s: %v; want %q, %v", name, err, holds, kind)
		return
	}
	for _, part := range []string{secret, secretInURL, "pa#ss", "w:o@rd"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("%s shows the password: %v", name, err)
		}
	}
}

// What a server says when it does not serve, and what we make of it.
func TestAnswersThatAreErrors(t *testing.T) {
	for answer, test := range map[string]struct {
		kind  error
		holds string
	}{
		"WRONGPASS invalid username-password pair or user is disabled.":                                                           {pool.ErrRefused, "the password is wrong"},
		"NOAUTH Authentication required.":                                                                                         {pool.ErrRefused, "none is set"},
		"NOPERM this user has no permissions to run the 'evalsha' command":                                                        {pool.ErrRefused, "(ACL)"},
		"DENIED Redis is running in protected mode because protected mode is enabled":                                             {pool.ErrRefused, "protected mode"},
		"MOVED 3999 127.0.0.1:6381":                                                                                               {pool.ErrRefused, "cluster"},
		"ASK 3999 127.0.0.1:6381":                                                                                                 {pool.ErrRefused, "cluster"},
		"ERR unknown command 'evalsha', with args beginning with: '" + secret + "'":                                               {pool.ErrRefused, "***"},
		"ERR DB index is out of range":                                                                                            {pool.ErrRefused, "no database"},
		"WRONGTYPE Operation against a key holding the wrong kind of value":                                                       {pool.ErrRefused, "another program"},
		"ERR Error running script (call to f_1): @user_script:3: -READONLY You can't write against a read only replica.":          {pool.ErrAway, "replica"},
		"READONLY You can't write against a read only replica. script: 1234, on @user_script:25.":                                 {pool.ErrAway, "replica"},
		"LOADING Redis is loading the dataset in memory":                                                                          {pool.ErrAway, "just started"},
		"OOM command not allowed when used memory > 'maxmemory'.":                                                                 {pool.ErrAway, "memory is full"},
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.":                        {pool.ErrAway, "disk"},
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":                                        {pool.ErrAway, "primary"},
		"CLUSTERDOWN Hash slot not served":                                                                                        {pool.ErrAway, "cluster"},
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.":                                  {pool.ErrAway, "script"},
		"ERR max number of clients reached":                                                                                       {pool.ErrAway, "clients"},
		"ERR something new":                                                                                                       {pool.ErrAway, "something new"},
		"NOREPLICAS Not enough good replicas to write.":                                                                           {pool.ErrAway, "replicas"},
		"NOPERM ACL failure in script: The user executing the script can't run this command or subcommand script: 1, on line :2.": {pool.ErrRefused, "(ACL)"},
	} {
		t.Run(answer[:min(len(answer), 20)], func(t *testing.T) {
			addr := listen(t, saying(true, func(command []string) string {
				if strings.EqualFold(command[0], "auth") {
					return "+OK\r\n"
				}
				return "-" + answer + "\r\n"
			}))
			wantAll(t, open(t, "redis://user:"+secretInURL+"@"+addr, "a"), test.kind, test.holds)
		})
	}
}

// A server that is none, or says what it was not asked for.
func TestServersThatAreNone(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	nobody := closed.Addr().String()
	check(t, closed.Close())
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	blurt := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = io.WriteString(conn, text)
			silent(conn)
		}
	}
	answer := func(text string) func(net.Conn) { return saying(true, func([]string) string { return text }) }
	for name, addr := range map[string]string{
		"nobody":        nobody,
		"no such name":  "nobody.invalid:6379",
		"silent":        listen(t, silent),
		"TLS, silent":   "s" + listen(t, silent),
		"hangs up":      listen(t, func(net.Conn) {}),
		"http":          listen(t, blurt("HTTP/1.1 400 Bad Request\r\n\r\n")),
		"bytes":         listen(t, blurt("\x00\x01\x02\xff\r\n\r\n")),
		"cut short":     listen(t, answer("$100\r\nshort")),
		"huge":          listen(t, answer("*2147483647\r\n")),
		"beyond memory": listen(t, answer("*9223372036854775807\r\n")),
		"huge string":   listen(t, answer("$9223372036854775807\r\n")),
		"deep":          listen(t, answer(strings.Repeat("*1\r\n", 100_000))),
		"negative":      listen(t, answer("$-7\r\n")),
		"another type":  listen(t, answer("*1\r\n*1\r\n$1\r\na\r\n")),
		"never ends":    listen(t, func(conn net.Conn) { _, _ = io.Copy(conn, rand.Reader) }),
		"half an array": listen(t, answer("*3\r\n:1\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for as long as it may
			scheme := "redis"
			if silent, ok := strings.CutPrefix(addr, "s"); ok {
				scheme, addr = "rediss", silent
			}
			c := openHasty(t, scheme+"://u:"+secretInURL+"@"+addr)
			for call, err := range pooltest.EveryCall(t.Context(), c) {
				if name == "another type" && err == nil {
					switch call { // of which nothing is taken from the answer
					case "Slow", "Release", "Tell", "Beat":
						continue
					}
				}
				wantError(t, call, err, pool.ErrAway, "redis at "+addr)
			}
		})
	}
}

// Many wait for a server that says nothing, each as long as one alone.
func TestManyWaitForASilentServer(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	c := openHasty(t, "redis://"+addr)
	many(t, 64, func() error {
		if _, err := c.Get(t.Context(), "k"); !errors.Is(err, pool.ErrAway) {
			return fmt.Errorf("it ends with %w", err)
		}
		return nil
	})
}

// many does something often at once.
func many(t *testing.T, times int, do func() error) {
	t.Helper()
	var all sync.WaitGroup
	for range times {
		all.Go(func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// A context that ends while a server says nothing ends the call with its own error.
func TestContextsEndCallsUnderWay(t *testing.T) {
	asked := make(chan struct{}, 100)
	addr := listen(t, func(conn net.Conn) {
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
	})
	c := open(t, "redis://"+addr, "a")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := c.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Get(short, "k"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pool.ErrAway) {
		t.Error(err)
	}
}

// A server that is far away serves: a call that is too late leaves a connection behind.
func TestAServerThatIsFarAway(t *testing.T) {
	server := redistest.Start(t)
	c := openHasty(t, "redis://"+proxy(t, server.Addr(), 200*time.Millisecond))
	for try := 0; ; try++ {
		err := c.Set(t.Context(), "k", []byte("v"), time.Minute)
		if err == nil {
			break
		}
		if try == 20 || !errors.Is(err, pool.ErrAway) {
			t.Fatal(err)
		}
	}
}

// What is in Redis outlives a kill where it keeps a log, and is forgotten where it does not;
// and nobody need open it anew.
func TestRestarts(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		kept bool
	}{
		"without a disk": {nil, false},
		"with a log":     {[]string{"--appendonly", "yes", "--appendfsync", "always"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, test.args...)
			c := open(t, server.URL(), "a")
			check(t, c.Slow(t.Context(), 0, time.Minute))
			_, place, _, err := c.News(t.Context(), "")
			check(t, err)
			given := hammer(t, c, server)
			check(t, until(func() error { _, err := c.Pace(t.Context()); return err }))
			pace, err := c.Pace(t.Context())
			check(t, err)
			if (pace.Halved == 1) != test.kept || pace.Paused <= 0 {
				t.Errorf("%+v", pace)
			}
			_, _, missed, err := c.News(t.Context(), place)
			check(t, err)
			leases, err := c.Leases(t.Context())
			check(t, err)
			if missed == test.kept || (len(leases) == 0) == test.kept {
				t.Errorf("missed is %v, %d leases", missed, len(leases))
			}
			for lease, holder := range given {
				if test.kept && leases[lease] != holder {
					t.Fatalf("%s is %q's, and was given to %s", lease, leases[lease], holder)
				}
			}
			direct := client(t, server)
			hash, err := redigo.Int(direct.Do("HLEN", "ccsfs:{a}:lease"))
			check(t, err)
			sorted, err := redigo.Int(direct.Do("ZCARD", "ccsfs:{a}:lease:until"))
			check(t, err)
			if hash != sorted {
				t.Errorf("half of a script is kept: %d holders, %d times", hash, sorted)
			}
		})
	}
}

// hammer kills the server while leases are acquired, starts it again, and returns those
// that were given.
func hammer(t *testing.T, c *redis.Coordinator, server *redistest.Server) map[string]string {
	var mu sync.Mutex
	given := make(map[string]string)
	enough := make(chan struct{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := 0; ; j++ {
				name, holder := "name"+string(rune('a'+i))+time.Duration(j).String(), "holder"
				by, err := c.Acquire(t.Context(), name, holder, time.Minute)
				if err != nil {
					return
				}
				mu.Lock()
				given[name] = by
				if len(given) == 500 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	server.Kill()
	all.Wait()
	server.Restart()
	return given
}

// until tries again while an engine is away.
func until(do func() error) error {
	for try := 0; ; try++ {
		err := do()
		if !errors.Is(err, pool.ErrAway) || try == 100 {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestPasswords(t *testing.T) {
	server := redistest.Start(t, "--user", "ccsfs", "on", ">"+secret, "~ccsfs:*", "+@all", "--user", "default", "off")
	for name, test := range map[string]struct {
		url, password string
		kind          error
		holds         string
	}{
		"right":            {"redis://ccsfs:" + secretInURL + "@" + server.Addr(), "", nil, ""},
		"given by itself":  {"redis://ccsfs@" + server.Addr(), secret, nil, ""},
		"wins":             {"redis://ccsfs:wrong@" + server.Addr(), secret, nil, ""},
		"wrong":            {"redis://ccsfs:" + secretInURL + "@" + server.Addr(), "wrong" + secret, pool.ErrRefused, "the user or the password is wrong"},
		"none":             {"redis://" + server.Addr(), "", pool.ErrRefused, "it asks for a password, and none is set"},
		"of another user":  {"redis://other:" + secretInURL + "@" + server.Addr(), "", pool.ErrRefused, "the user or the password is wrong"},
		"without the user": {"redis://:" + secretInURL + "@" + server.Addr(), "", pool.ErrRefused, "the user or the password is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			address, err := redis.ParseAddress(test.url)
			check(t, err)
			c := openConfig(t, redis.Config{Address: address, Password: test.password, Account: "a"})
			if test.kind != nil {
				wantAll(t, c, test.kind, test.holds)
				_, err := c.Check(t.Context())
				wantError(t, "Check", err, test.kind, test.holds)
				return
			}
			for call, err := range pooltest.EveryCall(t.Context(), c) {
				if err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

// A server whose memory is full gives no lease, and takes those back that are done.
func TestAServerWhoseMemoryIsFull(t *testing.T) {
	server := redistest.Start(t, "--maxmemory-policy", "noeviction")
	c := open(t, server.URL(), "a")
	by, err := c.Acquire(t.Context(), "n", "h", time.Minute)
	check(t, err)
	tell(t, client(t, server), "CONFIG", "SET", "maxmemory", "1")
	err = c.Set(t.Context(), "k", []byte("v"), time.Minute)
	wantError(t, "Set", err, pool.ErrAway, "its memory is full")
	_, err = c.Acquire(t.Context(), "m", "h", time.Minute)
	wantError(t, "Acquire", err, pool.ErrAway, "its memory is full")
	_, _, err = c.Turn(t.Context(), pool.Rate{Every: time.Second, Burst: 1}, time.Minute)
	wantError(t, "Turn", err, pool.ErrAway, "its memory is full")
	check(t, c.Release(t.Context(), "n", by))
	leases, err := c.Leases(t.Context())
	if err != nil || len(leases) != 0 {
		t.Errorf("%v (%v)", leases, err)
	}
}

func TestReplicasAreNotWrittenTo(t *testing.T) {
	server := redistest.Start(t, "--replicaof", "127.0.0.1", "1")
	c := open(t, server.URL(), "a")
	_, err := c.Acquire(t.Context(), "n", "h", time.Minute)
	wantError(t, "Acquire", err, pool.ErrAway, "it is a replica")
	_, _, err = c.Turn(t.Context(), pool.Rate{}, 0)
	wantError(t, "Turn", err, pool.ErrAway, "it is a replica")
}

// authority signs certificates for names.
func certificate(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(raw)
	check(t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, trusted
}

// encrypted puts TLS before a server.
func encrypted(t *testing.T, server string, cert tls.Certificate) (addr string) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	check(t, err)
	serveOn(t, l, func(conn net.Conn) {
		plain, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer plain.Close()
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, plain)
		}()
		_, _ = io.Copy(plain, conn)
	})
	return l.Addr().String()
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	right, trusted := certificate(t, "127.0.0.1")
	other, otherTrusted := certificate(t, "elsewhere.invalid")
	for name, test := range map[string]struct {
		url   string
		roots *x509.CertPool
		kind  error
		holds string
	}{
		"right":           {"rediss://" + encrypted(t, server.Addr(), right), trusted, nil, ""},
		"another signed":  {"rediss://" + encrypted(t, server.Addr(), right), otherTrusted, pool.ErrRefused, "signed by nobody that is trusted"},
		"not set":         {"rediss://" + encrypted(t, server.Addr(), right), nil, pool.ErrRefused, "signed by nobody that is trusted"},
		"another name":    {"rediss://" + encrypted(t, server.Addr(), other), otherTrusted, pool.ErrRefused, "for another name"},
		"without TLS":     {"rediss://" + server.Addr(), trusted, pool.ErrAway, ""},
		"TLS not asked":   {"redis://" + encrypted(t, server.Addr(), right), nil, pool.ErrAway, ""},
		"no TLS at all":   {"rediss://" + listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "-ERR what\r\n"); _, _ = io.Copy(io.Discard, c) }), trusted, pool.ErrRefused, "does not speak TLS"},
		"hangs up at TLS": {"rediss://" + listen(t, func(net.Conn) {}), trusted, pool.ErrAway, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, err := redis.ParseAddress(test.url)
			check(t, err)
			if errors.Is(test.kind, pool.ErrAway) { // Redis waits for the end of a line, without a word
				wantAll(t, openHasty(t, test.url), test.kind, test.holds)
				return
			}
			c := openConfig(t, redis.Config{Address: address, Account: "a", RootCAs: test.roots})
			if test.kind != nil {
				wantAll(t, c, test.kind, test.holds)
				return
			}
			check(t, c.Set(t.Context(), "k", []byte("v"), time.Minute))
			r, err := c.Check(t.Context())
			check(t, err)
			if !r.TLS {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What is the matter with a server is told by errors alone.
func TestNothingIsWrittenToStderr(t *testing.T) {
	const child = "CCSFS_INTERNAL_TEST_STDERR"
	if addr := os.Getenv(child); addr != "" {
		for range 30 {
			wantAll(t, openHasty(t, "redis://"+addr), pool.ErrAway, "")
		}
		return
	}
	addr := listen(t, func(net.Conn) {})
	var stderr bytes.Buffer
	p := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	p.Env, p.Stderr = append(os.Environ(), child+"="+addr), &stderr
	if out, err := p.Output(); err != nil || stderr.Len() > 0 {
		t.Errorf("%s%s (%v)", out, &stderr, err)
	}
}

func TestAfterClose(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, server.URL(), "a")
	check(t, c.Set(t.Context(), "k", []byte("v"), time.Minute))
	check(t, c.Close())
	check(t, c.Close())
	for name, err := range pooltest.EveryCall(t.Context(), c) {
		if err == nil || errors.Is(err, pool.ErrAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Close ends what is under way, and what waits for a connection.
func TestCloseEndsCalls(t *testing.T) {
	asked := make(chan struct{}, 100)
	addr := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
	})
	for _, url := range []string{"redis://" + addr + "?pool_size=2", "redis://:" + secretInURL + "@" + addr + "?pool_size=2", "rediss://" + addr + "?pool_size=2"} {
		c := open(t, url, "a")
		go func() {
			<-asked
			<-asked
			c.Close()
		}()
		many(t, 5, func() error {
			by, err := c.Acquire(t.Context(), "n", "h", time.Minute)
			if err == nil || errors.Is(err, pool.ErrAway) || errors.Is(err, pool.ErrRefused) || !strings.Contains(err.Error(), "closed") {
				return fmt.Errorf("%q, %w", by, err)
			}
			return nil
		})
	}
}
