package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"contralens/checkpoint"
	"contralens/rundir"
	"contralens/statedict"
	"contralens/torch"
)

// Record is what a checkpoint says about a detector besides its weights.
type Record struct {
	Config     map[string]string // all options
	Classes    []string          // names of the outputs
	Categories []int64           // numbers of the classes in result files
	Encoder    EncoderRecord
	Images     int // training images
	// Threads and workers of the computation, and the kind of machine.
	Threads, Workers int
	Machine          string
}

// EncoderRecord identifies the encoder on which a detector was trained.
type EncoderRecord struct {
	Path   string `key:"path"` // of its checkpoint; empty: random weights
	SHA256 string `key:"sha256"`
	Epoch  int    `key:"epoch"`
}

// Protocol is the protocol in the records of detectors.
const Protocol = "detect"

// checkpointRecord is the record as it is stored, beside the keys of Detectron2.
type checkpointRecord struct {
	rundir.CheckpointRecord
	Protocol   string            `key:"protocol"`
	Classes    []string          `key:"classes"`
	Categories map[string]string `key:"categories"` // class → number
	Images     int               `key:"images"`
	Seed       int               `key:"seed"`
	Unmeasured bool              `key:"norms_unmeasured"` // those of this iteration, before its test
	Encoder    EncoderRecord     `key:"encoder"`
}

// Save writes the state: model, optimizer and iteration, the last completed one counted from
// 0, as Detectron2's checkpoints have them, and our record. The batches and the choices of a
// step depend on seed and iteration, which are all that a resumed run needs of them.
func (r *Run) Save(path string) error {
	root := checkpoint.Dict{
		{Key: "model", Value: statedict.Of(r.Model.State(), "")},
		{Key: "optimizer", Value: statedict.SGD(r.Optimizer, r.Schedule.At(max(0, r.Iteration-1)))},
		{Key: "iteration", Value: r.Iteration - 1},
	}
	root = append(root, statedict.LossScale(r.Optimizer.Scale)...)
	c := r.Record
	numbers := map[string]string{}
	for i, class := range c.Classes {
		if i < len(c.Categories) {
			numbers[class] = fmt.Sprint(c.Categories[i])
		}
	}
	return checkpoint.Write(path, rundir.WithRecord(root, checkpointRecord{
		CheckpointRecord: rundir.CheckpointRecord{
			Version: rundir.CheckpointVersion, Config: c.Config, GlobalStep: r.Iteration,
			Threads: c.Threads, Workers: c.Workers, Machine: c.Machine, Torch: torch.Version(),
			World: r.processes(),
		},
		Protocol: Protocol, Classes: c.Classes, Categories: numbers, Images: c.Images, Seed: int(r.Seed), Encoder: c.Encoder,
		Unmeasured: r.unmeasured,
	}))
}

// save writes current.pth, in the first process. A state is complete after any iteration, so an
// interrupted run has no other file.
func (r *Run) save() error {
	path := filepath.Join(r.Dir, rundir.CurrentFile)
	if r.saved == path && r.savedStep == r.Iteration {
		return nil
	}
	err := r.Peers.ByFirst(func() error {
		if err := r.Save(path); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(r.Dir, rundir.InterruptedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err == nil {
		r.setSaved(path, r.Iteration)
	}
	return err
}

// setSaved remembers the newest checkpoint.
func (r *Run) setSaved(path string, step int) {
	r.saved, r.savedStep = path, step
	r.good.Store(new(fmt.Sprintf("the last checkpoint is %s, of iteration %d", path, step)))
}

// LastGood names the newest checkpoint in a sentence, or says that there is none. It may be called from any goroutine.
func (r *Run) LastGood() (sentence string, found bool) {
	if s := r.good.Load(); s != nil {
		return *s, true
	}
	return "no checkpoint has been saved yet", false
}

// Saved returns the newest checkpoint, which this run wrote or was resumed from; "" if there is
// none.
func (r *Run) Saved() string { return r.saved }

// Load restores the run from one of its checkpoints. notes are sentences for the user.
func (r *Run) Load(path string) (notes []string, err error) {
	file, err := checkpoint.Read(path)
	if err != nil {
		return nil, rundir.Otherwise(path, err)
	}
	var record checkpointRecord
	if rundir.DecodeRecord(file, &record) == nil {
		return nil, fmt.Errorf("checkpoint %s: want one of a detector that contralens trained, to resume it, but it has no "+
			"record of ours; it can be an encoder to start from", path)
	}
	if record.Protocol != Protocol {
		return nil, fmt.Errorf("checkpoint %s: want one of a detector, to resume it, got one of another training; "+
			"it can be an encoder to start from", path)
	}
	if !slices.Equal(record.Classes, r.Record.Classes) {
		return nil, fmt.Errorf("checkpoint %s: want the classes of the data, %s, got %s; are these other annotations?",
			path, few(r.Record.Classes), few(record.Classes))
	}
	if err := statedict.Load(path, r.Model.State(), file.Get("model"), ""); err != nil {
		return nil, err
	}
	if err := statedict.LoadSGD(path, r.Optimizer, file.Get("optimizer")); err != nil {
		return nil, err
	}
	statedict.LoadLossScale(r.Optimizer.Scale, file)
	r.Iteration = record.GlobalStep
	r.unmeasured = record.Unmeasured
	r.setSaved(path, r.Iteration)
	if note := record.OtherTorch(path, torch.Version()); note != "" {
		notes = append(notes, note)
	}
	if was, is := max(1, record.World), r.processes(); was != is {
		notes = append(notes, fmt.Sprintf("%s was trained in a world of %d, and resumes in one of %d: with the same "+
			"batches and draws, but losses are means over other shares of them", path, was, is))
	}
	if record.Images != r.Record.Images {
		notes = append(notes, fmt.Sprintf("the dataset had %d training images when %s was saved and has %d now: "+
			"their order is another one", record.Images, path, r.Record.Images))
	}
	return notes, nil
}

// few names the first classes of a list.
func few(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%q and %d more", names[:5], len(names)-5)
	}
	return fmt.Sprintf("%q", names)
}
