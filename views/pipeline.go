package views

import "fmt"

// Pipeline returns the augmentation called name (A, B, C, D, E, NULL, RA, jigsaw or eval)
// for views of size x size pixels, and the number of such views that training makes of an
// image. crop is the smallest fraction of the image's area that a crop covers.
func Pipeline(name string, size int, crop float64) (spec Spec, views int, err error) {
	switch name {
	case "jigsaw":
		spec, err = JigsawPreset(size)
		return spec, 1, err
	case "eval":
		return Evaluation(size), 1, nil
	case "NULL", "RA":
		views = 1
	default:
		views = 2
	}
	spec, err = Preset(name, size, crop)
	if err != nil {
		err = fmt.Errorf("augmentation %q: want A, B, C, D, E, NULL, RA, jigsaw or eval", name)
	}
	return spec, views, err
}
