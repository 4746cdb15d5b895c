//go:build !windows

package mount

import (
	"fmt"
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/suggest"
)

// mountFlags turns the options of mount(8) into flags of `ccsfs mount`.
func (r *helperRequest) mountFlags() ([]string, error) {
	var flags []string
	before := "" // the option before
	for _, option := range r.options {
		name, value, given := strings.Cut(option, "=")
		if isGeneric(name) {
			continue
		}
		flag, err := mountFlag(name, value, given, before)
		before = option
		switch {
		case err != nil && r.sloppy:
			continue
		case err != nil:
			return nil, err
		}
		flags = append(flags, flag)
	}
	return flags, nil
}

// mountFlag turns one option into a flag. The option before may be a list that has lost
// its quotes.
func mountFlag(name, value string, given bool, before string) (string, error) {
	names := []string{cmdutil.ConfigFlag}
	if name == cmdutil.ConfigFlag && given {
		return "--config=" + value, nil
	}
	for _, s := range settings.Table() {
		if s.Key() != name && s.Name != name {
			names = append(names, s.Key())
			continue
		}
		switch {
		case s.Secret:
			return "", exitcode.Errorf(exitcode.Usage, "%s is no option: a command line shows in ps, and fstab is everyone's to read; "+
				"put it into the file that config=FILE names", name)
		case !given && !s.Switch:
			return "", exitcode.Errorf(exitcode.Usage, "the option %s needs a value: %s=%s", name, s.Key(), s.Example)
		case !given:
			value = "true"
		}
		return fmt.Sprintf("--%s=%s", s.Name, value), nil
	}
	if name == "remount" {
		return "", exitcode.Errorf(exitcode.Usage, "remount is not possible; unmount, and mount anew")
	}
	hint := "; `ccsfs mount --help` lists the settings, which are options with _ for -"
	near := suggest.Nearest(name, append(names, genericOptions()...))
	if near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	if list := listCut(before, name); list != "" && !given && (near == "" || slices.Contains(settings.DocumentTypes(), name)) {
		hint = list
	}
	return "", exitcode.Errorf(exitcode.Usage, "unknown mount option %q%s", name, hint)
}

// listCut says how to write a list, if word may be the rest of the one that the option
// before it is; else it is "".
func listCut(before, word string) string {
	name, value, _ := strings.Cut(before, "=")
	for _, s := range settings.Table() {
		if s.List && (s.Key() == name || s.Name == name) {
			return fmt.Sprintf(", after %[1]s: a list stands in double quotes, which a shell must leave: -o '%[2]s=\"%[3]s,%[4]s\"'\n"+
				"  or its option is repeated: -o %[2]s=%[3]s,%[2]s=%[4]s", before, name, value, word)
		}
	}
	return ""
}

// isGeneric tells an option that mount(8), systemd or the kernel has for all
// file systems. The mount is read-only, without devices, set-user-id and
// programs, whatever they say.
func isGeneric(name string) bool {
	return strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-") || slices.Contains(genericOptions(), name)
}

// genericOptions are those of mount(8), "Filesystem-independent mount
// options", that can be taken without doing anything.
func genericOptions() []string {
	return []string{
		"defaults", "ro", "rw", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail", "comment",
		"dev", "nodev", "suid", "nosuid", "exec", "noexec", "async", "sync", "dirsync", "silent", "loud", "mand", "nomand",
		"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
		"lazytime", "nolazytime", "iversion", "noiversion", "nosymfollow", "uhelper", "helper", "daemon",
	}
}
