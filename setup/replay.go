package setup

import (
	"context"
	"errors"
	"fmt"
	"image"

	"contralens/config"
	"contralens/data"
	"contralens/data/loader"
	"contralens/views"
)

// Replay shows again what a pre-training saw: the crops of its images, drawn from their seeds.
type Replay struct {
	images data.Dataset
	views  []views.Spec
	seed   uint64
}

// NewReplay opens the data of a pre-training with the given options, those of its run.json.
func NewReplay(ctx context.Context, options map[string]string) (*Replay, error) {
	c := config.DefaultContrast()
	if err := config.Apply(&c, options); err != nil {
		return nil, err
	}
	c.MaxBad, c.KNNEvery, c.Probe = 0, 0, 0 // an image that is gone is an error, not another image
	splits, err := Splits(ctx, c, nil)
	if err != nil {
		return nil, fmt.Errorf("the training's images cannot be opened: %w; if they have moved, put a link to them there "+
			"(ln -s NEW OLD), and if that path is relative, start this program in the folder that the training ran in", err)
	}
	r := &Replay{images: splits.Train, seed: c.Seed}
	if splits.Unlabeled != nil {
		r.images = splits.Unlabeled
	}
	crops := 2
	if c.Memory == "bank" {
		crops = 1
	}
	r.views, err = Views(c, crops)
	return r, err
}

// Len is the number of images.
func (r *Replay) Len() int { return r.images.Len() }

// Path is the name of an image's file, and Class that of its class; empty if there is none.
func (r *Replay) Path(i int) string { return r.images.Path(i) }

// Class is the name of an image's class; empty if it has none.
func (r *Replay) Class(i int) string {
	label, names := r.images.Label(i), r.images.Classes()
	switch {
	case label < 0:
		return ""
	case label < len(names):
		return names[label]
	}
	return fmt.Sprint(label)
}

// Crops returns the crops of image i as the network saw them in an epoch, before colors are normalized. Those
// of a jigsaw are no pictures: nil.
func (r *Replay) Crops(ctx context.Context, i, epoch int) ([]image.Image, error) {
	if i < 0 || i >= r.Len() {
		return nil, fmt.Errorf("there is no image %d: the training has %d images", i, r.Len())
	}
	all, err := loader.Replay(ctx, loader.ViewOptions{
		Dataset: r.images, Views: r.views, Seed: r.seed, Epoch: epoch,
	}, i)
	var unreadable *data.TooManyUnreadable
	if errors.As(err, &unreadable) {
		err = unreadable.Last
	}
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("image %d cannot be read any more, or never could: %w", i, err)
	}
	if err != nil {
		return nil, err
	}
	crops := make([]image.Image, len(all))
	for k, v := range r.views {
		if v.Kind != views.Jigsaw {
			crops[k] = loader.Picture(all[k], v).Picture()
		}
	}
	return crops, nil
}
