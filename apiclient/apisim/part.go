package apisim

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// sendPart answers 206 with less than what is there.
func sendPart(w http.ResponseWriter, r *http.Request, f Fault, body io.ReadSeeker, size int64) *apiError {
	from, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
	start, _ := strconv.ParseInt(from, 10, 64) // none is the beginning
	start = min(max(start, 0), size)
	if _, err := body.Seek(start, io.SeekStart); err != nil {
		return fail(http.StatusInternalServerError, codeInternal, err.Error())
	}
	n := min(f.Part, size-start)
	if n == 0 {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return nil
	}
	total := f.Total
	if total == "" {
		total = strconv.FormatInt(size, 10)
	}
	h := w.Header()
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", start, start+n-1, total))
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	w.WriteHeader(http.StatusPartialContent)
	// A client that left is no concern of the server's.
	_, _ = io.CopyN(w, body, n)
	return nil
}

// zips reports whether a document is sent in a ZIP. That ?zipped=1 means this
// is assumed; only its name is known.
func (s *Server) zips(c *call) bool {
	switch zipped := c.query.Get("zipped"); {
	case s.Quirks.ZippedUnseen:
	case zipped == "0":
		return false
	case zipped == "1":
		return true
	}
	return s.Quirks.Zipped
}

// openZipped gives a ZIP that holds the document, the same bytes each time.
func (e *entry) openZipped() (io.ReadSeeker, int64, error) {
	body, _, err := e.open()
	if err != nil {
		return nil, 0, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.CreateHeader(&zip.FileHeader{Name: e.Filename, Method: zip.Deflate, Modified: e.modified()})
	if err != nil {
		return nil, 0, err
	}
	if _, err := io.Copy(w, body); err != nil {
		return nil, 0, err
	}
	if err := z.Close(); err != nil {
		return nil, 0, err
	}
	return bytes.NewReader(out.Bytes()), int64(out.Len()), nil
}
