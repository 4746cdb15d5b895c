package main

import (
	"fmt"
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// mountFlags turns the options of mount(8) into flags of `ccsfs mount`.
func (r *helperRequest) mountFlags() ([]string, error) {
	var flags []string
	for _, option := range r.options {
		name, value, given := strings.Cut(option, "=")
		if isGeneric(name) {
			continue
		}
		flag, err := mountFlag(name, value, given)
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

func mountFlag(name, value string, given bool) (string, error) {
	names := []string{configFlag}
	if name == configFlag && given {
		return "--config=" + value, nil
	}
	for _, s := range settings.Table() {
		if s.Key() != name && s.Name != name {
			names = append(names, s.Key())
			continue
		}
		switch {
		case s.Secret:
			return "", fail(exitUsage, "%s is no option: a command line shows in ps, and fstab is everyone's to read; "+
				"put it into the file that config=FILE names", name)
		case !given && !s.Switch:
			return "", fail(exitUsage, "the option %s needs a value: %s=%s", name, s.Key(), s.Example)
		case !given:
			value = "true"
		}
		return fmt.Sprintf("--%s=%s", s.Name, value), nil
	}
	if name == "remount" {
		return "", fail(exitUsage, "remount is not possible; unmount, and mount anew")
	}
	hint := "; `ccsfs mount --help` lists the settings, which are options with _ for -"
	if near := settings.Nearest(name, append(names, genericOptions()...)); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return "", fail(exitUsage, "unknown mount option %q%s", name, hint)
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
