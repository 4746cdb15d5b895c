package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// newLogger makes the logger that the settings ask for. Close what it returns
// when all is said.
func newLogger(env environment, s *settings.Settings) (*slog.Logger, io.Closer, error) {
	var w io.Writer = env.stderr
	closer := io.Closer(io.NopCloser(nil))
	if s.Log.File != "" && readyPipe(env) < 0 {
		f, err := openLog(s.Log.File)
		if err != nil {
			return nil, nil, err
		}
		w, closer = f, f
	}
	options := &slog.HandlerOptions{Level: s.Log.Level}
	if s.Log.Format == settings.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options)), closer, nil
	}
	return slog.New(slog.NewTextHandler(w, options)), closer, nil
}

// openLog opens a log file for appending; one that it makes is the user's alone.
func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fail(exitSettings, "cannot make the directory of the log file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fail(exitSettings, "cannot open the log file: %w; choose another with --log-file", err)
	}
	return f, nil
}

// quietly raises the log level to warnings where the user did not choose one:
// for commands whose standard error belongs to somebody else's output.
func quietly(s *settings.Settings) {
	if s.Source("log-level").Origin == settings.FromDefault {
		s.Log.Level = slog.LevelWarn
	}
}

// warn tells what the settings warn of.
func warn(env environment, s *settings.Settings) {
	for _, w := range s.Warnings {
		say(env.stderr, "warning: %s", w)
	}
}
