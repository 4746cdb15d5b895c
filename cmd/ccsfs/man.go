package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand is `ccsfs man DIR`, which packages are built with.
func manCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use: "man DIRECTORY", Hidden: true, Short: "Write the man pages into a directory",
		Args: takes(1, 1, "DIRECTORY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeManPages(env, cmd.Root(), args[0])
		},
	}
}

// writeManPages writes a page for each command. Their date is that of
// SOURCE_DATE_EPOCH if that is set (reproducible-builds.org).
func writeManPages(env environment, root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(exitFailed, "cannot make the directory for the man pages: %w", err)
	}
	header := &doc.GenManHeader{Section: "1", Source: "ccsfs " + env.version, Manual: "ccsfs manual"}
	if epoch, err := strconv.ParseInt(env.vars["SOURCE_DATE_EPOCH"], 10, 64); err == nil {
		date := time.Unix(epoch, 0).UTC()
		header.Date = &date
	}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fail(exitFailed, "cannot write the man pages: %w", err)
	}
	helper := mountHelperCommand(env)
	helper.Hidden, helper.DisableAutoGenTag = false, true
	if err := writePage(helper, header, filepath.Join(dir, helperName), "8"); err != nil {
		return err
	}
	topic := settingsTopic()
	intro, table, _ := strings.Cut(topic.Long, "\n\n  ")
	topic.Use, topic.Long, topic.Example = "ccsfs-settings", intro, "  "+table
	topic.DisableAutoGenTag, topic.DisableFlagsInUseLine = true, true
	return writePage(topic, header, filepath.Join(dir, "ccsfs-settings"), "5")
}

// writePage writes the page of something that is no subcommand, under the name
// that it is looked up by.
func writePage(about *cobra.Command, header *doc.GenManHeader, path, section string) (err error) {
	f, err := os.Create(path + "." + section)
	if err != nil {
		return fail(exitFailed, "cannot write the man pages: %w", err)
	}
	defer func() { err = alsoFailed(err, f.Close()) }()
	own := *header
	own.Section, own.Title = section, filepath.Base(path)
	return doc.GenMan(about, &own, f)
}
