//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// contender is a ccsfs that is measured.
type contender struct {
	name   string
	binary string
	env    []string // NAME=VALUE, beside the environment of this process
}

// with is the contender with more in its environment.
func (c contender) with(env ...string) contender {
	c.env = slices.Concat(c.env, env)
	return c
}

// parseVariant reads NAME=VARIABLE=VALUE,VARIABLE=VALUE. What comes after a comma and is no
// variable with a value belongs to the value before: CCSFS_TYPES=bills,invoices.
func parseVariant(text string) (contender, error) {
	name, rest, _ := strings.Cut(text, "=")
	c := contender{name: name}
	for part := range strings.SplitSeq(rest, ",") {
		variable, _, ok := strings.Cut(part, "=")
		switch {
		case ok && variable != "":
			c.env = append(c.env, part)
		case !ok && len(c.env) > 0:
			c.env[len(c.env)-1] += "," + part
		default:
			return contender{}, errors.New("a variant is NAME=VARIABLE=VALUE, like four=CCSFS_CONNECTIONS=4")
		}
	}
	if name == "" {
		return contender{}, errors.New("a variant has a name, like four in four=CCSFS_CONNECTIONS=4")
	}
	return c, nil
}

// addVariant takes a variant of a flag.
func (o *options) addVariant(text string) error {
	v, err := parseVariant(text)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(o.variants, func(other contender) bool { return other.name == v.name }) {
		return fmt.Errorf("there are two variants %q", v.name)
	}
	o.variants = append(o.variants, v)
	return nil
}

// gather finds all contenders; the first one is the one that is judged.
func (b *bench) gather() error {
	bin, err := filepath.Abs(b.binary)
	if err != nil {
		return err
	}
	b.contenders = []contender{{name: "ccsfs", binary: bin}}
	if b.base != "" {
		c, err := b.build(b.base)
		if err != nil {
			return fmt.Errorf("the ccsfs of %s: %w", b.base, err)
		}
		b.contenders = append(b.contenders, c)
	}
	for _, v := range b.variants {
		v.binary = bin
		b.contenders = append(b.contenders, v)
	}
	for _, c := range b.contenders {
		if err := exec.CommandContext(b.ctx, c.binary, "version").Run(); err != nil {
			return fmt.Errorf("%s does not run; build it first (make): %w", c.binary, err)
		}
	}
	return nil
}

// build builds the ccsfs of a commit, as `make build` does, from a copy of its files.
func (b *bench) build(commit string) (contender, error) {
	id, err := exec.CommandContext(b.ctx, "git", "rev-parse", "--short", "--verify", "--end-of-options", commit+"^{commit}").Output()
	if err != nil {
		return contender{}, fmt.Errorf("git does not know this commit: %w", err)
	}
	c := contender{name: strings.TrimSpace(string(id))}
	dir := b.fresh("base")
	c.binary = filepath.Join(dir, "ccsfs")
	fmt.Fprintf(os.Stderr, "building %s …\n", c.name)
	_, err = b.sh(`mkdir "$2/src"; git -C "$(git rev-parse --show-toplevel)" archive --format=tar -o "$2/src.tar" "$1"; tar -xf "$2/src.tar" -C "$2/src"; cd "$2/src"; `+
		`CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$1" -o "$2/ccsfs" ./cmd/ccsfs; cd /; rm -r "$2/src" "$2/src.tar"`, c.name, dir)
	return c, err
}
