package world

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"contralens/config"
	detectors "contralens/detect/protocol"
	"contralens/dist"
	"contralens/eval/protocol"
	"contralens/rundir"
	"contralens/torch"
)

// evaluation is what one process evaluates: one of the configurations.
type evaluation struct {
	Launch     dist.Launch
	KNN        *config.KNN
	Features   *config.Features
	Folder     string // of the images for Features
	Linear     *config.Linear
	Finetune   *config.Finetune
	Supervised *config.Supervised
	Detect     *config.DetectTrain
	Double     bool // Detect trains in float64
	Set        map[string]bool
	Stop       bool   // the last rank is asked to stop when training begins
	Out        string // file of the outcome
}

// outcome is what an evaluation ends with.
type outcome struct {
	Results   []rundir.Result
	Extracted protocol.Extracted
	Stopped   bool
	Lines     []string
}

// do evaluates in this process.
func (e *evaluation) do() error {
	torch.SetThreads(1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out outcome
	o := protocol.Options{Set: e.Set, Launch: e.Launch, Timing: dist.Timing{Timeout: 20 * time.Second, Join: time.Minute}}
	o.Line = func(s string) { out.Lines = append(out.Lines, s) }
	if e.Stop && e.Launch.Rank == e.Launch.Size-1 {
		o.Begin = cancel
	}
	add := func(r rundir.Result, err error) error {
		out.Results = append(out.Results, r)
		return err
	}
	var err error
	switch {
	case e.KNN != nil:
		err = add(protocol.KNN(ctx, *e.KNN, o))
	case e.Features != nil:
		out.Extracted, err = protocol.Features(ctx, *e.Features, e.Folder, o)
	case e.Linear != nil:
		err = add(protocol.Linear(ctx, *e.Linear, o))
	case e.Finetune != nil:
		out.Results, err = protocol.Finetune(ctx, *e.Finetune, o)
	case e.Supervised != nil:
		err = add(protocol.Supervised(ctx, *e.Supervised, o))
	case e.Detect != nil:
		d := detectors.Options{Launch: o.Launch, Timing: o.Timing, Begin: o.Begin, Note: o.Line, Double: e.Double}
		err = add(detectors.Train(ctx, *e.Detect, d))
	}
	out.Stopped = errors.Is(err, protocol.ErrStopped) || errors.Is(err, detectors.ErrStopped)
	if err != nil && !out.Stopped {
		return err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return os.WriteFile(e.Out, text, 0o644)
}
