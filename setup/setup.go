// Package setup makes the objects that options describe: datasets, the network, views,
// the feature transformation, an encoder out of a checkpoint, and the run directory.
// Training and evaluation both start here, so that the same options mean the same
// things.
package setup

import (
	"slices"

	"contralens/config"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Network is the network that the options describe, on the machine's device.
func Network(n config.Net, m config.Machine) (nn.Config, error) {
	name := m.Device
	if m.GPU != "" {
		name = "cuda:" + m.GPU
	}
	device, err := torch.ParseDevice(name)
	if err != nil {
		return nn.Config{}, err
	}
	return nn.Config{
		Arch: n.Arch, Width: n.Width, Stem: n.Stem, Head: n.Head, FeatDim: n.FeatDim, Modal: n.Modal,
		Format: nn.Format(m.MemoryFormat), Device: device,
	}, nil
}

// Views are the views of each image that the options describe: as many random crops
// as asked for, and the jigsaw if there is one.
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

// Compute runs f, which does tensor work, with the given number of compute threads; 0
// leaves it as it is. A panic of the tensor library becomes an error.
func Compute(threads int, f func() error) error {
	if threads > 0 {
		torch.SetThreads(threads)
	}
	return torch.Run(f)
}
