package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"contralens/profile"
)

// The plan is printed as text and as JSON, takes a measurement, and draws a picture.
func TestPlan(t *testing.T) {
	t.Chdir(t.TempDir())
	text := must(t, "plan", "--gpus", "64", "--images", "1e9", "--epochs", "1", "-o", "plan.png")
	for _, want := range []string{"64 GPUs on 8 nodes of 8 a100", "images/s, 79 % of 64 GPUs alone", "estimates: speed of a GPU"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if info, err := os.Stat("plan.png"); err != nil || info.Size() < 10_000 {
		t.Errorf("the picture: %v, %v", info, err)
	}
	measured, err := json.Marshal(profile.Result{ // what bench step prints
		Arch: "resnet18", Batch: 64, InputRes: 96, Seconds: map[string]float64{"total": 0.64, "views": 0.14},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("step.json", measured, 0o644); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Result struct {
			Batch int
			Step  map[string]float64 `json:"step_seconds"`
		}
		Estimates []string
		ByGPUs    []any `json:"by_gpus"`
	}
	if err := json.Unmarshal([]byte(must(t, "plan", "--measured", "step.json", "--batch_size", "256", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Result.Batch != 256 || got.Result.Step["compute"] != 0.25 || len(got.ByGPUs) != 11 ||
		strings.Contains(strings.Join(got.Estimates, ";"), "speed of a GPU") {
		t.Errorf("%+v, want a batch of 256, 0.25 s and a measured speed", got)
	}
}
