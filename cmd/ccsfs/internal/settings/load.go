package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"

	"ccsfs/cmd/ccsfs/internal/settings/environment"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/suggest"
)

// Options is what Load reads from.
type Options struct {
	Flags       map[string]string // by setting name, as flags.Values returns them
	ConfigFlag  string            // value of --config, "" if not given
	Environment map[string]string
	ConfigHome  string // XDG directories
	CacheHome   string
	Home        string
	Dir         string // the working directory, for relative paths
}

// Isolated tells Load nothing but flags: for runs that must not depend on
// what the machine has set up.
func Isolated(flags map[string]string, cacheDir, dir string) Options {
	return Options{Flags: flags, CacheHome: cacheDir, Dir: dir}
}

// Load gathers all settings and checks them. Every wrong one is named in the
// error. Missing credentials are not an error here: see CheckCredentials.
func Load(o Options) (*Settings, error) {
	s := &Settings{from: o, sources: map[string]Source{}, texts: map[string]string{}}
	s.Cache.Dir = filepath.Join(o.CacheHome, "ccsfs")
	s.Mount.UID, s.Mount.GID = uint32(os.Geteuid()), uint32(os.Getegid())

	file, sections, err := s.loadFile(o)
	if err != nil {
		return nil, err
	}
	environment, err := o.environment(s)
	if err != nil {
		return nil, err
	}
	flags := map[string]Given{}
	for name, text := range o.Flags {
		flags[name] = Given{text, Source{FromFlag, "--" + name}}
	}
	if s.Account, err = s.choose(sections, file, environment, flags); err != nil {
		return nil, err
	}
	its := sections[s.Account]
	// What somebody typed or exported now is stronger than a file, but for who asks.
	layers := []map[string]Given{defaults(), without(file, its), its, without(withoutAddresses(environment, its), its), flags}
	if err := s.apply(o, layers...); err != nil {
		return nil, err
	}
	return s, nil
}

// apply merges the layers, the last one winning, and sets each value.
func (s *Settings) apply(o Options, layers ...map[string]Given) error {
	const flat = "\x00" // no setting name contains it: keys are not nested
	merged := koanf.New(flat)
	for _, layer := range layers {
		texts := map[string]any{}
		for name, v := range layer {
			texts[name] = v.Text
			s.sources[name] = v.From
		}
		if err := merged.Load(confmap.Provider(texts, ""), nil); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
	}
	var problems []error
	for _, setting := range Table() {
		if _, ok := s.sources[setting.Name]; !ok {
			continue
		}
		text := merged.String(setting.Name)
		s.texts[setting.Name] = text
		if setting.path {
			text = o.absolute(text, s.sources[setting.Name], s.ConfigFile)
		}
		if err := setting.check(s, text); err != nil {
			problems = append(problems, setting.reject(s.texts[setting.Name], s.sources[setting.Name], err))
		}
	}
	return errors.Join(problems...)
}

func (s Setting) check(to *Settings, text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	return s.set(to, text)
}

func defaults() map[string]Given {
	values := map[string]Given{}
	for _, s := range Table() {
		if s.Default != "" {
			values[s.Name] = Given{s.Default, Source{FromDefault, ""}}
		}
	}
	return values
}

// loadFile reads config.toml. One that was asked for must exist.
func (s *Settings) loadFile(o Options) (Values, accounts, error) {
	asked := o.asked()
	path := o.ConfigPath()
	if path == "" {
		return nil, nil, nil
	}
	s.ConfigFile = path
	values, sections, err := readFile(path)
	switch {
	case missing(err) && asked == "":
		return nil, nil, nil
	case missing(err):
		return nil, nil, fmt.Errorf("settings file %s does not exist", path)
	case errors.Is(err, os.ErrPermission):
		return nil, nil, fmt.Errorf("settings file: %w; it is somebody else's, root's perhaps: sudo chown $(id -un) %s", err, term.Quote(path))
	case err != nil:
		return nil, nil, fmt.Errorf("settings file: %w", err)
	}
	return values, sections, nil
}

// asked is the settings file that was asked for by name, "" if none was.
func (o Options) asked() string {
	if o.ConfigFlag != "" {
		return o.ConfigFlag
	}
	return o.Environment[environment.Config]
}

// ConfigPath is where the settings file is looked for, "" if there is no place
// for one.
func (o Options) ConfigPath() string {
	if asked := o.asked(); asked != "" {
		return o.absolute(asked, Source{}, "")
	}
	if o.ConfigHome == "" {
		return ""
	}
	return filepath.Join(o.ConfigHome, "ccsfs", "config.toml")
}

// environment takes the settings out of the environment, secrets and systemd
// credentials included, and warns of names that look like a slip.
func (o Options) environment(s *Settings) (map[string]Given, error) {
	values := map[string]Given{}
	known := []string{
		environment.Config, environment.Prefix + "MOUNTPOINT", environment.Prefix + "REQUIRE_FUSE",
	}
	var problems []error
	for _, setting := range Table() {
		name := setting.Environment()
		known = append(known, name)
		if setting.Secret {
			known = append(known, name+"_FILE")
			v, warnings, err := o.secret(setting)
			problems = append(problems, err)
			s.Warnings = append(s.Warnings, warnings...)
			if v.Text != "" {
				values[setting.Name] = v
			}
		} else if text := o.Environment[name]; text != "" { // setting it to nothing is the usual way to unset it
			values[setting.Name] = Given{text, Source{FromEnvironment, name}}
		}
	}
	if o.Environment[environment.Prefix+environment.HookEvent] != "" { // elsewhere CCSFS_TYPE is a slip
		for _, name := range environment.HookNames() {
			known = append(known, environment.Prefix+name)
		}
	}
	s.Warnings = append(s.Warnings, o.strays(known)...)
	return values, errors.Join(problems...)
}

// strays are names in the environment that start like ours and mean nothing.
func (o Options) strays(known []string) []string {
	var warnings []string
	for name := range o.Environment {
		if !strings.HasPrefix(name, environment.Prefix) || strings.HasPrefix(name, environment.Prefix+"INTERNAL_") || slices.Contains(known, name) {
			continue
		}
		warning := fmt.Sprintf("%s in the environment is no setting, it is ignored", name)
		if near := suggest.Nearest(name, known); near != "" {
			warning += fmt.Sprintf("; did you mean %s?", near)
		}
		warnings = append(warnings, warning)
	}
	slices.Sort(warnings)
	return warnings
}

// absolute makes a path absolute: one in the settings file counts from the
// directory of that file, any other from the working directory.
func (o Options) absolute(path string, from Source, configFile string) string {
	base := o.Dir
	if from.Origin == FromFile {
		base = filepath.Dir(configFile)
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok && o.Home != "" {
		base, path = o.Home, rest
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}
