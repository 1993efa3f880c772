package setup

import (
	"fmt"

	"contralens/config"
	"contralens/internal/humanize"
)

// Norms say whose images share the statistics of batch norm in training.
type Norms struct {
	Processes   int
	Batch       int    // images, over all processes
	Parts       int    // micro-batches of it
	Splits      int    // groups that the options ask for; 0 and 1: one for each process
	Together    bool   // all processes normalize a batch together
	Resume, Dir string // of the run, which keeps the groups that it began with
	Images      int    // in the training set
	DropLast    bool   // a last batch that is not full is left out
}

// Groups returns the number of batch-norm groups of a batch: that of the options, that with
// which a resumed run began, or one for each process. Every process has equally many.
func (n Norms) Groups() (int, error) {
	size, parts := max(1, n.Processes), max(1, n.Parts)
	if n.Together {
		return size, n.together() // each has its share of one group's images
	}
	groups := n.Splits
	if groups <= 1 {
		before, err := ResumeSettings(n.Resume, n.Dir)
		if err != nil {
			return 0, err
		}
		if groups = max(1, before.Groups); groups == 1 {
			groups = size
		}
		if groups%size != 0 {
			return 0, &config.ValueError{
				Option: "resume",
				Want:   fmt.Sprintf("a number of processes that divides the %d batch-norm groups of the run", groups), Got: size,
				Hint: "to resume with other groups, give --bn_splits, the file with --resume, and another --name",
			}
		}
	}
	switch part := n.Batch / size / parts; {
	case groups%size != 0:
		want := fmt.Sprintf("a multiple of the %d processes", size)
		return 0, &config.ValueError{Option: "bn_splits", Want: want, Got: groups}
	case size > 1 && part < 2*groups/size:
		return 0, &config.ValueError{
			Option: "batch_size",
			Want:   fmt.Sprintf("at least %d, two images in each of %d batch-norm groups", 2*groups*parts, groups),
			Got:    n.Batch,
		}
	}
	return groups, nil
}

// together returns an error unless every process has images of every batch, as each takes part
// in the batch norm of all.
func (n Norms) together() error {
	size := max(1, n.Processes)
	last := n.Images % n.Batch
	if last == 0 || n.Images < n.Batch {
		last = min(n.Images, n.Batch)
	}
	if last == 1 && n.DropLast || size == 1 || last >= 2*size {
		return nil
	}
	return &config.ValueError{
		Option: "sync_bn", Value: true,
		Want: fmt.Sprintf("at least two images of each batch for each of %d processes, got a last batch of %d", size, last),
		Hint: "give another --batch_size",
	}
}

// Notes are sentences about the processes that train with so many groups.
func (n Norms) Notes(groups int) (notes []string) {
	switch size := max(1, n.Processes); {
	case n.Together && size == 1:
		notes = append(notes, "one process: --sync_bn changes nothing")
	case n.Together:
		notes = append(notes, fmt.Sprintf("%d processes: they normalize a batch together, as one process does", size))
	case size > 1 && n.Splits <= 1 && groups == size:
		notes = append(notes, fmt.Sprintf("%d processes: each normalizes its own images, as one process with --bn_splits %d",
			size, groups))
	case size > 1:
		notes = append(notes, fmt.Sprintf("%d processes: each normalizes its own images in %s of the batch's %d", size,
			humanize.Count(groups/size, "group"), groups))
	case n.Splits <= 1 && groups > 1:
		notes = append(notes, fmt.Sprintf("the run began with %d batch-norm groups in a batch: so has one process", groups))
	}
	return notes
}
