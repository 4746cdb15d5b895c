package root

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// manCommand is `ccsfs man DIR`, which packages are built with.
func manCommand(env cmdutil.Environment) *cobra.Command {
	return &cobra.Command{
		Use: "man DIRECTORY", Hidden: true, Short: "Write the man pages into a directory",
		Args: cmdutil.Takes(1, 1, "DIRECTORY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeManPages(env, cmd.Root(), args[0])
		},
	}
}

// writeManPages writes a page for each command. Their date is that of
// SOURCE_DATE_EPOCH if that is set (reproducible-builds.org).
func writeManPages(env cmdutil.Environment, root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot make the directory for the man pages: %w", err)
	}
	header := &doc.GenManHeader{Section: "1", Source: "ccsfs " + env.Version, Manual: "ccsfs manual"}
	if epoch, err := strconv.ParseInt(env.Vars["SOURCE_DATE_EPOCH"], 10, 64); err == nil {
		date := time.Unix(epoch, 0).UTC()
		header.Date = &date
	}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot write the man pages: %w", err)
	}
	if helper, name := helperPage(env); helper != nil {
		helper.Hidden, helper.DisableAutoGenTag = false, true
		if err := writePage(helper, header, filepath.Join(dir, name), "8"); err != nil {
			return err
		}
	}
	topic := settingsTopic(help{env})
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
		return exitcode.Errorf(exitcode.Failed, "cannot write the man pages: %w", err)
	}
	defer func() { err = exitcode.Also(err, f.Close()) }()
	own := *header
	own.Section, own.Title = section, filepath.Base(path)
	return doc.GenMan(about, &own, f)
}
