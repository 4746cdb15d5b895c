package fs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// helperError is why fusermount3 did not mount, in its own words.
type helperError struct {
	said string // without its name, "" if it said nothing
	err  error  // how it ended
}

// Error implements error.
func (e *helperError) Error() string {
	if e.said == "" {
		return "fusermount3: " + e.err.Error()
	}
	return "fusermount3: " + e.said
}

// Unwrap gives the cause to errors.Is.
func (e *helperError) Unwrap() error { return e.err }

// maxSaid bounds what is told of the words of fusermount3, in bytes.
const maxSaid = 1000

// helperGrace is how long the words of what fusermount3 may have left behind are waited
// for.
const helperGrace = time.Second

// mountByHelper has the program bin, fusermount3, mount at dir, and returns the
// connection to the kernel. go-fuse can do so, too, but lets the words of fusermount3 go
// to standard error, and knows its exit status alone (callFusermount in
// fuse/mount_linux.go).
func mountByHelper(bin, dir string, o *fuse.MountOptions) (fd int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	local, remote := pair[0], os.NewFile(uintptr(pair[1]), "fusermount3")
	defer func() { _ = unix.Close(local) }()
	var said bytes.Buffer
	cmd := exec.Command(bin, "-o", helperOptions(o), "--", dir)
	cmd.Args[0] = "fusermount3"           // it begins its messages with that
	cmd.Env = []string{"_FUSE_COMMFD=3"}  // ExtraFiles begin at 3
	cmd.ExtraFiles = []*os.File{remote}   // where it sends the connection to
	cmd.Stdout, cmd.Stderr = &said, &said // also of what it runs
	cmd.WaitDelay = helperGrace
	err = cmd.Run()
	_ = remote.Close()
	if err != nil {
		return -1, &helperError{said: helperWords(said.String()), err: err}
	}
	if fd, err = receiveConnection(local); err != nil {
		return -1, &helperError{said: helperWords(said.String()), err: fmt.Errorf("no connection came: %w", err)}
	}
	return fd, nil
}

// helperOptions are the options that go-fuse would give it.
func helperOptions(o *fuse.MountOptions) string {
	options := append([]string{}, o.Options...)
	if o.AllowOther {
		options = append(options, "allow_other")
	}
	options = append(options, "fsname="+o.FsName, "subtype="+o.Name, fmt.Sprintf("max_read=%d", o.MaxWrite))
	for i, option := range options {
		options[i] = strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(option)
	}
	return strings.Join(options, ",")
}

// helperWords are what fusermount3 said, on one line, without its name.
func helperWords(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "fusermount3:"))
		if line != "" {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines, "; ")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	return text
}

// receiveConnection takes the descriptor that fusermount3 has sent (unix(7), SCM_RIGHTS).
func receiveConnection(socket int) (int, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 4), control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, errors.Join(errors.New("it sent something else"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.Join(errors.New("it sent something else"), err)
	}
	return fds[0], nil
}

// explainHelper says what to do about what fusermount3 said (its words are those of
// util/fusermount.c in libfuse).
func explainHelper(dir string, err *helperError) error {
	for _, of := range []struct {
		words string
		is    error
		hint  string
	}{
		{"no write access to mountpoint", ErrMountpoint, "users mount on directories of their own: choose one, or have root change its owner"},
		{"not owned by user", ErrMountpoint, "users mount on directories of their own: choose one"},
		{"mounting over filesystem type", ErrMountpoint, "choose a directory on another file system"},
		{"failed to access mountpoint", ErrMountpoint, ""},
		{"failed to chdir to mountpoint", ErrMountpoint, ""},
		{"too many FUSE filesystems mounted", ErrNoFUSE, "end one that is not needed (findmnt -l -t fuse.ccsfs), or raise mount_max there"},
		{"user_allow_other", ErrNoFUSE, "have root add that line, or mount without --allow-other"},
		{"mount failed: Operation not permitted", ErrNoFUSE, "fusermount3 must be set-user-id (chmod u+s), and a container needs --device " + fuseDevice + " --cap-add SYS_ADMIN"},
		{"", ErrNoFUSE, ""},
	} {
		if !strings.Contains(err.said, of.words) {
			continue
		}
		if of.hint == "" {
			return fmt.Errorf("%w: mount %s: %w", of.is, dir, err)
		}
		return fmt.Errorf("%w: mount %s: %w; %s", of.is, dir, err, of.hint)
	}
	return err
}

// disablePoll does what go-fuse's WaitMount does where it knows the mountpoint: it has
// the kernel ask POLL of a file that go-fuse has for that, which says that there is none.
func disablePoll(dir string) error {
	fd, err := unix.Open(dir+"/.go-fuse-epoll-hack", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = syscall.Close(fd) }()
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err
}
