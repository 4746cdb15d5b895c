// Package flags makes the settings flags of a command, and tells which were given. What was
// typed is kept as it is: package settings checks it, so that a wrong flag and a wrong line in
// config.toml are told in the same words. Flags that are no settings are of their commands.
package flags

import (
	"slices"

	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// value keeps what was typed.
type value struct {
	setting settings.Setting
	text    string
	changed bool
}

var _ = (pflag.Value)((*value)(nil))

// String implements pflag.Value.
func (v *value) String() string { return v.text }

// Set implements pflag.Value.
func (v *value) Set(text string) error {
	if v.setting.List && v.changed {
		text = v.text + "," + text
	}
	v.text, v.changed = text, true
	return nil
}

// Type implements pflag.Value; help shows it.
func (v *value) Type() string {
	if v.setting.Switch {
		return "bool"
	}
	return v.setting.Value
}

// Add adds the flags of the settings in these groups.
func Add(to *pflag.FlagSet, groups ...settings.Group) {
	for _, s := range settings.Table() {
		if !s.Secret && slices.Contains(groups, s.Group) {
			add(to, s)
		}
	}
}

func add(to *pflag.FlagSet, s settings.Setting) {
	f := to.VarPF(&value{setting: s, text: s.Default}, s.Name, "", s.Help)
	if s.Switch {
		f.NoOptDefVal = "true"
	}
}

// AddAccount adds --account alone.
func AddAccount(to *pflag.FlagSet) {
	for _, s := range settings.Table() {
		if s.Name == settings.AccountsKey {
			add(to, s)
		}
	}
}

// Of returns the setting that a flag is of, false if it is of none.
func Of(f *pflag.Flag) (settings.Setting, bool) {
	v, ok := f.Value.(*value)
	if !ok {
		return settings.Setting{}, false
	}
	return v.setting, true
}

// Values returns the settings that were given as flags, by name.
func Values(of *pflag.FlagSet) map[string]string {
	values := map[string]string{}
	of.Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*value); ok {
			values[f.Name] = v.text
		}
	})
	return values
}
