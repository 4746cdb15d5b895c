package webdav

import (
	"net/http"
	"path"

	"ccsfs/internal/folder"
)

// Top is what is above a drive: the top of the server, with the drive as its one directory,
// for clients that go there first. Windows asks there with OPTIONS whether the server has
// drives at all, whatever address it was given, and takes any other answer for "the network
// name cannot be found"; it and GNOME then look at each directory on the way. It costs
// nothing. What is not of a drive's methods goes to next.
func Top(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodOptions:
			options(w)
		case "PROPFIND":
			top(w, r, prefix)
		case http.MethodPut, http.MethodDelete, http.MethodPatch, "MKCOL", "MOVE", "COPY", "PROPPATCH", "LOCK", "UNLOCK":
			refuse(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func top(w http.ResponseWriter, r *http.Request, prefix string) {
	asked, below, ok := question(w, r)
	if !ok {
		return
	}
	if r.URL.Path != "/" {
		http.Error(w, "here is no drive; it is at "+prefix, http.StatusNotFound)
		return
	}
	out := newMultistatus(w, "/")
	out.response("/", folder.Node{}, folder.Info{Size: -1}, asked)
	if below {
		out.top = path.Base(prefix)
		out.response(prefix+"/", folder.Node{}, folder.Info{Size: -1}, asked)
	}
	if out.end() != nil {
		panic(http.ErrAbortHandler)
	}
}
