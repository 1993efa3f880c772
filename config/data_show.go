package config

import "fmt"

// DataShow are the options of a contact sheet of views.
type DataShow struct {
	Aug      string  `flag:"aug" help:"A, B, C, D, E, NULL, RA, jigsaw or eval"`
	N        int     `flag:"number" short:"n" help:"views to draw; of eval, in which nothing is random, one"`
	Out      string  `flag:"output" short:"o" help:"PNG file to write"`
	InputRes int     `flag:"input_res" help:"side of a view in pixels"`
	Crop     float64 `flag:"crop" help:"smallest share of the image's area that a crop takes"`
	Modal    string  `flag:"modal" help:"RGB, or CMC, whose RandAugment leaves the colors alone"`
	Decode   string  `flag:"decode" help:"fast or exact"`
	Seed     uint64  `flag:"seed" help:"seed of everything random"`
}

// DefaultDataShow are the defaults of a contact sheet.
func DefaultDataShow() DataShow {
	return DataShow{Aug: "B", N: 16, Out: "views.png", InputRes: 224, Crop: 0.2, Modal: "RGB", Decode: "fast"}
}

// maxShown is the largest side of a view that is drawn.
const maxShown = 4096

// Resolve says what cannot work.
func (c *DataShow) Resolve(map[string]bool) ([]string, error) {
	if c.N < 1 || c.N > 400 {
		return nil, fmt.Errorf("--number: want 1 to 400 views, got %d", c.N)
	}
	if err := picture("output", c.Out); err != nil {
		return nil, err
	}
	if c.InputRes > maxShown {
		return nil, fmt.Errorf("--input_res: want at most %d pixels on a sheet, got %d", maxShown, c.InputRes)
	}
	return nil, first(fraction("crop", c.Crop), oneOf("modal", c.Modal, "RGB", "CMC"), oneOf("decode", c.Decode, "fast", "exact"), atLeast("input_res", c.InputRes, 1))
}
