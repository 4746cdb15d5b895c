package settings

import (
	"strconv"

	"ccsfs/cmd/ccsfs/internal/redacted"
)

// Shown is a setting as `ccsfs config show` shows it. Secrets are masked.
type Shown struct {
	Setting Setting
	Value   string // "" if it has none
	Source  Source
}

// Show lists all settings with their values and where these came from.
func (s *Settings) Show() []Shown {
	var all []Shown
	for _, setting := range Table() {
		shown := Shown{Setting: setting, Value: s.texts[setting.Name], Source: s.sources[setting.Name]}
		switch {
		case setting.Secret && shown.Value != "":
			shown.Value = redacted.Shown
		case shown.Value != "":
		case setting.Name == "cache-dir":
			shown.Value = s.Cache.Dir
		case setting.Name == "uid":
			shown.Value = strconv.FormatUint(uint64(s.Mount.UID), 10)
		case setting.Name == "gid":
			shown.Value = strconv.FormatUint(uint64(s.Mount.GID), 10)
		}
		all = append(all, shown)
	}
	return all
}
