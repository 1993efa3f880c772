package gpu

import (
	"context"
	"path/filepath"
	"testing"

	"contralens/config"
	"contralens/detect/detecttest"
	"contralens/detect/protocol"
	"contralens/detect/rcnn"
	detectors "contralens/detect/train"
	"contralens/internal/fakegpu"
)

// The detectors of a training whose steps are counted, and their budgets: of a step, from image files to
// metrics, and of an image that is predicted. docs/gpu.md has the same numbers.
var detectSteps = []struct {
	detector, precision string
	step, image         budget
}{
	{rcnn.C4, "fp32", budget{645, 2, 0, 0, 5700}, budget{134, 2, 0, 0, 2900}},
	{rcnn.FPN, "fp32", budget{580, 2, 0, 0, 16700}, budget{136, 2, 0, 0, 8600}},
	{rcnn.FPN, "bf16", budget{665, 2, 0, 0, 16700}, budget{136, 2, 0, 0, 8600}},
}

// Steps of a training of a detector stay within their budget, and so do images that it predicts. The
// pictures are all of one size: others need other blocks of memory.
func TestDetectBudget(t *testing.T) {
	onFake(t)
	for _, s := range detectSteps {
		t.Run(s.detector+"-"+s.precision, func(t *testing.T) {
			const first, last = 6, 11
			c, data := detecting(t, last+1)
			c.Detector, c.Precision = s.detector, s.precision
			if s.detector == rcnn.C4 {
				c.Arch = "resnet50"
			}
			if _, err := c.Resolve(nil); err != nil {
				t.Fatal(err)
			}
			var before fakegpu.Counts
			var most budget
			hook := detectors.Hook{Step: func(_ *detectors.Run, step detectors.Step) error {
				now := fakegpu.Read()
				if n := step.Iteration; n >= first && n <= last {
					most = most.larger(used(now.Sub(before)))
				}
				before = now
				return nil
			}}
			o := protocol.Options{Hooks: []detectors.Hook{hook}}
			if _, err := protocol.Train(context.Background(), c, o); err != nil {
				t.Fatal(err)
			}
			t.Logf("step %+v", most)
			if most.kernels == 0 {
				t.Fatal("a step launched no kernel")
			}
			s.step.within(t, most)

			p := config.DefaultDetectPredict()
			p.Ckpt, p.Device, p.Threads = filepath.Join(c.ModelPath, c.Name, "current.pth"), c.Device, 1
			p.Out = t.TempDir()
			most, before = budget{}, nil
			photos := filepath.Join(data, "JPEGImages")
			images := 0
			err := protocol.Predict(context.Background(), p, []string{photos}, protocol.Options{}, func(protocol.Found) error {
				now := fakegpu.Read()
				if images++; images > 2 { // the first ones allocate
					most = most.larger(used(now.Sub(before)))
				}
				before = now
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("image %+v", most)
			if most.kernels == 0 {
				t.Fatal("an image launched no kernel")
			}
			s.image.within(t, most)
		})
	}
}

// detecting is a training of a narrow detector on the GPU, of n iterations on pictures of one size in a
// folder.
func detecting(t *testing.T, n int) (c config.DetectTrain, data string) {
	t.Helper()
	data = t.TempDir()
	var scenes []detecttest.Scene
	for i, s := range detecttest.Scenes(9, 72, 56, 5) {
		if i%3 != 2 { // those are upright
			scenes = append(scenes, s)
		}
	}
	detecttest.Write(data, detecttest.VOC(scenes))
	c = config.DefaultDetectTrain()
	c.DataFolder, c.Name, c.Arch, c.Width, c.Device = data, "detector", "resnet18", 0.125, "cuda:0"
	c.Sizes, c.Short, c.TestShort, c.MaxSide = []int{8, 16, 24, 32, 48}, []int{56}, 56, 128
	c.RoIs, c.Anchors, c.TopTrain, c.TopTest = 32, 64, []int{100, 50}, []int{100, 50}
	c.BatchSize, c.ScheduleBatch, c.LearningRate, c.Iterations, c.Warmup, c.Steps = 2, 0, 0.02, n, 5, []int{n - 1}
	c.PreciseBN, c.SaveEvery, c.Threads, c.Workers, c.PrintFreq, c.TestSplit = 0, n, 1, 1, 1, "trainval"
	runs := t.TempDir()
	c.ModelPath, c.TBPath = filepath.Join(runs, "runs"), filepath.Join(runs, "tb")
	return c, data
}
