package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data/sets"
)

// withoutComments returns the lines of a YAML file that are no comments.
func withoutComments(text string) string {
	return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
}

// Every command reads options from a file, prints them as a file, and reads what it prints.
func TestEveryCommandTakesConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.HasParent() || c.HasSubCommands() || c.Hidden || c.Name() == "help" || c.Parent().Name() == "completion" {
			return
		}
		args := strings.Fields(c.CommandPath())[1:]
		if c.Name() == "predict" || c.CommandPath() == "contralens detect eval" { // nothing without a checkpoint
			args = append(args, "--ckpt", "x.pth")
		}
		printed := must(t, append(args, "--print-config")...)
		if err := os.WriteFile("options.yaml", []byte(printed), 0o644); err != nil {
			t.Fatal(err)
		}
		if again := must(t, append(args, "--config", "options.yaml", "--print_config")...); again != withoutComments(printed) {
			t.Errorf("%s: its own options as a file give\n%s\nwant\n%s", c.CommandPath(), again, printed)
		}
		if c.Flags().Lookup("config") == nil || (c.Example == "" && c.Name() != "version") {
			t.Errorf("%s: no --config, or no example in its help", c.CommandPath())
		}
	}
	walk(rootCommand())
}

// Options on the command line override those of a file, which override the defaults.
func TestFlagsWin(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("mine.yaml", []byte("epochs: 7\nlr-decay-epochs: [3, 5]\nmethod: MoCov2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := must(t, "contrast", "--epochs", "9", "--config", "mine.yaml", "--print-config")
	for _, want := range []string{"\nepochs: 9\n", "\nlr_decay_epochs: \"3,5\"\n", "\nhead: \"mlp\"\n", "\nbatch_size: 16\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

func TestDatasetNames(t *testing.T) {
	if known := config.Datasets; !slices.Equal(known, sets.Names()) {
		t.Errorf("config knows the datasets %q, package sets %q", known, sets.Names())
	}
}
