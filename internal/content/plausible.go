package content

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"ccsfs/apiclient"
)

// ErrNotDocument says that an answer came with status 200 but is no document: a
// proxy's page, an error object, nothing at all. It Is [apiclient.ErrProtocol].
var ErrNotDocument = fmt.Errorf("%w: not a document", apiclient.ErrProtocol)

// ErrChanged says that a document turned into another one while it was being
// read: what was already handed out does not fit the rest.
var ErrChanged = errors.New("the document changed while it was being read; read it again from its start")

// ErrOffline says that the content is not in the cache and the network is not to
// be asked. It Is [apiclient.ErrUnreachable].
var ErrOffline = fmt.Errorf("%w: offline, and this document is not in the cache", apiclient.ErrUnreachable)

// sniffLen is how many of the first bytes are held back until they look like a
// document, in bytes.
const sniffLen = 512

var (
	// The keys by which error bodies of the API, of OAuth and of gateways begin.
	errorObject = regexp.MustCompile(`^\{\s*"(code|error|errors|message|fault|status|description|infoURL|error_description|requestError)"\s*:`)
	listStart   = regexp.MustCompile(`^\[\s*([\[{"\]]|$)`)
	htmlStart   = regexp.MustCompile(`(?i)^(<!doctype\s+html|<html|<head|<body|<script|<!--|<title)`)
)

// plausible checks the first bytes of a body against what the document is called.
// It only turns away what is clearly something else in its place: bytes are never
// judged beyond that, nor altered.
func plausible(name string, head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("%w: the answer is empty", ErrNotDocument)
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	ext := strings.ToLower(filepath.Ext(name))
	markup, object := ext == ".html" || ext == ".htm" || ext == ".xml" || ext == ".svg", ext == ".json"
	switch {
	case !markup && htmlStart.Match(text):
		return fmt.Errorf("%w: an HTML page came in its place (a VPN or proxy often does this)", ErrNotDocument)
	case !object && errorObject.Match(text):
		return fmt.Errorf("%w: an error object came in its place", ErrNotDocument)
	case !object && string(bytes.TrimRight(text, " \t\r\n")) == "null":
		return fmt.Errorf("%w: a JSON null came in its place", ErrNotDocument)
	case binaryOrTable(ext) && (bytes.HasPrefix(text, []byte("<")) || bytes.HasPrefix(text, []byte("{")) || listStart.Match(text)):
		return fmt.Errorf("%w: markup or JSON came in place of a %s", ErrNotDocument, strings.ToUpper(ext[1:]))
	}
	return nil
}

// binaryOrTable tells the extensions of the API's documents, none of which can
// begin like markup or JSON.
func binaryOrTable(ext string) bool {
	switch ext {
	case ".pdf", ".xlsx", ".xls", ".csv", ".zip", ".gz":
		return true
	}
	return false
}
