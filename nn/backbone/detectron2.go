package backbone

import (
	"fmt"
	"strings"
)

// Detectron2Name returns the name of a ResNet's tensor or layer in Detectron2, as in MoCo's
// convert-pretrain-to-detectron2.py: "layer1.0.bn2.weight" is "res2.0.conv2.norm.weight",
// and what comes before the first block lies in "stem".
func Detectron2Name(name string) string {
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
