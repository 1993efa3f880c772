package train

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"contralens/config"
	"contralens/internal/machine"
	"contralens/rundir"
)

// TestSystemHook: the first line comes at the first step after its time, the next one much
// later. A resumed run removes the lines after its step.
func TestSystemHook(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.InputRes = 8, 4, 16
	inTorch(t, func() {
		r := small(t, 12, c)
		defer r.Close()
		lines := func() string {
			b, err := os.ReadFile(filepath.Join(r.Dir, rundir.SystemFile))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return string(b)
		}
		h := systemHook(0)
		if err := h.Start(r); err != nil {
			t.Fatal(err)
		}
		for step := 5; step < 8; step++ {
			if err := h.Step(r, Step{Step: step}); err != nil {
				t.Fatal(err)
			}
		}
		if got := lines(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, `{"step":5,"time":"`) || !strings.Contains(got, `"memory":`) {
			t.Errorf("want a line of step 5, got %s", got)
		}
		r.GlobalStep = 4
		if err := h.Start(r); err != nil || lines() != "" {
			t.Errorf("resumed at step 4: want no line, got %s, %v", lines(), err)
		}
	})
}

func TestSystemLine(t *testing.T) {
	u := machine.Usage{Own: 0.5, Others: 0.25, Resident: 300 << 20}
	got := systemLine(7, u, nil)
	if _, err := time.Parse(time.RFC3339, got.Time); err != nil {
		t.Error(err)
	}
	got.Time = ""
	want := rundir.System{Step: 7, Own: new(50.0), Others: new(25.0), Resident: new(300.0)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got = systemLine(7, u, &machine.GPU{Busy: 1, Memory: 1 << 30})
	if *got.GPU != 100 || *got.GPUMemory != 1024 {
		t.Errorf("got %v %% and %v MiB of the GPU, want 100 and 1024", *got.GPU, *got.GPUMemory)
	}
}

func TestLoadInterval(t *testing.T) {
	for elapsed, want := range map[time.Duration]time.Duration{
		2 * time.Second: 10 * time.Second, time.Minute: 10 * time.Second, 2 * time.Hour: 20 * time.Second, 100 * time.Hour: time.Minute,
	} {
		if got := loadInterval(elapsed); got != want {
			t.Errorf("after %v: got %v, want %v", elapsed, got, want)
		}
	}
}
