// Package setup turns options into objects: datasets, the network, view specifications,
// the feature transformation, an encoder from a checkpoint, and the run directory.
// Training and evaluation both use it, so the same options mean the same things in
// both.
package setup

import (
	"slices"

	"contralens/config"
	"contralens/data/sets"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Network returns the network that the options describe, on the device that they mean (see
// Device).
func Network(n config.Net, m config.Machine) (nn.Config, error) {
	device, err := Device(m)
	if err != nil {
		return nn.Config{}, err
	}
	return nn.Config{
		Arch: n.Arch, Width: n.Width, Stem: n.Stem, Head: n.Head, FeatDim: n.FeatDim, Modal: n.Modal,
		Format: nn.Format(m.MemoryFormat), Device: device,
	}, nil
}

// Views returns the views of each image that the options describe: the given number of
// random crops, and the jigsaw if the method uses it.
func Views(c config.Contrast, crops int) ([]views.Spec, error) {
	s, err := views.Preset(c.Aug, c.InputRes, c.Crop)
	if err != nil {
		return nil, err
	}
	for _, o := range []struct {
		from *float64
		to   *float64
	}{{c.CropMin, &s.CropMin}, {c.JitterP, &s.JitterP}, {c.GrayP, &s.GrayP}, {c.BlurP, &s.BlurP}} {
		if o.from != nil {
			*o.to = *o.from
		}
	}
	all := slices.Repeat([]views.Spec{s}, crops)
	if c.Jigsaw {
		j, err := views.JigsawPreset(c.InputRes)
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	for i := range all {
		if c.Modal == "CMC" {
			all[i] = all[i].CMC()
		}
		all[i].Exact = c.Decode == "exact"
	}
	return all, nil
}

func init() { config.DatasetNames = sets.Names }

// Compute runs f, which computes with tensors, on the given number of threads; 0 keeps
// the current number. Before that, it makes sure that matrix products are right (see
// Products). A panic of the tensor library becomes an error.
func Compute(threads int, f func() error) error {
	if threads > 0 {
		torch.SetThreads(threads)
	}
	return torch.Run(func() error {
		if _, err := Products(); err != nil {
			return err
		}
		return f()
	})
}
