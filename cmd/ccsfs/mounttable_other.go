//go:build !linux

package main

import (
	"bytes"
	"os/exec"
)

func mountTable() ([]mountEntry, error) {
	out, err := exec.Command("mount").Output()
	if err != nil {
		return nil, err
	}
	return parseMountOutput(bytes.NewReader(out))
}
