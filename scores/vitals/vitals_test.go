package vitals

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"contralens/internal/jsonl"
)

// TestFile: lines come back, those of later steps and those that are none are left out.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	if lines, err := Read(dir); err != nil || lines != nil {
		t.Fatalf("no file: %v, %v", lines, err)
	}
	want := []Line{
		{Planned: 100, Inputs: &Inputs{Images: 10, Sampled: 10, Flat: 0.5, Twins: 1, Copies: 0.25}},
		{Epoch: 1, Step: 1, Planned: 100, Values: map[string]float64{Loss: 2.5}},
		{Epoch: 1, Step: 5, Planned: 100, Values: map[string]float64{Loss: 2}},
	}
	for _, l := range want {
		if err := Append(dir, l); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, FileName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("no JSON\n{\"step\": -1, \"planned\": 5}\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got, err := Read(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := Keep(dir, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(dir); err != nil || !reflect.DeepEqual(got, want[:2]) {
		t.Errorf("kept up to step 1: got %+v, %v", got, err)
	}
}

// A file without any whole line is not one without figures.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	if err := Append(dir, Line{Step: 1, Planned: 9}); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, FileName), 20); err != nil {
		t.Fatal(err)
	}
	var damaged *jsonl.Damaged
	if _, err := Read(dir); !errors.As(err, &damaged) || damaged.Lines != 1 || !strings.HasPrefix(err.Error(), dir+": "+FileName) {
		t.Errorf("got %v", err)
	}
}

// A pipe or a folder in the place of the file is an error, not a wait.
func TestFileIsAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, FileName), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("want an error")
	}
}

func TestSet(t *testing.T) {
	var l Line
	l.Set(Loss, math.NaN())
	l.Set(Gradient, math.Inf(1))
	l.Set(Spread, 0.5)
	if !reflect.DeepEqual(l.Values, map[string]float64{Spread: 0.5}) {
		t.Errorf("got %v", l.Values)
	}
	if l.Step, l.Planned = 5, 50; l.Share() != 0.1 {
		t.Errorf("share %v", l.Share())
	}
}
