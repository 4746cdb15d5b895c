package config

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/configfile"
	"ccsfs/cmd/ccsfs/internal/term"
)

func editCommand(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit [flags]",
		Short: "Open the settings file in an editor, and check it before it counts",
		Long: `Open a copy of the settings file in the editor that VISUAL or EDITOR names (else ` + usualEditor + `),
check it, and put it in the place of the file. If something is wrong with it, that is
said, and on a terminal you can go on editing; else the file stays as it was.`,
		Example: `  ccsfs config edit
  EDITOR=nano ccsfs config edit`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			return edit(env, file)
		},
	}
	cmdutil.AddSettings(cmd)
	return cmd
}

func edit(env cmdutil.Environment, file string) (err error) {
	was, there, err := configfile.Read(file)
	if err != nil {
		return exitcode.Errorf(exitcode.Settings, "settings file: %w", err)
	}
	// The editor has the terminal, and Ctrl-C in it is its own business. Whatever ends it,
	// the copy is removed.
	signals, stop := env.Notify(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	temp, err := draft(file, was)
	if err != nil {
		return exitcode.Errorf(exitcode.Settings, "cannot make a copy to edit: %w", err)
	}
	keep := false
	defer func() {
		if !keep {
			_ = os.RemoveAll(filepath.Dir(temp))
		}
	}()
	for {
		if err := runEditor(env, temp); err != nil {
			return exitcode.Errorf(exitcode.Failed, "%w; %s is as it was", err, file)
		}
		now, err := os.ReadFile(temp)
		switch {
		case err != nil:
			return exitcode.Errorf(exitcode.Failed, "the edited copy cannot be read: %w; %s is as it was", err, file)
		case bytes.Equal(now, was):
			term.Say(env.Stderr, "%s is as it was", file)
			return nil
		}
		wrong := settings.CheckFile(file, now, alsoCheck)
		if wrong == nil {
			err := configfile.Replace(file, was, now, there)
			if errors.Is(err, configfile.ErrChanged) {
				keep = true
				return exitcode.Errorf(exitcode.Settings, "%w: it is as they left it, and your text is in %s", err, temp)
			}
			if err != nil {
				return exitcode.Errorf(exitcode.Settings, "nothing was written: %w", err)
			}
			return nil
		}
		switch in, ok := env.Stdin.(*os.File); {
		case !ok || !term.IsTerminal(in):
			return exitcode.Errorf(exitcode.Settings, "%w\n  %s is as it was", wrong, file)
		case !editAgain(env, in, wrong, signals):
			return exitcode.Errorf(exitcode.Settings, "%s is as it was", file)
		}
	}
}

// draft makes a copy for the editor, in a directory of its own beside the file, into which
// nobody else can look: editors leave other copies there, and all may hold secrets.
func draft(file string, data []byte) (string, error) {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(dir, ".edit-*") // 0700
	if err != nil {
		return "", err
	}
	temp := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return "", err
	}
	return temp, nil
}

// runEditor runs the editor, which may be a command with arguments.
func runEditor(env cmdutil.Environment, file string) error {
	editor := cmp.Or(strings.TrimSpace(env.Vars["VISUAL"]), strings.TrimSpace(env.Vars["EDITOR"]), usualEditor)
	c := editorCommand(editor, file)
	c.Stdin, c.Stdout, c.Stderr, c.Dir = env.Stdin, env.Stdout, env.Stderr, env.Dirs.Work
	if err := c.Run(); err != nil {
		return fmt.Errorf("the editor (%s) failed: %w", term.Plain(editor), err)
	}
	return nil
}

// editAgain says what is wrong, and asks whether to go on.
func editAgain(env cmdutil.Environment, in *os.File, wrong error, signals <-chan os.Signal) bool {
	term.Say(env.Stderr, "%s", wrong.Error())
	for len(signals) > 0 { // those that were the editor's
		<-signals
	}
	fmt.Fprint(env.Stderr, "Edit again? [Y/n] ")
	answer := make(chan bool, 1)
	go func() { // a signal must not have to wait for the next key
		line, err := bufio.NewReader(in).ReadString('\n')
		line = strings.ToLower(strings.TrimSpace(line))
		answer <- err == nil && (line == "" || line == "y" || line == "yes")
	}()
	select {
	case yes := <-answer:
		return yes
	case <-signals:
		fmt.Fprintln(env.Stderr)
		return false
	}
}
