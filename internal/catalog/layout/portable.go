package layout

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Names is a rule by which texts from outside become names in a directory.
type Names int

const (
	// Exact takes whatever Linux takes, see SafeName.
	Exact Names = iota
	// Portable takes what Windows and macOS take, too, and nothing that their programs
	// look for by themselves: whoever serves these names can refuse those unasked. Two
	// names that differ in case alone, or in how accents are encoded, are one there.
	Portable
)

// Safe makes a text from outside usable as one name in a directory. A safe name is
// returned as it is.
func (rule Names) Safe(s string) string {
	s = SafeName(s)
	if rule == Exact {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"\|?*`, r) {
			return '_'
		}
		return r
	}, s)
	if isDevice(s) || IsProbe(s) {
		s = tagged("_"+s, "")
	}
	if bare := strings.TrimRight(s, ". "); bare != s { // Windows takes them away
		s = bare + strings.Repeat("_", len(s)-len(bare))
	}
	return s
}

// key is the same for names that are one.
func (rule Names) key(name string) string {
	if rule == Exact {
		return name
	}
	return cases.Fold().String(norm.NFC.String(name))
}

// isDevice reports whether Windows takes a name for a device, whatever its extension
// (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	switch base = strings.ToUpper(strings.TrimRight(base, " ")); base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, port := range [...]string{"COM", "LPT"} {
		if n, ok := strings.CutPrefix(base, port); ok && len([]rune(n)) == 1 && strings.Contains("0123456789¹²³", n) {
			return true
		}
	}
	return false
}

// IsProbe reports whether a name is one of those that Windows, macOS, GNOME, KDE and Office
// programs look for in each directory, whether it was listed or not. No Portable name is one.
func IsProbe(name string) bool {
	name = strings.ToLower(name)
	for _, begin := range [...]string{"._", "~$", ".~lock.", ".trash-", ".com.apple."} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	switch name {
	case "desktop.ini", "thumbs.db", "ehthumbs.db", "autorun.inf", "folder.jpg", "folder.gif", "folder.ico", "albumartsmall.jpg",
		".ds_store", ".localized", ".hidden", ".metadata_never_index", ".metadata_never_index_unless_rootfs", ".metadata_direct_scope_only",
		".spotlight-v100", ".trashes", ".trash", ".fseventsd", ".temporaryitems", ".apdisk", ".volumeicon.icns", ".documentrevisions-v100", ".mobilebackups", "backups.backupdb",
		".directory", ".xdg-volume-info", ".autorun", "autorun", "autorun.sh", ".autoopen", "autoopen", ".git", ".ql_disablethumbnails", ".ql_disablecache", ".nomedia", "mach_kernel", "wpsettings.dat", "system volume information", "$recycle.bin", "recycler":
		return true
	}
	return false
}
