package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/rundir"
)

// unnamed is tiny without --name.
func unnamed(data string, more ...string) []string {
	line := tiny(data, "x")
	return append(line[:len(line)-2:len(line)-2], more...)
}

// theRun returns the only run directory.
func theRun(t *testing.T) (dir string, r *rundir.Record) {
	t.Helper()
	dirs, err := filepath.Glob("save/*")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("want one run directory, got %q, %v", dirs, err)
	}
	if r, err = rundir.ReadRecord(dirs[0]); err != nil || r == nil {
		t.Fatalf("%s: %v", dirs[0], err)
	}
	return dirs[0], r
}

// A run whose options do not fit a file name starts, resumes, and can be evaluated. Its
// record has the long name, by which the run is found after somebody renamed its directory.
func TestLongRunNames(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	line := unnamed(data, "--epochs", "2", "--crop_min", "0.31", "--jitter_p", "0.71", "--gray_p", "0.21", "--blur_p", "0.51", "--weight_decay", "0.0005")
	must(t, line...)
	dir, r := theRun(t)
	if n := len(filepath.Base(dir)); n > config.MaxRunName || len(r.UpstreamName) < 255 {
		t.Fatalf("the name has %d bytes, upstream's %d", n, len(r.UpstreamName))
	}
	if events, err := filepath.Glob(filepath.Join("tb", filepath.Base(dir), "*")); err != nil || len(events) == 0 {
		t.Errorf("no events for TensorBoard: %v", err)
	}
	text := must(t, "linear", "--ckpt", filepath.Join(dir, rundir.CurrentFile), "--data_folder", data, "--cached", "--solver", "lbfgs",
		"--model_path", "probes", "--tb_path", "tb")
	probes, err := filepath.Glob("probes/*_linear_*")
	if err != nil || len(probes) != 1 || len(filepath.Base(probes[0])) > config.MaxRunName {
		t.Errorf("linear made %q, %v\n%s", probes, err, text)
	}
	if code, text := command(t, line...); code != exitFailed || !strings.Contains(text, "already holds a run") {
		t.Errorf("the same command again: exit code %d\n%s", code, text)
	}
	if err := os.Rename(dir, "save/mine"); err != nil {
		t.Fatal(err)
	}
	more := append(slices.Clone(line), "--resume", "auto")
	if text := must(t, more...); !strings.Contains(text, "resuming save/mine/current.pth") {
		t.Errorf("a moved run is not found\n%s", text)
	}
	if dir, r := theRun(t); dir != "save/mine" || len(r.Resumes) != 1 {
		t.Errorf("%s has the sessions %+v", dir, r.Resumes)
	}
}

// Older versions used the long name for run directories, and run.json did not have it.
func TestOldRunNames(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	line := unnamed(data, "--epochs", "2", "--resume", "auto")
	must(t, line...)
	dir, r := theRun(t)
	if n := len(r.UpstreamName); n <= config.MaxRunName || n > 255 {
		t.Fatalf("upstream's name has %d bytes", n)
	}
	old := filepath.Join("save", r.UpstreamName)
	if err := os.Rename(dir, old); err != nil {
		t.Fatal(err)
	}
	r.UpstreamName = ""
	b, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(old, rundir.RecordFile), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text := must(t, append(line, "--dry_run")...); !strings.Contains(text, "run directory: "+old+"\n") {
		t.Errorf("--dry_run says\n%s", text)
	}
	if text := must(t, line...); !strings.Contains(text, "resuming "+old+"/current.pth") {
		t.Errorf("an old run is not found\n%s", text)
	}
	if dir, _ := theRun(t); dir != old {
		t.Errorf("the run is in %s, want %s", dir, old)
	}
	// Without --resume it is in the way as before.
	if code, text := command(t, line[:len(line)-2]...); code != exitFailed || !strings.Contains(text, old+" already holds a run") {
		t.Errorf("exit code %d\n%s", code, text)
	}
}
