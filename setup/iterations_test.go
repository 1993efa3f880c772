package setup

import (
	"strings"
	"testing"

	"contralens/config"
)

// A batch for which the schedule is not meant changes it, with a note.
func TestIterations(t *testing.T) {
	c := config.DefaultDetectTrain()
	if notes := IterationNotes(c.Iterating); len(notes) > 0 || Iterations(c.Iterating).Total != 24000 {
		t.Errorf("defaults: notes %q", notes)
	}
	c.BatchSize = 8
	notes := strings.Join(IterationNotes(c.Iterating), "\n")
	if s := Iterations(c.Iterating); s.Total != 48000 || s.Rate != 0.01 || !strings.Contains(notes, "learning rate 0.01, 48000 iterations") {
		t.Errorf("half a batch: %+v, notes %q", s, notes)
	}
	c.ScheduleBatch = 0
	if s := Iterations(c.Iterating); s.Total != 24000 || len(IterationNotes(c.Iterating)) > 0 {
		t.Errorf("as it is: %+v", s)
	}
	c.Iterations = 20000
	if notes := IterationNotes(c.Iterating); len(notes) != 1 || !strings.Contains(notes[0], "milestone 22000 is never reached") {
		t.Errorf("a milestone beyond the end: %q", notes)
	}
}
