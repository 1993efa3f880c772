package config

import "fmt"

// DataShow are the options of data show, which draws a contact sheet of the views of an image,
// or of images with annotated objects.
type DataShow struct {
	_        struct{} `group:"data" everyday:"true"`
	Aug      string   `flag:"aug" default:"B" help:"augmentation: A, B, C, D, E, NULL, RA, jigsaw or eval"`
	N        int      `flag:"number" short:"n" default:"16" help:"number of views or images to draw; always one with --aug eval, which draws nothing at random"`
	Out      string   `flag:"output" short:"o" default:"views.png" group:"output" help:"PNG file to write"`
	InputRes int      `flag:"input_res" default:"224" help:"side of a view in pixels"`
	Crop     float64  `flag:"crop" default:"0.2" help:"smallest share of the image's area in a random crop"`
	Modal    string   `flag:"modal" default:"RGB" help:"RGB, or CMC: RandAugment without changes of color"`
	Decode   string   `flag:"decode" default:"fast" help:"fast or exact, as in contrast"`
	Seed     uint64   `flag:"seed" help:"seed of everything random"`
	Split    string   `flag:"split" help:"annotated objects: images to choose from, such as train, 2007_trainval+2012_trainval or val2017; empty: those that are usual to train on"`
	Images   string   `flag:"images" help:"annotated objects in a JSON file: folder with its images; empty: found beside it"`
	Only     string   `flag:"only" help:"annotated objects: names of images to draw, such as 2008_000001, separated by commas; empty: --number of them, chosen by --seed"`
}

// DefaultDataShow returns the defaults of data show.
func DefaultDataShow() (c DataShow) {
	Defaults(&c)
	return c
}

// maxShown is the largest side of a drawn view, in pixels.
const maxShown = 4096

// Resolve checks all values.
func (c *DataShow) Resolve(map[string]bool) ([]string, error) {
	if c.N < 1 || c.N > 400 {
		return nil, &ValueError{Option: "number", Want: "1 to 400 views", Got: c.N}
	}
	if err := picture("output", c.Out); err != nil {
		return nil, err
	}
	if c.InputRes > maxShown {
		return nil, &ValueError{
			Option: "input_res",
			Want:   fmt.Sprintf("at most %d pixels on a sheet", maxShown), Got: c.InputRes,
		}
	}
	return nil, first(fraction("crop", c.Crop), oneOf("modal", c.Modal, "RGB", "CMC"),
		oneOf("decode", c.Decode, "fast", "exact"), atLeast("input_res", c.InputRes, 1))
}
