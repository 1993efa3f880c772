package train

import (
	"context"
	"fmt"
	"image"
	"slices"

	"contralens/config"
	"contralens/data"
	"contralens/features"
	"contralens/features/probe"
	"contralens/internal/humanize"
	"contralens/views"
)

// thumbnailOf returns the side in pixels of the pictures of n probe images: a browser must hold the sheet of all.
func thumbnailOf(n int) int {
	if n > 5000 {
		return 24
	}
	return 48
}

// allEpochs is the number of epochs up to which the probe keeps the features of each.
const allEpochs = 20

// probeEvery returns how many epochs lie between those whose features a probe keeps. In a
// long training they are at most a hundred, and the probe takes at most a twentieth of the
// time: an image that is trained on costs about four forward passes.
func probeEvery(epochs, images, probed int) int {
	if epochs <= allEpochs {
		return 1
	}
	return max((epochs+99)/100, (20*probed+4*images-1)/(4*images))
}

// ProbeHook stores the features of n fixed images before training, after epochs (all of
// them if there are few) and after the last. They are test images if there are any, spread
// evenly over the classes.
func ProbeHook(n int, progress func(done, total int)) Hook {
	var set *probe.Probe
	var images data.Dataset
	add := func(r *Run, epoch int) error {
		features, _, err := features.Compute(r.Model.Query, images, features.Options{
			Size: r.Config.InputRes, Workers: r.Config.Workers, Precision: r.Model.Precision, Progress: progress,
		})
		if err != nil {
			return fmt.Errorf("images of the probe: %w", err)
		}
		defer features.Free()
		return set.Add(epoch, features.Float32s(), features.Size(1))
	}
	return Hook{
		Order: Probes,
		Start: func(r *Run) (err error) {
			kind := "image"
			if images = r.Train; r.Test != nil {
				images, kind = r.Test, "test image"
			}
			of := images.Len()
			images = spread(images, min(n, probe.MaxImages))
			if images.Len() < n && n != config.DefaultContrast().Probe && r.GlobalStep == 0 {
				r.say("note: --probe %d records %d: there are %s, and %d are the most", n, images.Len(),
					humanize.Count(of, kind), probe.MaxImages)
			}
			if set, err = openProbe(r, images); err != nil || r.GlobalStep > 0 {
				return err
			}
			return add(r, 0)
		},
		Epoch: func(r *Run) error {
			if r.Epoch%probeEvery(r.Config.Epochs, r.Train.Len(), images.Len()) != 0 && r.Epoch != r.Config.Epochs {
				return nil
			}
			return add(r, r.Epoch)
		},
	}
}

// openProbe makes the run's probe set, or continues the existing one.
func openProbe(r *Run, images data.Dataset) (*probe.Probe, error) {
	set := probe.Images{Classes: images.Classes(), Thumbnail: thumbnailOf(images.Len())}
	for i := range images.Len() {
		set.Labels = append(set.Labels, images.Label(i))
		set.Paths = append(set.Paths, images.Path(i))
	}
	if r.GlobalStep > 0 {
		if old, err := probe.Open(probe.Dir(r.Dir)); err == nil && slices.Equal(old.Labels, set.Labels) {
			return old, nil
		}
	}
	pictures := make([]image.Image, images.Len())
	for i := range pictures {
		var m views.Image
		if err := images.Image(context.Background(), i, &m); err != nil {
			return nil, fmt.Errorf("images of the probe: %w", err)
		}
		pictures[i] = m.Picture()
	}
	return probe.Create(probe.Dir(r.Dir), set, pictures)
}

// chosen is a dataset of some of another's images.
type chosen struct {
	data.Dataset
	indices []int
}

func (c chosen) Len() int { return len(c.indices) }
func (c chosen) Image(ctx context.Context, i int, dst *views.Image) error {
	return c.Dataset.Image(ctx, c.indices[i], dst)
}
func (c chosen) Label(i int) int   { return c.Dataset.Label(c.indices[i]) }
func (c chosen) Path(i int) string { return c.Dataset.Path(c.indices[i]) }

// spread chooses n images: about equally many per class, evenly spaced within each.
func spread(d data.Dataset, n int) data.Dataset {
	byClass := make([][]int, len(d.Classes())+1) // the last has those without a class
	for i := range d.Len() {
		c := d.Label(i)
		if c < 0 {
			c = len(byClass) - 1
		}
		byClass[c] = append(byClass[c], i)
	}
	share := make([]int, len(byClass))
	for left := min(n, d.Len()); left > 0; {
		for c := range byClass {
			if share[c] < len(byClass[c]) && left > 0 {
				share[c]++
				left--
			}
		}
	}
	out := chosen{Dataset: d}
	for c, list := range byClass {
		for i := range share[c] {
			out.indices = append(out.indices, list[i*len(list)/share[c]])
		}
	}
	return out
}
