package weights

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/detect/rcnn"
	detectors "contralens/detect/train"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/nn"
	"contralens/optim"
	"contralens/statedict"
	"contralens/torch"
)

const python = "/usr/bin/python3"

// script runs testdata/detectron2.py.
func script(t *testing.T, mode, dir string) []byte {
	t.Helper()
	command := exec.Command(python, "testdata/detectron2.py", mode, dir)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, out)
	}
	return out
}

// Files shaped as Detectron2 writes them, with the names that it recorded, are loaded with all
// values: what its trainer leaves, what older versions left, and what its model zoo has. Our
// files, read by its rules, have its names and shapes and no others.
func TestDetectron2Files(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Skip("python3-torch is not on this machine")
	}
	for _, name := range []string{rcnn.C4, rcnn.FPN} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var meta struct {
				State json.RawMessage `json:"state_dict"`
			}
			golden.JSON(t, &meta, "detection", "model", name, "meta.json")
			if err := os.WriteFile(filepath.Join(dir, "names.json"), meta.State, 0o644); err != nil {
				t.Fatal(err)
			}
			script(t, "write", dir)
			b, err := os.ReadFile(filepath.Join(dir, "values.npz"))
			if err != nil {
				t.Fatal(err)
			}
			values, err := npz.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			tensortest.Run(t, func() {
				for _, file := range []string{"old.pth", "zoo.pkl", "model_final.pth"} {
					m := openAll(t, filepath.Join(dir, file), values, file == "old.pth")
					if file == "model_final.pth" {
						saveOurs(t, filepath.Join(dir, "ours.pth"), m)
					}
					m.Free()
				}
			})
			readTheirs(t, dir, values)
		})
	}
}

// openAll opens a file and compares all values. Without counters, those keep their value.
func openAll(t *testing.T, path string, values checkpoint.Dict, noCounters bool) *rcnn.Model {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[bool]int{true: 24000, false: 0}[strings.HasSuffix(path, ".pth")]; f.Iteration != want || f.Config != nil {
		t.Errorf("%s: iteration %d, options %v", path, f.Iteration, f.Config)
	}
	m, err := rcnn.New(f.Options, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Load(m.State); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(m.State) != len(values) {
		t.Errorf("%s: %d tensors, want %d", path, len(m.State), len(values))
	}
	for _, e := range m.State {
		if noCounters && strings.HasSuffix(e.Name, counters) {
			continue
		}
		if want := values.Tensor(e.Name); want == nil || !slices.Equal(statedict.Torch(want).Bytes(), e.Tensor.Bytes()) {
			t.Errorf("%s: %s differs", path, e.Name)
		}
	}
	return m
}

// stated is a model for a Run that only saves.
type stated struct {
	detectors.Model
	model *rcnn.Model
}

func (s stated) State() nn.State      { return s.model.State }
func (s stated) Trained() nn.State    { return s.model.Trained() }
func (s stated) Device() torch.Device { return torch.CPU }

// saveOurs writes the checkpoint of a training.
func saveOurs(t *testing.T, path string, m *rcnn.Model) {
	t.Helper()
	r := &detectors.Run{
		Model: stated{model: m}, Optimizer: detectors.NewOptimizer(stated{model: m}, 0.9, 1e-4), Iteration: 500,
		Schedule: optim.Iterations{Rate: 0.02, Total: 1000}, Record: detectors.Record{Classes: []string{"a", "b", "c"}},
	}
	defer r.Optimizer.Free()
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
}

// readTheirs reads our file by Detectron2's rules.
func readTheirs(t *testing.T, dir string, values checkpoint.Dict) {
	t.Helper()
	var seen struct {
		Missing, Unexpected, Wrong []string
		Float32                    bool
		Start                      int
		Optimizer                  string
		Sum                        float64
	}
	if err := json.Unmarshal(script(t, "read", dir), &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen.Missing)+len(seen.Unexpected)+len(seen.Wrong) > 0 || !seen.Float32 || seen.Start != 500 || seen.Optimizer != "" {
		t.Errorf("read by Detectron2's rules: %+v", seen)
	}
	sum := 0.0
	torch.Scoped(func() {
		for _, i := range values {
			sum += statedict.Torch(i.Value.(*checkpoint.Tensor)).To(torch.Float64).Sum().Item()
		}
	})
	numeric.Near(t, "sum of all values", seen.Sum, sum, 1e-6)
}
