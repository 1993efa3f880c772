package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Results that cannot be written, as on a full disk, are an error.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Log("not tested: there is no /dev/full on this machine")
		return
	}
	defer full.Close()
	in := mistakenInputs(t)
	for _, args := range []string{
		"inspect IN/plain.pth", "inspect IN/plain.pth --json", "version", "data stats IN/good", "contrast --dry_run", "--help",
		"contrast --help", "convert IN/plain.pth IN/x.npz", "data stats IN/good --json",
	} {
		_, stderr := alone(t, full, strings.Fields(strings.ReplaceAll(args, "IN", in))...)
		if want := "contralens: the result could not be written to standard output"; !strings.Contains(stderr, want) {
			t.Errorf("%s: %q, want %s", args, stderr, want)
		}
	}
}

// alone runs a command with a standard output of its own, and returns its exit code and
// what it wrote to standard error.
func alone(t *testing.T, out *os.File, args ...string) (code int, stderr string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	was, wasErr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, file
	code = run(args)
	os.Stdout, os.Stderr = was, wasErr
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if code != exitFailed {
		t.Errorf("%s: exit code %d, want %d", args[0], code, exitFailed)
	}
	return code, string(text)
}

// Commands print results to cli.Out alone, which remembers errors. Progress on a terminal
// goes to standard output as well, but its result is on disk.
func TestResultsGoToOut(t *testing.T) {
	direct := regexp.MustCompile(`fmt\.Print|os\.Stdout\b`)
	allowed := regexp.MustCompile(`os\.Stdout\.Fd\(\)|Out: os\.Stdout, Terminal: `)
	for _, dir := range []string{".", "../internal/cli"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "output.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for n, line := range strings.Split(string(source), "\n") {
				if direct.MatchString(allowed.ReplaceAllString(line, "")) {
					t.Errorf("%s:%d: %s", path, n+1, strings.TrimSpace(line))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inspect describes a file of which no command can use the encoder, and says why.
func TestInspectProblems(t *testing.T) {
	in := mistakenInputs(t)
	for name, want := range map[string]string{
		"two.pth": "--prefix: want one of the encoders in " + in + "/two.pth: left, right",
		"nan.pth": "values of layer2.1.bn1.weight are NaN or infinite",
		"se.pth":  "in its backbone, but not in this network: layer2.1.se.weight",
	} {
		if text := must(t, "inspect", filepath.Join(in, name)); !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", name, want, text)
		}
	}
	if text := must(t, "inspect", filepath.Join(in, "two.pth"), "--prefix", "right"); !strings.Contains(text, "right.* → encoder.*") {
		t.Errorf("with --prefix:\n%s", text)
	}
}
