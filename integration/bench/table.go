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

// faceRow is a line of what ccsfs serve and rclone serve do, in seconds; 0 is what was not
// measured.
type faceRow struct {
	work                          string
	ccsfs, webdav, http, straight float64
}

type table struct {
	rows  []row
	faces []faceRow
}

func (t *table) addFace(r faceRow) {
	t.faces = append(t.faces, r)
	fmt.Fprintf(os.Stderr, "  %s\n", strings.Join(r.cells(), "  "))
}

// rclone is the faster one of rclone's two.
func (r faceRow) rclone() float64 {
	if r.webdav == 0 || r.http == 0 {
		return max(r.webdav, r.http)
	}
	return min(r.webdav, r.http)
}

// met reports whether ccsfs is not slower than either of rclone's two.
func (r faceRow) met() bool { return r.rclone() == 0 || r.ccsfs <= r.rclone() }

// cells are the columns of a row.
func (r faceRow) cells() []string {
	cells := []string{r.work}
	for _, v := range []float64{r.ccsfs, r.webdav, r.http, r.straight} {
		if v == 0 {
			cells = append(cells, "–")
			continue
		}
		cells = append(cells, format(v, "s"))
	}
	switch {
	case r.rclone() == 0:
		return append(cells, "–", "–")
	case r.met():
		return append(cells, fmt.Sprintf("%.2f", r.ccsfs/r.rclone()), "met")
	}
	return append(cells, fmt.Sprintf("%.2f", r.ccsfs/r.rclone()), "MISSED")
}

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
	fmt.Fprintf(w, "Measured %s on %s.\n", time.Now().Format("2006-01-02"), machine())
	met, of := 0, 0
	var all [][]string
	for _, r := range t.rows {
		all = append(all, r.cells())
		if of++; r.took <= r.target*r.bound {
			met++
		}
	}
	write(w, []string{"work", "ccsfs", "bound", "ratio", "target", "", "rclone"}, all)
	all = nil
	for _, r := range t.faces {
		all = append(all, r.cells())
		if r.rclone() == 0 {
			continue
		}
		if of++; r.met() {
			met++
		}
	}
	write(w, []string{"work", "ccsfs serve", "rclone serve webdav", "rclone serve http", "curl, straight", "ratio", "≤ 1.00"}, all)
	fmt.Fprintf(w, "\n%d of %d targets met.\n", met, of)
}

// write writes lines with a head, if there are any.
func write(w io.Writer, head []string, all [][]string) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	line := func(cells []string) { fmt.Fprintf(tw, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, cells := range all {
		line(cells)
	}
	tw.Flush()
}

// machine says where this was measured.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	return fmt.Sprintf("%d cores, %s %s, %s", runtime.NumCPU(), unix.ByteSliceToString(u.Sysname[:]),
		unix.ByteSliceToString(u.Release[:]), runtime.Version())
}
