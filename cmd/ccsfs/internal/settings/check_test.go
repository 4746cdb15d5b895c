package settings

import (
	"errors"
	"strings"
	"testing"

	"path/filepath"
)

func TestCheckNeverQuotes(t *testing.T) {
	for key, text := range map[string]string{"api_key": "my secret text", "client_id": "line\nbreak", "api_url": "not a url", "nonsense": "x"} {
		if err := Check(key, text); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := Check("api_key", "a+b/c=="); err != nil {
		t.Error(err)
	}
}

// Each wrong line of an edited file is named, and no secret.
func TestCheckFile(t *testing.T) {
	also := func(s Setting, text string) error {
		if s.Name == "layout" && text != "flat" {
			return errors.New("is not flat")
		}
		if s.Name == "ca-file" && text != filepath.FromSlash("/etc/ccsfs/ca.pem") {
			return errors.New(text)
		}
		return nil
	}
	err := CheckFile("/etc/ccsfs/config.toml", []byte("layout = 'x'\ntimeout = '1'\napi_key = 'the secret'\nca_file = 'ca.pem'\n"), also)
	if err == nil || strings.Contains(err.Error(), "the secret") {
		t.Fatal(err)
	}
	for _, want := range []string{"config.toml:1: layout = \"x\": is not flat", "config.toml:2: timeout", "config.toml:3: api_key: contains a space"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "ca_file") {
		t.Error(err)
	}
	if err := CheckFile("x", []byte("layout = 'flat'\n"), also); err != nil {
		t.Error(err)
	}
	if err := CheckFile("x", []byte("layout = \n"), also); err == nil {
		t.Error("no error")
	}
}
