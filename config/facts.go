package config

import (
	"slices"
	"strings"
	"sync"
)

// GroupTransformation is the group of options that matter only to runs with a feature
// transformation.
const GroupTransformation = "feature transformation"

// Groups are the headings of options in --help, in order.
var Groups = []string{
	"data", "network", "method", GroupTransformation, "optimization", "machine", "output", "distributed",
}

// commands are the configurations whose options are in the records of runs and results.
func commands() map[string]any {
	return map[string]any{
		"contrast": &Contrast{}, "linear": &Linear{}, "finetune": &Finetune{}, "supervised": &Supervised{}, "knn": &KNN{},
		"detect": &DetectTrain{},
	}
}

// facts has the options of all records by canonical name, former names included.
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

// Lookup returns the facts about an option that the record of a run, a checkpoint or a
// result names. ok is false if no command has the option.
func Lookup(name string) (f Field, ok bool) {
	f, ok = facts()[canonical(name)]
	return f, ok
}

// DefaultsOf returns the defaults of a command's options, as typed, to be read only. It is
// nil if the options of the command are in no record.
func DefaultsOf(command string) map[string]string { return defaults()[command] }

var defaults = sync.OnceValue(func() map[string]map[string]string {
	contrast, linear, finetune := DefaultContrast(), DefaultLinear(), DefaultFinetune()
	supervised, knn, detect := DefaultSupervised(), DefaultKNN(), DefaultDetectTrain()
	return map[string]map[string]string{
		"contrast": Values(&contrast), "linear": Values(&linear), "finetune": Values(&finetune),
		"supervised": Values(&supervised), "knn": Values(&knn),
		"detect": Values(&detect),
	}
})

// Apply sets the options that a record names. It skips names that config does not have.
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

// Owners says which commands have an option: "linear has it", "knn and linear have it".
func Owners(commands []string) string {
	last := len(commands) - 1
	if last == 0 {
		return commands[0] + " has it"
	}
	return strings.Join(commands[:last], ", ") + " and " + commands[last] + " have it"
}

// Having returns the commands that read an option of that name, sorted: a hint for users
// who gave it to another command.
func Having(name string) (names []string) {
	for command, c := range commands() {
		if f := Find(Fields(c), name); f != nil && !f.Ignored {
			if command == "detect" {
				command = "detect train" // the word in names of runs and options is shorter
			}
			names = append(names, command)
		}
	}
	slices.Sort(names)
	return names
}
