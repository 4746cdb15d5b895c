package webdav

import (
	"bufio"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// dav is a name of the protocol's own.
func dav(local string) xml.Name { return xml.Name{Space: "DAV:", Local: local} }

// properties are those that a node has, in the order in which allprop tells them.
func properties() []string {
	return []string{"resourcetype", "displayname", "getcontentlength", "getcontenttype", "getetag", "getlastmodified", "creationdate", "supportedlock", "lockdiscovery"}
}

// property is the content of an element, already XML; false if the node does not have it.
func property(name string, n folder.Node, info folder.Info) (value string, ok bool) {
	switch name {
	case "resourcetype":
		if n.IsDir() {
			value = "<D:collection/>"
		}
		return value, true
	case "displayname":
		value = "/"
		if !n.IsRoot() {
			value = n.Name()
		}
		return escape(value), true
	case "getlastmodified":
		if info.ModTime.IsZero() {
			return "", false
		}
		return info.ModTime.UTC().Format(http.TimeFormat), true
	case "creationdate":
		at := created(n)
		return at.UTC().Format(time.RFC3339), !at.IsZero()
	case "supportedlock", "lockdiscovery": // class 1 has no locks
		return "", true
	}
	if n.IsDir() {
		return "", false
	}
	switch name {
	case "getcontentlength":
		return strconv.FormatInt(info.Size, 10), info.Size >= 0
	case "getcontenttype":
		return escape(httpfile.Type(n.Name())), true
	case "getetag":
		tag := httpfile.Tag(info) // only where it stays
		return escape(tag), tag != ""
	}
	return "", false
}

// created is when the API says that something was made, zero if it does not.
func created(n folder.Node) time.Time {
	switch {
	case n.Doc != nil:
		return folder.ContractTime(n.Doc.CreatedAt)
	case n.IsContract():
		return folder.ContractTime(n.Contract.CreatedAt)
	}
	return time.Time{}
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // never fails
	return b.String()
}

// multistatus writes an answer, RFC 4918, section 13.
type multistatus struct {
	w     http.ResponseWriter
	buf   *bufio.Writer
	begun bool // something has gone out

	before func() // each piece that goes out
}

func newMultistatus(w http.ResponseWriter, before func()) *multistatus {
	m := &multistatus{w: w, before: before}
	m.buf = bufio.NewWriterSize(m, 32<<10)
	m.put(xml.Header, `<D:multistatus xmlns:D="DAV:">`)
	return m
}

// Write sends a piece, and gives the client a minute to take it.
func (m *multistatus) Write(p []byte) (int, error) {
	m.before()
	if !m.begun {
		m.begun = true
		m.w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		m.w.Header().Set("Cache-Control", "private, no-cache")
		m.w.WriteHeader(http.StatusMultiStatus)
	}
	_ = http.NewResponseController(m.w).SetWriteDeadline(time.Now().Add(time.Minute)) // where there are none, the server's own holds
	return m.w.Write(p)
}

// put writes; an error stays with the buffer, see end.
func (m *multistatus) put(texts ...string) {
	for _, t := range texts {
		_, _ = m.buf.WriteString(t)
	}
}

// flush sends what is there. An error stays with the buffer.
func (m *multistatus) flush() {
	if m.buf.Flush() == nil {
		_ = http.NewResponseController(m.w).Flush() // the next one tells
	}
}

func (m *multistatus) end() error {
	m.put("</D:multistatus>\n")
	return m.buf.Flush()
}

// withheld is a document that cannot be had, with why. Its length is one byte, so that
// whoever reads it asks for it, and hears of the error: measured with rclone 1.60, one
// without a length, or with a status alone, is a file of no bytes to rclone mount, which
// copies without an error; and one whose properties have a status is left out, so that
// rclone copy does without it, and rclone sync deletes the copy of before.
func (m *multistatus) withheld(href string, n folder.Node, err error) {
	m.put("<D:response><D:href>", escape(href), "</D:href><D:propstat><D:prop>")
	for _, name := range [...]string{"resourcetype", "displayname", "getcontentlength", "getlastmodified"} {
		if value, ok := property(name, n, folder.Info{Size: noLength, ModTime: n.Doc.ModTime()}); ok {
			m.put("<D:", name, ">", value, "</D:", name, ">")
		}
	}
	status := httpfile.Status(err)
	if status == http.StatusNotFound { // it is listed
		status = http.StatusBadGateway
	}
	m.put("</D:prop><D:status>", statusLine(http.StatusOK), "</D:status></D:propstat><D:propstat><D:prop><D:getetag/></D:prop><D:status>",
		statusLine(status), "</D:status><D:responsedescription>", escape(err.Error()), "</D:responsedescription></D:propstat></D:response>\n")
}

// response is what is asked for of a node.
func (m *multistatus) response(href string, n folder.Node, info folder.Info, asked find) {
	m.put("<D:response><D:href>", escape(href), "</D:href>")
	switch {
	case asked.PropName != nil:
		m.put("<D:propstat><D:prop>")
		for _, name := range properties() {
			if _, ok := property(name, n, folder.Info{}); ok || !n.IsDir() {
				m.put("<D:", name, "/>")
			}
		}
		m.put("</D:prop><D:status>", statusLine(http.StatusOK), "</D:status></D:propstat>")
	case asked.Prop != nil:
		m.some(*asked.Prop, n, info)
	default:
		m.put("<D:propstat><D:prop>")
		for _, name := range properties() {
			if value, ok := property(name, n, info); ok {
				m.put("<D:", name, ">", value, "</D:", name, ">")
			}
		}
		m.put("</D:prop><D:status>", statusLine(http.StatusOK), "</D:status></D:propstat>")
	}
	m.put("</D:response>\n")
}

// some writes the properties that were asked for, and says which there are not.
func (m *multistatus) some(asked names, n folder.Node, info folder.Info) {
	var without []xml.Name
	had := false
	for _, name := range asked {
		value, ok := "", false
		if name.Space == "DAV:" {
			value, ok = property(name.Local, n, info)
		}
		if !ok {
			without = append(without, name)
			continue
		}
		if !had {
			m.put("<D:propstat><D:prop>")
			had = true
		}
		m.put("<D:", name.Local, ">", value, "</D:", name.Local, ">")
	}
	if had {
		m.put("</D:prop><D:status>", statusLine(http.StatusOK), "</D:status></D:propstat>")
	}
	if len(without) == 0 && had {
		return
	}
	m.put("<D:propstat><D:prop>")
	for _, name := range without {
		switch {
		case name.Space == "":
			m.put("<", name.Local, ` xmlns=""/>`)
		default:
			m.put("<x:", name.Local, ` xmlns:x="`, escape(name.Space), `"/>`)
		}
	}
	m.put("</D:prop><D:status>", statusLine(http.StatusNotFound), "</D:status></D:propstat>")
}
