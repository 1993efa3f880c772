package runner

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"contralens/config"
	"contralens/eval/protocol"
	"contralens/internal/humanize"
	"contralens/rundir"
	"contralens/scores"
	"contralens/study"
	"contralens/study/jobs"
)

// ProbesDir is the folder of the run directories of linear probes in that of a study.
const ProbesDir = "probes"

// evaluate evaluates the encoder of a cell. A cell of tuning has only the measure that decides.
func (r *Runner) evaluate(ctx context.Context, cell study.Cell, c config.Contrast, o *jobs.Outcome) error {
	o.Scores = map[string]float64{}
	for _, e := range r.Study.Evaluations {
		if cell.Validates() && e.Measure() != r.Study.Tuning.By {
			continue
		}
		arm := r.Study.Arms[cell.Arm]
		if e.Protocol == study.Detect {
			if _, done := o.Scores[e.Measure()]; done {
				continue // all precisions are of one detector
			}
			if err := r.detect(ctx, cell, c, e, o); err != nil {
				return fmt.Errorf("%s: %w", e.Protocol, err)
			}
			continue
		}
		if arm.Untrained {
			continue // the others compare what was trained
		}
		if e.Protocol == study.Scores {
			if arm.Program != nil {
				continue // it records none
			}
			v, err := lastEpoch(filepath.Join(r.Dir, study.RunsDir, cell.Name), e.Series)
			if err != nil {
				return err
			}
			o.Scores[e.Measure()] = v
			continue
		}
		top1, command, err := r.measure(ctx, cell, c, e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Measure(), err)
		}
		o.Scores[e.Measure()] = top1
		o.Commands = append(o.Commands, command)
	}
	return nil
}

// renewScores computes statistics of scores anew where an older version did: it included steps before the last epoch.
// Its outcomes have no commit. write says that their files are written, too.
func (r *Runner) renewScores(done map[string]jobs.Outcome, write bool) error {
	renewed := 0
	for _, c := range r.Study.Cells(done) {
		o, ok := done[c.Name]
		dir := filepath.Join(r.Dir, study.RunsDir, c.Name)
		if !ok || o.Commit != "" || !rundir.IsRun(dir) {
			continue
		}
		changed := false
		for _, e := range r.Study.Evaluations {
			before, has := o.Scores[e.Measure()]
			if e.Protocol != study.Scores || !has {
				continue
			}
			v, err := lastEpoch(dir, e.Series)
			if err != nil {
				r.note(fmt.Sprintf("the scores of %s stay as an older version of the program computed them, with steps before the "+
					"last epoch in them: %v", c.Name, err))
				break
			}
			changed = changed || v != before
			o.Scores[e.Measure()] = v
		}
		if !changed {
			continue
		}
		done[c.Name] = o
		if write {
			if err := o.Write(r.state(), c.Name); err != nil {
				return err
			}
		}
		renewed++
	}
	if renewed > 0 {
		r.note(fmt.Sprintf("the scores of the last epoch of %s were computed anew, because an older version of the program "+
			"had steps before that epoch in them", humanize.Count(renewed, "training")))
	}
	return nil
}

// lastEpoch returns the mean of a series of the scores of a run over the steps of its last epoch.
func lastEpoch(dir, series string) (float64, error) {
	s, err := scores.Open(dir)
	if err != nil {
		return 0, err
	}
	epochs, err := rundir.Epochs(s)
	if err != nil {
		return 0, err
	}
	if len(epochs) == 0 {
		return 0, fmt.Errorf("%s: want a record of the last epoch, found none", dir)
	}
	_, last := s.Range()
	mean, err := s.Summary(series, epochs[len(epochs)-1].Step, last)
	if err == nil && mean.N == 0 {
		err = fmt.Errorf("%s: want scores of the last epoch, found none", dir)
	}
	return mean.Mean, err
}

// chosen returns the options that the scores chose in a training that lets them; see jobs.Outcome.
func chosen(dir string, c *config.Contrast) (map[string]string, error) {
	if c.MixNorm && !c.Transforms() {
		return map[string]string{rundir.ChosenOnset: study.NeverBegan}, nil
	}
	if !c.Transforms() || c.MixStart != "auto" {
		return nil, nil
	}
	record, err := rundir.ReadRecord(dir)
	if err != nil {
		return nil, err
	}
	if record != nil && record.Chosen[rundir.ChosenOnset] != "" {
		return record.Chosen, nil
	}
	onset := study.NeverBegan
	var f rundir.Follower[rundir.Metrics]
	f.Follow(os.DirFS(dir).(fs.StatFS), rundir.MetricsFile, func(m rundir.Metrics) {
		if m.Event == rundir.EventMixStart && m.Step != nil {
			onset = strconv.Itoa(int(*m.Step))
		}
	}, func() { onset = study.NeverBegan })
	return map[string]string{rundir.ChosenOnset: onset}, nil
}

// measure evaluates the encoder of a cell once and returns the accuracy in percent.
func (r *Runner) measure(
	ctx context.Context, cell study.Cell, c config.Contrast, e study.Evaluation,
) (top1 float64, command []string, err error) {
	var result rundir.Result
	options := protocol.Options{Reporter: protocol.Reporter{Note: r.note}}
	if e.Protocol == study.Neighbors {
		k, set, err := r.Study.KNN(c, e)
		if err != nil {
			return 0, nil, err
		}
		k.Ckpt = r.checkpoint(cell)
		options.Set = r.known(cell, set)
		command = study.KNNCommand(k)
		result, err = protocol.KNN(ctx, k, options)
		if err != nil {
			return 0, nil, err
		}
	} else {
		l, set, err := r.Study.Linear(c, e)
		if err != nil {
			return 0, nil, err
		}
		l.Ckpt, l.ModelPath, l.TBPath = r.checkpoint(cell), filepath.Join(r.Dir, ProbesDir), c.TBPath
		l.Name = cell.Name + "_" + e.Measure()
		options.Set = r.known(cell, set)
		command = study.LinearCommand(l)
		result, err = protocol.Linear(ctx, l, options)
		if err != nil {
			return 0, nil, err
		}
	}
	top1, ok := result.Metrics["top1"].(float64)
	if !ok {
		return 0, nil, fmt.Errorf("the result has no accuracy: %v", result.Metrics)
	}
	r.print("%s: %s %.2f %%", cell.Name, e.Measure(), top1)
	return top1, command, nil
}

// known adds the options of the network to those that were set, for the checkpoint of a program,
// which may have no record of them.
func (r *Runner) known(cell study.Cell, set map[string]bool) map[string]bool {
	if r.Study.Arms[cell.Arm].Program != nil {
		for _, name := range study.Network() {
			set[name] = true
		}
	}
	return set
}
