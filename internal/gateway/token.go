package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Access tokens: who asks for one, and who may ask with it. A token says itself whose it is,
// and until when, under a seal; so all gateways that have the same clients take it, and a
// restart loses none. It ends with its client, or with the client's secret.

// tokenLifetime is that of the API's own.
const tokenLifetime = time.Hour

// token answers the call for one, in the words of OAuth.
func (g *Gateway) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fail(http.StatusMethodNotAllowed, codeMethod, r.Method+" is not allowed here").write(w)
		return
	}
	refuse := func(status int, code, description string) {
		writeJSON(w, status, map[string]string{"error": code, "error_description": description})
	}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/x-www-form-urlencoded" {
		refuse(http.StatusBadRequest, "invalid_request", "The body is not a form")
		return
	}
	id, secret, ok := r.BasicAuth()
	client, known := g.Clients.Client(id)
	sum := sha256.Sum256([]byte(secret))
	good := subtle.ConstantTimeCompare(sum[:], client.Secret[:]) == 1 && known && ok
	switch grant := r.PostFormValue("grant_type"); {
	case grant == "":
		refuse(http.StatusBadRequest, "invalid_request", "The parameter grant_type is missing")
	case grant != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported")
	case !good:
		g.refused(client.Name, r.RemoteAddr)
		w.Header().Set("WWW-Authenticate", `Basic realm="ccsfs"`)
		refuse(http.StatusUnauthorized, "invalid_client", "The client credentials are not valid")
	default:
		writeJSON(w, http.StatusOK, struct {
			Type    string `json:"token_type"`
			Token   string `json:"access_token"`
			Expires int    `json:"expires_in"` // seconds
			Gateway int    `json:"ccsfs_gateway"`

			Gateways []string `json:"ccsfs_gateways,omitempty"`
		}{"Bearer", g.issue(&client), int(tokenLifetime / time.Second), Version, g.gateways()})
	}
}

// refusedEvery is how often the log is told of wrong credentials, at most: whoever sends them
// needs none to fill a disk.
const refusedEvery = time.Second

// refused has a refusal in the log, with how many were not.
func (g *Gateway) refused(client, remote string) {
	now := time.Now().UnixNano()
	last := g.told.Load()
	if now-last < int64(refusedEvery) || !g.told.CompareAndSwap(last, now) {
		g.untold.Add(1)
		return
	}
	g.Logger.Warn("a client was refused: its id or its secret is wrong", "client", client, "remote", remote, "others", g.untold.Swap(0))
}

// Version is what a gateway says of itself with a token: the real API does not pace, nor
// does it tell sizes. See apiclient.
const Version = 1

// Name is the name of the gateway of some clients at some place, of which it tells nothing. Another
// one that has the same clients, and may well ask it, has another name.
func Name(of Clients, place string) string {
	mac := hmac.New(sha256.New, of.Key())
	mac.Write([]byte("the gateway at " + place))
	return hex.EncodeToString(mac.Sum(nil))[:nameSize]
}

// nameSize is how long the name of a gateway is, in bytes.
const nameSize = 16

// gateways are those by which answers come, with the token: one that is asked by one of them
// knows by it that nobody would be asked at the end.
func (g *Gateway) gateways() []string {
	var all []string
	if g.Name != "" {
		all = append(all, g.Name)
	}
	if g.Above != nil {
		all = append(all, g.Above()...)
	}
	return all
}

// issue makes a token of a client.
func (g *Gateway) issue(c *Client) string {
	text := c.ID + "." + strconv.FormatInt(g.Now().Add(tokenLifetime).Unix(), 10)
	return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + g.seal(text, c)
}

// seal is the end of a token, which nobody else can make.
func (g *Gateway) seal(text string, c *Client) string {
	mac := hmac.New(sha256.New, g.Clients.Key())
	mac.Write([]byte(text))
	mac.Write(c.Secret[:])
	return hex.EncodeToString(mac.Sum(nil))
}

// authorize finds out who asks: by the token, then by the key.
func (g *Gateway) authorize(r *http.Request) (Client, *apiError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Client{}, fail(http.StatusUnauthorized, codeNoCredentials, "The bearer token is missing")
	}
	client, until, ok := g.opened(token)
	if !ok {
		return Client{}, fail(http.StatusUnauthorized, codeBad, "The token is not valid")
	}
	if !g.Now().Before(until) {
		return Client{}, fail(http.StatusUnauthorized, codeExpired, "The token has expired")
	}
	key := r.Header.Get(keyHeader)
	if key == "" {
		return Client{}, fail(http.StatusBadRequest, codeMissingHeader, "The header "+keyHeader+" is missing")
	}
	if sum := sha256.Sum256([]byte(key)); subtle.ConstantTimeCompare(sum[:], client.APIKey[:]) != 1 {
		return Client{}, fail(http.StatusUnauthorized, codeBad, "The API key is not valid")
	}
	return client, nil
}

// opened reads a token; false if it is none of ours, or its client is out.
func (g *Gateway) opened(token string) (c Client, until time.Time, ok bool) {
	begin, seal, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(begin)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != begin { // a token is written in one way
		return c, until, false
	}
	text := string(b)
	id, end, _ := strings.Cut(text, ".")
	if c, ok = g.Clients.Client(id); !ok || !hmac.Equal([]byte(g.seal(text, &c)), []byte(seal)) {
		return Client{}, until, false
	}
	seconds, err := strconv.ParseInt(end, 10, 64)
	return c, time.Unix(seconds, 0), err == nil
}
