package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"contralens/config"
	"contralens/data"
	"contralens/diagnose"
	"contralens/features"
	"contralens/features/spectrum"
	"contralens/internal/humanize"
	"contralens/nn"
	"contralens/nn/layers"
	"contralens/rundir"
	"contralens/scores/vitals"
	"contralens/torch"
	"contralens/views"
)

// The spectrum may cost spectrumShare of a training. Costs are counted, not timed, so that a run that
// resumes measures what one that does not stop would.
const (
	spectrumShare = 0.008
	// What training on an image costs, in views that are loaded and embedded. The network's arithmetic is
	// that of four (forward twice, backward twice as much for one of both). On a GPU loading may take
	// longest, which is that of two.
	viewsOnCPU = 4
	viewsOnGPU = 2
	// A multiply-add of the linear algebra takes as long as this number of the network's: on the CPU,
	// and on a GPU, beside which it runs on the CPU.
	algebraOnCPU = 8
	algebraOnGPU = 5000
)

// spectrumPlan says what is measured: the spectrum of images, and views of half of them.
type spectrumPlan struct {
	Images, Viewed, Views int
	Every                 int // epochs between measurements
}

// due reports whether an epoch is measured. The last one always is.
func (p spectrumPlan) due(epoch, epochs int) bool { return epoch%p.Every == 0 || epoch == epochs }

// cost returns the cost of a measurement in views. forward is the number of multiply-adds of a view,
// dims are those of both spaces, and algebra is one of the constants above.
func (p spectrumPlan) cost(forward float64, dims [2]int, algebra float64) float64 {
	n, rows := float64(p.Images), float64(p.Viewed*p.Views)
	operations := 0.0
	for _, dim := range dims {
		d := float64(dim)
		small, large := min(n, d), max(n, d)
		operations += 3*(small*small*large+2*small*small*small) + 2*n*n*d + rows*d*d + d*d*d
	}
	return n + rows + operations*algebra/forward
}

// planSpectrum chooses the largest sample that can be measured after every epoch. A training on few
// images measures a small one every few epochs.
func planSpectrum(images, epochs int, forward float64, dims [2]int, gpu bool) spectrumPlan {
	each, algebra := float64(viewsOnCPU), float64(algebraOnCPU)
	if gpu {
		each, algebra = viewsOnGPU, algebraOnGPU
	}
	budget := spectrumShare * each * float64(images)
	for _, c := range [][2]int{
		{1024, 4}, {1024, 2}, {512, 4}, {512, 2}, {256, 4}, {256, 2}, {128, 4}, {128, 2},
	} {
		p := spectrumPlan{Images: c[0], Viewed: c[0] / 2, Views: c[1], Every: 1}
		if p.cost(forward, dims, algebra) <= budget {
			return p
		}
	}
	p := spectrumPlan{Images: min(128, images), Viewed: min(128, images) / 2, Views: 2}
	p.Every = min(max(1, epochs), int(math.Ceil(p.cost(forward, dims, algebra)/budget)))
	return p
}

// forwardCost returns the number of multiply-adds of an encoder and its head for a view.
func forwardCost(m *nn.Model, size int) (n float64) {
	torch.Scoped(func() {
		x := torch.Zeros([]int{1, 3, size, size}).ToDevice(m.Config.Device)
		layers.MultiplyAdds(m.State, func(of int) { n += float64(of) }, func() { features.Outputs(m, torch.Float32)(x) })
	})
	return max(1, n)
}

// spectra measures the features of a run's probe set, epoch by epoch.
type spectra struct {
	asked  int // images; 0: as the budget allows
	plan   spectrumPlan
	images data.Dataset // that are measured
	viewed data.Dataset // of which views are
	before [2]spectrum.Traces
	last   int // the epoch of before; 0: none
	lines  []spectrum.Line
	failed bool // that nothing can be measured has been said
	alike  bool // that all embeddings are the same was said of the epoch before
	told   bool // that the training has settled has been said
	// doubted tells that features which change little, but of a faulty training, have been said.
	doubted bool
}

// SpectrumHook measures the spectrum of both spaces of a fixed set of training images after epochs: of n
// images after every one, or, if n is 0, of as many and as often as cost less than a hundredth of the
// training. What cannot be measured is a note, and the training goes on.
func SpectrumHook(n int) Hook {
	s := &spectra{asked: n}
	return Hook{
		Order: Probes,
		Start: s.start,
		Epoch: func(r *Run) error {
			if !s.plan.due(r.Epoch, r.Config.Epochs) {
				return nil
			}
			return s.measure(r)
		},
	}
}

func (s *spectra) start(r *Run) error {
	m := r.Model.Query
	dims := [2]int{m.FeatureDim(), m.Config.FeatDim * m.Branches()}
	if s.asked == 0 {
		forward, gpu := forwardCost(m, r.Config.InputRes), !r.Model.Device().IsCPU()
		s.plan = planSpectrum(r.Train.Len(), r.Config.Epochs, forward, dims, gpu)
		if s.plan.Every > 1 && s.plan.Every >= r.Config.Epochs {
			r.say("note: the features are measured once, after the last epoch, because the training is short; "+
				"--spectrum %d measures them after every epoch, for more than 1 %% of the time", s.plan.Images)
		}
	} else {
		n := min(s.asked, r.Train.Len())
		s.plan = spectrumPlan{Images: n, Viewed: n / 2, Views: 4, Every: 1}
		if n <= dims[0] {
			more := "a larger --spectrum shows more of them"
			if n == r.Train.Len() {
				more = "the training has no further images"
			}
			r.say("note: the spectrum of %s has a rank of at most %d, and the features have %d dimensions; %s",
				humanize.Count(n, "image"), n, dims[0], more)
		}
	}
	s.images, s.viewed = evenly(r.Train, s.plan.Images), evenly(r.Train, s.plan.Viewed)
	if err := spectrum.Keep(r.Dir, r.Epoch-1); err != nil {
		return err
	}
	lines, err := spectrum.Read(r.Dir)
	if r.unharmed(err) != nil {
		return err
	}
	s.lines = lines
	if record, err := rundir.ReadRecord(r.Dir); err == nil && record != nil && record.Planned > 0 {
		s.told = true // the rule has ended the training before
	}
	past := r.known(s.lines)
	for _, l := range lines {
		if _, faults, settled := past.Upto(l.Epoch).Settled(r.Config.Epochs); settled {
			s.told = true
		} else if len(faults) > 0 {
			s.doubted = true
		}
		if l.Head != nil {
			s.last = l.Epoch
		}
	}
	if s.last == 0 {
		return nil
	}
	for i, space := range spectrum.Spaces {
		before, ok := spectrum.LoadTrace(r.Dir, space, s.last, s.plan.Images)
		if !ok {
			r.say("note: the features after epoch %d that the next ones are compared with are not there; the comparison "+
				"begins anew", s.last)
			s.before = [2]spectrum.Traces{}
			break
		}
		s.before[i] = before
	}
	return nil
}

// measure measures the features after an epoch, and writes and says what they are.
func (s *spectra) measure(r *Run) error {
	line := spectrum.Line{Epoch: r.Epoch, Step: r.GlobalStep, Images: s.images.Len(), Viewed: s.viewed.Len()}
	if line.Viewed > 0 {
		line.Views = s.plan.Views
	}
	if err := s.fill(r, &line); err != nil {
		line.Note = err.Error()
		if !s.failed {
			r.say("note: the spectrum of the features could not be measured after epoch %d: %v", r.Epoch, err)
			s.failed = true
		}
	}
	s.lines = append(s.lines, line)
	if err := spectrum.Append(r.Dir, line); err != nil {
		return err
	}
	if text := describeSpectrum(line); text != "" {
		r.say("%s", text)
	}
	return s.settle(r)
}

// settle says that the training has settled, once, and ends it if it is to. A run that is resumed beyond
// that is not ended again.
func (s *spectra) settle(r *Run) error {
	if s.told || r.Config.Stop == "off" || r.Epoch >= r.Config.Epochs {
		return nil
	}
	why, faults, settled := r.known(s.lines).Settled(r.Config.Epochs)
	if len(faults) > 0 && !s.doubted {
		s.doubted = true
		r.say("note: the features change little (%s), but the training does not count as settled, because it is "+
			"diagnosed: %s", why, strings.Join(faults, ", "))
	}
	if !settled {
		return nil
	}
	s.told = true
	left := r.Config.Epochs - r.Epoch
	message := fmt.Sprintf("the features have settled: %s; the remaining %s (%.0f %% of all) may change little", why,
		humanize.Count(left, "epoch"), 100*float64(left)/float64(r.Config.Epochs))
	if r.Config.Stop == "auto" {
		message += ", and are saved: the training ends after this epoch, as --stop auto says"
	} else {
		message += "; --stop auto would end the training here"
	}
	r.say("%s", message)
	err := r.event(rundir.Metrics{
		Epoch: float64(r.Epoch), Step: new(float64(r.GlobalStep)), Event: rundir.EventSettled, Message: message,
	})
	if err != nil || r.Config.Stop != "auto" {
		return err
	}
	if err := r.Shorten(r.Epoch); err != nil || r.World.Alone() {
		return err
	}
	return ErrDone // the other processes do not measure; they hear of this
}

// known is what tells whether the training has settled, and whether something is wrong with it.
func (r *Run) known(spectra []spectrum.Line) diagnose.Case {
	lines, err := vitals.Read(r.Dir)
	if err != nil {
		lines = nil // said by its own hook
	}
	return diagnose.Case{Options: config.Values(&r.Config), Images: r.Train.Len(), Lines: lines, Spectra: spectra}
}

// fill computes the measures of a line.
func (s *spectra) fill(r *Run, line *spectrum.Line) error {
	m := r.Model.Query
	o := features.Options{Workers: r.Config.Workers, Precision: r.Model.Precision}
	plain, err := features.ComputeSpaces(m, s.images, features.View(m, views.Evaluation(r.Config.InputRes)), 1, 0, o)
	if err != nil {
		return err
	}
	var seen features.Spaces
	if s.viewed.Len() > 0 {
		if seen, err = features.ComputeSpaces(m, s.viewed, r.augmentation(), s.plan.Views, r.Config.Seed, o); err != nil {
			return err
		}
	}
	of := func(s features.Spaces, space int) []float32 { return [][]float32{s.Backbone, s.Head}[space] }
	for i, name := range spectrum.Spaces {
		d := plain.Dims[i]
		sample := spectrum.Sample{Images: spectrum.Matrix(of(plain, i), d), Q: s.plan.Views}
		if s.viewed.Len() > 0 {
			sample.Views = spectrum.Matrix(of(seen, i), d)
		}
		space, traces, err := spectrum.Measure(sample, s.before[i])
		if err != nil {
			return err
		}
		if err := spectrum.SaveTrace(r.Dir, name, r.Epoch, of(plain, i), d, s.last); err != nil {
			return err
		}
		s.before[i] = traces
		if i == 0 {
			line.Backbone = &space
		} else {
			line.Head = &space
		}
	}
	s.last = r.Epoch
	_, varies := line.Head.Values[spectrum.ParticipationName]
	if !varies {
		line.Note = fmt.Sprintf("all %d images have the same embedding: the images are identical, or the features have "+
			"collapsed", s.images.Len())
		if !s.alike {
			r.say("note: epoch %d: %s (said once while it lasts)", r.Epoch, line.Note)
		}
	}
	s.alike = !varies
	return nil
}

// augmentation returns the views that the training takes of an image.
func (r *Run) augmentation() views.Spec {
	i := slices.IndexFunc(r.Views, func(v views.Spec) bool { return v.Kind != views.Jigsaw })
	return r.Views[max(0, i)]
}

// evenly chooses n images, evenly spaced.
func evenly(d data.Dataset, n int) data.Dataset {
	out := chosen{Dataset: d}
	for i := range min(n, d.Len()) {
		out.indices = append(out.indices, i*d.Len()/min(n, d.Len()))
	}
	return out
}

// describeSpectrum describes a line of measures: the ranks of the embeddings, the relative alignment of the features
// by which judge ranks runs of several methods, and how many neighbors have changed since the
// epoch before. It is empty if nothing was measured.
func describeSpectrum(l spectrum.Line) string {
	if l.Head == nil {
		return ""
	}
	text := fmt.Sprintf("epoch %d: embeddings of %d dimensions", l.Epoch, l.Head.Dim)
	for _, m := range []struct{ name, format string }{
		{spectrum.RankMeName, "RankMe %.1f"}, {spectrum.LiDARName, "LiDAR %.1f"}, {spectrum.WassersteinName, "W₂ %.2f"},
		{spectrum.AlignmentName, "alignment %.2f"},
	} {
		if v, ok := l.Head.Values[m.name]; ok {
			text += fmt.Sprintf(", "+m.format, v)
		}
	}
	var features []string
	if v, ok := l.Value("backbone", spectrum.RelativeName); ok {
		features = append(features, fmt.Sprintf("relative alignment %.2f", v))
	}
	if v, ok := l.Value("backbone", spectrum.ChurnName); ok {
		features = append(features, fmt.Sprintf("%.0f %% of neighbors new", 100*v))
	}
	if len(features) > 0 {
		text += fmt.Sprintf("\nepoch %d: features: %s", l.Epoch, strings.Join(features, ", "))
	}
	return text
}
