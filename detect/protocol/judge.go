package protocol

import (
	"context"
	"fmt"
	"math"
	"strings"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/detect"
	"contralens/detect/score"
	detectors "contralens/detect/train"
	"contralens/eval"
	"contralens/rundir"
)

// judgment is the result of a test.
type judgment struct {
	protocol     string
	rule         string // what the lines say about it
	boxes, masks *score.Result
}

// judge judges what was found. metric is that of --voc_metric.
func judge(
	ctx context.Context, set *detect.Set, found [][]detect.Detection, metric string, masks bool,
) (*judgment, error) {
	if set.Format == detect.VOC {
		eleven := metric == "07" || metric == "auto" && set.ElevenPoint
		j := &judgment{protocol: rundir.DetectVOC, rule: "VOC, area under the curve"}
		if eleven {
			j.rule = "VOC, 11 points"
		}
		var err error
		j.boxes, err = score.VOC(set, found, eleven)
		return j, err
	}
	return judgeEntries(ctx, set, score.Entries(set, found), masks)
}

// judgeEntries judges entries by COCO's rules.
func judgeEntries(ctx context.Context, set *detect.Set, entries []score.Entry, masks bool) (j *judgment, err error) {
	j = &judgment{protocol: rundir.DetectCOCO, rule: "COCO"}
	if j.boxes, err = score.Judge(ctx, set, entries, score.Boxes); err == nil && masks {
		j.masks, err = score.Judge(ctx, set, entries, score.Masks)
	}
	return j, err
}

// metrics returns the numbers that there are, in percent.
func (j *judgment) metrics() map[string]any {
	all := map[string]any{}
	add := func(r *score.Result, prefix string) {
		if r == nil {
			return
		}
		for _, m := range r.Metrics {
			if !math.IsNaN(m.Value) {
				all[prefix+m.Name] = m.Value
			}
		}
		perClass := map[string]map[string]float64{}
		for _, c := range r.Classes {
			if c.Objects > 0 {
				perClass[c.Name] = map[string]float64{"AP": c.AP, "AP50": c.AP50, "AP75": c.AP75}
			}
		}
		all[prefix+"per_class"] = perClass
	}
	add(j.boxes, "")
	add(j.masks, "mask_")
	return all
}

// lines describes the result: the metrics, and a table of the classes.
func (j *judgment) lines() (lines []string) {
	add := func(r *score.Result, what string) {
		if r == nil {
			return
		}
		var parts []string
		for _, m := range r.Metrics {
			parts = append(parts, fmt.Sprintf("%s %s", m.Name, percent(m.Value)))
		}
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", what, strings.Join(parts, "  "), j.rule))
		if r.Rounded > 0 {
			lines = append(lines, fmt.Sprintf("note: %d annotated boxes have fractions of pixels, which VOC's rule rounds",
				r.Rounded))
		}
		lines = append(lines, table(r.Classes)...)
	}
	add(j.boxes, "boxes")
	add(j.masks, "masks")
	return lines
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.1f", v)
}

// table has a line for each class, with columns that stand below each other.
func table(classes []score.Class) []string {
	width := len("class")
	for _, c := range classes {
		width = max(width, len([]rune(c.Name)))
	}
	lines := []string{fmt.Sprintf("  %-*s %8s %6s %6s %6s", width, "class", "objects", "AP", "AP50", "AP75")}
	for _, c := range classes {
		lines = append(lines, fmt.Sprintf("  %-*s %8d %6s %6s %6s", width, c.Name, c.Objects, percent(c.AP), percent(c.AP50),
			percent(c.AP75)))
	}
	return lines
}

// judge tests the detector in training, and writes the result.
func (t *training) judge(ctx context.Context, r *detectors.Run) (s detectors.Score, err error) {
	c := t.c
	found, err := t.model.find(ctx, finding{
		set: t.test, short: c.TestShort, maxSide: c.MaxSide, workers: c.Workers, maxBad: c.MaxBad, gray16: c.Gray16,
		note: t.Note, show: t.Progress.Show,
	})
	if err != nil {
		return s, err
	}
	j, err := judge(ctx, t.test, found, c.VOCMetric, c.Masks)
	if err != nil {
		return s, err
	}
	metrics := j.metrics()
	metrics["iteration"] = float64(r.Iteration)
	metrics["train_images"], metrics["test_images"] = len(t.train.Images), len(t.test.Images)
	metrics["label_fraction"] = c.LabelFraction
	t.result = rundir.NewResult(j.protocol, t.test.Name, metrics, c.Seed)
	t.result.Checkpoint = r.Saved()
	if t.result.CheckpointSHA256, err = checkpoint.SHA256(r.Saved()); err != nil {
		return s, err
	}
	epoch := 0
	if t.encoder != nil {
		epoch = t.encoder.record.Epoch
	}
	t.result.Epoch = epoch
	t.result.Group = eval.Group(j.protocol, t.test.Name, fmt.Sprint(r.Iteration), config.Values(c))
	if err := t.result.Append(t.place.Dir); err != nil {
		return s, err
	}
	return detectors.Score{Metrics: metrics, Lines: j.lines()}, writeFound(t.place.Dir, t.test, found)
}
