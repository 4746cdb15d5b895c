//go:build !windows

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// row is one line of the result: what ccsfs took, what bounds it, and by how much
// it may be more.
type row struct {
	work   string
	took   float64
	bound  float64
	what   string // the bound
	target float64
	peer   float64 // rclone; 0: not measured
	unit   string  // "s" or "MiB"
}

type table struct{ rows []row }

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	fmt.Fprintf(os.Stderr, "  %s\n", strings.Join(r.cells(), "  "))
}

// cells are the columns of a row.
func (r row) cells() []string {
	ratio := r.took / r.bound
	verdict := "met"
	if ratio > r.target {
		verdict = "MISSED"
	}
	peer := "–"
	if r.peer > 0 {
		peer = format(r.peer, r.unit)
	}
	return []string{r.work, format(r.took, r.unit), format(r.bound, r.unit) + " " + r.what,
		fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≤ %.2f", r.target), verdict, peer}
}

func format(v float64, unit string) string {
	switch {
	case unit == "s" && v < 0.1:
		return fmt.Sprintf("%.1f ms", v*1000)
	case unit == "s":
		return fmt.Sprintf("%.2f s", v)
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}

// print writes the table as Markdown.
func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "Measured %s on %s.\n\n", time.Now().Format("2006-01-02"), machine())
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	line := func(cells []string) { fmt.Fprintf(tw, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	head := []string{"work", "ccsfs", "bound", "ratio", "target", "", "rclone"}
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	met := 0
	for _, r := range t.rows {
		line(r.cells())
		if r.took <= r.target*r.bound {
			met++
		}
	}
	tw.Flush()
	fmt.Fprintf(w, "\n%d of %d targets met.\n", met, len(t.rows))
}

// machine says where this was measured.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	return fmt.Sprintf("%d cores, %s %s, %s", runtime.NumCPU(), unix.ByteSliceToString(u.Sysname[:]),
		unix.ByteSliceToString(u.Release[:]), runtime.Version())
}
