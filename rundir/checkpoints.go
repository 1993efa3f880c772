package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"contralens/checkpoint"
)

// recordKey is where a checkpoint keeps our record, beside PyTorch's keys.
const recordKey = "contralens"

// CheckpointVersion is the version of the record that is written.
const CheckpointVersion = 1

// CheckpointRecord is what the records of all checkpoints of ours have in common, of
// pre-trainings and of classifiers. Embed it in a struct with more fields to write and
// read them too (checkpoint.Encode).
type CheckpointRecord struct {
	Version     int               `key:"version"`
	Config      map[string]string `key:"config"`        // every option, resolved
	Epoch       int               `key:"epoch"`         // the last complete one
	StepInEpoch int               `key:"step_in_epoch"` // steps of the next epoch that are done
	GlobalStep  int               `key:"global_step"`   // steps done since the beginning
	Threads     int               `key:"threads"`       // that compute; 0 is not known
	Workers     int               `key:"workers"`       // that load images; 0 is not known
	Machine     string            `key:"machine"`       // the kind of machine; empty is not known
}

// WithRecord adds a record, a struct with a CheckpointRecord in it, to a checkpoint, and
// to the record what has no place in a struct.
func WithRecord(file checkpoint.Dict, record any, more ...checkpoint.Item) checkpoint.Dict {
	return append(file, checkpoint.Item{Key: recordKey, Value: append(checkpoint.Encode(record), more...)})
}

// DecodeRecord reads a checkpoint's record into the struct that to points to, and
// returns it as it is in the file: nil if there is none, as PyTorch programs write none.
func DecodeRecord(file checkpoint.Dict, to any) checkpoint.Dict {
	d := file.Dict(recordKey)
	if d != nil {
		d.Decode(to)
	}
	return d
}

// Newest finds the checkpoint of a run directory that is furthest in training. It returns
// "" if there is none, and in skipped the errors of the damaged ones that it passed over.
// It goes by what the files say and not by their times, which copying changes.
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

// AllDamaged is the error of a run directory whose checkpoints are all damaged: to start
// at the beginning would overwrite them.
func AllDamaged(dir string) error {
	return fmt.Errorf("run directory %s: want a checkpoint that can be read, but all are damaged; "+
		"copy them again, name a good one with --resume, or start at the beginning with --overwrite", dir)
}

// Otherwise adds to the error of a checkpoint that could not be read which good one there
// is beside it.
func Otherwise(path string, err error) error {
	if good, _ := Newest(filepath.Dir(path)); good != "" {
		return fmt.Errorf("%w; the newest good checkpoint beside it is %s", err, good)
	}
	return err
}

// SaveEpoch keeps the state after an epoch in dir: save writes current.pth, which makes
// interrupted.pth obsolete, and after every saveFreq-th epoch ckpt_epoch_N.pth too, of
// which the newest keep stay (0: all).
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
