package term

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Tables are as wide as the terminal; in a pipe nothing ends them.
func TestTableWidth(t *testing.T) {
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer main.Close()
	n, err := unix.IoctlGetInt(int(main.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(main.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for columns, want := range map[uint16]int{200: 200, 80: 80, 12: leastTable, 0: plainWidth} {
		if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			t.Fatal(err)
		}
		if got := ScreenOf(nil, terminal).TableWidth(); got != want {
			t.Errorf("%d columns: %d", columns, got)
		}
	}
	_, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if got := ScreenOf(nil, pipe).TableWidth(); got != 0 {
		t.Errorf("in a pipe: %d", got)
	}
}
