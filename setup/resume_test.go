package setup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"contralens/checkpoint"
	"contralens/internal/machine"
	"contralens/rundir"
)

// A resumed run computes as its record or its checkpoint says.
func TestResumeSettings(t *testing.T) {
	write := func(dir string, config map[string]string) string {
		b, err := json.Marshal(rundir.Record{Config: config})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, rundir.RecordFile), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	file := func(options checkpoint.Dict, more ...checkpoint.Item) string {
		path := filepath.Join(t.TempDir(), "current.pth")
		if err := checkpoint.Write(path, checkpoint.Dict{{Key: "contralens", Value: append(checkpoint.Dict{{Key: "config", Value: options}}, more...)}}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := write(t.TempDir(), map[string]string{"precision": "bf16", "memory_format": "contiguous"})
	damaged := filepath.Join(t.TempDir(), "damaged.pth")
	if err := os.WriteFile(damaged, []byte("no checkpoint"), 0o644); err != nil {
		t.Fatal(err)
	}
	both := file(checkpoint.Dict{{Key: "precision", Value: "fp32"}, {Key: "memory_format", Value: "contiguous"}})
	shared := func(machine string) string {
		return file(nil, checkpoint.Item{Key: "threads", Value: 3}, checkpoint.Item{Key: "workers", Value: 2}, checkpoint.Item{Key: "machine", Value: machine})
	}
	// All processors computed and loaded before the split was an option.
	asBefore := func(precision, format string) ComputeSettings {
		return ComputeSettings{Precision: precision, Format: format, Threads: machine.Processors(), Workers: machine.Processors()}
	}
	for name, c := range map[string]struct {
		resume, dir string
		want        ComputeSettings
	}{
		"a run that begins":               {"", run, ComputeSettings{}},
		"a run's record":                  {"auto", run, ComputeSettings{Precision: "bf16", Format: "contiguous"}},
		"a record without a format":       {"auto", write(t.TempDir(), map[string]string{"precision": "bf16"}), ComputeSettings{Precision: "bf16", Format: "channels_last"}},
		"a checkpoint beside a record":    {"auto", write(filepath.Dir(both), map[string]string{"precision": "bf16"}), asBefore("fp32", "contiguous")},
		"no run":                          {"auto", t.TempDir(), ComputeSettings{}},
		"another run's checkpoint":        {both, run, asBefore("fp32", "contiguous")},
		"a checkpoint without a format":   {file(checkpoint.Dict{{Key: "precision", Value: "bf16"}}), run, asBefore("bf16", "channels_last")},
		"a checkpoint without options":    {file(nil), run, asBefore("", "")},
		"a checkpoint of this machine":    {shared(machine.Kind()), run, ComputeSettings{Threads: 3, Workers: 2}},
		"a checkpoint of another machine": {shared("AMD K6, 1 cores"), run, ComputeSettings{}},
		"a damaged checkpoint":            {damaged, run, ComputeSettings{}},
	} {
		if got, err := ResumeSettings(c.resume, c.dir); got != c.want || (err != nil) != (c.resume == damaged) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}
