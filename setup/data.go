package setup

import (
	"contralens/config"
	"contralens/data"
)

// Datasets opens the training and test images that the options describe; test is
// nil when there are none. note receives a sentence for every image that is left out
// or replaced, from any goroutine; it may be nil.
func Datasets(s config.Shared, note func(string)) (train, test data.Dataset, err error) {
	return data.Open(dataOptions(s, note))
}

// Splits opens all splits of the dataset that the options describe.
func Splits(s config.Shared, note func(string)) (data.Parts, error) {
	return data.OpenParts(dataOptions(s, note))
}

func dataOptions(s config.Shared, note func(string)) data.Options {
	return data.Options{
		Name: s.Dataset, Folder: s.DataFolder, Imagenet100Path: s.Imagenet100Path, Limit: s.Limit,
		Imbalance: s.Imbalance, ImbalanceSeed: s.ImbalanceSeed, MaxBad: s.MaxBad, Note: note,
	}
}
