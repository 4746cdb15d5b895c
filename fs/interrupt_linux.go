package fs

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// lookAt reads /proc/PID/status of a thread. The kernel gives the id of the
// thread, as seen from the PID namespace of the mount, 0 if it has none there.
func lookAt(tid uint32) caller {
	if tid == 0 {
		return caller{hidden: true}
	}
	b, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(tid), 10) + "/status")
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ESRCH):
		return caller{gone: true}
	case err != nil:
		return caller{hidden: true}
	}
	st, ok := parseStatus(b)
	if !ok {
		return caller{hidden: true}
	}
	return caller{gone: st.state == 'Z' || st.state == 'X', ending: st.ending(), asleep: st.state == 'D'}
}

// signalSet has bit n-1 set for signal n.
type signalSet uint64

func (s signalSet) has(sig unix.Signal) bool { return s>>(uint(sig)-1)&1 != 0 }

// status is what /proc/PID/status says about signals; see proc_pid_status(5).
type status struct {
	state            byte      // D: uninterruptible sleep
	pending, blocked signalSet // of the thread, or of the process as a whole
	caught           signalSet
}

// parseStatus reads the file. It fails if a field is missing.
func parseStatus(b []byte) (st status, ok bool) {
	var own, shared signalSet
	fields := map[string]*signalSet{
		"SigPnd": &own, "ShdPnd": &shared, "SigBlk": &st.blocked, "SigCgt": &st.caught,
	}
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		if string(key) == "State" && len(value) > 0 {
			st.state = value[0]
		}
		if set := fields[string(key)]; set != nil {
			n, err := strconv.ParseUint(string(value), 16, 64)
			if err != nil {
				return status{}, false
			}
			*set = signalSet(n)
			delete(fields, string(key))
		}
	}
	st.pending = own | shared
	return st, st.state != 0 && len(fields) == 0
}

// ending reports whether a signal is pending that ends the program, or that it
// catches in order to end.
//
// A signal that ends the program shows as SIGKILL, pending for each of its
// threads (complete_signal in kernel/signal.c), except those that dump core,
// which show as themselves. Ignored signals are never pending.
func (s status) ending() bool {
	// SIGKILL cannot be blocked, and is in no mask.
	now := s.pending &^ s.blocked
	if now.has(unix.SIGKILL) {
		return true
	}
	for sig := unix.Signal(1); sig <= 31; sig++ {
		if !now.has(sig) {
			continue
		}
		if s.caught.has(sig) && asksToEnd(sig) || !s.caught.has(sig) && !harmless(sig) {
			return true
		}
	}
	return false
}

// asksToEnd are the signals that a user or a service manager sends to end a
// program, and whose catcher expects its reads to fail with EINTR. Others that
// are caught (timers, children, terminals, SIGUSR1 of dd) interrupt nothing.
func asksToEnd(sig unix.Signal) bool {
	switch sig {
	case unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT:
		return true
	}
	return false
}

// harmless are the signals whose default does not end a program; see
// signal(7). A stop waits until the read is over, as with a disk.
func harmless(sig unix.Signal) bool {
	switch sig {
	case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH,
		unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	}
	return false
}
