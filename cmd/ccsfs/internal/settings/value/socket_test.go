package value

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestSocket(t *testing.T) {
	root := filepath.VolumeName(t.TempDir()) + string(filepath.Separator)
	for text, want := range map[string]string{
		"8427": "127.0.0.1:8427", "unix:" + root + "serve.sock": "unix:" + root + "serve.sock", "unix:" + root + "a/../b": "unix:" + root + "b",
		"unix:": "", "unix:x": "", "unix:/a\n": "", "": "", "unix": "",
	} {
		got, err := Socket(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestUser(t *testing.T) {
	for text, ok := range map[string]bool{"finance": true, "é a@b": true, "": false, "a:b": false, "a\"b": false, "a\nb": false, strings.Repeat("x", 65): false} {
		if _, err := User(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
