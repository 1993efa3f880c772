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
		"The defaults of `contrast` hold if its command line describes the training, as with `--method` or `--config`. " +
		"Otherwise they are chosen for the images and the machine ([rule](runs.md#which-defaults-has-a-training)).\n\n" +
		"Exit codes: 0 done, 1 failed, " +
		"2 wrong usage, 75 stopped by a signal with everything saved, 130 stopped by Ctrl-C without a result.\n\n")
	all := runnable(root)
	shared := map[string]bool{}
	for _, c := range all {
		if c.Name() == shares {
			rows(c.Flags(), func(row, _ string) { shared[row] = true })
		}
	}
	for _, c := range all {
		fmt.Fprintf(&b, "* [%s](#%s): %s\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
	}
	for _, c := range all {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", c.CommandPath(), c.Short)
		if c.Example != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimLeft(c.Example, " "), "\n  ", "\n"))
		}
		if c.Name() == shares {
			writeOptions(&b, c.Flags(), nil)
		} else {
			writeOptions(&b, c.Flags(), shared)
		}
	}
	return b.String()
}

// shares is the command whose options other commands share: they only name them.
const shares = "contrast"

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

// rows calls f with the row of each visible option in a table, and with its heading.
func rows(flags *pflag.FlagSet, f func(row, heading string)) {
	for _, s := range cli.Sections(flags) {
		for _, flag := range s.Flags {
			if flag.Name == "help" {
				continue
			}
			name, value := "`--"+flag.Name+"`", ""
			if flag.Shorthand != "" {
				name += ", `-" + flag.Shorthand + "`"
			}
			if flag.DefValue != "" {
				value = "`" + flag.DefValue + "`"
			}
			f(fmt.Sprintf("| %s | %s | %s |\n", name, value, strings.ReplaceAll(flag.Usage, "|", "\\|")), s.Heading())
		}
	}
}

// writeOptions writes a table of the options in each group. It only names options whose
// rows are shared with another command, and those that are accepted but not read.
func writeOptions(b *strings.Builder, flags *pflag.FlagSet, shared map[string]bool) {
	var last string
	var elsewhere []string
	rows(flags, func(row, heading string) {
		if shared[row] {
			name, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
			elsewhere = append(elsewhere, name)
			return
		}
		if heading != last {
			b.WriteString("\n| " + heading + " | default | meaning |\n| --- | --- | --- |\n")
			last = heading
		}
		b.WriteString(row)
	})
	if len(elsewhere) > 0 {
		fmt.Fprintf(b, "\nAs in [contralens %s](#contralens-%s): %s.\n", shares, shares, strings.Join(elsewhere, "; "))
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
