package weights

import (
	"fmt"
	"strings"

	"contralens/nn/backbone"
)

// toDetectron2 returns the name of a backbone's tensor in Detectron2's ResNet, as in
// MoCo's convert-pretrain-to-detectron2.py.
func toDetectron2(name string) string {
	if !strings.HasPrefix(name, "layer") {
		name = "stem." + name
	}
	for i := 4; i >= 1; i-- {
		name = strings.Replace(name, fmt.Sprint("layer", i), fmt.Sprint("res", i+1), 1)
	}
	for i := 1; i <= 3; i++ {
		name = strings.Replace(name, fmt.Sprint("bn", i), fmt.Sprintf("conv%d.norm", i), 1)
	}
	name = strings.Replace(name, "downsample.0", "shortcut", 1)
	return strings.Replace(name, "downsample.1", "shortcut.norm", 1)
}

// fromDetectron2 is the inverse of toDetectron2. It returns "" for other names.
func fromDetectron2(name string) string {
	part, rest, ok := strings.Cut(name, ".")
	switch {
	case !ok:
		return ""
	case part == "stem":
		name = rest
	case len(part) == 4 && part[:3] == "res" && part[3] >= '2' && part[3] <= '5':
		name = fmt.Sprintf("layer%d.%s", part[3]-'1', rest)
	default:
		return ""
	}
	for i := 1; i <= 3; i++ {
		name = strings.Replace(name, fmt.Sprintf("conv%d.norm", i), fmt.Sprint("bn", i), 1)
	}
	name = strings.Replace(name, "shortcut.norm", "downsample.1", 1)
	return strings.Replace(name, "shortcut", "downsample.0", 1)
}

// detectron2YAML returns the settings that Detectron2 needs for the weights: ResNets of
// torchvision have the stride in the 3x3 convolution, and their input is RGB, normalized
// with the mean and standard deviation of ImageNet, here for pixels of 0…255. stem and
// res2 are the widths of the stem and of the first stage.
func detectron2YAML(weights string, a backbone.ResNet, stem, res2 int) string {
	depth := 2
	for _, n := range a.Blocks {
		if depth += 2 * n; a.Bottleneck {
			depth += n
		}
	}
	width := a.GroupWidth
	if width == 0 {
		width = stem
	}
	return fmt.Sprintf(`# For Detectron2: add this to a configuration with a ResNet backbone.
MODEL:
  WEIGHTS: %q
  PIXEL_MEAN: [123.675, 116.280, 103.530]
  PIXEL_STD: [58.395, 57.120, 57.375]
  RESNETS:
    DEPTH: %d
    STRIDE_IN_1X1: False
    NUM_GROUPS: %d
    WIDTH_PER_GROUP: %d
    STEM_OUT_CHANNELS: %d
    RES2_OUT_CHANNELS: %d
    NORM: "SyncBN"
  BACKBONE:
    FREEZE_AT: 0
INPUT:
  FORMAT: "RGB"
`, weights, depth, max(a.Groups, 1), width, stem, res2)
}
