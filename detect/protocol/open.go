package protocol

import (
	"fmt"
	"strconv"

	"contralens/config"
	"contralens/detect/rcnn"
	"contralens/detect/sets"
	"contralens/detect/weights"
	"contralens/nn"
	"contralens/setup"
)

// openDetector loads the detector of a checkpoint. Its anchors and proposals are those of the
// training if the checkpoint has a record, or else the usual ones.
func openDetector(path string, m config.Machine) (*detector, *weights.File, error) {
	device, err := setup.Device(m)
	if err != nil {
		return nil, nil, err
	}
	f, err := weights.Open(path)
	if err != nil {
		return nil, nil, err
	}
	o := f.Options
	o.Device, o.Format = device, nn.Format(m.MemoryFormat)
	if f.Config != nil {
		c := config.DefaultDetectTrain()
		if err := config.Apply(&c, f.Config); err != nil {
			return nil, nil, fmt.Errorf("checkpoint %s: its record: %w", path, err)
		}
		o.AnchorSizes = floats(c.Sizes)
		if len(c.TopTest) == 2 {
			o.Proposals.TopTest, o.Proposals.KeepTest = c.TopTest[0], c.TopTest[1]
		}
	}
	model, err := rcnn.New(o, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Load(model.State); err != nil {
		model.Free()
		return nil, nil, err
	}
	model.Train(false)
	return &detector{model, setup.Dtype(m.Precision)}, f, nil
}

// adopt sets options from the record of a detector, if the user did not set them.
func adopt(c any, record map[string]string, set map[string]bool, options ...string) error {
	fields := config.Fields(c)
	for _, name := range options {
		f := config.Find(fields, name)
		if value, ok := f.Recorded(record); ok && !set[f.Name] {
			if err := f.Set(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// classNames returns the names of a detector's classes: those that the user gave, those in the
// checkpoint, VOC's if there are as many, or numbers.
func classNames(given string, f *weights.File) ([]string, error) {
	n := f.Options.Classes
	if given != "" {
		all := names(given)
		if len(all) != n {
			return nil, fmt.Errorf("--classes: want the names of the %d classes of %s, got %d", n, f.Path, len(all))
		}
		return all, nil
	}
	switch {
	case f.Classes != nil:
		return f.Classes, nil
	case n == len(sets.VOCClasses):
		return sets.VOCClasses, nil
	}
	all := make([]string, n)
	for i := range all {
		all[i] = "class " + strconv.Itoa(i+1)
	}
	return all, nil
}
