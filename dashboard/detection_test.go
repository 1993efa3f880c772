package dashboard

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/rundir"
)

// newDetector makes the run directory of a detector with masks: lines each ten iterations of 200,
// and a test after each hundred.
func newDetector(t testing.TB, dir string, scale float64) {
	t.Helper()
	f := newRun(t, dir, map[string]string{
		"method": "", "nce_k": "0", "detector": "fpn", "masks": "true", "iterations": "200", "batch_size": "4", "data_folder": "photos/cells",
	})
	for step := 10; step <= 200; step += 10 {
		at := float64(step) / 200
		fall := func(from, to float64) float64 { return scale * (to + (from-to)*math.Exp(-4*at)) }
		f.append(t, rundir.MetricsFile, map[string]any{
			"step": step, "steps": 200, "epoch": 8 * at, "loss": fall(2.6, 0.8), "lr": 0.01, "img_s": 7, "wait_s": 0.1, "compute_s": 5,
			"loss_cls": fall(1.1, 0.25), "loss_box_reg": 0.4 * scale * at * math.Exp(-at), "loss_rpn_cls": fall(0.69, 0.1),
			"loss_rpn_loc": fall(0.15, 0.05), "loss_mask": fall(0.69, 0.3), "fg": 4 + 4*at, "cls_accuracy": 80 + 15*at, "fg_cls_accuracy": 90 * at, "false_negative": 90 - 80*at, "rpn_pos": 20 + 3*math.Sin(20*at),
		})
		if step%100 == 0 {
			f.append(t, rundir.MetricsFile, map[string]any{
				"step": step, "steps": 200, "epoch": 8 * at, "ap": 50 * at * scale, "ap50": 80 * at * scale, "ap75": 40 * at * scale, "mask_ap": 45 * at * scale,
			})
		}
	}
}

// The loss of a detector that has ended is not one "so far".
func TestLossOfDetector(t *testing.T) {
	dir := t.TempDir()
	newDetector(t, filepath.Join(dir, "run"), 1)
	write(t, filepath.Join(dir, "run", rundir.ResultsFile), `{"protocol": "detect", "metrics": {"ap": 50}}`+"\n")
	if r := summaryOf(t, dir, "run"); r.State != Finished || r.LossOf != "epoch 8" {
		t.Errorf("%s: the loss of %q", r.State, r.LossOf)
	}
}

// The accuracy of a detector is the AP of its last test, not one of detect eval.
func TestLastAP(t *testing.T) {
	dir := t.TempDir()
	newDetector(t, filepath.Join(dir, "run"), 1)
	write(t, filepath.Join(dir, "run", rundir.ResultsFile), `{"protocol": "detect-voc", "metrics": {"AP": 50.5, "train_images": 9}}
{"protocol": "detect-voc", "metrics": {"AP": 48.25, "train_images": 9}}
{"protocol": "detect-voc", "metrics": {"AP": 80.0, "test_images": 9}}
`)
	want := []Evaluation{{Protocol: "AP", Accuracy: Accuracy{Value: 48.25}}}
	if got := summaryOf(t, dir, "run").Evaluations; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The charts of detectors: precisions, each loss, and the foreground, whatever the width and the
// colors of the page. A precision is a result and is not smoothed.
func TestDetectionCharts(t *testing.T) {
	dir := t.TempDir()
	newDetector(t, filepath.Join(dir, "random"), 1)
	newDetector(t, filepath.Join(dir, "pretrained"), 0.8)
	server := serve(t, dir)
	wants := map[string]string{
		"ap": "average precision, %", "ap50": "average precision, %", "ap75": "average precision, %", "mask_ap": "average precision, %",
		"loss_total": "sum of the losses", "loss_cls": "cross entropy", "loss_box_reg": "L1", "loss_rpn_cls": "cross entropy",
		"loss_rpn_loc": "L1", "loss_mask": "cross entropy", "fg": "per image", "rpn_pos": "per image",
		"cls_accuracy": "% of the regions", "fg_cls_accuracy": "% of the foreground", "false_negative": "% of the foreground",
	}
	for name, l := range map[string]look{
		"detection-light":       {width: 1280, height: 1800},
		"detection-dark":        {width: 1280, height: 1800, dark: true},
		"detection-phone":       {width: 380, height: 1800, phone: true},
		"detection-phone-night": {width: 380, height: 1800, dark: true, phone: true},
	} {
		values, runs := `^AP\D*50\D*$`, []string{"random"}
		if l.dark {
			values, runs = `^AP\D*50\D+40\D*$`, []string{"random", "pretrained"} // a value for each run
		}
		p := open(t, server, runHash("curves", runs...), l)
		p.within(30*time.Second, `document.querySelector("[data-chart=rpn_pos] .u-over")`)
		for id, axis := range wants {
			if got := eval[string](p, fmt.Sprintf(`document.querySelector("[data-chart=%s]")?.textContent ?? ""`, id)); !strings.Contains(got, axis) {
				t.Errorf("%s, %s: want the axis %q, got %q", name, id, axis, got)
			}
		}
		if eval[bool](p, `Boolean(document.querySelector("[data-chart=loss]"))`) {
			t.Errorf("%s: a detector has no contrastive loss", name)
		}
		if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%s: the page is %d pixels too wide", name, over)
		}
		p.do(js(`document.querySelector("[data-chart=ap]").scrollIntoView({block: "center"})`))
		p.until(fmt.Sprintf(`document.querySelector("[data-chart=ap] figcaption").innerText.match(/%s/)`, values))
		p.shot(name)
	}
}
