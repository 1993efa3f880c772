package study

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"contralens/config"
	"contralens/internal/humanize"
	"contralens/study/jobs"
)

// tune returns the tuning cells of an arm that are known, and the setting that was chosen: -1
// if it is not known yet, or if all settings failed.
func (s *Study) tune(arm int, done map[string]jobs.Outcome) (all []Cell, setting int) {
	t := s.Tuning
	left := make([]int, len(s.Arms[arm].settings))
	for i := range left {
		left[i] = i
	}
	epochs := t.Epochs
	if len(epochs) == 0 {
		epochs = []int{0}
	}
	for round, e := range epochs {
		var cells []Cell
		for _, i := range left {
			for _, seed := range t.Seeds {
				cells = append(cells, Cell{
					Name: s.trialName(arm, strconv.Itoa(i+1), e, seed), Arm: arm, Setting: i, Round: round + 1, Epochs: e, Seed: seed,
				})
			}
		}
		all = append(all, cells...)
		ranked, known := s.rank(cells, done)
		if !known {
			return all, -1
		}
		if len(ranked) == 0 {
			return all, -1
		}
		keep := 1
		if round+1 < len(epochs) {
			keep = survivors(len(left), e, epochs[round+1])
		}
		left = ranked[:min(keep, len(ranked))]
		slices.Sort(left)
	}
	return all, left[0]
}

// survivors returns how many of n settings go on to a round of more epochs: as many as make it
// no more expensive than the round before (successive halving, Jamieson & Talwalkar, 2016), and one if failures
// have left too few.
func survivors(n, epochs, next int) int { return max(1, n*epochs/next) }

// trial is what follows the name of an arm in those of its trials.
const trial = "_try-"

// trialName returns the name of a trial. setting is the number of its setting, from 1 on.
func (s *Study) trialName(arm int, setting string, epochs int, seed uint64) string {
	name := slug(s.Arms[arm].Name) + trial + setting
	if epochs > 0 {
		name += fmt.Sprintf("_epochs-%d", epochs)
	}
	return fmt.Sprintf("%s_seed-%d", name, seed)
}

// rank returns the settings of a round from the best to the worst mean; of equal ones the first
// comes first. Those that failed are left out. known is false if a cell is not done.
func (s *Study) rank(cells []Cell, done map[string]jobs.Outcome) (settings []int, known bool) {
	sum, failed := map[int]float64{}, map[int]bool{}
	for _, c := range cells {
		o, ok := done[c.Name]
		if !ok {
			return nil, false
		}
		v, judged := o.Scores[s.Tuning.By]
		sum[c.Setting] += v
		if o.Failed() || !judged {
			failed[c.Setting] = true
		}
	}
	for i := range sum {
		if !failed[i] {
			settings = append(settings, i)
		}
	}
	slices.SortFunc(settings, func(a, b int) int {
		switch {
		case sum[a] > sum[b]:
			return -1
		case sum[a] < sum[b]:
			return 1
		}
		return a - b
	})
	return settings, true
}

// makeSettings makes the settings of all arms.
func (p *parser) makeSettings() error {
	for i := range p.Arms {
		a := &p.Arms[i]
		if p.Tuning == nil {
			a.settings = [][]Option{nil}
			continue
		}
		axes := slices.Concat(p.Tuning.Options, a.Tune)
		for j, x := range axes {
			if slices.ContainsFunc(axes[:j], func(y Axis) bool { return official(y.Option) == official(x.Option) }) {
				return p.at(x.line, fmt.Errorf("arm %s: %s is tuned twice", a.Name, x.Option))
			}
			if a.Sets(x.Option) {
				return p.at(a.line, fmt.Errorf("arm %s: %s is set by the arm and tuned, which would replace it: remove one",
					a.Name, x.Option))
			}
		}
		if count(axes) > mostSettings {
			return p.at(p.Tuning.line, fmt.Errorf("arm %s: tuning: want at most %d combinations, got more: give fewer values",
				a.Name, mostSettings))
		}
		a.settings = combinations(axes)
		if t := p.Tuning.Trials; t > 0 && t <= len(a.settings) {
			a.settings = draw(combinations(p.Tuning.Options), combinations(a.Tune), t)
		}
	}
	return nil
}

// draw returns n of the combinations of shared and own settings of an arm, the same ones in every call. All arms
// try the same shared ones, so that none is ahead because it met a better learning rate: each equally often, or once
// more than others. Own ones take turns beside them, in the order, of many, in which the values of any two options meet
// most evenly.
func draw(shared, own [][]Option, n int) (some [][]Option) {
	rng := rand.New(rand.NewPCG(1, 1))
	first := rng.Perm(len(shared))[:min(n, len(shared))] // the same for all arms

	// After a period both are as at the beginning, so that own ones move on.
	period := 1
	for period%len(first) != 0 || period%len(own) != 0 {
		period++
	}
	best := math.MaxInt
	for range orders {
		second := rng.Perm(len(own))
		rng.Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
		var settings [][]Option
		for i := range n {
			settings = append(settings, slices.Concat(shared[first[i%len(first)]], own[second[(i+i/period)%len(own)]]))
		}
		if u := uneven(settings); u < best {
			best, some = u, settings
		}
	}
	slices.SortFunc(some, func(a, b []Option) int {
		return cmp.Compare(place(a, shared, own), place(b, shared, own))
	})
	return some
}

// orders is how many orders draw looks at.
const orders = 500

// uneven is the smaller the more evenly the values of any two options meet in settings: the sum of the squares
// of how often they do.
func uneven(settings [][]Option) (sum int) {
	met := map[[4]string]int{}
	for _, s := range settings {
		for i, a := range s {
			met[[4]string{a.Name, a.Value}]++
			for _, b := range s[:i] {
				met[[4]string{a.Name, a.Value, b.Name, b.Value}]++
			}
		}
	}
	for _, n := range met {
		sum += n * n
	}
	return sum
}

// place is the index of a setting among all combinations of shared and own ones.
func place(setting []Option, shared, own [][]Option) int {
	index := func(part []Option, all [][]Option) int {
		return slices.IndexFunc(all, func(o []Option) bool { return slices.Equal(o, part) })
	}
	n := len(shared[0])
	return index(setting[:n], shared)*len(own) + index(setting[n:], own)
}

// checkRounds refuses settings that are the same training in a round of tuning, and rounds too short for
// what the arm tests.
func (p *parser) checkRounds(arm int) error {
	a := p.Arms[arm]
	if p.Tuning == nil || a.Program != nil {
		return nil
	}
	if err := p.checkAxes(arm); err != nil {
		return err
	}
	for _, epochs := range p.Tuning.Epochs {
		settings := map[string]int{}
		for i, options := range a.settings {
			whole, _, err := p.Contrast(arm, options...)
			if err != nil {
				return p.wrong(a, options, err)
			}
			c, _, err := p.Contrast(arm, append(slices.Clone(options), Option{Name: "epochs", Value: fmt.Sprint(epochs)})...)
			if err != nil {
				return p.wrong(a, options, fmt.Errorf("in a round of %s: %w", humanize.Count(epochs, "epoch"), err))
			}
			if off, ok := notBegun(&whole, &c); ok {
				return p.at(p.Tuning.line, fmt.Errorf("tuning: epochs: arm %s would be tuned without what it tests: a round "+
					"has %s, and %s; give more epochs, or an earlier start", a.Name, humanize.Count(epochs, "epoch"), off))
			}
			facts := fingerprint(&c)
			if first, ok := settings[facts]; ok {
				return p.at(p.Tuning.line, fmt.Errorf("tuning: epochs: in a round of %s the settings %s and %s of arm %s are "+
					"the same training: want more epochs", humanize.Count(epochs, "epoch"), describe(a.settings[first]),
					describe(options), a.Name))
			}
			settings[facts] = i
		}
	}
	return nil
}

// checkAxes refuses to tune options that have no effect in any setting of an arm.
func (p *parser) checkAxes(arm int) error {
	a := p.Arms[arm]
	for _, x := range slices.Concat(p.Tuning.Options, a.Tune) {
		name, only := official(x.Option), ""
		effect := slices.ContainsFunc(a.settings, func(options []Option) bool {
			c, _, err := p.Contrast(arm, options...)
			if err != nil {
				return true // it is told elsewhere
			}
			f, _ := config.Lookup(name)
			only = c.Idle()[name]
			if f.Group == config.GroupTransformation && !c.MixNorm {
				only = "with --ft"
			}
			return only == ""
		})
		if !effect {
			return p.at(x.line, fmt.Errorf("arm %s: tuning %s has an effect only %s: remove it, or tune it in other arms",
				a.Name, name, only))
		}
	}
	return nil
}

// notBegun says what a training has and a shorter one does not, because it starts too late.
func notBegun(long, short *config.Contrast) (what string, is bool) {
	switch {
	case long.Transforms() && !short.Transforms():
		return fmt.Sprintf("the transformation starts after %d (--mix_start_epoch)", short.MixEpoch), true
	case long.Synthesizes() && !short.Synthesizes():
		return fmt.Sprintf("synthetic negatives start after %d (--synthetic_start_epoch)", short.SyntheticStart), true
	}
	return "", false
}
