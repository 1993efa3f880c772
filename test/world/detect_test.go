package world

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/detect/detecttest"
	"contralens/rundir"
)

// detector are the options of a small detector in a run directory below dir.
func detector(t *testing.T, folder, dir, name string, change ...func(*config.DetectTrain)) config.DetectTrain {
	t.Helper()
	c := config.DefaultDetectTrain()
	c.DataFolder, c.Name, c.ModelPath, c.TBPath = folder, name, filepath.Join(dir, "save"), filepath.Join(dir, "tb")
	c.Detector, c.Arch, c.Width, c.Sizes = "fpn", "resnet18", 0.125, []int{8, 16, 24, 32, 48}
	c.Short, c.TestShort, c.MaxSide, c.TestSplit = []int{48, 64}, 64, 128, "trainval"
	c.RoIs, c.Anchors, c.TopTrain, c.TopTest = 16, 32, []int{100, 50}, []int{40, 20}
	c.BatchSize, c.ScheduleBatch, c.LearningRate, c.Iterations, c.Warmup, c.Steps = 4, 0, 0.01, 3, 0, nil
	c.PreciseBN, c.SaveEvery, c.PrintFreq = 2, 100, 1
	c.Workers, c.Threads, c.Precision, c.MemoryFormat, c.Device = 1, 1, "fp32", "contiguous", "cpu"
	for _, f := range change {
		f(&c)
	}
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// lossesOf returns the losses of each iteration of a run.
func lossesOf(t *testing.T, c config.DetectTrain) (losses []float64) {
	t.Helper()
	for _, m := range rundir.LastMetrics(os.DirFS(filepath.Join(c.ModelPath, c.Name)).(fs.StatFS)) {
		if m.Loss != nil {
			losses = append(losses, *m.Loss)
		}
	}
	return losses
}

// Two processes with --sync_bn train the detector that one process trains: each has its own images,
// padded as in the whole batch, its own choice of anchors and regions, and norms, gradients and
// precise BN of all. Each image trains with as many regions, so that means of the processes' losses
// are those of the batch. The loss of masks is a mean over the regions with an object: four regions an
// image have one. In float64, since near ties of scores choose the regions.
func TestDetect(t *testing.T) {
	boxes, masks, dir := t.TempDir(), t.TempDir(), t.TempDir()
	detecttest.Write(boxes, detecttest.VOC(detecttest.Scenes(12, 72, 56, 5)))
	detecttest.Write(masks, detecttest.COCO(detecttest.Scenes(12, 72, 56, 5)))
	for _, kind := range []string{"fpn", "c4", "fpn-masks", "c4-masks"} {
		t.Run(kind, func(t *testing.T) {
			architecture, _, masked := strings.Cut(kind, "-")
			folder := boxes
			if masked {
				folder = masks
			}
			var all []map[string][]float32
			var losses [][]float64
			for _, size := range []int{1, 2} {
				c := detector(t, folder, dir, fmt.Sprint(kind, size), func(c *config.DetectTrain) {
					if c.SyncBN = true; architecture == "c4" {
						c.Detector, c.Arch, c.RoIs = "c4", "resnet50", 8
					}
					if masked {
						c.Masks, c.RoIs, c.TestSplit = true, 4, "test"
					}
				})
				ranks := evaluate(t, size, evaluation{Detect: &c, Double: true})
				for rank, o := range ranks[1:] {
					if len(o.Lines) > 0 || o.Results[0].Protocol != "" {
						t.Errorf("rank %d says %q and has the result %v", rank+1, o.Lines, o.Results[0])
					}
				}
				if said := strings.Join(ranks[0].Lines, "\n"); size == 2 && !strings.Contains(said, "2 processes: they normalize a batch together") {
					t.Errorf("notes: %s", said)
				}
				if _, ok := ranks[0].Results[0].Metrics["AP50"].(float64); !ok {
					t.Errorf("%d processes: the result %v has no AP50", size, ranks[0].Results[0].Metrics)
				}
				if _, ok := ranks[0].Results[0].Metrics["mask_AP50"].(float64); ok != masked {
					t.Errorf("%d processes: the result %v", size, ranks[0].Results[0].Metrics)
				}
				all, losses = append(all, tensorsOf(t, dir, c.Name)), append(losses, lossesOf(t, c))
			}
			near(t, kind, all[1], all[0], 1e-6)
			if n := len(losses[0]); n == 0 || n != len(losses[1]) {
				t.Fatalf("losses %v", losses)
			}
			for i, want := range losses[0] {
				if got := losses[1][i]; math.Abs(got-want) > 1e-6*want {
					t.Errorf("iteration %d: loss %v, want %v", i+1, got, want)
				}
			}
		})
	}
}

// Two processes of which the last is asked to stop
// end at the same iteration, and resume to what they had become without.
func TestDetectResumes(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	detecttest.Write(folder, detecttest.VOC(detecttest.Scenes(12, 72, 56, 5)))
	whole := detector(t, folder, dir, "whole")
	ranks := evaluate(t, 2, evaluation{Detect: &whole})
	want := tensorsOf(t, dir, "whole")
	if said := strings.Join(ranks[0].Lines, "\n"); !strings.Contains(said, "each normalizes its own images") {
		t.Errorf("notes: %s", said)
	}
	c := detector(t, folder, dir, "parts", func(c *config.DetectTrain) { c.Iterations = 3 })
	for rank, o := range evaluate(t, 2, evaluation{Detect: &c, Stop: true}) {
		if !o.Stopped {
			t.Errorf("rank %d did not stop", rank)
		}
	}
	if n := len(lossesOf(t, c)); n != 1 {
		t.Errorf("stopped after %d iterations, want 1", n)
	}
	c.Resume = "auto"
	evaluate(t, 2, evaluation{Detect: &c})
	got := tensorsOf(t, dir, "parts")
	if len(got) != len(want) {
		t.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for name, w := range want {
		if !slices.Equal(got[name], w) {
			t.Errorf("%s differs from that of a training that was not stopped", name)
		}
	}
	if a, b := lossesOf(t, whole), lossesOf(t, c); !slices.Equal(a, b) {
		t.Errorf("losses %v, want %v", b, a)
	}
	c = detector(t, folder, dir, "odd", func(c *config.DetectTrain) { c.BatchSize = 3 })
	if text := refused(t, 2, evaluation{Detect: &c}); !strings.Contains(text, "multiple of the 2 processes") {
		t.Error(text)
	}
}
