package webdav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// maxBody bounds the body of a PROPFIND, in bytes.
const maxBody = 64 << 10

// find is the body of a PROPFIND, RFC 4918, section 14.20. An empty body is allprop.
type find struct {
	XMLName  xml.Name  `xml:"DAV: propfind"`
	AllProp  *struct{} `xml:"DAV: allprop"`
	PropName *struct{} `xml:"DAV: propname"`
	Prop     *names    `xml:"DAV: prop"`
}

// names are properties that are asked for, in their order.
type names []xml.Name

// UnmarshalXML implements xml.Unmarshaler: the names of the children.
func (n *names) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	*n = names{}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(*n) == maxProperties {
				return errors.New("too many properties")
			}
			if strings.Contains(t.Name.Local, ":") { // it would be another name in the answer
				return fmt.Errorf("the property %q has two colons", t.Name.Local)
			}
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" && a.Value == "" { // which Namespaces in XML 1.0 does not have
					return fmt.Errorf("the namespace %q is empty", a.Name.Local)
				}
			}
			*n = append(*n, t.Name)
			if err := d.Skip(); err != nil {
				return err
			}
		case xml.EndElement:
			if t.Name == start.Name {
				return nil
			}
		}
	}
}

// maxProperties is how many a client may ask for.
const maxProperties = 100

// wanted reads what a PROPFIND asks for.
func wanted(w http.ResponseWriter, r *http.Request) (find, error) {
	var f find
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case err != nil:
		return f, err
	case len(body) == 0:
		f.AllProp = &struct{}{}
		return f, nil
	}
	if err := xml.Unmarshal(body, &f); err != nil {
		return f, err
	}
	if f.AllProp == nil && f.PropName == nil && f.Prop == nil {
		return f, errors.New("neither prop, allprop nor propname")
	}
	return f, nil
}

// sized reports whether the sizes of documents are in the answer.
func (f find) sized() bool {
	if f.Prop == nil {
		return f.PropName == nil
	}
	for _, name := range *f.Prop {
		if name == dav("getcontentlength") || name == dav("getetag") {
			return true
		}
	}
	return false
}

// question reads what a PROPFIND asks for: children is whether also of what is in a
// directory. If it cannot be answered, it has answered.
func question(w http.ResponseWriter, r *http.Request) (asked find, children, ok bool) {
	depth := r.Header.Get("Depth")
	if depth != "0" && depth != "1" {
		if depth != "" && depth != "infinity" {
			http.Error(w, "Depth is 0, 1 or infinity", http.StatusBadRequest)
			return find{}, false, false
		}
		precondition(w, http.StatusForbidden, "propfind-finite-depth")
		return find{}, false, false
	}
	asked, err := wanted(w, r)
	if err != nil {
		var large *http.MaxBytesError
		status := http.StatusBadRequest
		if errors.As(err, &large) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the body is no propfind: "+err.Error(), status)
		return find{}, false, false
	}
	return asked, depth == "1", true
}

// propfind answers PROPFIND.
func (h *Handler) propfind(w http.ResponseWriter, r *http.Request, at string) {
	asked, below, ok := question(w, r)
	if !ok {
		return
	}
	find := h.Folder.Look
	if below {
		find = h.Folder.Find // a contract with its listing, which is wanted then
	}
	n, err := h.look(r, at, find)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var children []folder.Node
	if below && n.IsDir() {
		if children, err = h.Folder.Children(r.Context(), n, false); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	h.answer(w, r, at, append([]folder.Node{n}, children...), asked)
	h.looked(n, children)
}

// answer writes about nodes, in their order, each as soon as all is known that is asked, under
// the addresses that the client means: the first is at the one that it asked for, whatever it
// is called here, and the others are below that. Clients tell a directory from what is in it
// by its address. Where the API is away, the answer fails, or breaks off, for all of it would be wrong.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, at string, nodes []folder.Node, asked find) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	known := h.infos(ctx, nodes, asked.sized())
	out := newMultistatus(w, path.Base(h.Prefix))
	for i, n := range nodes {
		var one stat
		select {
		case one = <-known[i]:
		default:
			if i > 0 {
				out.flush() // what is there goes out, and the client knows that more comes
			}
			one = <-known[i]
		}
		switch {
		case one.err == nil:
			if n.Doc != nil && asked.sized() {
				h.Told.note(n, one.info.Size, h.now())
			}
			out.response(h.hrefBelow(at, nodes[0], n), n, one.info, asked)
		case (n.Doc == nil || httpfile.Passing(one.err)) && !out.begun: // what is made here is never in a list of others
			h.fail(w, r, one.err)
			return
		case httpfile.Passing(one.err):
			panic(http.ErrAbortHandler)
		default:
			if h.Logger != nil {
				h.Logger.Warn("a document cannot be had", "path", n.Path, "error", one.err)
			}
			h.Told.note(n, noLength, h.now())
			out.withheld(h.hrefBelow(at, nodes[0], n), n, one.err)
		}
	}
	h.Told.save()
	if out.end() != nil {
		panic(http.ErrAbortHandler)
	}
}

// stat is what came of asking for one.
type stat struct {
	info folder.Info
	err  error
}

// infos finds out what is known of nodes, some beside each other, in their order.
func (h *Handler) infos(ctx context.Context, nodes []folder.Node, sized bool) []chan stat {
	known := make([]chan stat, len(nodes))
	for i := range known {
		known[i] = make(chan stat, 1)
	}
	turns := make(chan struct{}, max(h.Ahead, 1))
	go func() {
		for i, n := range nodes {
			if info, ok := h.Folder.Peek(n); ok || !sized && !n.IsDir() {
				known[i] <- stat{info: info}
				continue
			}
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
				known[i] <- stat{err: ctx.Err()}
				continue
			}
			go func() {
				defer func() { <-turns }()
				info, err := h.Folder.Stat(ctx, n)
				known[i] <- stat{info, err}
			}()
		}
	}()
	return known
}

// text of a status line, as in a multistatus.
func statusLine(status int) string {
	return fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status))
}
