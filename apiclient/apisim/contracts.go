package apisim

import (
	"compress/gzip"
	"net/http"
	"slices"
	"strings"
)

// contractList is the array of GET /contracts, wrapped if a quirk says so.
func (s *Server) contractList(contracts []Contract) string {
	out := []byte{'['}
	for i, c := range contracts {
		if i > 0 {
			out = append(out, ',')
		}
		if c.Raw != "" {
			out = append(out, c.Raw...)
			continue
		}
		o := contractObject{server: s, without: s.Quirks.WithoutInList}
		o.str("id", c.ID)
		o.str("name", c.Name)
		o.date("createdAt", c.CreatedAt)
		o.raw("offer", offer(c))
		out = append(out, o.end()...)
	}
	out = append(out, ']')
	if s.Quirks.WrapContracts == "" {
		return string(out)
	}
	var o object
	o.raw(s.Quirks.WrapContracts, string(out))
	return o.end()
}

// contractObject is a contract under construction, with the members that the quirks
// leave.
type contractObject struct {
	object

	server  *Server
	without []string
}

func (o *contractObject) raw(key, value string) {
	if !slices.Contains(o.without, key) {
		o.object.raw(key, value)
	}
}

func (o *contractObject) str(key, value string) { o.raw(key, string(appendString(nil, value))) }

func (o *contractObject) date(key, value string) {
	if !slices.Contains(o.without, key) {
		o.server.date(&o.object, key, value)
	}
}

func (o *contractObject) end() string {
	for _, name := range o.server.Quirks.ExtraContract {
		o.object.raw(name, "true")
	}
	return o.object.end()
}

func offer(c Contract) string {
	var o object
	o.str("name", c.Offer)
	return o.end()
}

// contractDetail is the object of GET /contract.
func (s *Server) contractDetail(c Contract) string {
	var customer, contact object
	o := contractObject{server: s, without: s.Quirks.WithoutInDetail}
	o.str("id", c.ID)
	o.str("name", c.Name)
	o.str("contractType", c.Type)
	o.date("createdAt", c.CreatedAt)
	o.date("updatedAt", c.UpdatedAt)
	o.raw("offer", offer(c))
	customer.str("id", c.CustomerID)
	customer.str("name", c.CustomerName)
	o.raw("customer", customer.end())
	contact.str("firstName", c.FirstName)
	contact.str("lastName", c.LastName)
	contact.str("email", c.Email)
	o.raw("contact", contact.end())
	if c.PlatformID != "" {
		o.str("platformId", c.PlatformID)
	}
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
