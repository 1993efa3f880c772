package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
)

// bound has the commands whose options are the fields of a configuration, with that
// configuration.
func bound() map[string]any {
	return map[string]any{
		"contrast": &config.Contrast{}, "linear": &config.Linear{}, "finetune": &config.Finetune{}, "supervised": &config.Supervised{},
		"knn": &config.KNN{}, "features": &config.Features{}, "neighbors": &config.Neighbors{}, "predict": &config.Predict{},
		"bench step": &config.BenchStep{}, "bench views": &config.BenchViews{}, "data pack": &config.DataPack{}, "data stats": &config.DataStats{}, "look": &config.Look{}, "doctor": &config.Doctor{},
		"detect train": &config.DetectTrain{}, "detect eval": &config.DetectEval{}, "detect predict": &config.DetectPredict{},
	}
}

// optionsOf returns the options that a help text lists.
func optionsOf(text string) map[string]bool {
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^ {2}(?:-\w, | {4})--(\w+)`).FindAllStringSubmatch(text, -1) {
		listed[m[1]] = true
	}
	return listed
}

// The short help lists the everyday options, and the long one all options that the command
// reads, in groups. Neither lists options that are not read.
func TestHelp(t *testing.T) {
	for line, c := range bound() {
		short := must(t, append(strings.Fields(line), "--help")...)
		long := short
		if strings.Contains(short, "--all") {
			long = must(t, append(strings.Fields(line), "--help", "--all")...)
		}
		inShort, inLong := optionsOf(short), optionsOf(long)
		rest := 0
		for _, f := range config.Fields(c) {
			name := strings.ReplaceAll(f.Name, "-", "_")
			if inLong[name] == f.Hidden {
				t.Errorf("%s --help --all lists --%s: %v, hidden: %v", line, name, inLong[name], f.Hidden)
			}
			if inShort[name] != (f.Everyday && !f.Hidden) {
				t.Errorf("%s --help lists --%s: %v, everyday: %v", line, name, inShort[name], f.Everyday)
			}
			if heading := strings.ToUpper(f.Group[:1]) + f.Group[1:] + " options:\n"; !f.Hidden && long != short && strings.Count(long, heading) != 1 {
				t.Errorf("%s --help --all: want the heading %q once", line, heading)
			}
			if !f.Hidden && !f.Everyday {
				rest++
			}
		}
		if more := strings.Contains(short, "--help --all\n"); more != (rest > 0) {
			t.Errorf("%s --help leaves %d options out; tells how to list them: %v", line, rest, more)
		}
		if n := len(inShort); n > 20 {
			t.Errorf("%s --help lists %d options, want 20 or less", line, n)
		}
		for _, text := range strings.Split(short+long, "\n") {
			if strings.HasPrefix(text, "      ") && len([]rune(text)) > cli.HelpWidth {
				t.Errorf("%s --help: a line of %d columns: %s", line, len([]rune(text)), text)
			}
		}
	}
	knn := optionsOf(must(t, "knn", "--help", "--all"))
	var several config.Dist // every command that several processes can run has these
	for _, f := range config.Fields(&several) {
		delete(knn, strings.ReplaceAll(f.Name, "-", "_"))
	}
	if n := len(knn); n > 36 {
		t.Errorf("knn --help --all lists %d options of its own, want at most 36", n)
	}
}

// The help of every command fits its width, and descriptions and examples fit 90 columns.
func TestHelpWidth(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.HasParent() && c.Runnable() && !c.HasSubCommands() && c.Name() != "help" {
			path := strings.Fields(c.CommandPath())[1:]
			for _, text := range strings.Split(must(t, append(path, "--help")...), "\n") {
				if n := len([]rune(text)); n > cli.HelpWidth {
					t.Errorf("%s --help: a line of %d columns: %s", c.CommandPath(), n, text)
				}
			}
			for _, text := range strings.Split(c.Long+"\n"+c.Example, "\n") {
				if n := len([]rune(text)); n > 90 {
					t.Errorf("%s: a line of %d columns: %s", c.CommandPath(), n, text)
				}
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(rootCommand())
}

// Help fits a narrower terminal.
func TestNarrowHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for _, text := range strings.Split(must(t, "contrast", "--help", "--all"), "\n") {
		if n := len([]rune(text)); n > 80 {
			t.Errorf("a line of %d columns: %s", n, text)
		}
	}
}

// Options of other programs are accepted with a note, under all their names.
func TestUnreadOptions(t *testing.T) {
	t.Chdir(t.TempDir())
	missing := "--data_folder nowhere --arch resnet18 --width 0.125 --input_res 16"
	for line, want := range map[string]string{
		"linear --mem bank -k 100 --nce_m 0.4 " + missing:   "note: contralens linear does not read --mem, --nce_k, --nce_m",
		"knn --epochs 3 --save_freq 4 --cosine " + missing:  "note: contralens knn does not read --epochs, --cosine, --save_freq",
		"contrast --feature_mix --aug_linear RA " + missing: "note: contralens contrast does not read --aug_linear, --feature_mix",
		"supervised --strict --opt_level O1 " + missing:     "note: contralens supervised does not read --opt_level, --strict",
		"knn --neighbours 5 --tb_path curves " + missing:    "note: contralens knn does not read --tb_path",
	} {
		code, text := command(t, strings.Fields(line)...)
		if code != exitFailed || !strings.Contains(text, want+":") {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", line, code, exitFailed, want, text)
		}
	}
	if text := must(t, "linear", "--epochs", "100", "--method", "MoCov2", "--rank", "0", "--dry-run"); strings.Contains(text, "does not read") {
		t.Errorf("a note about options that are read:\n%s", text)
	}
	if text := must(t, "knn", "--neighbours", "5", "--print-config"); !strings.Contains(text, "\nneighbors: 5\n") {
		t.Errorf("a former name set nothing:\n%s", text)
	}
}

// Every option of the reference has its row in docs/cli.md.
func TestReference(t *testing.T) {
	root := rootCommand()
	text := reference(root)
	cmd, _, err := root.Find([]string{"contrast"})
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(text, "## contralens contrast\n")
	rows, _, _ = strings.Cut(rows, "\n## ")
	for _, s := range cli.Sections(cmd.Flags()) {
		if !strings.Contains(rows, "| "+s.Heading()+" |") {
			t.Errorf("no table %s", s.Heading())
		}
		for _, f := range s.Flags {
			if f.Name != "help" && !strings.Contains(rows, "| `--"+f.Name+"`") {
				t.Errorf("no row --%s", f.Name)
			}
		}
	}
	var plain func(c *cobra.Command)
	plain = func(c *cobra.Command) {
		for _, f := range cli.Sections(c.Flags()) {
			if len(f.Flags) == 0 {
				t.Errorf("%s: an empty section %q", c.CommandPath(), f.Title)
			}
		}
		for _, sub := range c.Commands() {
			plain(sub)
		}
	}
	plain(cmd)
}
