package judge

import (
	"cmp"
	"path/filepath"
	"strings"
)

// methodOf names what runs must have in common to be compared by all measures, beside their data and what was
// measured: the source of negatives, the loss and the head.
func methodOf(c map[string]string) string {
	memory := map[string]string{
		"moco": "queue", "bank": "memory bank", "batch": "negatives of the batch", "none": "SimSiam", "target": "BYOL",
	}
	parts := []string{cmp.Or(memory[c["mem"]], c["mem"], "unknown method")}
	for _, name := range []string{"loss", "head", "modal"} {
		if v := c[name]; v != "" && v != "infonce" && v != "RGB" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, ", ")
}

// dataOf names the images of a training: a dataset by its name, images of one's own by their folder, which may
// have been moved.
func dataOf(c map[string]string) string {
	switch name := c["dataset"]; name {
	case "", "folder", "list", "idx", "voc":
		return filepath.Base(strings.TrimRight(c["data_folder"], "/"))
	default:
		return name
	}
}

// networkOf names the encoder of a training.
func networkOf(c map[string]string) string {
	name := c["arch"]
	if w := c["width"]; w != "" && w != "1" {
		name += " of width " + w
	}
	if stem := c["stem"]; stem != "" && stem != "imagenet" {
		name += ", stem " + stem
	}
	return name
}

// viewOptions are the options of the views that are measured.
var viewOptions = []string{"aug", "input_res", "crop", "crop_min", "jitter_p", "blur_p", "gray_p"}
