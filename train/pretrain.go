package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/data"
	"contralens/data/store"
	"contralens/dist"
	"contralens/eval"
	"contralens/internal/durable"
	"contralens/internal/humanize"
	"contralens/nn"
	"contralens/peers/join"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
	"contralens/world"
)

// Options are what a pre-training needs besides its configuration. The zero value
// trains in silence, in fp32 unless the configuration says otherwise.
type Options struct {
	// Progress, if set, shows the training; the caller closes it. Without it, lines go to
	// log.txt alone.
	Progress *Progress
	// Begin, if set, is called when the run directory is made. From then on, there is a
	// state to save if the context ends.
	Begin func()
	// Met, if set, is called when several processes have met, with a function that tells the others
	// why this one ends. It may be called from any goroutine, until Begin is.
	Met func(tell func(error))
	// Tuner, if set, measures which precision, memory format and split of the processors
	// train fastest, if the configuration leaves them open.
	Tuner *autotune.Tuner
	// Hooks run in addition to those of every pre-training.
	Hooks []Hook
	// Launch says which process of how many this is, and where they meet; Timing, how long they
	// wait for each other. The zero value of Launch is a training in one process.
	Launch dist.Launch
	Timing dist.Timing
	// Notes are sentences about the configuration. They are said after the device.
	Notes []string
	// Command is the command line that run.json records.
	Command []string
	// GoOn tells a user whose training was stopped how to go on. Default: with the same command and
	// --resume auto.
	GoOn string
}

// Result is the outcome of a pre-training.
type Result struct {
	Dir        string     // the run directory
	Checkpoint string     // the newest checkpoint; "" if there is none
	Accuracies []Accuracy // k-NN, by the evaluations of this call
}

// Accuracy is the k-NN accuracy after an epoch.
type Accuracy struct {
	Epoch int // 0: untrained
	Top1  float64
}

// Pretrain trains an encoder in a run directory. c.Resolve must have been called. The
// caller need not be inside torch.Run. If ctx ends, Pretrain saves everything and returns
// ErrStopped; the same call with c.Resume "auto" then resumes.
func Pretrain(ctx context.Context, c config.Contrast, o Options) (Result, error) {
	place, err := setup.FindPlace(&c, c.Output, c.RunName()) // before a measurement settles options
	if err != nil {
		return Result{}, err
	}
	w := join.World(o.Launch)
	if !w.Alone() {
		if err := setup.ShareMachine(&c.Machine, o.Launch); err != nil {
			return Result{}, err
		}
	}
	if !w.First() {
		o.Progress = nil // the first process speaks for all
	}
	if o.Progress == nil {
		o.Progress = &Progress{}
		defer o.Progress.Close()
	}
	o.Progress.complete(c.PrintFreq)
	p := &pretraining{Options: o, world: w, place: place, result: Result{Dir: place.Dir}}
	err = setup.Compute(c.Threads, func() error { return p.run(ctx, c) })
	return p.result, setup.Explain(err, setup.PretrainingLoad(&c))
}

// pretraining is one call of Pretrain.
type pretraining struct {
	Options
	world  world.World
	met    *join.Meeting // nil in one process
	joined *join.Joined  // likewise
	place  setup.Place
	result Result
	judge  data.Dataset // the queries of k-NN
}

func (p *pretraining) run(ctx context.Context, c config.Contrast) error {
	// Before anything that one of several processes may find wrong.
	if err := p.meet(ctx); err != nil {
		return err
	}
	// Before time is spent on measuring.
	if err := setup.Possible(&c, p.place); err != nil {
		return p.leave(err)
	}
	if line := setup.DeviceLine(c.Machine); line != "" {
		p.Progress.Print("%s", line)
	}
	for _, note := range p.Notes {
		p.Progress.Print("note: %s", note)
	}
	r, chosen, rate, err := p.build(ctx, c)
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return p.leave(err)
	}
	release, err := p.prepare(ctx, r)
	if err != nil {
		return p.leave(err)
	}
	defer release()
	return p.leave(p.fit(ctx, r, chosen, rate))
}

// meet opens the store in which several processes meet.
func (p *pretraining) meet(ctx context.Context) (err error) {
	if err = p.world.Check(); err != nil || p.world.Alone() {
		return err
	}
	if p.met, err = join.Meet(ctx, p.Launch, p.Timing, setup.Note); err == nil && p.Met != nil {
		p.Met(p.met.Fail)
	}
	return err
}

// leave ends the connection with the other processes, if there are any, after a run that returned err.
func (p *pretraining) leave(err error) error {
	if p.joined == nil {
		p.met.Fail(err)
		return err
	}
	return p.joined.End(errors.Is(err, ErrStopped), err)
}

// fit trains a run whose directory is made.
func (p *pretraining) fit(ctx context.Context, r *Run, chosen []string, rate float64) error {
	if p.world.First() {
		if err := p.Progress.Open(p.place.Dir); err != nil {
			return err
		}
	}
	for _, w := range r.Warnings() {
		r.say("note: %s", w)
	}
	for _, note := range r.norms().Notes(r.Model.Groups) {
		r.say("%s", note)
	}
	for _, said := range chosen {
		if said != "" {
			r.say("%s", said)
		}
	}
	r.say("%s", r.summary())
	if rate > 0 && r.GlobalStep == 0 {
		p.Progress.Forecast(setup.Forecast{Images: r.Train.Len(), Epochs: r.Config.Epochs, Rate: rate})
	}
	return p.train(ctx, r)
}

// prepare resumes the run, and then makes its directory: what can be wrong with a checkpoint is
// found before. No process goes on if one fails.
func (p *pretraining) prepare(ctx context.Context, r *Run) (release func(), err error) {
	if err = p.start(r); err != nil {
		return nil, err
	}
	if !p.world.Alone() {
		if p.joined, err = r.join(ctx, p.met, p.failed); err != nil {
			return nil, err
		}
	}
	release, err = setup.Prepare(p.world, p.place, &r.Config, r.Config.Output, p.Command)
	agreed := torch.Run(func() error { return r.agree(ctx, err) })
	if err == nil && agreed != nil {
		release()
		return nil, agreed
	}
	return release, err
}

// failed writes to the log why the training failed.
func (p *pretraining) failed(err error) { p.Progress.Log("%s", rundir.FailedLine(err)) }

// build makes the run. Options that are left open are settled by measuring; chosen
// describes the results, and rate is the measured speed in images per second, or 0.
func (p *pretraining) build(
	ctx context.Context, c config.Contrast,
) (r *Run, chosen []string, rate float64, err error) {
	var precision, split string
	var choose Chooser
	if p.Tuner != nil {
		choose = func(m *config.Machine, net nn.Config) (err error) {
			step := setup.ContrastStep(&c, net)
			step.Batch = max(2, step.Batch/max(1, p.world.Size))
			precision, err = setup.Precision(p.Tuner, m, step)
			return err
		}
		if !p.world.Alone() {
			alone := choose
			choose = func(m *config.Machine, net nn.Config) error {
				return p.met.ChooseMachine(ctx, m, func() error { return alone(m, net) })
			}
		}
	}
	if r, err = NewRun(ctx, p.world, c, p.place.Dir, choose); err != nil {
		return r, nil, 0, err
	}
	r.Say, p.judge = p.Progress.Print, r.queries()
	r.Hooks = append(p.hooks(ctx, r.Config), p.Hooks...)
	if p.Tuner == nil || !p.world.Alone() { // several processes share the processors evenly
		return r, []string{precision}, 0, nil
	}
	folder := c.DataFolder
	if folder != "" && !store.IsURL(folder) {
		if folder, err = filepath.Abs(folder); err != nil {
			return r, nil, 0, err
		}
	}
	images := autotune.Images{Dataset: r.Train, Views: r.Views, From: folder}
	step := setup.ContrastStep(&c, r.Model.Net)
	split, rate, err = setup.SplitThreads(p.Tuner, &r.Config.Machine, c.Precision, step, images)
	return r, []string{precision, split}, rate, err
}

// hooks returns the hooks that every pre-training has.
func (p *pretraining) hooks(ctx context.Context, c config.Contrast) []Hook {
	list := append([]Hook{p.Progress.Hook()}, StepHooks(c, p.place.Events)...)
	list = append(list, CheckpointHook(c.SaveFreq, c.Keep))
	if c.Probe > 0 && (c.Record || c.SaveScore) {
		list = append(list, ProbeHook(c.Probe, p.Progress.Evaluating))
	}
	if n := c.SpectrumImages(); n != 0 && (c.Record || c.SaveScore) {
		list = append(list, SpectrumHook(max(0, n)))
	}
	if c.Record || c.SaveScore {
		list = append(list, VitalsHook())
	}
	if c.KNNEvery > 0 {
		list = append(list, KNNHook(ctx, c.KNNEvery, func(epoch int, top1 float64) {
			a := Accuracy{epoch, top1}
			p.result.Accuracies = append(p.result.Accuracies, a)
			p.Progress.Print("k-NN top-1 %s: %.2f %% (chance %.2f %%)", a.When(), top1, eval.Chance(p.judge))
		}, p.Progress.Evaluating))
	}
	return list
}

// When describes the time of the evaluation: "untrained" or "after epoch N".
func (a Accuracy) When() string {
	if a.Epoch == 0 {
		return "untrained"
	}
	return fmt.Sprintf("after epoch %d", a.Epoch)
}

// start resumes the run, or gives it its first weights.
func (p *pretraining) start(r *Run) error {
	path := r.Config.Resume
	var skipped []error
	if path == "auto" {
		path, skipped = rundir.Newest(r.Dir)
		for _, err := range skipped {
			r.say("note: passed over: %v", err)
		}
		if path == "" && len(skipped) > 0 {
			return rundir.AllDamaged(r.Dir)
		}
		if path == "" {
			r.say("note: %s has no checkpoint yet, training starts at the beginning", r.Dir)
		}
	}
	load, from := r.Load, path
	if path == "" {
		load, from = r.LoadWeights, r.Config.Init
	}
	if from == "" {
		return nil
	}
	notes, err := load(from)
	for _, n := range notes {
		r.say("note: %s", n)
	}
	switch {
	case err != nil || path == "":
	case r.Epoch > r.Config.Epochs:
		r.say("resuming %s: all %s are done; more --epochs train it for longer", path,
			humanize.Count(r.Config.Epochs, "epoch"))
		if current := filepath.Join(r.Dir, rundir.CurrentFile); len(skipped) > 0 && path != current && r.World.First() {
			r.say("%s is written again, from %s", current, path)
			err = copyFile(current, path)
		}
	default:
		r.say("resuming %s: epoch %d, step %d", path, r.Epoch, r.StepInEpoch+1)
	}
	return err
}

// copyFile writes a copy of a file in the place of another one.
func copyFile(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return durable.Write(to, func(w io.Writer) error { _, err := io.Copy(w, f); return err })
}

// train runs the loop and reports how it ended.
func (p *pretraining) train(ctx context.Context, r *Run) error {
	begin := time.Now()
	if p.Begin != nil {
		p.Begin()
	}
	err := setup.Explain(torch.Run(func() error { return r.Do(ctx) }), setup.PretrainingLoad(&r.Config))
	p.result.Checkpoint = r.Saved()
	switch {
	case errors.Is(err, ErrStopped):
		r.say("stopped in epoch %d after %d of %d steps; %s has everything: %s", r.Epoch, r.StepInEpoch, r.Batches,
			r.Saved(), cmp.Or(p.GoOn, "resume with the same command and --resume auto"))
	case err != nil:
		// A process that is lost is in the log already.
		if err = p.joined.Explain(r.LastGood(err)); !errors.As(err, new(*dist.Lost)) {
			p.failed(err)
		}
	default:
		r.say("trained %s in %s%s", humanize.Count(min(r.Epoch, r.Config.Epochs), "epoch"),
			humanize.Duration(time.Since(begin)), r.outcome())
	}
	return err
}

// outcome describes the means of the last epoch, which are the loss and the accuracy of the
// run.
func (r *Run) outcome() string {
	if r.last.Images == 0 {
		return ""
	}
	loss, accuracy := r.last.Means()
	return fmt.Sprintf("; mean of the last epoch: loss %.3f, acc %.1f %%", loss, accuracy)
}

// visible is the number of steps in which a loss that rises is noticed.
const visible = 10

// summary describes the training in a few lines, and names the run directory.
func (r *Run) summary() string {
	c := r.Config
	lines := []string{
		fmt.Sprintf("%s on %s; %s in %s (%s), %s per epoch", c.Method, r.images(), c.Arch, c.Precision, c.MemoryFormat,
			humanize.Count(r.Batches, "step")),
		"features: " + c.FeatureTransform.Brief(),
	}
	lines[1] += r.objective()
	if c.Memory != "none" && c.Memory != "target" {
		lines = append(lines, "acc: how often an image's other view scores above all negatives")
	}
	if steps := r.fresh(); c.Memory == "moco" && steps >= visible && r.GlobalStep == 0 {
		lines = append(lines, fmt.Sprintf("the queue starts with random keys, which are easy to tell from a view: "+
			"the loss rises until they have left it, in step %d", steps))
	}
	return strings.Join(append(lines, "run directory: "+r.Dir), "\n")
}

// images describes the training images: "300 images in photos, no classes".
func (r *Run) images() string {
	from := "of " + r.Train.Name()
	if name := r.Train.Name(); name == "folder" || name == "list" {
		from = "in " + store.Join(r.Config.DataFolder)
	}
	classes := "no classes"
	switch n := len(r.Train.Classes()); n {
	case 0:
	case 1:
		classes = "1 class"
	default:
		classes = fmt.Sprintf("%d classes", n)
	}
	return fmt.Sprintf("%s %s, %s", humanize.Count(r.Train.Len(), "image"), from, classes)
}
