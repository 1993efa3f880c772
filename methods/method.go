package methods

import (
	"fmt"

	"contralens/config"
	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// Method is a way to learn from views. It says how many crops it needs, what a step
// computes, and what is kept from step to step. Encoders, optimizer, data, schedule,
// records and checkpoints are the same for all methods; docs/extending.md adds one from
// outside. A type that embeds *Model needs its own Free, because Model.Free calls it.
type Method interface {
	// Crops is the number of random crops of each image that a step needs.
	Crops() int
	// Forward embeds a batch and gives its loss. It runs in the scope of the step.
	Forward(b *Batch) Outcome
	// State is what a checkpoint keeps of the method.
	State() State
	// Free drops the method's own tensors.
	Free()
}

// Batch is what a step trains on.
type Batch struct {
	Crops   []*torch.Tensor // of the same images, [N, 3, H, W] each
	Patches *torch.Tensor   // their jigsaws, [9N, 3, h, w]; nil for methods without
	Images  []int64         // their numbers in the dataset
	Random  Random
	Collect Collect

	jigsaws []*torch.Tensor // the patches' embeddings, once they are computed
}

// Len is N, the number of images.
func (b *Batch) Len() int { return b.Crops[0].Size(0) }

// Collect says what a step measures beside its loss.
type Collect struct {
	Scores     bool // a row of five numbers for each sample
	Statistics bool // contrast.Statistics
}

// Outcome is the result of a batch.
type Outcome struct {
	contrast.Output         // of the images; Loss is what the optimizer follows, jigsaws included
	Jigsaw          *Jigsaw // nil for methods without
	// AfterStep follows the optimizer's step: momentum encoders and memories move.
	// nil: nothing does.
	AfterStep func()
}

// Jigsaw is the result of the jigsaw queries of a batch.
type Jigsaw struct {
	Loss     float64
	Accuracy float64 // percent
}

// State is what a method keeps from step to step. The zero value is empty.
type State struct {
	Contrast nn.State // under "contrast" in a checkpoint, by the names of PyTorch code
	Own      nn.State // what PyTorch code has no place for: kept in our record
	Indices  []*int   // the next row of each queue, the same for all; nil without a queue
	Queue    int      // length of a queue; 0 without one
}

// registered methods, by the name of their memory (--mem).
var registered = map[string]func(*Model) (Method, error){
	"moco": newMoCo, "bank": newMemoryBank, "batch": newSimCLR, "none": newSiamese, "target": newSiamese,
}

// Register adds a method: a preset that --method knows by name, what the preset's
// Memory, a new name as well, goes together with, and what makes it. It panics if a
// name is taken. Call it before options are resolved, as in an init function.
func Register(name string, preset config.Preset, memory config.Memory, newMethod func(*Model) (Method, error)) {
	if _, ok := config.Methods[name]; ok {
		panic(fmt.Sprintf("methods: %s is there already", name))
	}
	if _, ok := registered[preset.Memory]; ok {
		panic(fmt.Sprintf("methods: memory %s is there already", preset.Memory))
	}
	config.Methods[name], config.Memories[preset.Memory] = preset, memory
	registered[preset.Memory] = newMethod
}
