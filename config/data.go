package config

// DataStats are the options of data stats, which counts and measures a dataset.
type DataStats struct {
	_               struct{} `group:"data" everyday:"true"`
	Dataset         string   `flag:"dataset" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx, inat18 or voc; empty: detected from the folder"`
	Imagenet100Path string   `flag:"imagenet100path" help:"file with one wnid per line, in place of the built-in list of 100 classes"`
	Strict          bool     `flag:"decode_strict" help:"count image files that break the rules of their format as unreadable, even if all of their pixels can be read"`
	Limit           int      `flag:"limit" help:"number of training images to look at, spread evenly over the classes; 0: all"`
	Split           string   `flag:"split" help:"annotated objects: images to look at, such as train, 2007_trainval+2012_trainval or val2017; empty: all"`
	Images          string   `flag:"images" help:"annotated objects in a JSON file: folder with its images; empty: found beside it"`
	Keeping
	Workers int `flag:"num_workers" short:"j" group:"machine" help:"workers that read images; 0: one per processor"`
	Printing
}

// DataPack are the options of data pack, which packs a dataset into shards.
type DataPack struct {
	_               struct{} `group:"data" everyday:"true"`
	Dataset         string   `flag:"dataset" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx, inat18 or voc; empty: detected from the folder"`
	Imagenet100Path string   `flag:"imagenet100path" help:"file with one wnid per line, in place of the built-in list of 100 classes"`
	Limit           int      `flag:"limit" help:"number of training images to pack, spread evenly over the classes; 0: all"`
	Strict          bool     `flag:"decode_strict" help:"count image files that break the rules of their format as unreadable, even if all of their pixels can be read"`
	Gray16          string   `flag:"gray16" default:"clip" help:"how 16-bit gray becomes 8-bit: clip (at 255, as in Pillow), high (keep the high byte) or range (from the smallest to the largest value of each image)"`
	MaxBad          float64  `flag:"max_bad" default:"0.01" help:"largest share of unreadable images: each is named and left out; with more of them packing stops"`
	Short           int      `flag:"short" default:"400" help:"longest shorter side in pixels, to which larger images are resized; 0: keep their size"`
	Quality         int      `flag:"quality" default:"90" help:"JPEG quality of images that are resized or encoded again"`
	Keeping
	ShardMB int `flag:"shard_mb" default:"256" help:"size of a shard in megabytes"`
	Workers int `flag:"num_workers" short:"j" group:"machine" help:"workers that decode and encode; 0: one per processor"`
	Printing
}

// DefaultDataPack returns the defaults of data pack.
func DefaultDataPack() (c DataPack) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *DataStats) Resolve(map[string]bool) ([]string, error) {
	return nil, first(c.Keeping.check(), dataset(c.Dataset), between("num_workers", c.Workers, 0, mostWorkers),
		atLeast("limit", c.Limit, 0))
}

// Resolve checks all values.
func (c *DataPack) Resolve(map[string]bool) ([]string, error) {
	if c.Quality < 1 || c.Quality > 100 {
		return nil, &ValueError{Option: "quality", Want: "1 to 100", Got: c.Quality}
	}
	return nil, first(c.Keeping.check(), within("max_bad", c.MaxBad, 0, 1), dataset(c.Dataset), gray16(c.Gray16),
		between("num_workers", c.Workers, 0, mostWorkers), atLeast("limit", c.Limit, 0),
		atLeast("short", c.Short, 0), atLeast("shard_mb", c.ShardMB, 1))
}
