package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/profile"
)

const photo = "../../testdata/golden/augment/images/img0.jpg"

func TestDataShow(t *testing.T) {
	out := filepath.Join(t.TempDir(), "grid.png")
	for _, aug := range []string{"B", "D", "eval", "jigsaw"} {
		must(t, "data", "show", photo, "--aug", aug, "-n", "3", "-o", out, "--input_res", "96")
		f, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(f)
		f.Close()
		if err != nil || m.Bounds().Dx() != 12+2*(showSide+12) {
			t.Errorf("%s: %v, %v", aug, m.Bounds(), err)
		}
	}
	for line, want := range map[string]string{
		"data show nowhere.jpg -o " + out:                               "nowhere.jpg",
		"data show ../../README.md -o " + out:                           "README.md",
		"data show " + photo + " --aug F -o " + out:                     "want A, B",
		"data show " + photo + " -n 0 -o " + out:                        "1 to 400",
		"data show " + photo + " -o views.jpg":                          "ends in .png",
		"data show " + photo + " --input_res 100000000 -o " + out:       "at most 4096",
		"data show " + photo + " --aug jigsaw --input_res 32 -o " + out: "at least 64",
	} {
		if code, text := command(t, strings.Fields(line)...); code == 0 || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want an error with %q in\n%s", line, code, want, text)
		}
	}
}

func TestBenchViews(t *testing.T) {
	text := must(t, "bench", "views", "--data_folder", filepath.Dir(photo), "--pipelines", "B,NULL,jigsaw", "--input_res", "64", "--seconds", "0.3", "-j", "1", "--json")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines, want 6:\n%s", len(lines), text)
	}
	for _, line := range lines {
		var m profile.Views
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.ImagesPerSecond <= 0 || m.Milliseconds["decode"] <= 0 || m.Workers != 1 {
			t.Errorf("%v: %s", err, line)
		}
	}
	// However short, something is measured.
	if text := must(t, "bench", "views", "--data_folder", filepath.Dir(photo), "--pipelines", "NULL", "--input_res", "64", "--seconds", "1e-9", "-j", "1", "--decode", "fast", "--json"); !strings.Contains(text, `"images_per_second":`) {
		t.Errorf("in no time: %s", text)
	}
	for line, want := range map[string]string{
		"bench views --pipelines B,Z --data_folder " + filepath.Dir(photo):                 "want A, B",
		"bench views --decode slow":                                                        "fast",
		"bench views --data_folder nowhere":                                                "no such folder",
		"bench views --peer false --seconds 0.1 -j 1 --data_folder " + filepath.Dir(photo): "--peer false",
	} {
		if code, text := command(t, strings.Fields(line)...); code == 0 || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want an error with %q in\n%s", line, code, want, text)
		}
	}
}
