package config

import "path/filepath"

// Look are the options of look, which describes a folder of images on one page.
type Look struct {
	_               struct{} `group:"data" everyday:"true"`
	Minutes         float64  `flag:"minutes" default:"3" group:"machine" help:"time for the whole look; what does not fit is left out, and the page says what"`
	Out             string   `flag:"out" short:"o" group:"output" help:"HTML file to write; empty: the folder's name with -look.html, in the current folder"`
	Recipe          string   `flag:"recipe" group:"output" help:"also write the recommended options as a YAML file, for contrast --config"`
	Open            bool     `flag:"open" default:"true" group:"output" help:"open the page in a browser if there is a display"`
	Dataset         string   `flag:"dataset" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx, inat18 or voc; empty: detected from the folder"`
	Imagenet100Path string   `flag:"imagenet100path" help:"file with one wnid per line, in place of the built-in list of 100 classes"`
	Gray16          string   `flag:"gray16" default:"clip" help:"how 16-bit gray becomes 8-bit: clip (at 255, as in Pillow), high (keep the high byte) or range (from the smallest to the largest value of each image)"`
	Ckpt            string   `flag:"ckpt" group:"network" help:"checkpoint of the encoder that finds the nearest neighbors; empty: an untrained network"`
	UseEMA          bool     `flag:"use_ema" group:"network" help:"use the key encoder's weights"`
	Seed            uint64   `flag:"seed" help:"seed of everything random"`
	Device          string   `flag:"device" default:"auto" group:"machine" help:"where the training that is measured computes: auto, cpu, cuda or cuda:N"`
	Workers         int      `flag:"num_workers" short:"j" group:"machine" help:"workers that read images; 0: one per processor"`
}

// DefaultLook returns the defaults of look.
func DefaultLook() (c Look) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *Look) Resolve(map[string]bool) ([]string, error) {
	return nil, first(positive("minutes", c.Minutes), dataset(c.Dataset), gray16(c.Gray16),
		between("num_workers", c.Workers, 0, mostWorkers), page("out", c.Out), recipe("recipe", c.Recipe))
}

// page requires the name of an HTML file, or none.
func page(flag, name string) error {
	switch filepath.Ext(name) {
	case ".html", ".htm":
		return nil
	}
	if name == "" {
		return nil
	}
	return &ValueError{Option: flag, Want: "a file name that ends in .html", Got: name}
}

// recipe requires the name of a YAML file, or none.
func recipe(flag, name string) error {
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return nil
	}
	if name == "" {
		return nil
	}
	return &ValueError{Option: flag, Want: "a file name that ends in .yaml", Got: name}
}
