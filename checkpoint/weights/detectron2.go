package weights

import (
	"fmt"
	"strings"
)

// fromDetectron2 is the inverse of backbone.Detectron2Name. It returns "" for other names.
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

// The names of a Faster R-CNN C4 of Detectron2: its body ends with res4, and res5 is the
// first part of the RoI head, followed by a norm that no encoder has.
const (
	c4Body = "backbone."
	c4Head = "roi_heads.res5."
	c4Norm = "norm."
)

// joinC4 returns the name that a tensor of a C4 detector has in a plain backbone: its res5
// moves beside its res2 to res4. Other names stay.
func joinC4(name string) string {
	prefix, rest, found := strings.Cut(name, c4Head)
	if !found || prefix != "" && !strings.HasSuffix(prefix, ".") || strings.HasPrefix(rest, c4Norm) {
		return name
	}
	return prefix + c4Body + "res5." + rest
}
