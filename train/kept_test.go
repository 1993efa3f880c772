package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"contralens/checkpoint"
	"contralens/tune"
)

// What a run that goes on computes in is what its record or its checkpoint says.
func TestKept(t *testing.T) {
	write := func(dir, machine string, config map[string]string) string {
		b, err := json.Marshal(Record{Config: config, Machine: machine})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, recordFile), b, 0o644)
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
	run := write(t.TempDir(), "", map[string]string{"precision": "bf16", "memory_format": "contiguous"})
	split := map[string]string{"precision": "bf16", "memory_format": "contiguous", "threads": "3", "num_workers": "2"}
	damaged := filepath.Join(t.TempDir(), "damaged.pth")
	if err := os.WriteFile(damaged, []byte("no checkpoint"), 0o644); err != nil {
		t.Fatal(err)
	}
	both := file(checkpoint.Dict{{Key: "precision", Value: "fp32"}, {Key: "memory_format", Value: "contiguous"}})
	shared := func(machine string) string {
		return file(nil, checkpoint.Item{Key: "threads", Value: 3}, checkpoint.Item{Key: "workers", Value: 2}, checkpoint.Item{Key: "machine", Value: machine})
	}
	for name, c := range map[string]struct {
		resume, dir string
		want        tune.Choice
	}{
		"a run that begins":               {"", run, tune.Choice{}},
		"a run's record":                  {"auto", run, tune.Choice{Precision: "bf16", Format: "contiguous"}},
		"a record without a format":       {"auto", write(t.TempDir(), "", map[string]string{"precision": "bf16"}), tune.Choice{Precision: "bf16", Format: "channels_last"}},
		"a record of this machine":        {"auto", write(t.TempDir(), machine(), split), tune.Choice{Precision: "bf16", Format: "contiguous", Threads: 3, Workers: 2}},
		"a record of another machine":     {"auto", write(t.TempDir(), "AMD K6, 1 cores", split), tune.Choice{Precision: "bf16", Format: "contiguous"}},
		"no record, but a checkpoint":     {"auto", filepath.Dir(both), tune.Choice{Precision: "fp32", Format: "contiguous"}},
		"no run":                          {"auto", t.TempDir(), tune.Choice{}},
		"another run's checkpoint":        {both, run, tune.Choice{Precision: "fp32", Format: "contiguous"}},
		"a checkpoint without a format":   {file(checkpoint.Dict{{Key: "precision", Value: "bf16"}}), run, tune.Choice{Precision: "bf16", Format: "channels_last"}},
		"a checkpoint without options":    {file(nil), run, tune.Choice{}},
		"a checkpoint of this machine":    {shared(machine()), run, tune.Choice{Threads: 3, Workers: 2}},
		"a checkpoint of another machine": {shared("AMD K6, 1 cores"), run, tune.Choice{}},
		"a damaged checkpoint":            {damaged, run, tune.Choice{}},
	} {
		if got, err := Kept(c.resume, c.dir); got != c.want || (err != nil) != (c.resume == damaged) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}
