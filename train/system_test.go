package train

import (
	"reflect"
	"testing"
	"time"

	"contralens/internal/machine"
	"contralens/rundir"
)

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
		0: firstLoad, time.Minute: 10 * time.Second, 2 * time.Hour: 20 * time.Second, 100 * time.Hour: time.Minute,
	} {
		if got := loadInterval(elapsed); got != want {
			t.Errorf("after %v: got %v, want %v", elapsed, got, want)
		}
	}
}
