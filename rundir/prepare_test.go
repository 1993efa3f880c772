package rundir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func plan(dir string) Plan {
	return Plan{
		Dir: dir, Events: filepath.Join(dir, "..", "tb"), UpstreamName: "long", Command: []string{"contralens", "contrast"},
		Torch: "1.13.0", Machine: "AMD K6, 1 cores",
		Options: []Option{{Name: "seed", Value: "1"}, {Name: "rate", Aliases: []string{"learning_rate"}, Value: "0.1"}, {Name: "print_freq", Value: "10", Runtime: true}},
	}
}

func prepare(t *testing.T, p Plan) {
	t.Helper()
	release, err := Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func refused(t *testing.T, p Plan, want string) {
	t.Helper()
	if release, err := Prepare(p); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
		if err == nil {
			release()
		}
	}
}

// run.json records what was run, and by whom and when for every session, and why the one before failed.
func TestSessions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "save", "run")
	prepare(t, plan(dir))
	p := plan(dir)
	p.Resume, p.Options[2].Value, p.UpstreamName = true, "20", "other"
	p.Command = append(p.Command, "--resume", "auto")
	lost := "rank 1 (pid 4711 on node1) is gone since step 40: its connection broke"
	if err := os.WriteFile(filepath.Join(dir, LogFile), []byte("epoch 1\n"+FailedLine(errors.New(lost))+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	prepare(t, p)
	r, err := ReadRecord(dir)
	if err != nil || r.Config["seed"] != "1" || r.Config["print_freq"] != "10" || r.UpstreamName != "long" || r.Machine != "AMD K6, 1 cores" || r.Torch != "1.13.0" {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(r.Command) != 2 || len(r.Resumes) != 1 || len(r.Resumes[0].Command) != 4 || r.Resumes[0].After != lost || r.Start == "" || r.Commit == "" {
		t.Errorf("sessions %+v, %+v", r.Session, r.Resumes)
	}
}

// A directory with a run is not changed unless that is asked for.
func TestPrepareRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	prepare(t, plan(dir))
	prepare(t, plan(dir)) // nothing has been trained yet
	if err := os.WriteFile(filepath.Join(dir, EpochFile(3)), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, plan(dir), "already holds a run: resume it with --resume auto")

	other := plan(dir)
	other.Resume, other.Options[0].Value = true, "2"
	refused(t, other, "was made with --seed 1, not 2")
	renamed := plan(dir) // older records have an option under its former name
	renamed.Resume = true
	text, err := os.ReadFile(filepath.Join(dir, RecordFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, RecordFile), []byte(strings.Replace(string(text), `"rate": "0.1"`, `"learning_rate": "0.2"`, 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, renamed, "was made with --rate 0.2, not 0.1")

	release, err := Prepare(Plan{Dir: dir, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	overwrite := plan(dir)
	overwrite.Overwrite = true
	refused(t, overwrite, "another training run is using it (process ")
	if _, err := os.Stat(filepath.Join(dir, EpochFile(3))); err != nil {
		t.Errorf("a refused run removed a checkpoint: %v", err)
	}
	release()
	prepare(t, overwrite)
	if files := EpochFiles(dir); len(files) > 0 {
		t.Errorf("--overwrite leaves the checkpoints of epochs %v", files)
	}

	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, plan(foreign), "want an empty one")
	refused(t, plan(filepath.Join(foreign, "thesis.tex")), "thesis.tex is a file; see --model_path")
	events := plan(filepath.Join(foreign, "run"))
	events.Events = filepath.Join(foreign, "thesis.tex")
	refused(t, events, "--tb_path")
	if err := os.WriteFile(filepath.Join(foreign, RecordFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, plan(foreign), "want the record of a run")
}

// Remove removes runs alone, and none that another process writes to.
func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	p := Plan{Dir: dir, Events: filepath.Join(t.TempDir(), "tb")}
	release, err := Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir); err == nil || !strings.Contains(err.Error(), "another training run is using it") {
		t.Errorf("in use: %v", err)
	}
	release()
	if err := Remove(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("after Remove: %v", err)
	}
	if err := Remove(dir); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Remove(other); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(other, "thesis.txt")); err != nil {
		t.Errorf("a folder that is no run: %v", err)
	}
}
