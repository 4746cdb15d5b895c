package cmdutil

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// NewLogger makes the logger that the settings ask for. Close what it returns
// when all is said.
func NewLogger(env Environment, s *settings.Settings) (*slog.Logger, io.Closer, error) {
	if s.Log.File == "" {
		return slog.New(logHandler(env.Stderr, s)), io.NopCloser(nil), nil
	}
	f, err := OpenLogFile(s.Log.File)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(logHandler(f, s)), f, nil
}

// NewMountLogger makes the logger of the mount at point, every line of which names it:
// logs may be shared. In the background the log is standard error, which whoever
// started this process has led to LogPath. The file is nil where there is none.
func NewMountLogger(env Environment, s *settings.Settings, point string) (*slog.Logger, *LogFile, error) {
	var f *LogFile
	var err error
	switch {
	case ReadyPipe(env) >= 0:
		f = standardError(LogPath(env, s, point))
	case s.Log.File != "":
		if f, err = OpenLogFile(s.Log.File); err != nil {
			return nil, nil, err
		}
	}
	w := env.Stderr
	if f != nil {
		w = f
	}
	return slog.New(logHandler(w, s)).With("mountpoint", point), f, nil
}

// logHandler writes lines as the settings ask for, which name the account, if it has a
// name.
func logHandler(w io.Writer, s *settings.Settings) (h slog.Handler) {
	options := &slog.HandlerOptions{Level: s.Log.Level}
	h = slog.NewTextHandler(w, options)
	if s.Log.Format == settings.FormatJSON {
		h = slog.NewJSONHandler(w, options)
	}
	if s.Account != "" {
		h = h.WithAttrs([]slog.Attr{slog.String("account", s.Account)})
	}
	return h
}

// LogPath is the log file of a mount in the background: the one that was asked for, or
// one of its own.
func LogPath(env Environment, s *settings.Settings, point string) string {
	if s.Log.File != "" {
		return s.Log.File
	}
	return filepath.Join(env.Dirs.State, "ccsfs", logName(point))
}

// OpenLog opens a log file for appending; one that it makes is the user's alone.
func OpenLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, exitcode.Errorf(exitcode.Settings, "cannot make the directory of the log file: %w; choose another file with --log-file", err)
	}
	f, err := openLog(path, true)
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Settings, "cannot open the log file: %w; choose another with --log-file", err)
	}
	return f, nil
}

// Quietly raises the log level to warnings where the user did not choose one:
// for commands whose standard error belongs to somebody else's output.
func Quietly(s *settings.Settings) {
	if s.Source("log-level").Origin == settings.FromDefault {
		s.Log.Level = slog.LevelWarn
	}
}

// Warn tells what the settings warn of.
func Warn(env Environment, s *settings.Settings) {
	for _, w := range s.Warnings {
		term.Say(env.Stderr, "warning: %s", w)
	}
}
