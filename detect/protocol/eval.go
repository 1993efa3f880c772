package protocol

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/detect"
	"contralens/detect/score"
	"contralens/detect/sets"
	"contralens/detect/weights"
	"contralens/eval"
	"contralens/rundir"
	"contralens/setup"
)

// Eval tests a detector, or judges detections in a file. It returns the result, and adds it to
// the run directory of the checkpoint, if it is in one.
func Eval(ctx context.Context, c config.DetectEval, o Options) (result rundir.Result, err error) {
	defer o.complete()()
	e := &evaluation{Options: o, c: &c}
	err = setup.Compute(c.Threads, func() error { return e.run(ctx) })
	if err != nil {
		err = setup.Explain(err, setup.Load{Machine: c.Machine, Arch: "its network", Batch: c.BatchSize})
	}
	return e.result, err
}

// evaluation is one call of Eval.
type evaluation struct {
	Options
	c      *config.DetectEval
	model  *detector     // nil for detections in a file
	file   *weights.File // likewise
	set    *detect.Set
	result rundir.Result
}

func (e *evaluation) run(ctx context.Context) error {
	for _, note := range e.Notes {
		e.note("%s", note)
	}
	if e.c.Found != "" {
		return e.judgeFile(ctx)
	}
	c := e.c
	var err error
	if e.model, e.file, err = openDetector(c.Ckpt, c.Machine); err != nil {
		return err
	}
	defer e.model.Free()
	setup.Host(&c.Machine, e.model.Device())
	if err := adopt(c, e.file.Config, e.Set, "data_folder", "layout", "test_split", "test_limit", "test_short", "max_side",
		"gray16", "voc_metric"); err != nil {
		return err
	}
	if e.set, err = e.open(ctx, e.model.Options.Masks); err != nil {
		return err
	}
	if e.model.Options.Masks {
		if err := checkTestMasks(e.set); err != nil {
			return err
		}
	}
	found, err := e.model.find(ctx, finding{
		set: e.set, short: c.TestShort, maxSide: c.MaxSide, batch: c.BatchSize, workers: c.Workers, maxBad: c.MaxBad,
		gray16: c.Gray16, note: e.Note, show: e.Progress.Show,
	})
	if err != nil {
		return err
	}
	j, err := judge(ctx, e.set, found, c.VOCMetric, e.model.Options.Masks)
	if err != nil {
		return err
	}
	if err := e.finish(j); err != nil {
		return err
	}
	return e.write(ctx, found, j)
}

// open opens the images. Their classes are those of the detector.
func (e *evaluation) open(ctx context.Context, masks bool) (*detect.Set, error) {
	c := e.c
	var classes []string
	if e.file != nil && (e.file.Classes != nil || c.Classes != "") {
		var err error
		if classes, err = classNames(c.Classes, e.file); err != nil {
			return nil, err
		}
	} else {
		classes = names(c.Classes)
	}
	set, err := open(ctx, c.DetectData, c.TestSplit, true, masks, classes, e.Options)
	if err != nil {
		return nil, err
	}
	if e.file != nil && len(set.Classes) != e.file.Options.Classes {
		return nil, fmt.Errorf("--data_folder %s: want the %d classes of %s, got %d; name them in order with --classes",
			c.DataFolder, e.file.Options.Classes, c.Ckpt, len(set.Classes))
	}
	e.noteMetric(c.VOCMetric, set)
	return sets.Limit(set, c.DetectLimit, 0), nil
}

// judgeFile judges detections in a file by COCO's rules, or by VOC's for images in its layout.
func (e *evaluation) judgeFile(ctx context.Context) (err error) {
	c := e.c
	if e.set, err = e.open(ctx, true); err != nil {
		return err
	}
	f, err := os.Open(c.Found)
	if err != nil {
		return fmt.Errorf("--results %s: want a file in COCO's result format, but %w", c.Found, err)
	}
	defer f.Close()
	entries, err := score.ReadResults(f, e.set)
	if err != nil {
		return fmt.Errorf("--results %s: %w", c.Found, err)
	}
	found := detections(e.set, entries)
	masks := slices.ContainsFunc(entries, func(x score.Entry) bool { return x.Mask != nil })
	var j *judgment
	if e.set.Format == detect.VOC {
		j, err = judge(ctx, e.set, found, c.VOCMetric, false)
	} else {
		j, err = judgeEntries(ctx, e.set, entries, masks)
	}
	if err != nil {
		return err
	}
	if err := e.finish(j); err != nil {
		return err
	}
	return e.write(ctx, found, j)
}

// detections returns the entries of each image, as a detector gives them: the best first.
func detections(set *detect.Set, entries []score.Entry) [][]detect.Detection {
	at := make(map[string]int, len(set.Images))
	for i, m := range set.Images {
		at[m.ID] = i
	}
	all := make([][]detect.Detection, len(set.Images))
	for _, x := range entries {
		b := x.Box
		all[at[x.Image]] = append(all[at[x.Image]], detect.Detection{
			Box:   [4]float32{float32(b[0]), float32(b[1]), float32(b[0] + b[2]), float32(b[1] + b[3])},
			Class: int32(x.Class), Score: float32(x.Score), Mask: x.Mask,
		})
	}
	for _, found := range all {
		slices.SortStableFunc(found, func(a, b detect.Detection) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return 0
		})
	}
	return all
}

// finish reports the result, and writes it to the run directory of the checkpoint.
func (e *evaluation) finish(j *judgment) (err error) {
	c := e.c
	metrics := j.metrics()
	metrics["test_images"] = len(e.set.Images)
	e.result = rundir.NewResult(j.protocol, e.set.Name, metrics, 0)
	for _, line := range j.lines() {
		e.Progress.Print("%s", line)
	}
	if e.file == nil {
		return nil
	}
	metrics["iteration"] = float64(e.file.Iteration)
	e.result.Checkpoint = c.Ckpt
	if e.result.CheckpointSHA256, err = checkpoint.SHA256(c.Ckpt); err != nil {
		return err
	}
	e.result.Group = eval.Group(j.protocol, e.set.Name, fmt.Sprint(e.file.Iteration), config.Values(c), e.file.Config)
	if dir := filepath.Dir(c.Ckpt); rundir.IsRun(dir) {
		return e.result.Append(dir)
	}
	return nil
}
