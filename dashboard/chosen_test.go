package dashboard

import (
	"strings"
	"testing"

	"contralens/rundir"
)

// The page says what the scores chose, and diagnoses use it.
func TestChosen(t *testing.T) {
	if found := chosen(rundir.Record{}); found != nil {
		t.Errorf("a run without a choice: %v", found)
	}
	record := rundir.Record{
		Config: map[string]string{"nce_t": "0.2", "mem": "moco"},
		Chosen: map[string]string{"mix_start_step": "101", "pos_alpha": "0", "neg_alpha": "1.3", "nce_t": "0.11"},
	}
	found := chosen(record)
	if len(found) != 1 || found[0].Kind != "note" || !strings.Contains(found[0].Text, "After step 101") {
		t.Fatalf("%+v", found)
	}
	want := "α of positives: none, the side is not transformed so far; α of negatives: 1.3; temperature τ: 0.11"
	if got := strings.Join(found[0].Evidence, "; "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if e := (&run{}).evidence(record, nil, nil); e.Tau != 0.11 {
		t.Errorf("τ %v, want the chosen one", e.Tau)
	}
}
