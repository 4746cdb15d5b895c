package settings

import (
	"slices"

	"github.com/spf13/pflag"
)

// flagValue keeps what was typed. Load checks it, so that a wrong flag and a
// wrong line in config.toml are told in the same words.
type flagValue struct {
	setting Setting
	text    string
	changed bool
}

var _ = (pflag.Value)((*flagValue)(nil))

// String implements pflag.Value.
func (v *flagValue) String() string { return v.text }

// Set implements pflag.Value.
func (v *flagValue) Set(text string) error {
	if v.setting.List && v.changed {
		text = v.text + "," + text
	}
	v.text, v.changed = text, true
	return nil
}

// Type implements pflag.Value; help shows it.
func (v *flagValue) Type() string {
	if v.setting.Switch {
		return "bool"
	}
	return v.setting.Value
}

// AddFlags adds the flags of the settings in these groups.
func AddFlags(flags *pflag.FlagSet, groups ...Group) {
	for _, s := range Table() {
		if s.Secret || !slices.Contains(groups, s.Group) {
			continue
		}
		f := flags.VarPF(&flagValue{setting: s, text: s.Default}, s.Name, "", s.Help)
		if s.Switch {
			f.NoOptDefVal = "true"
		}
	}
}

// Of returns the setting that a flag is of, false if it is of none.
func Of(f *pflag.Flag) (Setting, bool) {
	v, ok := f.Value.(*flagValue)
	if !ok {
		return Setting{}, false
	}
	return v.setting, true
}

// FlagValues returns the settings that were given as flags, by name.
func FlagValues(flags *pflag.FlagSet) map[string]string {
	values := map[string]string{}
	flags.Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*flagValue); ok {
			values[f.Name] = v.text
		}
	})
	return values
}
