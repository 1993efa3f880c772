package protocol

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"contralens/config"
	"contralens/data/codec"
	"contralens/data/loader"
	"contralens/detect"
	objects "contralens/detect/loader"
	detectors "contralens/detect/train"
	"contralens/dist"
	"contralens/events"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/peers"
	"contralens/peers/join"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
	"contralens/world"
)

// Train trains a detector on an encoder, in a run directory, and tests it. It returns the result
// of the last test. If ctx ends, it saves the state and returns ErrStopped; the same call with
// Resume "auto" then resumes.
func Train(ctx context.Context, c config.DetectTrain, o Options) (rundir.Result, error) {
	w := join.World(o.Launch)
	if !w.First() {
		o.Progress, o.Note = nil, nil // the first process speaks for all
	}
	defer o.complete()()
	place, err := setup.FindPlace(&c, c.Output, c.RunName()) // before the encoder's file sets options
	if err == nil {
		err = setup.ShareMachine(&c.Machine, o.Launch)
	}
	if err != nil {
		return rundir.Result{}, err
	}
	t := &training{Options: o, c: &c, place: place, world: w}
	err = setup.Compute(c.Threads, func() error { return t.run(ctx) })
	if err != nil {
		err = setup.Explain(err, setup.Load{Machine: c.Machine, Arch: c.Arch, Batch: c.BatchSize})
		if !errors.Is(err, ErrStopped) && !errors.As(err, new(*dist.Lost)) { // which is in the log already
			t.failed(err)
		}
	}
	return t.result, err
}

// failed writes to the log why the training failed.
func (t *training) failed(err error) { t.Progress.Log("%s", rundir.FailedLine(err)) }

// Plan describes what Train would do with the same options: it opens images and encoder, builds
// the detector, and changes nothing. The error is that of Train.
func Plan(ctx context.Context, c config.DetectTrain, o Options) (place setup.Place, lines string, err error) {
	defer o.complete()()
	if place, err = setup.FindPlace(&c, c.Output, c.RunName()); err != nil {
		return place, "", err
	}
	t := &training{Options: o, c: &c, place: place, world: world.World{Size: max(1, c.NProc)}}
	err = setup.Compute(c.Threads, func() error {
		r, err := t.prepare(ctx)
		if err == nil {
			err = setup.Admit(place, &c, c.Output)
		}
		if r == nil {
			return err
		}
		defer t.model.Free()
		defer r.Optimizer.Free()
		lines = t.summary(r)
		return err
	})
	return place, lines, err
}

// training is one call of Train.
type training struct {
	Options
	c           *config.DetectTrain
	place       setup.Place
	world       world.World
	train, test *detect.Set
	encoder     *encoder
	model       *detector
	met         *join.Meeting // nil in one process
	joined      *join.Joined  // nil: none, or none yet
	result      rundir.Result
}

// prepare checks what can be checked before anything is written, and makes the run.
func (t *training) prepare(ctx context.Context) (*detectors.Run, error) {
	c := t.c
	if n := max(1, t.world.Size); c.BatchSize%n != 0 {
		return nil, &config.ValueError{
			Option: "batch_size", Want: fmt.Sprintf("a multiple of the %d processes, which share each batch evenly", n),
			Got: c.BatchSize,
		}
	}
	if err := rundir.Possible(t.place.Dir, c.TBPath); err != nil {
		return nil, err
	}
	if err := setup.ResumeCompute(&c.Machine, c.Resume, t.place.Dir); err != nil {
		return nil, err
	}
	if line := setup.DeviceLine(c.Machine); line != "" {
		t.Progress.Print("%s", line)
	}
	for _, note := range t.Notes {
		t.note("%s", note)
	}
	r, err := t.build(ctx)
	if err == nil {
		t.noteNorms()
	}
	return r, err
}

func (t *training) run(ctx context.Context) error {
	if err := t.meet(ctx); err != nil { // before anything that one of several processes may find wrong
		return err
	}
	r, err := t.prepare(ctx)
	if err != nil {
		return t.leave(detectors.Stopped(ctx, err))
	}
	defer t.model.Free()
	defer r.Optimizer.Free()
	if err := t.resume(r); err != nil {
		return t.leave(err)
	}
	if err := t.join(ctx, r); err != nil {
		return t.leave(err)
	}
	return t.leave(torch.Run(func() error { return t.fit(ctx, r) }))
}

// fit makes the run directory, and trains.
func (t *training) fit(ctx context.Context, r *detectors.Run) error {
	c := t.c
	release, err := setup.Prepare(t.world, t.place, c, c.Output, t.Command)
	if agreed := r.Peers.Agree(err); agreed != nil {
		if err == nil {
			release()
		}
		return agreed
	}
	defer release()
	if !t.world.First() {
		return t.do(ctx, r)
	}
	if err := t.Progress.Open(t.place.Dir); err != nil {
		return err
	}
	curves, err := events.NewWriter(t.place.Events, r.Iteration+1)
	if err != nil {
		return err
	}
	defer curves.Close()
	t.Progress.Print("%s\nrun directory: %s", t.summary(r), filepath.Clean(r.Dir))
	r.Hooks = append([]detectors.Hook{
		detectors.MetricsHook(c.PrintFreq, float64(c.BatchSize)/float64(len(t.train.Images))),
		detectors.ProgressHook(t.Progress, c.PrintFreq, t.Series), detectors.EventsHook(curves, c.PrintFreq),
	}, t.Hooks...)
	return t.do(ctx, r)
}

// do runs the loop and says how it ended.
func (t *training) do(ctx context.Context, r *detectors.Run) error {
	if t.Begin != nil {
		t.Begin()
	}
	begin, before := time.Now(), r.Iteration
	t.model.Train(true)
	err := r.Do(ctx)
	switch {
	case errors.Is(err, detectors.ErrStopped):
		t.Progress.Print("stopped after iteration %d of %d; %s has everything: resume with the same command and "+
			"--resume auto", r.Iteration, r.Schedule.Total, r.Saved())
		return ErrStopped
	case err == nil:
		t.Progress.Print("trained %s in %s\nweights: %s", humanize.Count(r.Iteration-before, "iteration"),
			humanize.Duration(time.Since(begin)), r.Saved())
		if t.world.First() && t.result.Protocol == "" { // tested by an earlier process
			t.result, err = lastTest(r.Dir)
		}
	}
	return err
}

// lastTest returns the newest result of a detector in a run directory.
func lastTest(dir string) (last rundir.Result, err error) {
	all, err := rundir.ReadResults(dir)
	for _, r := range all {
		if r.Protocol == rundir.DetectVOC || r.Protocol == rundir.DetectCOCO {
			last = r
		}
	}
	return last, err
}

// build opens images and encoder, and makes the run.
func (t *training) build(ctx context.Context) (r *detectors.Run, err error) {
	c := t.c
	if t.encoder, err = openEncoder(c, t.Set); err != nil {
		return nil, err
	}
	if t.train, t.test, err = openTraining(ctx, c, t.Options); err != nil {
		return nil, err
	}
	if t.model, err = build(c, len(t.train.Classes), t.encoder, t.Double); err != nil {
		return nil, err
	}
	setup.Host(&c.Machine, t.model.Device())
	record := detectors.Record{
		Config: config.Values(c), Classes: t.train.Classes, Categories: t.train.Categories, Images: len(t.train.Images),
		Threads: torch.Threads(), Workers: loader.Workers(c.Workers), Machine: machine.Kind(),
	}
	if t.encoder != nil {
		record.Encoder = t.encoder.record
		for _, n := range t.encoder.notes {
			t.note("%s", n)
		}
	} else {
		t.note("no --ckpt: the encoder has random weights")
	}
	r = &detectors.Run{
		Model: t.model, Source: t.source, Optimizer: detectors.NewOptimizer(t.model, c.Momentum, c.WeightDecay),
		Schedule: setup.Iterations(c.Iterating), Seed: c.Seed, Dir: t.place.Dir, Record: record,
		SaveEvery: c.SaveEvery, TestEvery: c.EvalEvery, PreciseBN: c.PreciseBN, Peers: &peers.Peers{World: t.world},
	}
	if len(t.model.Statistics()) == 0 {
		r.PreciseBN = 0
	}
	if t.model.dtype == torch.Float16 {
		r.Optimizer.ScaleLoss(t.model.Device())
	}
	r.Test = func(ctx context.Context) (detectors.Score, error) { return t.judge(ctx, r) }
	return r, nil
}

// resume restores the state of the run from a checkpoint.
func (t *training) resume(r *detectors.Run) error {
	path := t.c.Resume
	if path == "auto" {
		var skipped []error
		path, skipped = rundir.Newest(r.Dir)
		for _, err := range skipped {
			t.note("passed over: %v", err)
		}
		if path == "" && len(skipped) > 0 {
			return rundir.AllDamaged(r.Dir)
		}
		if path == "" {
			t.note("%s has no checkpoint yet, training starts at the beginning", r.Dir)
		}
	}
	if path == "" {
		return nil
	}
	notes, err := r.Load(path)
	for _, n := range notes {
		t.note("%s", n)
	}
	switch {
	case err != nil:
	case r.Iteration >= r.Schedule.Total:
		t.Progress.Print("resuming %s: all %s are done", path, humanize.Count(r.Schedule.Total, "iteration"))
	default:
		t.Progress.Print("resuming %s: iteration %d", path, r.Iteration+1)
	}
	return err
}

// source opens the stream of training batches.
func (t *training) source(ctx context.Context, seed uint64, first int) (detectors.Batches, error) {
	c := t.c
	l, err := objects.New(ctx, objects.Options{
		Set: t.train, Train: true, BatchSize: c.BatchSize, Batches: math.MaxInt32, FirstBatch: first, Seed: seed,
		Short: c.Short, MaxSide: c.MaxSide, Divisor: t.model.SizeDivisor(), Masks: c.Masks, Workers: c.Workers,
		MaxBad: c.MaxBad, Note: t.Note, World: t.world, Pixels: !t.model.Device().IsCPU(), Gray16: codec.Gray16(c.Gray16),
	})
	if err != nil {
		return nil, err
	}
	return &batches{l, nil}, nil
}

// batches gives back the memory of a batch when the next one is asked for.
type batches struct {
	loader *objects.Loader
	last   *objects.Batch
}

func (b *batches) Next() (*detect.Batch, error) {
	if b.last != nil {
		b.loader.Recycle(b.last)
	}
	next, err := b.loader.Next()
	if b.last = next; err != nil {
		return nil, err
	}
	return next.Batch, nil
}

func (b *batches) Close() { b.loader.Close() }

// summary describes the training in two lines.
func (t *training) summary(r *detectors.Run) string {
	c := t.c
	what := "Faster R-CNN"
	if c.Masks {
		what = "Mask R-CNN"
	}
	number := 0
	for _, m := range t.train.Images {
		number += len(m.Objects)
	}
	return strings.Join([]string{
		fmt.Sprintf("%s %s on %s of width %v in %s: %s with %d objects of %s", what, strings.ToUpper(c.Detector), c.Arch,
			c.Width, c.Precision, humanize.Count(len(t.train.Images), "image"), number,
			fmt.Sprintf("%d classes", len(t.train.Classes))),
		fmt.Sprintf("%s of %s, %.1f passes; tested on %s", humanize.Count(r.Schedule.Total, "iteration"),
			humanize.Count(c.BatchSize, "image"), float64(r.Schedule.Total)*float64(c.BatchSize)/float64(len(t.train.Images)),
			humanize.Count(len(t.test.Images), "image")),
	}, "\n")
}
