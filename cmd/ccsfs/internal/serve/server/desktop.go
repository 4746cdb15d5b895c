package server

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
)

// show has the desktop show a file.
func show(path string) error {
	command := []string{"xdg-open", path}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open", path}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", path}
	}
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // what it says is for nobody
	return nil
}

// desktop has the desktop open an address, by a file: it must not show in ps.
func desktop(env cmdutil.Environment, address string) (file string, err error) {
	f, err := os.CreateTemp(env.Dirs.Temp, "ccsfs-*.html") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "<!DOCTYPE html><meta charset=\"utf-8\"><title>ccsfs</title><meta http-equiv=\"refresh\" content=\"0;url=%s\">\n", address)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = show(f.Name())
	}
	return f.Name(), err
}
