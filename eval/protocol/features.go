package protocol

import (
	"context"
	"errors"
	"path/filepath"

	"contralens/config"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/features/table"
	"contralens/peers/join"
)

// Extracted says what Features wrote.
type Extracted struct {
	Images, Dim int // number of images, and of features of each
	Unreadable  int // images whose features are NaN
}

// Features writes the features of all images in a folder to the file c.Out. If ctx ends, it keeps
// those that are done and returns ErrStopped; the same call then resumes.
func Features(ctx context.Context, c config.Features, dir string, o Options) (e Extracted, err error) {
	n, m, _ := c.Encoder.Options()
	err = compute(ctx, &o, &m, &n, c.BatchSize, func(ctx context.Context) error {
		c.Threads, c.Workers, c.Device = m.Threads, m.Workers, m.Device
		e, err = extract(ctx, &c, dir, o)
		return err
	})
	return e, err
}

func extract(ctx context.Context, c *config.Features, dir string, o Options) (Extracted, error) {
	decoder := &codec.Decoder{Note: o.Note}
	d, err := sets.Images(ctx, store.Disk{}, dir, decoder)
	if err != nil {
		return Extracted{}, err
	}
	e, err := table.Open(c.Encoder, o.Set, func(said string) { o.note("%s", said) })
	if err != nil {
		return Extracted{}, err
	}
	defer e.Model.Free()
	decoder.Gray16 = e.Gray16
	h := join.Hello("features in "+filepath.Base(c.Out), c)
	h.Options["the folder"] = filepath.Base(filepath.Clean(dir))
	seen(&h, dir, e.Meta["checkpoint_sha256"], d)
	again := "the same command goes on with the features that are kept"
	if err := o.join(ctx, h, e.Model.Config.Device, again, nil); err != nil {
		return Extracted{}, err
	}
	if o.Begin != nil {
		o.Begin()
	}
	e.Options.Progress, e.Options.Peers = o.Features, o.company.peers()
	bad, err := table.Extract(ctx, e.Model, d, e.Options, table.Job{
		Out: c.Out, Root: dir, Meta: e.Meta, Fresh: c.Fresh,
		Columns: table.Columns{Neighbors: c.Near, Thumbnail: c.Thumb},
		Note:    o.note,
	})
	if errors.Is(err, table.ErrStopped) {
		o.note("the features so far are kept; the same command resumes")
		err = ErrStopped
	}
	return Extracted{Images: d.Len(), Dim: e.Model.FeatureDim(), Unreadable: bad}, err
}
