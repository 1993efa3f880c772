package config

import "fmt"

// DataStats are the options of counting and measuring a dataset.
type DataStats struct {
	Dataset         string `flag:"dataset" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx or inat18; empty: what the folder looks like"`
	Imagenet100Path string `flag:"imagenet100path" help:"file with one wnid a line instead of the built-in list of 100"`
	Limit           int    `flag:"limit" help:"look at this many training images, spread evenly over the classes; 0: all"`
	Workers         int    `flag:"num_workers" short:"j" help:"workers that read images; 0: automatic, one a processor"`
	JSON            bool   `flag:"json" help:"print the result as JSON"`
}

// DataPack are the options of packing a dataset into shards.
type DataPack struct {
	Dataset         string  `flag:"dataset" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx or inat18; empty: what the folder looks like"`
	Imagenet100Path string  `flag:"imagenet100path" help:"file with one wnid a line instead of the built-in list of 100"`
	Limit           int     `flag:"limit" help:"pack this many training images, spread evenly over the classes; 0: all"`
	MaxBad          float64 `flag:"max_bad" help:"share of images that may be unreadable: they are named and left out; beyond it packing stops"`
	Short           int     `flag:"short" help:"resize images so that the shorter side is at most this many pixels; 0: keep their size"`
	Quality         int     `flag:"quality" help:"quality of JPEG files that are written anew"`
	ShardMB         int     `flag:"shard_mb" help:"size of a shard in megabytes"`
	Workers         int     `flag:"num_workers" short:"j" help:"workers that decode and encode; 0: automatic, one a processor"`
	JSON            bool    `flag:"json" help:"print the result as JSON"`
}

// DefaultDataPack are the defaults of packing.
func DefaultDataPack() DataPack { return DataPack{MaxBad: 0.01, Short: 400, Quality: 90, ShardMB: 256} }

// Resolve says what cannot work.
func (c *DataStats) Resolve(map[string]bool) ([]string, error) {
	return nil, first(dataset(c.Dataset), atLeast("num_workers", c.Workers, 0), atMost("num_workers", c.Workers, mostWorkers), atLeast("limit", c.Limit, 0))
}

// Resolve says what cannot work.
func (c *DataPack) Resolve(map[string]bool) ([]string, error) {
	if c.Quality < 1 || c.Quality > 100 {
		return nil, fmt.Errorf("--quality: want 1 to 100, got %d", c.Quality)
	}
	return nil, first(within("max_bad", c.MaxBad, 0, 1), dataset(c.Dataset), atLeast("num_workers", c.Workers, 0), atMost("num_workers", c.Workers, mostWorkers), atLeast("limit", c.Limit, 0), atLeast("short", c.Short, 0), atLeast("shard_mb", c.ShardMB, 1))
}
