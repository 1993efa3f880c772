package protocol

import (
	"fmt"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/eval"
	"contralens/rundir"
	"contralens/setup"
)

// evaluatedEncoder is the encoder under evaluation.
type evaluatedEncoder struct {
	*setup.Encoder
	SHA256 string // of its checkpoint; empty if untrained
}

// openEncoder loads the encoder of a checkpoint, or builds an untrained one if there is
// no checkpoint. The checkpoint's record sets the options of n.
func openEncoder(n *config.Net, m config.Machine, w config.Weights, seed uint64, o Options) (*evaluatedEncoder, error) {
	if w.Ckpt == "" {
		o.note("no --ckpt: the encoder is untrained")
		e, err := setup.UntrainedEncoder(*n, m, seed)
		return &evaluatedEncoder{Encoder: e}, err
	}
	e, notes, err := setup.LoadEncoder(n, m, w, o.Set)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		o.note("%s", n)
	}
	sum, err := checkpoint.SHA256(w.Ckpt)
	if err != nil {
		e.Model.Free()
		return nil, err
	}
	return &evaluatedEncoder{Encoder: e, SHA256: sum}, nil
}

// result makes a result about the encoder. options are those of the evaluation.
func (e *evaluatedEncoder) result(
	protocol, dataset string, metrics map[string]any, seed uint64, options map[string]string,
) rundir.Result {
	r := rundir.NewResult(protocol, dataset, metrics, seed)
	r.Checkpoint, r.CheckpointSHA256, r.Epoch = e.Path, e.SHA256, e.Epoch
	r.Group = eval.Group(protocol, dataset, fmt.Sprint(e.Epoch), options, e.Config)
	return r
}
