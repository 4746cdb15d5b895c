package apiclient

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// HeadLen is how much of a document is looked at before it counts as one, in bytes.
const HeadLen = 1024

// Beginning is how an answer begins that should be a document.
type Beginning struct {
	ContentType string
	Size        int64  // of the whole document in bytes, -1 if not announced
	Head        []byte // the first HeadLen bytes, or all if there are fewer
}

// ErrAskAgain is for FileRequest.Judge: what came may be right, and the caller asks for
// it once more to be sure. The client asks a witness at once, and makes no try by itself.
var ErrAskAgain = errors.New("to be asked for again")

// judging is the layer that looks at how an answer with a good status begins: something
// on the way may have answered in the place of the API. What is none is an error of this
// one try, so that the breaker and the retries hear of it like of any other.
type judging struct {
	next    http.RoundTripper
	sender  *sender
	breaker *breaker
}

func (j *judging) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	resp, err := j.next.RoundTrip(req)
	if err != nil || !judged(cl, resp) {
		return resp, err
	}
	j.breaker.spoke(cl)
	own, ok := resp.Body.(*body)
	if !ok {
		return resp, nil
	}
	b := &judgedBody{body: own, buf: bufio.NewReaderSize(own, HeadLen)}
	resp.Body = b
	head, err := b.peek()
	if err != nil { // it breaks off: whoever reads it meets that
		return resp, nil //nolint:nilerr // the body has it
	}
	if e := j.judge(cl, resp, head); e != nil {
		resp.Body.Close()
		return nil, e
	}
	return resp, nil
}

// judged reports whether the answer to a call begins as a whole one does. The rest of a
// document begins as it may.
func judged(cl *call, resp *http.Response) bool {
	switch {
	case resp.StatusCode == http.StatusNotModified:
		return false
	case cl.op == opFile:
		enc := resp.Header.Get("Content-Encoding")
		return cl.judge != nil && (resp.StatusCode == http.StatusOK || cl.witness) && (enc == "" || strings.EqualFold(enc, "identity"))
	}
	return true
}

// judge makes the error of an answer that is not what was asked for, nil if it may be.
func (j *judging) judge(cl *call, resp *http.Response, head []byte) *Error {
	var e *Error
	switch media := resp.Header.Get("Content-Type"); {
	case cl.op == opFile:
		e = j.judgeFile(cl, resp, head)
	case isMarkup(media, head):
		e = j.sender.odd(cl, resp, errMarkup.Error())
		e.hint = hintProxy
	case len(bytes.TrimSpace(trimBOM(head))) == 0 && len(head) < HeadLen:
		e = j.sender.odd(cl, resp, "it is empty")
	case len(head) < HeadLen && isObject(trimBOM(head)):
		told := parseDisguise(head)
		if e = j.sender.disguised(cl, resp, told); !told.isError() || !e.is(ErrServer) {
			return nil // the decoder has a word on it
		}
	}
	switch {
	case e == nil:
	case cl.op == opToken && cl.known: // which is nothing in particular: like a gateway's page
		e.kind, e.final = ErrServer, false
	default:
		e.page, e.final = true, false
	}
	return e
}

func (j *judging) judgeFile(cl *call, resp *http.Response, head []byte) *Error {
	size := resp.ContentLength
	if cr, ok := parseContentRange(resp.Header.Get("Content-Range")); ok && resp.StatusCode == http.StatusPartialContent {
		size = cr.Total
	}
	if size == 0 && resp.Header.Get("Content-Length") == "" { // see newFile
		size = -1
	}
	cl.empty = len(head) == 0
	err := cl.judge(Beginning{ContentType: resp.Header.Get("Content-Type"), Size: size, Head: head})
	if err == nil {
		return nil
	}
	e := j.sender.odd(cl, resp, strings.TrimPrefix(err.Error(), ErrProtocol.Error()+": "))
	e.cause, e.once = err, errors.Is(err, ErrAskAgain)
	return e
}

// judgedBody is a body whose beginning was looked at.
type judgedBody struct {
	*body
	buf *bufio.Reader
}

// peek gives the first HeadLen bytes, or all if there are fewer.
func (b *judgedBody) peek() ([]byte, error) {
	head, err := b.buf.Peek(HeadLen)
	if err == io.EOF {
		err = nil
	}
	return head, err
}

func (b *judgedBody) Read(p []byte) (int, error) { return b.buf.Read(p) }
