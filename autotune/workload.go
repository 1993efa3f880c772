package autotune

import (
	"contralens/data"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/views"
)

// Workload is what is computed.
type Workload struct {
	Net     nn.Config // its Format does not count
	Batch   int       // images that go through the network together
	Side    int       // of an image, in pixels
	Threads int       // that compute, unless a split is chosen
	Given   Setting   // what is chosen already
	// Images are what a split is chosen for. nil: precision and format are chosen.
	Images *Images
}

// Images are what a step loads.
type Images struct {
	Dataset data.Dataset
	Views   []views.Spec // of each image; the first is a crop
	From    string       // where the dataset is, which tells it from others
}

// candidates returns the settings for a workload, preferred ones first.
func (w Workload) candidates(bf16 bool) []Setting {
	if w.Images != nil {
		return splits(machine.Processors(), w.Given)
	}
	return candidates(w.Given, bf16)
}

// Open reports whether something is to be chosen.
func (w Workload) Open() bool {
	if w.Images != nil {
		return len(w.candidates(true)) > 1
	}
	return w.Given.Open()
}
