package classify

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"contralens/features"
	"contralens/internal/golden"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
)

// probeOf returns the trainer of a probe on random features.
func probeOf(classes, dim int) *Trainer {
	x := torch.Zeros([]int{10, dim}).Normal_(0, 1, torch.NewGenerator(1, torch.CPU))
	h := NewLinear(classes, dim, 0, torch.CPU)
	return &Trainer{Source: &Cached{Features: x, Labels: make([]int64, 10), Batch: 5}, Features: Identity, Heads: []*Linear{h},
		Optimizer: optim.NewSGD(h.Parameters(), 0.9, 0), Schedule: optim.Schedule{Rate: 30, Epochs: 5}, Epochs: 5}
}

// A linear checkpoint written by PyTorch is read exactly. It resumes at the epoch after
// its last, with a warning about what it lacks.
func TestPyTorchsLinearCheckpoint(t *testing.T) {
	path := golden.Path(t, "checkpoint", "linear_zip.pth")
	inside(t, func() {
		tr := probeOf(3, 8)
		_, warning, err := tr.Load(path, nil)
		if err != nil || !strings.Contains(warning, "no record of ours") || tr.Epoch != 4 || tr.StepInEpoch != 0 {
			t.Fatalf("%v, %q, epoch %d, step %d", err, warning, tr.Epoch, tr.StepInEpoch)
		}
		for _, c := range []struct {
			what   string
			values []float32
			first  float32
			last   float32
		}{
			{"weight", tr.Heads[0].Weight.Float32s(), -3.652289628982544, -0.21760433912277222},
			{"bias", tr.Heads[0].Bias.Float32s(), 4.414115905761719, -8.0558500289917},
			{"momentum of the weight", tr.Optimizer.Buffers[0].Float32s(), 0.12204431742429733, 0.008780493400990963},
			{"momentum of the bias", tr.Optimizer.Buffers[1].Float32s(), -0.1532498598098755, 0.2706332802772522},
		} {
			if c.values[0] != c.first || c.values[len(c.values)-1] != c.last {
				t.Errorf("%s: %v … %v, want %v … %v", c.what, c.values[0], c.values[len(c.values)-1], c.first, c.last)
			}
		}
		if err := tr.Do(context.Background()); err != nil || tr.Step != 3*2+2*2 {
			t.Errorf("resuming: %v, step %d", err, tr.Step)
		}
		l, record, err := Read(path, torch.CPU)
		if err != nil || l.Classes() != 3 || record.Protocol != "" {
			t.Errorf("Read: %v, %+v", err, record)
		}
		// Another number of classes or features is an error.
		if _, _, err := probeOf(4, 8).Load(path, nil); err == nil || !strings.Contains(err.Error(), "--n_class") {
			t.Errorf("4 classes: %v", err)
		}
	})
}

// A training in fp16 resumes with the scale of its loss. One in another precision ignores it.
func TestLossScaleIsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pth")
	inside(t, func() {
		from, to := probeOf(3, 8), probeOf(3, 8)
		from.Optimizer.ScaleLoss(torch.CPU)
		from.Optimizer.Scale.SetState(1024, 17)
		if err := from.Save(path, Record{}, nil, 0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := to.Load(path, nil); err != nil || to.Optimizer.Scale != nil {
			t.Errorf("without a scale: %v, %v", err, to.Optimizer.Scale)
		}
		to.Optimizer.ScaleLoss(torch.CPU)
		if _, _, err := to.Load(path, nil); err != nil {
			t.Fatal(err)
		}
		if scale, steps := to.Optimizer.Scale.State(); scale != 1024 || steps != 17 {
			t.Errorf("loaded %v after %d steps, want 1024 after 17", scale, steps)
		}
	})
}

// A checkpoint from the middle of an epoch resumes there. On fewer images it resumes at
// the beginning of the epoch, with a warning.
func TestFewerImagesThanBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pth")
	inside(t, func() {
		tr := probeOf(3, 8)
		tr.Epoch, tr.StepInEpoch, tr.Step, tr.Totals.Images = 3, 1, 5, 5
		if err := tr.Save(path, Record{}, nil, 40); err != nil {
			t.Fatal(err)
		}
		same := probeOf(3, 8)
		if _, warning, err := same.Load(path, nil); err != nil || warning != "" || same.Epoch != 3 || same.StepInEpoch != 1 || same.Totals.Images != 5 {
			t.Errorf("on the same images: %v, %q, epoch %d, step %d, %+v", err, warning, same.Epoch, same.StepInEpoch, same.Totals)
		}
		fewer := probeOf(3, 8)
		fewer.Source.(*Cached).Labels = make([]int64, 4)
		best, warning, err := fewer.Load(path, nil)
		if err != nil || best != 40 || !strings.Contains(warning, "epoch 3 starts at its beginning") || fewer.StepInEpoch != 0 || fewer.Totals.Images != 0 {
			t.Errorf("on fewer images: %v, %q, best %v, step %d, %+v", err, warning, best, fewer.StepInEpoch, fewer.Totals)
		}
		if err := fewer.Do(context.Background()); err != nil || fewer.Step != 5+3 {
			t.Errorf("resuming: %v, step %d", err, fewer.Step)
		}
	})
}

// The luminance and chrominance encoders are evaluated on the features of both, in
// YDbDr.
func TestTwoEncoders(t *testing.T) {
	inside(t, func() {
		m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.125, Stem: "cifar", FeatDim: 4, Modal: "CMC"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		f, labels, err := features.Compute(m, colors{[]int{20, 20, 20}}, features.Options{Size: 8})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Free()
		if d := f.Size(1); d != m.FeatureDim() || m.Branches() != 2 {
			t.Errorf("%d features of %d encoders", d, m.Branches())
		}
		l, err := Logistic(f, labels, 3, 1e-4, 100)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Free()
		s, err := Test(m, []*Linear{l}, colors{[]int{10, 10, 10}}, nil, features.Options{Size: 8})
		if err != nil || s[0].Top1 < 75 {
			t.Errorf("%v, top-1 %v", err, s)
		}
	})
}
