package train_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"

	"contralens/config"
	"contralens/train"
)

// noiseFolder has n small images of noise.
func noiseFolder(n int) string {
	dir, err := os.MkdirTemp("", "pretrain")
	if err != nil {
		panic(err)
	}
	for i := range n {
		m := image.NewNRGBA(image.Rect(0, 0, 16, 16))
		for p := range 16 * 16 {
			v := uint8((p*p*31 + 97*i*p + 13*i) % 251)
			m.Set(p%16, p/16, color.NRGBA{v, v / 2, 255 - v, 255})
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%02d.png", i)))
		if err != nil {
			panic(err)
		}
		if err := png.Encode(f, m); err != nil {
			panic(err)
		}
		f.Close()
	}
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
