package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// An editor is a program of the PATH, or one whose name has spaces, with and without arguments.
func TestEditorCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Some Editor")
	exe := filepath.Join(dir, "edit.exe")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for editor, want := range map[string][]string{
		"none -w": {"none", "-w", "f"}, exe: {exe, "f"}, `"` + exe + `"`: {exe, "f"}, `"` + exe + `" --wait -n`: {exe, "--wait", "-n", "f"},
	} {
		if got := editorCommand(editor, "f").Args; !slices.Equal(got, want) {
			t.Errorf("%s: %q", editor, got)
		}
	}
}
