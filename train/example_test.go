package train_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/train"
)

// noiseFolder has n small images of noise.
func noiseFolder(n int) string {
	dir, err := os.MkdirTemp("", "pretrain")
	if err != nil {
		panic(err)
	}
	datatest.Pictures(dir, n, 16, datatest.Noise)
	return dir
}

// Pre-training with MoCo v2 and the paper's feature transformation.
func ExamplePretrain() {
	dir := noiseFolder(16)
	defer os.RemoveAll(dir)

	c := config.DefaultContrast()
	c.Method, c.FT, c.DataFolder, c.InputRes = "MoCov2", "posneg", dir, 16
	c.Arch, c.Width, c.Stem, c.FeatDim = "resnet18", 0.0625, "cifar", 8
	c.BatchSize, c.K, c.Epochs = 4, 16, 2
	c.ModelPath, c.TBPath, c.Name = filepath.Join(dir, "runs"), filepath.Join(dir, "tb"), "first"
	if _, err := c.Resolve(nil); err != nil {
		fmt.Println(err)
		return
	}
	result, err := train.Pretrain(context.Background(), c, train.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(filepath.Base(result.Dir), filepath.Base(result.Checkpoint))
	// Output: first current.pth
}
