package data

import (
	"os"
	"path/filepath"
)

// detect is the dataset that --data_folder holds when no name is given: a list
// if it is a file, imagenet100 when it has those classes, a dataset whose files
// are there, else a plain folder.
func detect(o Options) string {
	if info, err := os.Stat(o.Folder); err == nil && !info.IsDir() {
		return "list"
	}
	if wnids, err := readWnids(o.Imagenet100Path); err == nil && wantClasses("imagenet100", filepath.Join(o.Folder, "train"), wnids) == nil {
		return "imagenet100"
	}
	for _, d := range []struct{ name, file string }{
		{"cifar10", "data_batch_1.bin"}, {"cifar10", "cifar-10-batches-bin/data_batch_1.bin"},
		{"cifar100", "train.bin"}, {"cifar100", "cifar-100-binary/train.bin"},
		{"stl10", "train_X.bin"}, {"stl10", "stl10_binary/train_X.bin"},
		{"idx", "train-images-idx3-ubyte.gz"}, {"idx", "train-images-idx3-ubyte"},
	} {
		if _, err := os.Stat(filepath.Join(o.Folder, d.file)); err == nil {
			return d.name
		}
	}
	return "folder"
}
