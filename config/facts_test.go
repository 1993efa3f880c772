package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// every has the configurations of all commands.
func every() map[string]any {
	all := commands()
	all["bench step"], all["bench views"] = &BenchStep{}, &BenchViews{}
	all["bench detect"] = &BenchDetect{}
	all["features"], all["neighbors"], all["predict"] = &Features{}, &Neighbors{}, &Predict{}
	all["data show"], all["data stats"], all["data pack"] = &DataShow{}, &DataStats{}, &DataPack{}
	all["convert"], all["inspect"], all["serve"] = &Convert{}, &Inspect{}, &Serve{}
	all["demo"], all["plan"], all["doctor"] = &Demo{}, &Plan{}, &Doctor{}
	all["detect eval"], all["detect predict"] = &DetectEval{}, &DetectPredict{}
	return all
}

// Every option is classified: what it is for, where --help lists it, and what it changes.
// The names of a command's options are unique.
func TestOptionsAreClassified(t *testing.T) {
	for command, c := range every() {
		Defaults(c)
		names, shorts := map[string]bool{}, map[string]bool{}
		for _, f := range Fields(c) {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if names[canonical(name)] {
					t.Errorf("%s: two options --%s", command, name)
				}
				names[canonical(name)] = true
			}
			if f.Short != "" && shorts[f.Short] {
				t.Errorf("%s: two options -%s", command, f.Short)
			}
			shorts[f.Short] = true
			if f.Help == "" || strings.HasSuffix(f.Help, ".") || strings.HasPrefix(f.Help, " ") {
				t.Errorf("%s --%s: help %q, want words without a period", command, f.Name, f.Help)
			}
			if !slices.Contains(Groups, f.Group) {
				t.Errorf("%s --%s: group %q, want one of %q", command, f.Name, f.Group, Groups)
			}
			if f.Runtime && f.Repeat {
				t.Errorf("%s --%s: an option that changes nothing distinguishes no repetitions", command, f.Name)
			}
		}
	}
}

// Each command whose options are in records has defaults of all of them.
func TestDefaultsOf(t *testing.T) {
	for command, c := range commands() {
		if got, want := len(DefaultsOf(command)), len(Values(c)); got != want {
			t.Errorf("%s: %d defaults, want %d", command, got, want)
		}
	}
	if got := DefaultsOf("linear")["lr_decay_epochs"]; got != "60,80" {
		t.Errorf("the milestones of linear are %q, want its own", got)
	}
	if DefaultsOf("doctor") != nil {
		t.Error("doctor has no records")
	}
}

// A mistyped tag would have no effect.
func TestTagsAreKnown(t *testing.T) {
	known := []string{"flag", "short", "alias", "default", "help", "name", "group", "everyday", "runtime", "repeat", "preset", "auto", "reference", "grows", "legend", "ignored", "hides"}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			for _, tag := range tags(f.Tag) {
				if !slices.Contains(known, tag) {
					t.Errorf("%v.%s: unknown tag %q", s, f.Name, tag)
				}
			}
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type)
			} else if f.Tag.Get("flag") == "" {
				t.Errorf("%v.%s has no flag", s, f.Name)
			}
		}
	}
	for _, c := range every() {
		walk(reflect.TypeOf(c).Elem())
	}
}

// tags returns the names of a field's tags.
func tags(tag reflect.StructTag) (names []string) {
	for i, text := range strings.Split(string(tag), `"`) {
		if i%2 == 0 && strings.TrimSpace(text) != "" {
			names = append(names, strings.Trim(text, " :"))
		}
	}
	return names
}

// A record names an option without its command, so facts must not depend on the command.
func TestFactsAgree(t *testing.T) {
	seen := map[string]Field{}
	for command, c := range commands() {
		for _, f := range Fields(c) {
			was, ok := seen[f.Name]
			if ok && (was.Runtime != f.Runtime || was.Repeat != f.Repeat || was.Legend != f.Legend || was.Group != f.Group) {
				t.Errorf("%s --%s: %+v, elsewhere %+v", command, f.Name, f, was)
			}
			seen[f.Name] = f
		}
	}
}

// These lists decide which old runs resume and which old results are repetitions of one
// experiment, so they may grow but not change.
func TestFactsOfRecords(t *testing.T) {
	for fact, names := range map[string]string{
		"runtime": "print_freq save_freq keep num_workers max_bad decode_strict resume overwrite threads knn_every untrained json model_path tb_path name data_folder " +
			"save_score record probe spectrum stop world-size rank dist-url dist-backend multiprocessing-distributed gpu device memory_format retune " +
			"checkpoint_activations eval_every save_every recompute cache_dir cache_bytes nproc dist_timeout dist_stall dist_join",
		"repeat": "seed label_seed imbalance_seed exp_iter ckpt strict",
	} {
		want := strings.Fields(names)
		var got []string
		for _, f := range facts() {
			if fact == "runtime" && f.Runtime || fact == "repeat" && f.Repeat {
				got = append(got, f.Name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s\n got %q\nwant %q", fact, got, want)
		}
	}
}

// Files and records may use former names, and - and _ are the same in all of them.
func TestFormerNames(t *testing.T) {
	c := DefaultKNN()
	if f := Find(Fields(&c), "neighbours"); f == nil || f.Name != "neighbors" {
		t.Fatalf("neighbours is %+v", f)
	}
	if err := Apply(&c, map[string]string{"neighbours": "7", "use_ema": "true", "of another program": "x"}); err != nil || c.Neighbors != 7 || !c.UseEMA {
		t.Errorf("%v: %+v", err, c)
	}
	for _, name := range []string{"dist-url", "dist_url", "neighbours"} {
		if _, ok := Lookup(name); !ok {
			t.Errorf("there is no option %s", name)
		}
	}
	if _, ok := Lookup("epoch"); ok {
		t.Error("there is an option epoch")
	}
}

// Exactly the options that a named method sets have the tag preset.
func TestPresetOptions(t *testing.T) {
	for name := range Methods {
		c, plain := DefaultContrast(), DefaultContrast()
		c.Method = name
		if _, err := c.Resolve(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Resolve(map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		usual := Values(&plain)
		for _, f := range Fields(&c) {
			// A memory bank comes with smaller crops, unless --crop is given.
			if f.String() != usual[f.Name] && !f.Preset && f.Name != "method" && f.Name != "crop" {
				t.Errorf("%s sets --%s, which is not tagged preset", name, f.Name)
			}
		}
	}
	var tagged []string
	c := DefaultContrast()
	for _, f := range Fields(&c) {
		if f.Preset {
			tagged = append(tagged, f.Name)
		}
	}
	slices.Sort(tagged)
	if want := []string{"aug", "head", "jigsaw", "mem", "modal", "nce_t"}; !slices.Equal(tagged, want) {
		t.Errorf("tagged preset: %q, want %q", tagged, want)
	}
}

// The places of options in names are 1, 2, 3 …. Options that are not read, or on which the
// results do not depend, have none.
func TestPlacesInNames(t *testing.T) {
	for command, count := range map[string]int{"contrast": 62, "linear": 21, "finetune": 32, "supervised": 24, "knn": 0} {
		places := map[int]string{}
		for _, f := range Fields(commands()[command]) {
			p := f.place(command)
			if p == 0 {
				continue
			}
			if f.Ignored || f.Runtime {
				t.Errorf("%s: --%s has a place in names", command, f.Name)
			}
			if places[p] != "" {
				t.Errorf("%s: --%s and --%s have one place", command, f.Name, places[p])
			}
			places[p] = f.Name
		}
		for p := range count {
			if places[p+1] == "" {
				t.Errorf("%s: no option has place %d", command, p+1)
			}
		}
		if len(places) != count {
			t.Errorf("%s: %d options in names, want %d", command, len(places), count)
		}
	}
}

// Files written by older versions have every option, also those that the command does not
// read.
func TestFilesOfOlderVersions(t *testing.T) {
	for command, c := range commands() {
		Defaults(c)
		var text strings.Builder
		for _, f := range Fields(c) {
			text.WriteString(strings.ReplaceAll(f.Name, "neighbors", "neighbours") + ": \"" + f.String() + "\"\n")
		}
		path := filepath.Join(t.TempDir(), "old.yaml")
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		fresh := commands()[command]
		set, err := ReadYAML(path, fresh)
		if err != nil || len(set) != len(Fields(c)) || !reflect.DeepEqual(Values(fresh), Values(c)) {
			t.Errorf("%s: %d of %d options read: %v", command, len(set), len(Fields(c)), err)
		}
	}
}
