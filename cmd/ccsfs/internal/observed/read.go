package observed

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ccsfs/internal/osfile"
)

// File is the table in a bundle.
const File = "observations.json"

// What a bundle may be at most: it comes from somebody else.
const (
	maxBundle  = 16 << 20 // bytes
	maxEntries = 64
)

// Read reads the table in a file: a bundle of `ccsfs doctor --bundle`, what `ccsfs doctor
// --json` printed, or the table alone.
func Read(path string) (*Table, error) {
	f, err := osfile.OpenToRead(path) // a pipe would keep us waiting
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("it is a directory; a bundle is one file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err != nil {
		return nil, err
	}
	return ParseFile(data)
}

// ParseFile is Read of what is in a file.
func ParseFile(data []byte) (*Table, error) {
	switch {
	case len(data) > maxBundle:
		return nil, fmt.Errorf("it is larger than any bundle (%d MiB)", maxBundle>>20)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("it is empty")
	case bytes.HasPrefix(data, []byte("PK")):
		inside, err := unpack(data)
		if err != nil {
			return nil, err
		}
		return Parse(inside)
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")):
		var report struct {
			Format       string          `json:"format"`
			Observations json.RawMessage `json:"observations"`
		}
		if json.Unmarshal(data, &report) == nil && report.Format != Format && kindOf(report.Observations) == "object" {
			return Parse(report.Observations)
		}
		return Parse(data)
	}
	return nil, errors.New("it is no bundle: `ccsfs doctor --bundle=FILE` makes one")
}

// unpack takes the table out of an archive. How long it says that the table is does not
// count: that may be a lie.
func unpack(data []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, errors.New("it is a ZIP archive that is broken or cut: was it copied whole?")
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("it is no bundle: it has %d files", len(z.File))
	}
	for _, f := range z.File {
		if f.Name != File {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s in it cannot be unpacked: %w", File, err)
		}
		defer r.Close()
		inside, err := io.ReadAll(io.LimitReader(r, maxTable+1))
		if err != nil {
			return nil, fmt.Errorf("%s in it is broken or cut: was it copied whole?", File)
		}
		return inside, nil
	}
	return nil, fmt.Errorf("it is no bundle: there is no %s in it", File)
}
