package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contralens/config"
)

// helpWidth is how wide help is, in columns.
const helpWidth = 110

// Annotations of a flag, by which help and reference arrange it.
const (
	groupNote    = "group"    // its heading
	everydayNote = "everyday" // the short help shows it
	ignoredNote  = "ignored"  // it is accepted and not read
)

// annotate gives a flag what is known of the option.
func annotate(flag *pflag.Flag, f config.Field) {
	flag.Annotations = map[string][]string{groupNote: {f.Group}}
	if f.Everyday {
		flag.Annotations[everydayNote] = nil
	}
	if f.Ignored {
		flag.Annotations[ignoredNote] = nil
	}
	flag.Hidden = f.Hidden
}

func noted(f *pflag.Flag, note string) bool {
	_, ok := f.Annotations[note]
	return ok
}

// section is a heading of help and the flags below it.
type section struct {
	title string
	flags []*pflag.Flag
}

func (s section) heading() string {
	if s.title == "" {
		return "Options"
	}
	return strings.ToUpper(s.title[:1]) + s.title[1:] + " options"
}

// sections are the visible flags by group, in the order of config.Groups; those without
// a group, which are the same for many commands, come last.
func sections(flags *pflag.FlagSet) (all []section) {
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
				all = append(all, section{title: group[0]})
			}
			all[i].flags = append(all[i].flags, f)
		}
	})
	slices.SortStableFunc(all, func(a, b section) int {
		return slices.Index(config.Groups, a.title) - slices.Index(config.Groups, b.title)
	})
	switch {
	case len(general) == 0:
		return all
	case len(all) == 0:
		return []section{{"", general}} // the only one
	}
	return append(all, section{"general", general})
}

// usage prints the help of a command whose options are the fields of a configuration:
// the everyday ones, or with --all every one, by group.
func usage(c *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	all := sections(c.Flags())
	whole, _ := c.Flags().GetBool(allFlag)
	var rest int
	if !whole {
		all, rest = everyday(all)
	}
	for _, s := range all {
		list := pflag.NewFlagSet("", pflag.ContinueOnError)
		list.SortFlags = false
		for _, f := range s.flags {
			if !f.Hidden {
				list.AddFlag(f)
			}
		}
		fmt.Fprintf(&b, "\n%s:\n%s", s.heading(), list.FlagUsagesWrapped(helpWidth))
	}
	if rest > 0 {
		fmt.Fprintf(&b, "\n%d more: %s --help --all\n", rest, c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

// everyday is the sections cut to what is used every day, and how many flags that
// leaves out.
func everyday(all []section) (short []section, rest int) {
	first := section{title: "everyday"}
	for _, s := range all[:len(all)-1] {
		for _, f := range s.flags {
			if noted(f, everydayNote) {
				first.flags = append(first.flags, f)
			} else {
				rest++
			}
		}
	}
	if rest == 0 {
		first.title = "" // there are no others
	}
	return []section{first, all[len(all)-1]}, rest
}
