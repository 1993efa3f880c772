package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// GPU is a kind of GPU, in a node of the usual kind.
type GPU struct {
	Name       string
	Speed      float64 // images of ResNet-50 a second, key encoder included, 224 px, bf16
	Measured   bool    // Speed is of the network at hand, from bench step
	Bytes      float64 // its memory
	Network    float64 // 10⁹ bits a second, of a node
	Products   float64 // FLOP a second of products with the negatives
	MemoryRate float64 // bytes a second
	Cores      float64 // processors of the node for each GPU
	Price      float64 // dollars for an hour
}

// GPUs are the kinds that are known. Speeds and prices are estimates: those of the A100 are
// derived from the published times of COMPASS, those of the H100 are 1.8 times as high.
var GPUs = map[string]GPU{
	"a100": {Name: "a100", Speed: 1850, Bytes: 80e9, Network: 400,
		Products: 100e12, MemoryRate: 1.5e12, Cores: 16, Price: 2},
	"h100": {Name: "h100", Speed: 3300, Bytes: 80e9, Network: 3200,
		Products: 200e12, MemoryRate: 2.5e12, Cores: 14, Price: 3},
}

// Arch is a network with its head, at 224 px.
type Arch struct {
	Name        string
	Parameters  float64
	GFLOP       float64 // of a forward pass, an image
	Activations float64 // bytes that a GPU keeps for the backward pass, an image, bf16
}

// resnet50 is the network that the speeds of GPUs are of. Its activations are an estimate.
var resnet50 = Arch{"resnet50", 28.0e6, 8.2, 85e6}

// Archs are the networks that are known, with an mlp head.
var Archs = map[string]Arch{
	"resnet18": {"resnet18", 11.5e6, 3.6, 25e6}, "resnet34": {"resnet34", 21.6e6, 7.3, 37e6}, "resnet50": resnet50,
	"resnet101": {"resnet101", 47.0e6, 15.7, 130e6}, "resnet152": {"resnet152", 62.6e6, 23.1, 180e6},
}

// Names lists what a table has, sorted.
func Names[T any](table map[string]T) []string { return slices.Sorted(maps.Keys(table)) }

// measured is what bench step prints with --json.
type measured struct {
	Arch            string             `json:"arch"`
	Batch           int                `json:"batch"`
	InputRes        int                `json:"input_res"`
	NetworkOnly     bool               `json:"network_only"`
	ImagesPerSecond float64            `json:"images_per_second"`
	Seconds         map[string]float64 `json:"seconds"`
	Device          string             `json:"device"`
	Machine         string             `json:"machine"`
}

// Measure takes the speed of a GPU, the network and the side of a view from the result of bench
// step in JSON, and the time of loading out of it.
func (o *Options) Measure(r io.Reader) error {
	var m measured
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return fmt.Errorf("want the result of contralens bench step with JSON, but %w", err)
	}
	total := m.Seconds["total"] - m.Seconds["views"]
	switch arch, known := Archs[m.Arch]; {
	case m.Batch < 1 || m.InputRes < 1 || !(total > 0):
		return fmt.Errorf("want the result of contralens bench step with JSON, but it has no batch, input_res or seconds")
	case m.NetworkOnly:
		return fmt.Errorf("want a whole step, but it is of the network alone")
	case !known:
		return fmt.Errorf("want one of %s, but it is of %s", strings.Join(Names(Archs), ", "), m.Arch)
	default:
		o.Arch = arch
	}
	o.GPU.Measured, o.GPU.Speed, o.InputRes = true, float64(m.Batch)/total, m.InputRes
	if m.Device == "" {
		o.GPU.Name = "measured processor"
	}
	return nil
}
