package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contralens/cmd/internal/cli"
)

// docsCommand writes docs/cli.md; `make docs` calls it.
func docsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "docs", Short: "Write the reference of all commands", Hidden: true, Args: cli.NoArguments}
	out := cmd.Flags().StringP("out", "o", "docs/cli.md", "file to write")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		return os.WriteFile(*out, []byte(reference(c.Root())), 0o644)
	}
	return cmd
}

// reference returns the options and examples of all commands as Markdown.
func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Command line\n\nWritten by `make docs`. `--help` lists the everyday options of a command, " +
		"and `--help --all` lists all of them, in groups. In option names `-` and `_` are the same.\n\n" +
		"Exit codes: 0 done, 1 failed, " +
		"2 wrong usage, 75 stopped by a signal with everything saved, 130 stopped by Ctrl-C without a result.\n\n")
	all := runnable(root)
	for _, c := range all {
		fmt.Fprintf(&b, "* [%s](#%s): %s\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
	}
	for _, c := range all {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", c.CommandPath(), c.Short)
		if c.Example != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimLeft(c.Example, " "), "\n  ", "\n"))
		}
		writeOptions(&b, c.Flags())
	}
	return b.String()
}

// runnable returns the commands below c that do something, in the order of the help.
func runnable(c *cobra.Command) (all []*cobra.Command) {
	if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
		return nil
	}
	if c.Runnable() && c.HasParent() {
		all = append(all, c)
	}
	for _, sub := range c.Commands() {
		all = append(all, runnable(sub)...)
	}
	return all
}

// writeOptions writes a table of the options in each group, and the names of options that
// are accepted but not read.
func writeOptions(b *strings.Builder, flags *pflag.FlagSet) {
	for _, s := range cli.Sections(flags) {
		b.WriteString("\n| " + s.Heading() + " | default | meaning |\n| --- | --- | --- |\n")
		for _, f := range s.Flags {
			if f.Name == "help" {
				continue
			}
			name, value := "`--"+f.Name+"`", ""
			if f.Shorthand != "" {
				name += ", `-" + f.Shorthand + "`"
			}
			if f.DefValue != "" {
				value = "`" + f.DefValue + "`"
			}
			fmt.Fprintf(b, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
		}
	}
	var unread []string
	flags.VisitAll(func(f *pflag.Flag) {
		if cli.Noted(f, cli.IgnoredNote) {
			unread = append(unread, "`--"+f.Name+"`")
		}
	})
	if len(unread) > 0 {
		fmt.Fprintf(b, "\nAccepted for compatibility but not read: %s.\n", strings.Join(unread, ", "))
	}
}
