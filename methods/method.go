package methods

import (
	"fmt"

	"contralens/config"
	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// Method is a way to learn from views. It defines how many crops a step needs, what the
// step computes, and what is kept between steps. Encoders, optimizer, data, schedule,
// records and checkpoints are shared by all methods. docs/extending.md shows how to add
// a method from outside. A type that embeds *Model needs its own Free, because
// Model.Free calls it.
type Method interface {
	// Crops is the number of random crops of each image that a step needs.
	Crops() int
	// Forward embeds a batch and returns its loss. It runs in the step's scope.
	Forward(b *Batch) Outcome
	// State returns what a checkpoint stores of the method.
	State() State
	// Free frees the method's own tensors.
	Free()
}

// Batch is what a step trains on.
type Batch struct {
	Crops   []*torch.Tensor // of the same images, each [N, 3, H, W]; of several processes, each has those of its images
	Patches *torch.Tensor   // jigsaws of the images, [9N, 3, h, w]; nil unless the method uses them
	// Shuffled are crops of the images in the order in which Keys takes them, at the places of this
	// process's images. Those that are missing come from the other processes.
	Shuffled []Shuffled
	Images   []int64       // indices of the images of all processes in the dataset; nil: they are not known
	Size     int           // N, the images of all processes; 0: those of Crops
	Step     int           // number of the step, from 1
	Labels   *torch.Tensor // classes of all images of the dataset, int32; nil: there are none
	Random   Random
	Control  Control // what this process tells the others
	Collect  Collect
	// Readback brings the figures of the step to the host. If it is nil, each is read at
	// once; if it is deferred, they are set when it is waited for.
	Readback *torch.Readback

	jigsaws []*torch.Tensor // embeddings of the patches, once computed
	traced  bool            // a contrast of this batch has been asked for a trace
}

// Len is N, the number of images in all processes.
func (b *Batch) Len() int {
	if b.Size > 0 {
		return b.Size
	}
	return b.Crops[0].Size(0)
}

// Shuffled is a crop of a batch's images in another order.
type Shuffled struct {
	KeyCrop
	Order  []int64       // of the images of all processes
	Images *torch.Tensor // [n, 3, H, W], of this process
}

// KeyCrop says of which crop a method takes keys, and in which order: Draw is the number of draws of
// the step before that of the order (see Random.Order).
type KeyCrop struct {
	Crop, Draw int
}

// keyed is a method whose keys' orders are known before the step.
type keyed interface {
	// KeyCrops are the crops of which the method takes keys.
	KeyCrops() []KeyCrop
}

// Collect selects what a step measures besides its loss.
type Collect struct {
	Scores     bool // five numbers per sample; see contrast.Output
	Statistics bool // contrast.Statistics
	Trace      int  // contrast.Trace with so many negatives per query; 0: none
	Vitals     bool // figures of views, embeddings and weights; see package vitals
}

// Outcome is the result of one batch. Its figures are set as those of [contrast.Output] are.
type Outcome struct {
	*contrast.Output                    // of the images; Loss is what the optimizer minimizes, jigsaws included
	Jigsaw           *Jigsaw            // nil unless the method uses jigsaws
	Vitals           map[string]float64 // nil unless collected; see package vitals
	// AfterStep runs after the optimizer's step: it updates the momentum encoder and
	// the memory. It may be nil.
	AfterStep func()

	ranks   *[]Control // what all processes told each other, set with the figures; nil in one process
	stopped *bool      // set with the figures: the loss or a gradient was not finite
}

// Ranks returns what the processes of the world told each other, by rank, once the figures of
// the step are set; nil in one process.
func (o *Outcome) Ranks() []Control {
	if o.ranks == nil {
		return nil
	}
	return *o.ranks
}

// Jigsaw is the result of the jigsaw queries of a batch.
type Jigsaw struct {
	Loss     float64
	Accuracy float64 // percent
}

// State is what a method keeps between steps. The zero value is empty.
type State struct {
	Contrast nn.State // stored under "contrast" in a checkpoint, by the names of the PyTorch code
	Own      nn.State // tensors that the PyTorch code has no name for; stored in our own record
	Indices  []*int   // the next row of each queue, the same for all; nil without a queue
	Queue    int      // length of a queue; 0 without one
	// Origins are those of the rows of each queue or bank, which are the same for all; see
	// contrast.OriginImage. Our own record stores them.
	Origins []*torch.Tensor
}

// registered has the methods by the name of their memory (--mem).
var registered = map[string]func(*Model) (Method, error){
	"moco": newMoCo, "bank": newMemoryBank, "batch": newSimCLR, "none": newSiamese, "target": newSiamese,
}

// Register adds a method. name selects preset on the command line (--method), and
// newMethod makes the method of the preset's Memory, which must be a new name as well;
// memory describes which other options go with it. It panics if a name is taken. Call
// it before options are resolved, for example in an init function.
func Register(name string, preset config.Preset, memory config.Memory, newMethod func(*Model) (Method, error)) {
	if _, ok := config.Methods[name]; ok {
		panic(fmt.Sprintf("methods: %s is already registered", name))
	}
	if _, ok := registered[preset.Memory]; ok {
		panic(fmt.Sprintf("methods: memory %s is already registered", preset.Memory))
	}
	config.Methods[name], config.Memories[preset.Memory] = preset, memory
	registered[preset.Memory] = newMethod
}
