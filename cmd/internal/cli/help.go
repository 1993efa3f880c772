package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contralens/config"
)

// HelpWidth is how wide help is, in columns.
const HelpWidth = 110

// Annotations of a flag, by which help and reference arrange it.
const (
	groupNote    = "group"    // its heading
	everydayNote = "everyday" // the short help shows it
	IgnoredNote  = "ignored"  // it is accepted and not read
)

// annotate gives a flag what is known of the option.
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

// Section is a heading of help and the flags below it.
type Section struct {
	Title string
	Flags []*pflag.Flag
}

// Heading is the title as a line of help.
func (s Section) Heading() string {
	if s.Title == "" {
		return "Options"
	}
	return strings.ToUpper(s.Title[:1]) + s.Title[1:] + " options"
}

// Sections are the visible flags by group, in the order of config.Groups; those without
// a group, which are the same for many commands, come last.
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

// usage prints the help of a command whose options are the fields of a configuration:
// the everyday ones, or with --all every one, by group.
func usage(c *cobra.Command) error {
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
		fmt.Fprintf(&b, "\n%s:\n%s", s.Heading(), list.FlagUsagesWrapped(HelpWidth))
	}
	if rest > 0 {
		fmt.Fprintf(&b, "\n%d more: %s --help --all\n", rest, c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

// everyday is the Sections cut to what is used every day, and how many flags that
// leaves out.
func everyday(all []Section) (short []Section, rest int) {
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
