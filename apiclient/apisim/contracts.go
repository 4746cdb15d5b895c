package apisim

import (
	"compress/gzip"
	"net/http"
	"strings"
)

// contractList is the bare array of GET /contracts.
func contractList(contracts []Contract) string {
	out := []byte{'['}
	for i, c := range contracts {
		if i > 0 {
			out = append(out, ',')
		}
		if c.Raw != "" {
			out = append(out, c.Raw...)
			continue
		}
		var o object
		o.str("id", c.ID)
		o.str("name", c.Name)
		o.opt("createdAt", c.CreatedAt)
		o.raw("offer", offer(c))
		out = append(out, o.end()...)
	}
	return string(append(out, ']'))
}

func offer(c Contract) string {
	var o object
	o.str("name", c.Offer)
	return o.end()
}

// contractDetail is the object of GET /contract.
func contractDetail(c Contract) string {
	var o, customer, contact object
	o.str("id", c.ID)
	o.str("name", c.Name)
	o.str("contractType", c.Type)
	o.opt("createdAt", c.CreatedAt)
	o.opt("updatedAt", c.UpdatedAt)
	o.raw("offer", offer(c))
	customer.str("id", c.CustomerID)
	customer.str("name", c.CustomerName)
	o.raw("customer", customer.end())
	contact.str("firstName", c.FirstName)
	contact.str("lastName", c.LastName)
	contact.str("email", c.Email)
	o.raw("contact", contact.end())
	o.opt("platformId", c.PlatformID)
	return o.end()
}

// sendJSON answers 200, gzipped where that is on and wanted.
func (s *Server) sendJSON(c *call, body string) { s.sendJSONAs(c, http.StatusOK, body) }

func (s *Server) sendJSONAs(c *call, status int, body string) {
	if !s.gzips(c.r) {
		writeBody(c.w, status, "application/json", body)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Encoding", "gzip")
	h.Set("Vary", "Accept-Encoding")
	c.w.WriteHeader(status)
	z := gzip.NewWriter(c.w)
	// A client that left is no concern of the server's.
	_, _ = z.Write([]byte(body))
	_ = z.Close()
}

// gzips reports whether an answer is to be gzipped.
func (s *Server) gzips(r *http.Request) bool {
	if !s.Quirks.Gzip {
		return false
	}
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				return strings.ReplaceAll(weight, " ", "") != "q=0"
			}
		}
	}
	return false
}
