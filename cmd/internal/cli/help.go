package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"contralens/config"
)

// HelpWidth is the largest width of help, in columns.
const HelpWidth = 110

// Annotations of a flag, which help and the reference use to arrange it.
const (
	groupNote    = "group"    // its heading
	everydayNote = "everyday" // the short help shows it
	IgnoredNote  = "ignored"  // it is accepted but not read
)

// annotate stores the facts about an option in its flag.
func annotate(flag *pflag.Flag, f config.Field) {
	flag.Annotations = map[string][]string{groupNote: {f.Group}}
	if f.Everyday {
		flag.Annotations[everydayNote] = nil
	}
	if f.Ignored {
		flag.Annotations[IgnoredNote] = nil
	}
	flag.Hidden = f.Hidden
}

// Noted reports whether a flag has an annotation.
func Noted(f *pflag.Flag, note string) bool {
	_, ok := f.Annotations[note]
	return ok
}

// Section is a heading in help, with the flags below it.
type Section struct {
	Title string
	Flags []*pflag.Flag
}

// Heading returns the title as a line of help.
func (s Section) Heading() string {
	if s.Title == "" {
		return "Options"
	}
	return strings.ToUpper(s.Title[:1]) + s.Title[1:] + " options"
}

// Sections returns the visible flags by group, in the order of config.Groups. Flags without
// a group, which many commands share, come last.
func Sections(flags *pflag.FlagSet) (all []Section) {
	at := map[string]int{}
	var general []*pflag.Flag
	flags.VisitAll(func(f *pflag.Flag) {
		group := f.Annotations[groupNote]
		switch {
		case f.Hidden:
		case len(group) == 0:
			general = append(general, f)
		default:
			i, ok := at[group[0]]
			if !ok {
				i = len(all)
				at[group[0]] = i
				all = append(all, Section{Title: group[0]})
			}
			all[i].Flags = append(all[i].Flags, f)
		}
	})
	slices.SortStableFunc(all, func(a, b Section) int {
		return slices.Index(config.Groups, a.Title) - slices.Index(config.Groups, b.Title)
	})
	switch {
	case len(general) == 0:
		return all
	case len(all) == 0:
		return []Section{{"", general}} // the only one
	}
	return append(all, Section{"general", general})
}

// Columns returns the width of the terminal on stdout: COLUMNS, or what the system says; 0
// if neither is known.
func Columns() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	n, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return n
}

// usage prints the help of a command whose options are the fields of a configuration: the
// everyday options, or with --all every option, in groups. It fits a narrower terminal.
func usage(c *cobra.Command) error {
	width := HelpWidth
	if columns := Columns(); columns > 0 {
		width = max(60, min(width, columns-1))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	all := Sections(c.Flags())
	whole, _ := c.Flags().GetBool(AllFlag)
	var rest int
	if !whole {
		all, rest = everyday(all)
	}
	for _, s := range all {
		list := pflag.NewFlagSet("", pflag.ContinueOnError)
		list.SortFlags = false
		for _, f := range s.Flags {
			if !f.Hidden {
				list.AddFlag(f)
			}
		}
		fmt.Fprintf(&b, "\n%s:\n%s", s.Heading(), list.FlagUsagesWrapped(width))
	}
	if rest > 0 {
		fmt.Fprintf(&b, "\n%d more options: %s --help --all\n", rest, c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

// everyday returns the sections with only the flags for everyday use, and how many flags
// that leaves out.
func everyday(all []Section) (short []Section, rest int) {
	if len(all) == 1 {
		return all, 0
	}
	first := Section{Title: "everyday"}
	for _, s := range all[:len(all)-1] {
		for _, f := range s.Flags {
			if Noted(f, everydayNote) {
				first.Flags = append(first.Flags, f)
			} else {
				rest++
			}
		}
	}
	if rest == 0 {
		first.Title = "" // there are no others
	}
	return []Section{first, all[len(all)-1]}, rest
}
