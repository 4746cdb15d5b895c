package apisim

import (
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// serveFile sends the bytes of a document, or to where they are.
func (s *Server) serveFile(c *call) *apiError {
	idx := s.store.documents(c.contractID)
	if idx == nil { // removed a moment ago
		return fail(http.StatusForbidden, codeDenied, "The contract is not one of yours")
	}
	d, ok := idx.byID[c.document]
	switch {
	case !ok:
		return fail(http.StatusNotFound, codeNotFound, "There is no such document")
	case s.store.typeForbidden(d.Type):
		return fail(http.StatusForbidden, codeDenied, "Your profile does not allow to see documents of this type")
	}
	if s.Quirks.Redirect != "" {
		c.w.Header().Set("Location", s.Quirks.Redirect+s.origin.sign(d))
		writeBody(c.w, http.StatusFound, "text/plain; charset=utf-8", "")
		return nil
	}
	return s.sendDocument(c, d)
}

// sendDocument sends a body with the headers that the quirks ask for.
func (s *Server) sendDocument(c *call, d *entry) *apiError {
	w, r := c.w, c.r
	open, filename := d.open, d.Filename
	if s.zips(c) {
		open, filename = d.openZipped, filename+".zip"
	}
	body, size, err := open()
	if err != nil {
		return fail(http.StatusInternalServerError, codeInternal, err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", s.contentType(filename))
	if s.Quirks.Disposition {
		h.Set("Content-Disposition", disposition(filename))
	}
	modified := time.Time{}
	if s.Quirks.LastModified {
		modified = d.modified()
		h.Set("Last-Modified", modified.Format(http.TimeFormat))
	}
	if s.Quirks.ETag {
		tag, err := d.etag(body, size)
		if err != nil {
			return fail(http.StatusInternalServerError, codeInternal, err.Error())
		}
		if s.Quirks.WeakETag {
			tag = "W/" + tag
		}
		h.Set("ETag", tag)
	}
	if s.Quirks.Unaware {
		r.Header.Del("If-None-Match")
		r.Header.Del("If-Modified-Since")
	}
	if s.Quirks.Chunked || c.fault.Chunked || s.Quirks.HeadBare && r.Method == http.MethodHead {
		w = &chunked{w}
	}
	switch {
	case c.fault.Part > 0:
		return sendPart(w, r, c.fault, body, size)
	case s.gzips(r) || s.Quirks.GzipForced:
		sendGzip(&chunked{w}, r, body)
	case s.Quirks.Range && !c.fault.IgnoreRange:
		http.ServeContent(w, r, "", modified, body)
	case notModified(r, h.Get("ETag"), modified):
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
	default:
		sendWhole(w, r, body, size)
	}
	return nil
}

// sendWhole sends all of a body.
func sendWhole(w http.ResponseWriter, r *http.Request, body io.Reader, size int64) {
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A client that left is no concern of the server's.
		_, _ = io.Copy(w, body)
	}
}

// sendGzip sends a compressed body, whose length is not known.
func sendGzip(w http.ResponseWriter, r *http.Request, body io.Reader) {
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Vary", "Accept-Encoding")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	z := gzip.NewWriter(w)
	_, _ = io.Copy(z, body)
	_ = z.Close()
}

// chunked takes the length away from whole answers. The flush keeps net/http
// from finding the length of a short body by itself.
type chunked struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (w *chunked) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *chunked) WriteHeader(status int) {
	if status == http.StatusOK {
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
	if status == http.StatusOK {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
}

// notModified is for servers without Range; http.ServeContent has its own.
func notModified(r *http.Request, etag string, modified time.Time) bool {
	if match := r.Header.Get("If-None-Match"); match != "" && etag != "" {
		for tag := range strings.SplitSeq(match, ",") {
			if tag = strings.TrimSpace(tag); tag == etag || tag == "*" {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !modified.IsZero() && !modified.After(since)
}

// etag changes with the content. Of a large document only the first bytes
// are looked at; revision and version tell the rest.
func (e *entry) etag(body io.ReadSeeker, size int64) (string, error) {
	h := fnv.New64a()
	if _, err := io.CopyN(h, body, min(size, 64<<10)); err != nil {
		return "", fmt.Errorf("apisim: document %q: %w", e.ID, err)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("apisim: document %q: %w", e.ID, err)
	}
	return fmt.Sprintf(`"%x-%x-%d-%d"`, h.Sum64(), size, e.Version, e.revision), nil
}

// modified is updatedAt, createdAt or the start of the period, and a second
// more for each change, since a change may leave them as they were.
func (e *entry) modified() time.Time {
	t := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	period := e.Period[:min(6, len(e.Period))]
	if p, err := time.Parse("200601", period); err == nil {
		t = p
	}
	for _, s := range []string{e.CreatedAt, e.UpdatedAt} {
		if p, err := time.Parse(time.RFC3339, s); err == nil {
			t = p
		}
	}
	return t.UTC().Truncate(time.Second).Add(time.Duration(e.revision) * time.Second)
}

func (s *Server) contentType(filename string) string {
	if s.Quirks.ContentTypes {
		switch strings.ToLower(path.Ext(filename)) {
		case ".pdf":
			return "application/pdf"
		case ".csv":
			return "text/csv; charset=utf-8"
		case ".zip":
			return "application/zip"
		case ".xlsx":
			return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		}
	}
	return "application/octet-stream"
}

// disposition names the file; names that are not plain ASCII are escaped as
// RFC 6266 wants, and those that no header can carry are left out.
func disposition(filename string) string {
	if v := mime.FormatMediaType("attachment", map[string]string{"filename": filename}); v != "" {
		return v
	}
	return "attachment; filename*=UTF-8''" + url.PathEscape(filename)
}
