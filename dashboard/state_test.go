package dashboard

import (
	"strings"
	"testing"
	"time"
)

func TestState(t *testing.T) {
	now := time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC)
	before := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		name     string
		signs    signs
		want     State
		evidence string
	}{
		{"ended by the rule", signs{Planned: 16, Before: 24, Complete: 16, Written: before(time.Second)}, Finished, "--stop auto ended it after epoch 16 of 24"},
		{"complete", signs{Planned: 20, Complete: 20, Written: before(time.Second)}, Finished, "epoch 20 of 20"},
		{"failed just now", signs{Planned: 20, Written: before(time.Second), Failure: "the loss became NaN"}, Failed, "became NaN"},
		{"being written", signs{Planned: 20, Complete: 3, Written: before(20 * time.Second)}, Running, "being written"},
		{"interrupted", signs{Planned: 20, Complete: 3, Written: before(10 * time.Minute), Interrupted: before(10*time.Minute - time.Second)}, Stopped, "--resume auto"},
		{"interrupted just now", signs{Planned: 20, Complete: 3, Written: before(3 * time.Second), Interrupted: before(2 * time.Second)}, Stopped, "interrupted.pth"},
		{"resumed after an interruption", signs{Planned: 20, Complete: 3, Written: before(2 * time.Second), Interrupted: before(time.Hour)}, Running, ""},
		{"silent", signs{Planned: 20, Complete: 3, Written: before(10 * time.Minute)}, Died, "21:50:00, 3 of 20"},
		{"silent since yesterday", signs{Planned: 20, Complete: 3, Written: before(30 * time.Hour)}, Died, "23 Nov 16:00"},
		{"slow steps", signs{Planned: 20, Written: before(10 * time.Minute), Interval: 2 * time.Minute}, Running, ""},
		{"of another program, silent", signs{Written: before(time.Hour)}, Ended, "not recorded"},
		{"labels, evaluated", signs{Planned: 3, Written: before(time.Hour), Classifier: true, Evaluated: true}, Finished, "results.jsonl"},
		{"a detector, tested", signs{Written: before(time.Second), Tested: true}, Finished, "results.jsonl"},
		{"labels, silent", signs{Planned: 3, Written: before(time.Hour), Classifier: true}, Ended, "no result"},
		{"labels, being trained", signs{Planned: 3, Written: before(time.Second), Classifier: true}, Running, ""},
		{"nothing yet", signs{Planned: 20}, Ended, "nothing has been recorded"},
	} {
		state, evidence := c.signs.state(now)
		if state != c.want || !strings.Contains(evidence, c.evidence) || evidence == "" {
			t.Errorf("%s: want %s (%s), got %s (%s)", c.name, c.want, c.evidence, state, evidence)
		}
	}
}
