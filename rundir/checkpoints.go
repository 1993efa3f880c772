package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"contralens/checkpoint"
)

// recordKey is the key of our record in a checkpoint, beside PyTorch's keys.
const recordKey = "contralens"

// CheckpointVersion is the version of the record that this program writes.
const CheckpointVersion = 1

// CheckpointRecord is the common part of the records of all our checkpoints, of
// pre-training and of classifiers. Embed it in a struct to add fields (see
// checkpoint.Encode).
type CheckpointRecord struct {
	Version     int               `key:"version"`
	Config      map[string]string `key:"config"`        // every option, resolved
	Epoch       int               `key:"epoch"`         // the last complete one
	StepInEpoch int               `key:"step_in_epoch"` // steps done of the next epoch
	GlobalStep  int               `key:"global_step"`   // steps done since the beginning
	Threads     int               `key:"threads"`       // compute threads; 0 if unknown
	Workers     int               `key:"workers"`       // goroutines that load images; 0 if unknown
	Machine     string            `key:"machine"`       // kind of machine; empty if unknown
	Torch       string            `key:"libtorch"`      // its version; empty if unknown
	World       int               `key:"world"`         // processes that trained; 0: one
	Groups      int               `key:"bn_groups"`     // of a batch, with batch-norm statistics of their own; 0: unknown
}

// OtherTorch is a note for those who resume the checkpoint path with another libtorch, or "". Its
// kernels sum in another order, so that the run goes on, but not bit for bit as it would have.
func (r CheckpointRecord) OtherTorch(path, version string) string {
	if r.Torch == "" || r.Torch == version {
		return ""
	}
	return fmt.Sprintf("%s was trained with libtorch %s, and resumes with %s: sums are rounded otherwise",
		path, r.Torch, version)
}

// WithRecord adds a record to a checkpoint. record is a struct that embeds
// CheckpointRecord; more are items of the record that do not fit a struct.
func WithRecord(file checkpoint.Dict, record any, more ...checkpoint.Item) checkpoint.Dict {
	return append(file, checkpoint.Item{Key: recordKey, Value: append(checkpoint.Encode(record), more...)})
}

// DecodeRecord reads a checkpoint's record into the struct that to points to. It also
// returns the record as it is in the file, or nil if there is none, as in the files of
// PyTorch programs.
func DecodeRecord(file checkpoint.Dict, to any) checkpoint.Dict {
	d := file.Dict(recordKey)
	if d != nil {
		d.Decode(to)
	}
	return d
}

// Newest returns the checkpoint of a run directory that is furthest in training, or ""
// if there is none. skipped has the errors of damaged checkpoints. Newest uses the
// contents of the files, not their times, because copying changes these.
func Newest(dir string) (path string, skipped []error) {
	best, epoch := -1, -1
	try := func(name string) {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err != nil {
			return
		}
		file, err := checkpoint.Read(p)
		if err != nil {
			skipped = append(skipped, err)
			return
		}
		var r CheckpointRecord
		DecodeRecord(file, &r)
		if r.GlobalStep > best {
			best, epoch, path = r.GlobalStep, file.Int("epoch"), p
		}
	}
	try(CurrentFile)
	try(InterruptedFile)
	for _, n := range EpochFiles(dir) {
		if n <= epoch {
			break
		}
		try(EpochFile(n))
	}
	return path, skipped
}

// ErrDamaged is the error of a run directory whose checkpoints are all damaged.
var ErrDamaged = errors.New("want a checkpoint that can be read, but all are damaged")

// AllDamaged is the error of a run directory whose checkpoints are all damaged: to start
// at the beginning would overwrite them.
func AllDamaged(dir string) error {
	return fmt.Errorf("run directory %s: %w; copy them again, name a good one with --resume, or start at the beginning "+
		"with --overwrite", dir, ErrDamaged)
}

// Otherwise adds to the error of an unreadable checkpoint which good one there is
// beside it.
func Otherwise(path string, err error) error {
	if good, _ := Newest(filepath.Dir(path)); good != "" {
		return fmt.Errorf("%w; the newest good checkpoint beside it is %s", err, good)
	}
	return err
}

// SaveEpoch saves the state after an epoch in dir. save writes current.pth, which makes
// interrupted.pth obsolete, and after every saveFreq-th epoch also ckpt_epoch_N.pth.
// The newest keep of these are kept (0: all).
func SaveEpoch(dir string, epoch, saveFreq, keep int, save func(path string) error) error {
	if err := save(filepath.Join(dir, CurrentFile)); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, InterruptedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if epoch%saveFreq != 0 {
		return nil
	}
	if err := save(filepath.Join(dir, EpochFile(epoch))); err != nil {
		return err
	}
	return prune(dir, keep)
}

// prune removes all but the newest keep of the ckpt_epoch_N.pth in dir.
func prune(dir string, keep int) (err error) {
	if files := EpochFiles(dir); keep > 0 && len(files) > keep {
		for _, n := range files[keep:] {
			err = errors.Join(err, os.Remove(filepath.Join(dir, EpochFile(n))))
		}
	}
	return err
}
