package setup

import (
	"contralens/config"
	"contralens/data"
)

// Datasets opens the training and test images that the options describe; test is
// nil when there are none. note receives a sentence for every image that is left out
// or replaced, from any goroutine; it may be nil.
func Datasets(d config.Data, note func(string)) (train, test data.Dataset, err error) {
	return data.Open(dataOptions(d, note))
}

// Splits opens all splits of the dataset that the options describe.
func Splits(d config.Data, note func(string)) (data.Parts, error) {
	return data.OpenParts(dataOptions(d, note))
}

func dataOptions(d config.Data, note func(string)) data.Options {
	return data.Options{
		Name: d.Dataset, Folder: d.DataFolder, Imagenet100Path: d.Imagenet100Path, Limit: d.Limit,
		Imbalance: d.Imbalance, ImbalanceSeed: d.ImbalanceSeed, MaxBad: d.MaxBad, Note: note,
	}
}
