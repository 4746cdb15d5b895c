package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/doctor/scrub"
	"ccsfs/internal/osfile"
)

// How much of the logs is handed on.
const (
	tailBytes = 256 << 10 // of each
	tailLines = 1000
	mostLogs  = 4 // those that were written to last
)

// logTail is the end of the logs, fit to be handed on, or why there is none.
func (s Source) logTail(c *scrub.Scrubber) string {
	paths, err := s.logs()
	if err != nil {
		return c.Text("The logs cannot be looked for: "+err.Error()) + "\n"
	}
	if len(paths) == 0 {
		return "There is no log file.\n"
	}
	var b strings.Builder
	for i, path := range paths {
		if len(paths) > 1 {
			fmt.Fprintf(&b, "Log %d of %d:\n", i+1, len(paths))
		}
		data, err := tailOf(path)
		if err != nil {
			b.WriteString(c.Text("The log cannot be read: "+err.Error()) + "\n")
			continue
		}
		lines := strings.Split(strings.TrimRight(data, "\n"), "\n")
		for _, line := range lines[max(len(lines)-tailLines, 0):] {
			b.WriteString(c.LogLine(line) + "\n")
		}
	}
	return b.String()
}

// logs are the log files there are: the one that is set, those of mounts that run, and
// those of mounts in the background that ran; the one written to last comes first.
func (s Source) logs() ([]string, error) {
	var paths []string
	dir := filepath.Join(s.Env.Dirs.State, "ccsfs")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".log") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if s.Settings != nil && s.Settings.Log.File != "" {
		paths = append(paths, s.Settings.Log.File)
	}
	for _, m := range s.Report.Mounts {
		if m.Status != nil && m.Status.LogFile != "" {
			paths = append(paths, m.Status.LogFile)
		}
	}
	written := map[string]time.Time{}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			written[path] = info.ModTime()
		}
	}
	all := slices.SortedFunc(maps.Keys(written), func(a, b string) int { return cmp.Or(written[b].Compare(written[a]), cmp.Compare(a, b)) })
	return all[:min(len(all), mostLogs)], nil
}

// tailOf is the end of a regular file, from the beginning of a line on.
func tailOf(path string) (string, error) {
	f, err := osfile.OpenToRead(path) // a pipe would keep us waiting
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("it is no regular file")
	}
	from := max(info.Size()-tailBytes, 0)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil {
		return "", err
	}
	text := string(data)
	if from > 0 {
		if _, rest, ok := strings.Cut(text, "\n"); ok {
			text = rest
		}
	}
	return text, nil
}
