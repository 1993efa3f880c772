package backbone

import "contralens/nn/layers"

// ResNet describes one member of the ResNet family in torchvision's layout: the stride
// is in the 3x3 convolution, and there is no classifier.
type ResNet struct {
	Name       string
	Blocks     [4]int // residual blocks per stage
	Bottleneck bool   // 1x1-3x3-1x1 blocks, 4 times wider at their output
	Groups     int    // of the 3x3 convolution; 0: one
	GroupWidth int    // channels per group in a block with 64 planes; 0: 64
	// SplitStem, if set, makes it a ResNeSt with split attention, average down-sampling
	// and a stem of three 3x3 convolutions. Its value is the width of the first one.
	SplitStem int
}

// ResNets lists the family: ResNet (He et al. 2015), ResNeXt (Xie et al. 2017: 32x4d;
// for 101 and 152 layers, v1 is 32x4d, v2 is 32x8d and v3 is 64x4d), ResNeSt (Zhang et
// al. 2020) and wide ResNets (Zagoruyko & Komodakis 2016). Each is also available as
// name+"x2" and name+"x4".
var ResNets = []ResNet{
	{Name: "resnet18", Blocks: [4]int{2, 2, 2, 2}},
	{Name: "resnet34", Blocks: [4]int{3, 4, 6, 3}},
	{Name: "resnet50", Blocks: layers50, Bottleneck: true},
	{Name: "resnet101", Blocks: layers101, Bottleneck: true},
	{Name: "resnet152", Blocks: layers152, Bottleneck: true},
	{Name: "resnext50", Blocks: layers50, Bottleneck: true, Groups: 32, GroupWidth: 4},
	{Name: "resnext101v1", Blocks: layers101, Bottleneck: true, Groups: 32, GroupWidth: 4},
	{Name: "resnext101v2", Blocks: layers101, Bottleneck: true, Groups: 32, GroupWidth: 8},
	{Name: "resnext101v3", Blocks: layers101, Bottleneck: true, Groups: 64, GroupWidth: 4},
	{Name: "resnext152v1", Blocks: layers152, Bottleneck: true, Groups: 32, GroupWidth: 4},
	{Name: "resnext152v2", Blocks: layers152, Bottleneck: true, Groups: 32, GroupWidth: 8},
	{Name: "resnext152v3", Blocks: layers152, Bottleneck: true, Groups: 64, GroupWidth: 4},
	{Name: "resnest50", Blocks: layers50, Bottleneck: true, SplitStem: 32},
	{Name: "resnest101", Blocks: layers101, Bottleneck: true, SplitStem: 64},
	{Name: "wide_resnet50_2", Blocks: layers50, Bottleneck: true, GroupWidth: 128},
	{Name: "wide_resnet101_2", Blocks: layers101, Bottleneck: true, GroupWidth: 128},
}

var (
	layers50  = [4]int{3, 4, 6, 3}
	layers101 = [4]int{3, 4, 23, 3}
	layers152 = [4]int{3, 8, 36, 3}
)

func resnetArches() []Arch {
	var all []Arch
	for _, r := range ResNets {
		all = append(all, Arch{Name: r.Name, Widths: true, Stems: true, Jigsaw: true,
			New: func(b layers.Builder, o Options) (Backbone, error) { return newResNet(b, r, o), nil }})
	}
	return all
}

// FindResNet returns the member of the family with a name such as "resnet50x2", and
// reports whether there is one.
func FindResNet(name string) (ResNet, bool) {
	base, _ := split(name)
	for _, r := range ResNets {
		if r.Name == base {
			return r, true
		}
	}
	return ResNet{}, false
}

// inner returns the number of groups and the width of the 3x3 convolution of a
// bottleneck with the given number of planes.
func (a ResNet) inner(planes int) (groups, width int) {
	groups, width = max(a.Groups, 1), planes
	if a.GroupWidth > 0 {
		width = max(1, planes*a.GroupWidth/64) * groups
	}
	return groups, width
}
