package content

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"path/filepath"
	"regexp"
	"slices"
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
// document, in bytes. Readers of PDF look for its signature in as many
// (implementation note 13 of the PDF Reference, 1.7).
const sniffLen = apiclient.HeadLen

var (
	// The keys by which error bodies of the API, of OAuth, of gateways and of frameworks begin.
	errorObject = regexp.MustCompile(`^\{\s*"(code|error|errors|message|msg|fault|status|statusCode|description|infoURL|error_description|requestError|` +
		`timestamp|errorCode|error_code|errorMessage|title|detail|traceId|requestId|request_id)"\s*:`)
	listStart = regexp.MustCompile(`^\[\s*([\[{"\]]|$)`)
	htmlStart = regexp.MustCompile(`(?i)^(<!doctype\s+html|<html|<head|<body|<script|<!--|<title)`)
	partStart = regexp.MustCompile(`(?i)^--[^\r\n]*\r?\n(content-[a-z-]+:[^\r\n]*\r?\n)+`)
	htmlLine  = regexp.MustCompile(`(?im)^\s*<(!doctype\s+html|html|head|body)\b`)
)

// errZipped says that a ZIP came in place of a document that is none. It Is
// [ErrNotDocument]: a viewer of PDFs, or what sums up a CSV, cannot do anything
// with it. Servers that do this may be asked not to.
var errZipped = fmt.Errorf("%w: a ZIP archive came in its place", ErrNotDocument)

// maybeEmpty tells the documents that may have no bytes: a table of nothing. The
// others have at least a signature.
func maybeEmpty(name string) bool {
	switch extension(name) {
	case ".csv", ".txt":
		return true
	}
	return false
}

// sniff checks the first bytes of a body, or all of them if they are fewer than
// sniffLen, against what the document is called. It turns away what is clearly
// something else in its place, or lacks the signature that all documents of its kind
// begin with: bytes are never judged beyond that, nor altered.
func sniff(name string, head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("%w: the answer is empty", ErrNotDocument)
	}
	text := bytes.TrimLeft(narrow(head), " \t\r\n")
	ext := extension(name)
	markup, object := ext == ".html" || ext == ".htm" || ext == ".xml" || ext == ".svg", ext == ".json"
	switch {
	case !markup && htmlStart.Match(text):
		return fmt.Errorf("%w: an HTML page came in its place (a VPN or proxy often does this)", ErrNotDocument)
	case !object && errorObject.Match(text):
		return fmt.Errorf("%w: an error object came in its place", ErrNotDocument)
	case !object && string(bytes.TrimRight(text, " \t\r\n")) == "null":
		return fmt.Errorf("%w: a JSON null came in its place", ErrNotDocument)
	case plain(ext) && htmlLine.Match(text):
		return fmt.Errorf("%w: an HTML page came behind its first lines", ErrNotDocument)
	case plain(ext) && (likeMarkup(text) || likeJSON(text)), signed(ext) && beginsLikeText(text),
		ext == ".txt" && bytes.HasPrefix(text, []byte("<?xml")):
		return fmt.Errorf("%w: markup or JSON came in place of a %s", ErrNotDocument, kindOf(ext))
	case zipped(ext, head):
		return errZipped
	case ext == ".csv" && !tabular(head):
		return fmt.Errorf("%w: what came in its place is no table", ErrNotDocument)
	case !hasSignature(ext, head):
		return fmt.Errorf("%w: what came in its place is no %s", ErrNotDocument, kindOf(ext))
	}
	return nil
}

// sniffAnswer is sniff with what the answer says of itself.
func sniffAnswer(name, media string, head []byte) error {
	switch err := sniff(name, head); {
	case err != nil:
		return err
	case envelope(media):
		return fmt.Errorf("%w: an envelope came in its place (its type is %s)", ErrNotDocument, media)
	case pageAsText(name, media, head):
		return fmt.Errorf("%w: a page of text came in its place (its type is %s)", ErrNotDocument, media)
	}
	return nil
}

// judge is what the client asks of answers that should be the document of a name, so
// that it can tell an outage that answers with pages. Empty: just now the answer was
// empty, as it may be. A ZIP in its place is ours to deal with.
func judge(name string, empty bool) func(apiclient.Beginning) error {
	return func(a apiclient.Beginning) error {
		switch {
		case a.Size != 0:
		case !maybeEmpty(name):
			return fmt.Errorf("%w: the answer is empty", ErrNotDocument)
		case !empty:
			return errEmptyOnce
		default:
			return nil
		}
		if err := sniffAnswer(name, a.ContentType, a.Head); !errors.Is(err, errZipped) {
			return err
		}
		return nil
	}
}

// extension is what a name ends in, in small letters: .pdf of "Bill.PDF.".
func extension(name string) string {
	return strings.ToLower(filepath.Ext(strings.TrimRight(name, ". ")))
}

// kindOf names the kind of an extension for a message.
func kindOf(ext string) string {
	if ext == "" {
		return "document"
	}
	return strings.ToUpper(ext[1:])
}

// plain tells the kinds that have no signature, and are yet no markup and no JSON:
// tables, and what has no extension. The API has no type of document that is either.
// What is called a text may be any.
func plain(ext string) bool { return ext == "" || ext == ".csv" }

// narrow is the beginning of a text as UTF-8, as far as that is needed to look for
// markup: without a mark of its encoding, and without every second byte of UTF-16.
func narrow(head []byte) []byte {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return bytes.ReplaceAll(head[2:], []byte{0}, nil)
	}
	return bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
}

// envelope tells the content types of a message that holds a document rather than be
// one: parts, with headers of their own between the bytes.
func envelope(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "multipart/")
}

// pageAsText tells a page of plain text, which says by its type that it is none, from
// a table that is sent under a wrong type: that has more than one column.
func pageAsText(name, contentType string, head []byte) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	ext := extension(name)
	return (plain(ext) || ext == ".txt") && (media == "text/html" || strings.HasPrefix(media, "application/problem")) && !bytes.ContainsAny(head, ";,\t")
}

// hasSignature tells whether a document begins as every one of its kind does; kinds
// without a signature are taken as they are. A page of plain text under the name of
// an invoice is the worst that could be kept: nothing else would notice it.
func hasSignature(ext string, head []byte) bool {
	var signatures []string
	switch ext {
	case ".pdf":
		return bytes.Contains(head, []byte("%PDF-"))
	case ".xlsx":
		signatures = []string{"PK\x03\x04", "\xd0\xcf\x11\xe0"} // the latter with a password
	case ".xls":
		signatures = []string{"\xd0\xcf\x11\xe0", "PK\x03\x04", "\x09\x00", "\x09\x02", "\x09\x04", "\x09\x08"} // the latter of versions before 5
	case ".zip":
		signatures = []string{"PK\x03\x04", "PK\x05\x06"}
	case ".gz":
		signatures = []string{"\x1f\x8b"}
	default:
		return true
	}
	return slices.ContainsFunc(signatures, func(s string) bool { return bytes.HasPrefix(head, []byte(s)) })
}

// tabular tells a table, by its beginning, from a sentence and from what is no text: it
// is of characters and has columns. Of one line alone the commas of a sentence are none.
func tabular(head []byte) bool {
	text := narrow(head)
	if bytes.IndexByte(text, 0) >= 0 {
		if text = narrowUnmarked(text); text == nil {
			return false
		}
	}
	for _, signature := range []string{"%PDF-", "\x1f\x8b", "\xd0\xcf\x11\xe0"} {
		if bytes.HasPrefix(text, []byte(signature)) {
			return false
		}
	}
	if partStart.Match(text) {
		return false
	}
	if !bytes.ContainsAny(bytes.TrimRight(text, "\r\n"), "\r\n") {
		text = bytes.ReplaceAll(text, []byte(", "), nil)
	}
	return bytes.ContainsAny(text, ";,\t|")
}

// narrowUnmarked is narrow for UTF-16 that does not say that it is: every second byte
// of what is mostly ASCII is zero. It is nil if that is not what the zeros are.
func narrowUnmarked(text []byte) []byte {
	var zeros [2]int
	for i, c := range text {
		if c == 0 {
			zeros[i%2]++
		}
	}
	if min(zeros[0], zeros[1]) > 0 || max(zeros[0], zeros[1]) < len(text)/4 {
		return nil
	}
	return bytes.ReplaceAll(text, []byte{0}, nil)
}

// signed tells the extensions of documents that begin with a signature, or at least
// not like markup or JSON.
func signed(ext string) bool {
	switch ext {
	case ".pdf", ".xlsx", ".xls", ".zip", ".gz":
		return true
	}
	return false
}

func beginsLikeText(text []byte) bool {
	return bytes.HasPrefix(text, []byte("<")) || bytes.HasPrefix(text, []byte("{")) || listStart.Match(text)
}

// likeMarkup tells a page, perhaps cut, from a table whose first cell begins with
// "<": a tag that a separator follows is a cell, and so is what no tag begins with.
func likeMarkup(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("<"))
	if !ok {
		return false
	}
	rest = bytes.TrimPrefix(rest, []byte("/"))
	if len(rest) == 0 || rest[0] == '!' || rest[0] == '?' {
		return true
	}
	if c := rest[0] | 0x20; c < 'a' || c > 'z' {
		return false
	}
	end := bytes.IndexByte(rest, '>')
	if end < 0 { // cut within the tag, or no tag
		return !bytes.ContainsAny(rest, ";,\t") || !bytes.ContainsAny(rest, "\r\n")
	}
	return end+1 == len(rest) || !bytes.ContainsAny(rest[end+1:end+2], ";,\t\"")
}

// likeJSON tells an object or list, perhaps cut, from a table whose first cell
// begins with a bracket. A text of JSON has no end of line within quotes, and
// nothing but JSON after it.
func likeJSON(text []byte) bool {
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

// zipped tells a ZIP with a document in it from the document: a workbook is a ZIP
// itself, but not one that begins with a workbook.
func zipped(ext string, head []byte) bool {
	const header = 30 // the length of a local file header without its name
	if !bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return false
	}
	switch ext {
	case ".pdf", ".csv", ".txt":
		return true
	case ".xlsx":
		if len(head) < header {
			return false
		}
		name := head[header:min(header+int(binary.LittleEndian.Uint16(head[26:])), len(head))]
		return strings.HasSuffix(strings.ToLower(string(name)), ext)
	}
	return false
}
