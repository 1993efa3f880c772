package config

// Demo are the options of the demo.
type Demo struct {
	_          struct{} `group:"output" everyday:"true"`
	Minutes    float64  `flag:"minutes" default:"8" help:"minutes that everything may take: measuring, both trainings, evaluations and figures"`
	Images     int      `flag:"images" group:"data" help:"training images; 0: as many as the minutes allow"`
	Epochs     int      `flag:"epochs" group:"optimization" help:"epochs of each training; 0: as many as the minutes allow; with a number, the minutes limit only the images"`
	DataFolder string   `flag:"data_folder" group:"data" help:"folder with the four files of Fashion-MNIST; empty: those of Debian's package dataset-fashion-mnist"`
	Out        string   `flag:"out" short:"o" default:"demo" help:"folder for runs and figures; an earlier demo in it is replaced"`
	Resume     string   `flag:"resume" help:"auto: finish the demo in the folder that was stopped; empty: start a new one"`
	Serve      bool     `flag:"serve" default:"true" help:"serve the page that follows the trainings; --serve=false: no page"`
	Address    string   `flag:"address" short:"a" help:"HOST:PORT or PORT of the page; empty: 127.0.0.1:8420 or the next free port"`
	Open       bool     `flag:"open" default:"true" help:"open the page in a browser if there is a display; --open=false: print its address only"`
	Seeding
}

// DefaultDemo returns the defaults of the demo.
func DefaultDemo() (c Demo) {
	Defaults(&c)
	return c
}

// leastDemo is the smallest number of images that makes an epoch of the demo: a few steps.
const leastDemo = 128

// Resolve checks all values.
func (c *Demo) Resolve(map[string]bool) ([]string, error) {
	switch {
	case c.Out == "":
		return nil, &ValueError{Option: "out", Want: "a folder", Got: `""`}
	case c.Resume != "" && c.Resume != "auto":
		return nil, &ValueError{Option: "resume", Want: "auto", Got: c.Resume,
			Hint: "--out names the folder of the demo to finish"}
	}
	least := 0
	if c.Images != 0 {
		least = leastDemo
	}
	return nil, first(positive("minutes", c.Minutes), within("minutes", c.Minutes, 0, 24*60),
		atLeast("images", c.Images, least), atLeast("epochs", c.Epochs, 0))
}
