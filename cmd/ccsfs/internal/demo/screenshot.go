//go:build !windows

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/serve/server"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// screenshotTime bounds what a browser may take to draw the page.
const screenshotTime = 30 * time.Second

// showPage serves the account for a moment, and has a browser, if there is one, draw the
// page into a file. Without wanted it is no failure if that does not come about.
func showPage(ctx context.Context, env cmdutil.Environment, s *settings.Settings, file string, wanted bool) error {
	browser := findBrowser()
	if browser == "" {
		_, _ = fmt.Fprintf(env.Stdout, "\n# the same in a browser, and as a network drive\n$ ccsfs demo --serve --open\n(until Ctrl-C; with chromium installed, a picture of the page would be made here)\n")
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	serving, ended := make(chan *server.Server, 1), make(chan error, 1)
	s.Serve.Listen = "127.0.0.1:0"
	go func() {
		ended <- server.Run(ctx, env, s, server.Options{Quiet: true, Serving: func(s *server.Server) { serving <- s }})
	}()
	var err error
	select {
	case err = <-ended:
		return err
	case shown := <-serving:
		_, _ = fmt.Fprintf(env.Stdout, "\n# the same in a browser: the page is at %s for a moment\n$ %s --headless --screenshot=%s\n", shown.Address(), filepath.Base(browser), term.Quote(file))
		err = draw(ctx, browser, shown.Enter(), file)
	}
	cancel()
	if err != nil && !wanted { // a browser that does not start here is no failure of the tour
		first, _, _ := strings.Cut(err.Error(), "\n")
		_, _ = fmt.Fprintf(env.Stdout, "(no picture: %s)\n", term.Plain(first))
		err = nil
	}
	return errors.Join(err, <-ended)
}

// findBrowser is a Chromium, "" if there is none.
func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// draw has the browser draw an address into a file. The address is good once, so that it
// does no harm in its arguments.
func draw(ctx context.Context, browser, address, file string) error {
	ctx, cancel := context.WithTimeout(ctx, screenshotTime)
	defer cancel()
	profile, err := os.MkdirTemp(filepath.Dir(file), "profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	args := []string{"--headless", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + profile,
		"--window-size=1280,1750", "--virtual-time-budget=8000", "--screenshot=" + file}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses root otherwise
	}
	cmd := exec.CommandContext(ctx, browser, append(args, address)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if _, missing := os.Stat(file); missing != nil {
		return fmt.Errorf("%s made no picture of the page: %w\n%s", browser, errors.Join(err, missing), strings.TrimSpace(string(out)))
	}
	return nil
}
