package protocol_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"contralens/config"
	"contralens/eval/protocol"
)

// The accuracy of the nearest neighbors' vote. Ckpt would name a checkpoint; this
// encoder is untrained.
func ExampleKNN() {
	dir := colorFolder(8) // train/ and val/ with red, green and blue images
	defer os.RemoveAll(dir)

	c := config.DefaultKNN()
	c.DataFolder, c.InputRes, c.Neighbors = dir, 16, 5
	c.Arch, c.Width, c.Stem = "resnet18", 0.125, "cifar"
	if _, err := c.Resolve(nil); err != nil {
		fmt.Println(err)
		return
	}
	result, err := protocol.KNN(context.Background(), c, protocol.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: top-1 %.0f %%\n", result.Protocol, result.Metrics["top1"])
	// Output: knn: top-1 100 %
}

// A linear probe on features that are computed once, by logistic regression.
func ExampleLinear() {
	dir := colorFolder(8) // train/ and val/ with red, green and blue images
	defer os.RemoveAll(dir)

	c := config.DefaultLinear()
	c.DataFolder, c.InputRes = dir, 16
	c.Arch, c.Width, c.Stem = "resnet18", 0.125, "cifar"
	c.Cached, c.Solver = true, "lbfgs"
	c.ModelPath, c.TBPath, c.Name = filepath.Join(dir, "runs"), filepath.Join(dir, "tb"), "probe"
	if _, err := c.Resolve(nil); err != nil {
		fmt.Println(err)
		return
	}
	result, err := protocol.Linear(context.Background(), c, protocol.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: top-1 %.0f %% of %v images\n", result.Protocol, result.Metrics["top1"], result.Metrics["test_images"])
	// Output: linear-lbfgs: top-1 100 % of 24 images
}

// Fine-tuning with half of the labels. Every stage has a result.
func ExampleFinetune() {
	dir := colorFolder(16) // train/ and val/ with red, green and blue images
	defer os.RemoveAll(dir)

	c := config.DefaultFinetune()
	c.DataFolder, c.InputRes, c.LabelFraction = dir, 16, 0.5
	c.Arch, c.Width, c.Stem = "resnet18", 0.125, "cifar"
	c.Epochs, c.BatchSize, c.LearningRate, c.Cosine = 6, 8, 0.05, true
	c.ModelPath, c.TBPath, c.Name = filepath.Join(dir, "runs"), filepath.Join(dir, "tb"), "tuned"
	if _, err := c.Resolve(nil); err != nil {
		fmt.Println(err)
		return
	}
	results, err := protocol.Finetune(context.Background(), c, protocol.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		fmt.Printf("%s: top-1 %.0f %%, trained on %v images\n", r.Protocol, r.Metrics["top1"], r.Metrics["train_images"])
	}
	// Output: finetune: top-1 100 %, trained on 24 images
}
