package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data/sets"
	"contralens/internal/option"
)

// Whether an error is wrong usage depends on its type, not on its words. Only the command
// line writes options with dashes.
func TestWrongUsage(t *testing.T) {
	field := option.Text("style", "one of paper, slides, web", "a0")
	for _, tc := range []struct {
		err   error
		usage bool
		text  string
	}{
		{&config.ValueError{Option: "epochs", Want: "a number above 0", Got: 0}, true, "--epochs: want a number above 0, got 0"},
		{&config.ValueError{Option: "mem", Value: "none", Want: "--modal RGB", Hint: "CMC has two"}, true, "--mem none: want --modal RGB; CMC has two"},
		{fmt.Errorf("plotting: %w", field), true, `plotting: --style: want one of paper, slides, web, got "a0"`},
		{usageError{fmt.Errorf("predict: %w", field)}, true, `predict: --style: want one of paper, slides, web, got "a0"`},
		{&sets.OptionError{Option: sets.Name, Err: errors.New("want one of folder, got \"x\"")}, true, "--dataset: want one of folder, got \"x\""},
		{&sets.OptionError{Option: sets.Folder, Value: "x", Err: errors.New("want a folder")}, false, "--data_folder x: want a folder"},
		{&sets.OptionError{Option: sets.ClassList, Err: fs.ErrNotExist}, false, "--imagenet100path: file does not exist"},
		{errors.New("--epochs: want words that look like wrong usage"), false, "--epochs: want words that look like wrong usage"},
	} {
		err := AsTyped(tc.err)
		if err.Error() != tc.text || WrongUsage(err) != tc.usage {
			t.Errorf("%v\n reads %q, want %q; wrong usage: %v, want %v", tc.err, err, tc.text, WrongUsage(err), tc.usage)
		}
	}
}

// auto is a value of --nce_t like its numbers: the last one typed counts, and what is typed overrides a
// file. Resolved, it counts as --nce_t_auto.
func TestAutoNumber(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "options.yaml")
		if err := os.WriteFile(path, []byte("ft: auto\nnce_t: "+text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	auto, number := write("auto"), write("0.3")
	for _, tc := range []struct {
		words []string
		auto  bool
		τ     float64
	}{
		{[]string{"--ft", "auto", "--nce-t", "auto"}, true, 0.07},
		{[]string{"--ft=auto", "--nce_t=0.1", "-t", "auto"}, true, 0.07},
		{[]string{"--ft=auto", "-t", "auto", "-t", "0.1"}, false, 0.1},
		{[]string{"--ft=auto", "--nce_t_auto", "-t", "0.1"}, true, 0.1},
		{[]string{"--config", auto}, true, 0.07},
		{[]string{"--config", auto, "-t", "0.1"}, false, 0.1},
		{[]string{"--config", number, "-t", "auto"}, true, 0.07},
	} {
		c, command := config.DefaultContrast(), &cobra.Command{Use: "contrast"}
		given := Bind(command, &c)
		if err := command.ParseFlags(tc.words); err != nil {
			t.Fatal(err)
		}
		set, _, err := given()
		if err != nil || c.TauAuto != tc.auto || c.Temperature != tc.τ || set["nce_t_auto"] != tc.auto || set["nce_t"] != (tc.τ != 0.07) {
			t.Errorf("%v: %v, auto %v, τ %v, set %v", tc.words, err, c.TauAuto, c.Temperature, set)
		}
	}
}
