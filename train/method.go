package train

import (
	"fmt"

	"contralens/config"
	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// Method is one way to learn from views: which ones it needs, what a step
// computes, what it remembers from step to step. Encoders, optimizer, data,
// schedule, records and checkpoints are the same for all; docs/extending.md adds
// one from outside.
type Method interface {
	// Crops is the number of random crops of each image that a step needs.
	Crops() int
	// Forward embeds a batch and gives its loss. It runs in the scope of the step.
	Forward(b *Batch) Outcome
	// Memory is what a checkpoint keeps of the method.
	Memory() Memory
	// Free drops the method's own tensors.
	Free()
}

// Batch is what a step trains on.
type Batch struct {
	Crops   []*torch.Tensor // of the same images, [N, 3, H, W] each
	Patches *torch.Tensor   // their jigsaws, [9N, 3, h, w]; nil for methods without
	Images  []int64         // their numbers in the dataset
	Random  Random
	Watch   Watch
}

// Len is N, the number of images.
func (b *Batch) Len() int { return b.Crops[0].Size(0) }

// Watch says what a step measures beside its loss.
type Watch struct {
	Scores     bool // a row of five numbers a sample
	Statistics bool // contrast.Statistics
}

// Outcome is what a batch gave.
type Outcome struct {
	contrast.Output         // of the images; Loss is what the optimizer follows, jigsaws and all
	Jigsaw          *Jigsaw // nil for methods without
	// Then follows the optimizer's step: memories and momentum encoders move. nil:
	// nothing does.
	Then func()
}

// Jigsaw is what the jigsaw queries of a batch gave.
type Jigsaw struct {
	Loss     float64
	Accuracy float64 // percent
}

// Memory is a method's own state. The zero value is none.
type Memory struct {
	Contrast nn.State // under "contrast" in a checkpoint, by the names of PyTorch code
	Own      nn.State // what PyTorch code has no place for: kept in our record
	Indices  []*int   // where each queue goes on, all at the same row; nil without one
	Queue    int      // length of a queue; 0 without one
}

// methods make a method by the name of its memory (--mem).
var methods = map[string]func(*Model) (Method, error){
	"moco": newQueued, "bank": newBanked, "batch": newBatched, "none": newSiamese, "target": newSiamese,
}

// Register adds a method: a preset that --method knows by name, what the preset's
// Memory, a new name as well, goes together with, and what makes it. It panics if a
// name is taken. Call it before options are resolved, as in an init function.
func Register(name string, preset config.Preset, memory config.Memory, make func(*Model) (Method, error)) {
	if _, ok := config.Methods[name]; ok {
		panic(fmt.Sprintf("train: method %s is there already", name))
	}
	if _, ok := methods[preset.Memory]; ok {
		panic(fmt.Sprintf("train: memory %s is there already", preset.Memory))
	}
	config.Methods[name], config.Memories[preset.Memory] = preset, memory
	methods[preset.Memory] = make
}
