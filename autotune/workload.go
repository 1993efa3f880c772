package autotune

import (
	"contralens/data"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/views"
)

// Workload is the computation to choose a setting for.
type Workload struct {
	Net     nn.Config // its Format is ignored
	Batch   int       // images that pass the network together
	Side    int       // of an image, in pixels
	Threads int       // compute threads, unless a split is chosen
	Given   Setting   // what is already chosen
	// Images are loaded while the network computes, if a split is to be chosen. nil:
	// precision and format are to be chosen.
	Images *Images
}

// Images describes the images that a step loads.
type Images struct {
	Dataset data.Dataset
	Views   []views.Spec // of each image; the first is a crop
	From    string       // path of the dataset, to distinguish it from others
}

// candidates returns the settings for a workload, preferred ones first.
func (w Workload) candidates(bf16 bool) []Setting {
	if w.Images != nil {
		return splits(machine.Processors(), w.Given)
	}
	return candidates(w.Given, bf16)
}

// Open reports whether a setting has to be chosen.
func (w Workload) Open() bool {
	if w.Images != nil {
		return len(w.candidates(true)) > 1
	}
	return w.Given.Open()
}
