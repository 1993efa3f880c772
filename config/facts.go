package config

import (
	"slices"
	"sync"
)

// GroupTransformation is the group of options that matter to runs with a feature
// transformation alone.
const GroupTransformation = "feature transformation"

// Groups are the headings of options in --help, in its order.
var Groups = []string{
	"data", "network", "method", GroupTransformation, "optimization", "machine", "output", "distributed",
}

// commands are the configurations that records of runs and results have options of.
func commands() map[string]any {
	return map[string]any{
		"contrast": &Contrast{}, "linear": &Linear{}, "finetune": &Finetune{}, "supervised": &Supervised{}, "knn": &KNN{},
	}
}

// facts are the options of all records by their names and former names, canonical.
var facts = sync.OnceValue(func() map[string]Field {
	all := map[string]Field{}
	for _, c := range commands() {
		for _, f := range Fields(c) {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if have, ok := all[canonical(name)]; !ok || have.Ignored {
					all[canonical(name)] = f
				}
			}
		}
	}
	return all
})

// Lookup is what is known of an option in the record of a run, a checkpoint or a
// result. ok is false for options that no command has.
func Lookup(name string) (f Field, ok bool) {
	f, ok = facts()[canonical(name)]
	return f, ok
}

// Apply sets the options that a record names; it may have others.
func Apply(config any, record map[string]string) error {
	for _, f := range Fields(config) {
		if value, ok := f.Recorded(record); ok {
			if err := f.Set(value); err != nil {
				return &ValueError{Option: f.Name, Want: kinds[f.Type()], Got: value}
			}
		}
	}
	return nil
}

// Having are the commands that read an option of that name, sorted: for users who give
// it to another command.
func Having(name string) (names []string) {
	for command, c := range commands() {
		if f := Find(Fields(c), name); f != nil && !f.Ignored {
			names = append(names, command)
		}
	}
	slices.Sort(names)
	return names
}
