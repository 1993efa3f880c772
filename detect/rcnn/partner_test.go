package rcnn

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/detect"
	"contralens/detect/box"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/optim"
	"contralens/statedict"
	"contralens/torch"
)

const python = "/usr/bin/python3"

// Six steps here and in plain PyTorch agree in float64: the same weights, and the anchors and
// regions that were sampled here. So what is compared are the network, RoIAlign, the losses, their
// gradients and the optimizer, without the choice of regions, which turns the last bit of a weight
// into other regions. Where torchvision is installed, its RoIAlign is compared as well, which
// computes positions in float64 instead of float32.
func TestPartner(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Skip("python3-torch is not on this machine")
	}
	dir := t.TempDir()
	tensortest.Run(t, func() { partnerSteps(t, dir) })
	out, err := exec.Command(python, "testdata/partner.py", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var report struct {
		Losses, Disturbed []float64 // largest relative difference of each step
		Weights           float64   // relative to the largest change of the tensor's elements
		Worst             string    // the tensor that is the farthest
		Torchvision       *float64
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	t.Logf("losses %.1e, weights %.1e (%s); disturbed by 1e-8: %.1e", report.Losses, report.Weights, report.Worst, report.Disturbed)
	// Rounding of 1e-16 grows as the disturbance of 1e-8 does; ten million times smaller leaves room.
	for i, d := range report.Losses {
		numeric.Near(t, fmt.Sprint("losses of step ", i), d, 0, 1e-12+1e-6*report.Disturbed[i])
	}
	numeric.Near(t, "weights: "+report.Worst, report.Weights, 0, 1e-6)
	if report.Torchvision == nil {
		t.Log("torchvision's RoIAlign was not compared: python3-torchvision is not on this machine")
		return
	}
	numeric.Near(t, "torchvision's RoIAlign", *report.Torchvision, 0, 2e-5)
}

// partnerSteps takes the steps and writes what the script reads.
func partnerSteps(t *testing.T, dir string) {
	t.Helper()
	names, _ := noMasks(t)
	o := goldenOptions(C4)
	o.Masks, o.Double = false, true
	m := filled(t, o, names)
	defer m.Free()
	b := loadCase(t, C4).batch(t, 1, 0, 1)
	sgd := optim.NewSGD(m.Trained().Parameters(), 0.9, 1e-4)
	defer sgd.Free()
	for _, e := range m.Trained() {
		d := 1e-4
		if detect.IsNorm(e.Name) {
			d = 0
		}
		sgd.Decays = append(sgd.Decays, d)
	}
	weights := func() (d checkpoint.Dict) {
		for _, e := range m.Trained() {
			d = append(d, checkpoint.Item{Key: e.Name, Value: statedict.Tensor(e.Tensor.Detach())})
		}
		return d
	}
	writeNPZ(t, filepath.Join(dir, "weights.npz"), weights())
	torch.Scoped(func() {
		writeNPZ(t, filepath.Join(dir, "images.npz"), checkpoint.Dict{{Key: "images", Value: statedict.Tensor(m.images(b))}})
	})
	schedule := optim.Iterations{Rate: 0.02, Total: 6, Milestones: []int{4}, DecayRate: 0.1, Warm: 2, WarmFactor: 0.001}
	for i := range 6 {
		torch.Scoped(func() {
			draw := Random(7, i)
			step := sampledStep(t, m, b, draw)
			l, err := m.Losses(b, draw)
			if err != nil {
				t.Fatal(err)
			}
			values := []*torch.Tensor{l.Class, l.Box, l.RPNClass, l.RPNBox}
			step = append(step, checkpoint.Item{Key: "losses", Value: statedict.Tensor(torch.Stack(values, 0).Detach())},
				checkpoint.Item{Key: "rate", Value: statedict.Tensor(torch.Full([]int{1}, schedule.At(i), torch.Options{Dtype: torch.Float64}))})
			writeNPZ(t, filepath.Join(dir, fmt.Sprintf("step%d.npz", i)), step)
			m.Backward(l.Total(), func(f func()) { f() })
			sgd.Step(schedule.At(i))
		})
	}
	writeNPZ(t, filepath.Join(dir, "after.npz"), weights())
}

// sampledStep returns the anchors and regions that a step with the present weights trains on.
func sampledStep(t *testing.T, m *Model, b *detect.Batch, draw Draw) checkpoint.Dict {
	t.Helper()
	var anchors []anchorTargets
	var regions []sampled
	per := 0
	torch.NoGrad(func() {
		p := m.rpn.forward(m.maps(m.images(b)))
		per = p.logits[0].Size(1)
		anchors = m.rpn.targets(p.anchors, b.Samples, draw)
		found, err := m.rpn.propose(p, b.Samples, true)
		if err != nil {
			t.Fatal(err)
		}
		regions = m.sample(found, b.Samples, draw)
	})
	var all, foreground, classes, rows []int64
	var labels, anchorDeltas, rois, deltas []float32
	for i, a := range anchors {
		for _, j := range slices.Concat(a.foreground, a.background) {
			all = append(all, int64(i*per+j))
		}
		for _, j := range a.foreground {
			foreground, labels = append(foreground, int64(i*per+j)), append(labels, 1)
		}
		labels = append(labels, make([]float32, len(a.background))...)
		anchorDeltas = append(anchorDeltas, a.deltas...)
	}
	for i, r := range regions {
		rois = append(append(rois, float32(r.image)), r.box[:]...)
		classes = append(classes, int64(r.class))
		if r.object >= 0 {
			rows = append(rows, int64(i*m.Options.Classes+int(r.class)))
			d := box.RoICoder.Encode(r.box, r.target)
			deltas = append(deltas, d[:]...)
		}
	}
	return checkpoint.Dict{
		{Key: "anchor_batch", Value: checkpoint.FromInt64([]int64{int64(m.Options.Proposals.Anchors)}, 1)},
		{Key: "anchors", Value: checkpoint.FromInt64(all, len(all))},
		{Key: "labels", Value: checkpoint.FromFloat32(labels, len(labels))},
		{Key: "foreground", Value: checkpoint.FromInt64(foreground, len(foreground))},
		{Key: "anchor_deltas", Value: checkpoint.FromFloat32(anchorDeltas, len(foreground), 4)},
		{Key: "rois", Value: checkpoint.FromFloat32(rois, len(regions), 5)},
		{Key: "classes", Value: checkpoint.FromInt64(classes, len(classes))},
		{Key: "rows", Value: checkpoint.FromInt64(rows, len(rows))},
		{Key: "deltas", Value: checkpoint.FromFloat32(deltas, len(rows), 4)},
	}
}

func writeNPZ(t *testing.T, path string, d checkpoint.Dict) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := npz.Write(f, d); err != nil {
		t.Fatal(err)
	}
}
