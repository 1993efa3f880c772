package dashboard

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"contralens/scores"
	"contralens/scores/record"
)

// The slider of the temperature shows what scores.Replay computes from the same histograms; the run's own
// temperature stays beside it.
func TestTemperatureSlider(t *testing.T) {
	dir := t.TempDir()
	newRun(t, filepath.Join(dir, "a"), nil).train(t, 100)
	r, err := record.Open(record.Dir(filepath.Join(dir, "a")))
	check(t, err)
	var last [2]record.Heat
	for i, kind := range []string{"pos", "neg"} {
		heat, err := r.Histograms(kind, 0, 100, 120)
		check(t, err)
		last[i] = record.Heat{Edges: heat.Edges, Rows: heat.Rows[len(heat.Rows)-1:]}
	}
	p := open(t, serve(t, dir), runHash("histograms", "a"), desktop)
	p.until(`document.querySelector(".temperature:not([hidden]) tbody tr")`)
	shown := func(row string, column int) float64 {
		text := eval[string](p, `document.querySelector("[data-row=`+row+`]").children[`+strconv.Itoa(column)+`].textContent`)
		v, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSuffix(text, " %"), ",", ""), 64)
		check(t, err)
		return v
	}
	compare := func(τ float64, column int) {
		t.Helper()
		want, err := scores.Replay(last[0], last[1], τ)
		check(t, err)
		for row, want := range map[string]float64{
			"loss": want.Loss, "effective": want.Effective, "pull": 100 * want.Pull, "hardest": 100 * want.Hardest[0], "hardest100": 100 * want.Hardest[2],
		} {
			if got := shown(row, column); math.Abs(got-want) > 0.006*want {
				t.Errorf("τ %v: %s is %v, want %v", τ, row, got, want)
			}
		}
	}
	compare(0.2, 1)
	compare(0.2, 2)
	p.do(js(`{const s = document.querySelector("[name=tau]"); s.value = Math.log(0.07); s.dispatchEvent(new Event("input"))}`))
	p.until(`location.hash.includes("tau=")`)
	chosen := eval[float64](p, `+new URLSearchParams(location.hash.split("?")[1]).get("tau")`)
	if math.Abs(chosen-0.07) > 0.002 {
		t.Errorf("the slider chose %v", chosen)
	}
	compare(0.2, 1)
	compare(chosen, 2)
	p.do(js(`document.querySelector(".temperature").scrollIntoView({block: "end"})`))
	p.shot("temperature")
}

// A loss without negatives has no temperature, and the page offers none.
func TestNoTemperature(t *testing.T) {
	dir := t.TempDir()
	for _, memory := range []string{"target", "none", "batch"} {
		newRun(t, filepath.Join(dir, memory), map[string]string{"mem": memory}).train(t, 20)
	}
	server := serve(t, dir)
	for memory, want := range map[string]bool{"target": false, "none": false, "batch": true} {
		p := open(t, server, runHash("histograms", memory), desktop)
		p.until(`document.querySelector("[data-chart=distribution] svg")`)
		if got := eval[bool](p, `!document.querySelector(".temperature").hidden`); got != want {
			t.Errorf("--mem %s: a temperature is offered: %v, want %v", memory, got, want)
		}
	}
}
