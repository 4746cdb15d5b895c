package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUserAllowOther(t *testing.T) {
	for text, want := range map[string]bool{"": false, "#user_allow_other\n": false, "mount_max = 5\n user_allow_other \n": true} {
		file := filepath.Join(t.TempDir(), "fuse.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := userAllowOther(file); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got, err := userAllowOther("/does/not/exist"); got || err != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
}
