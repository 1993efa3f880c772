package dashboard

import (
	"fmt"
	"math"
	"path/filepath"
	"time"

	"contralens/features/probe"
	"contralens/features/spectrum"
)

// spectrumSeries lists the series of spectrum.jsonl that are shown: every measure of both spaces, and
// some singular values of each.
var spectrumSeries = func() (list []series) {
	for _, space := range spectrum.Spaces {
		for _, m := range spectrum.Measures {
			list = append(list, series{space + "_" + m.Name, m.Title, m.Axis})
		}
		for _, i := range singularPlaces {
			list = append(list, series{singularName(space, i), fmt.Sprintf("Singular value %d", i), "log₁₀ σᵢ/σ₁"})
		}
	}
	return list
}()

// singularPlaces are the singular values that are shown, from 1.
var singularPlaces = []int{2, 4, 8, 16, 32, 64, 128, 256, 512}

func singularName(space string, i int) string { return fmt.Sprintf("%s_sv%d", space, i) }

// addSpectrum adds the measures of an epoch. A line without a step has that of its epoch's end.
func (m *metrics) addSpectrum(line spectrum.Line) {
	step, known := line.Step, line.Step > 0 || line.Epoch == 0
	if !known {
		step, known = m.ends[line.Epoch]
	}
	if !known {
		return
	}
	for _, name := range spectrum.Spaces {
		space := line.Space(name)
		if space == nil {
			continue
		}
		for _, measure := range spectrum.Measures {
			if v, ok := space.Values[measure.Name]; ok {
				m.add(name+"_"+measure.Name, float64(step), &v)
			}
		}
		for _, i := range singularPlaces {
			if i > len(space.Singular) || space.Singular[i-1] <= 0 || space.Singular[0] <= 0 {
				continue
			}
			m.add(singularName(name, i), float64(step), new(math.Log10(float64(space.Singular[i-1])/float64(space.Singular[0]))))
		}
	}
}

// probed are the measures of a run whose training measured none, from the features of its probe set.
type probed struct {
	done  chan struct{} // closed when lines are there, or why there are none
	lines []spectrum.Line
	err   error
	added bool
}

// probing lets one run compute its measures at a time.
var probing = make(chan struct{}, 1)

// probedPatience is how long an answer waits for measures. Later ones have them.
const probedPatience = time.Second

// addProbed adds the measures of a run that has none in its files, but a probe set. They are computed
// once, beside what the page asks for. The error says what could not be measured. The caller holds the lock.
func (r *run) addProbed() error {
	if info, err := (folder{r}).Stat(spectrum.FileName); err == nil && info.Mode().IsRegular() {
		return nil
	}
	if r.probed == nil {
		if _, err := (folder{r}).Stat("scores/probe/probe.json"); err != nil || r.validate() != nil {
			return nil // validate's error is said with the files
		}
		p, err := probe.Open(probe.Dir(filepath.Join(r.server.path, filepath.FromSlash(r.id))))
		if err != nil {
			return r.unmeasured(err)
		}
		job := &probed{done: make(chan struct{})}
		r.probed = job
		go func() {
			probing <- struct{}{}
			defer func() { <-probing }()
			job.lines, job.err = spectrum.FromProbe(p, nil)
			for _, l := range job.lines {
				if l.Note != "" && job.err == nil {
					job.err = fmt.Errorf("epoch %d: %s", l.Epoch, l.Note)
				}
			}
			close(job.done)
		}()
	}
	wait := probedPatience
	if r.server.saving {
		wait = time.Hour
	}
	select {
	case <-r.probed.done:
	case <-time.After(wait):
		return nil
	}
	if !r.probed.added {
		r.probed.added = true
		for _, l := range r.probed.lines {
			r.metrics.addSpectrum(l)
		}
	}
	return r.unmeasured(r.probed.err)
}

// unmeasured says that the probe set could not be measured.
func (r *run) unmeasured(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the features of the probe set could not be measured: %w", r.relative(err))
}
