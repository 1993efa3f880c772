package dashboard

import (
	"slices"
	"testing"

	"contralens/rundir"
)

// The losses and precisions of a detector are series of their own, and its loss is no InfoNCE.
func TestDetectionSeries(t *testing.T) {
	line := rundir.Metrics{Step: new(20.0), Loss: new(2.5), DetectionMetrics: &rundir.DetectionMetrics{Foreground: new(7.0)}}
	line.SetLoss("loss_cls", 1.25)
	m := metrics{series: map[string][]point{}}
	m.addMetrics(line)
	test := rundir.Metrics{Step: new(20.0), DetectionMetrics: &rundir.DetectionMetrics{}}
	test.SetScores(map[string]any{"AP": 31.5, "AP50": 60.0, "iteration": 20})
	m.addMetrics(test)
	got := map[string]string{}
	for _, s := range m.described() {
		got[s.Name] = s.Axis
	}
	if got["loss"] != "" || got["loss_total"] != "sum of the losses" || got["loss_cls"] == "" || got["fg"] == "" || got["ap"] == "" || got["ap75"] != "" {
		t.Errorf("series %v", got)
	}
	if p := m.series["ap50"]; len(p) != 1 || p[0] != (point{20, 60}) {
		t.Errorf("AP50 %v", p)
	}
	plain := metrics{series: map[string][]point{}}
	plain.addMetrics(rundir.Metrics{Step: new(1.0), Loss: new(2.5)})
	for _, s := range plain.described() {
		if s.Name == "loss" && s.Axis != "InfoNCE loss" {
			t.Errorf("the loss of a pre-training is called %s", s.Axis)
		}
	}
	for _, key := range []string{"loss", "loss_cls", "ap"} {
		if !slices.Contains(metricKeys, key) {
			t.Errorf("%s is taken for another program's", key)
		}
	}
	if slices.Contains(metricKeys, "") {
		t.Error("a key without a name")
	}
}
