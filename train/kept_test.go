package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"contralens/checkpoint"
)

// What a run that goes on computes in is what its record or its checkpoint says.
func TestKept(t *testing.T) {
	write := func(dir string, config map[string]string) string {
		b, err := json.Marshal(Record{Config: config})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, recordFile), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	file := func(options checkpoint.Dict) string {
		path := filepath.Join(t.TempDir(), "current.pth")
		if err := checkpoint.Write(path, checkpoint.Dict{{Key: "contralens", Value: checkpoint.Dict{{Key: "config", Value: options}}}}); err != nil {
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
	for name, c := range map[string]struct{ resume, dir, precision, format string }{
		"a run that begins":             {"", run, "", ""},
		"a run's record":                {"auto", run, "bf16", "contiguous"},
		"a record without a format":     {"auto", write(t.TempDir(), map[string]string{"precision": "bf16"}), "bf16", "channels_last"},
		"no record, but a checkpoint":   {"auto", filepath.Dir(both), "fp32", "contiguous"},
		"no run":                        {"auto", t.TempDir(), "", ""},
		"another run's checkpoint":      {both, run, "fp32", "contiguous"},
		"a checkpoint without a format": {file(checkpoint.Dict{{Key: "precision", Value: "bf16"}}), run, "bf16", "channels_last"},
		"a checkpoint without options":  {file(nil), run, "", ""},
		"a damaged checkpoint":          {damaged, run, "", ""},
	} {
		if precision, format := Kept(c.resume, c.dir); precision != c.precision || format != c.format {
			t.Errorf("%s: %q and %q, want %q and %q", name, precision, format, c.precision, c.format)
		}
	}
}
