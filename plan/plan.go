// Package plan estimates what a training on many GPUs takes: time, traffic, memory,
// processors, checkpoints, failures and money. The model is in docs/scale.md. It has no
// tensors and measures nothing; speeds come from a table or from bench step.
package plan

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Options describe a training and the machines for it.
type Options struct {
	GPUs        int
	PerNode     int     // GPUs of a node
	GPU         GPU     // of which kind
	NetworkGbps float64 // line rate of a node's network, 10⁹ bits a second

	Arch      Arch
	InputRes  int // side of a view, pixels
	PerGPU    int // images of a step on a GPU
	K         int // negatives of a queue; 0: those of the batch
	FeatDim   int
	Bank      bool // a row for each image instead of a queue
	Transform bool // the feature transformation, which reads the scores twice
	Shuffle   Shuffle
	// OwnRows is the estimate for a loss of which each GPU computes its own rows, instead of
	// the whole batch's as contralens does.
	OwnRows bool

	Images     float64 // of the dataset
	Epochs     float64
	ImageBytes float64 // of a file
	PerCore    float64 // images that a processor loads in a second
	GPUHours   float64 // between failures of a GPU
	Restart    time.Duration
	GPUPrice   float64 // dollars for an hour of a GPU
}

// Shuffle says how keys are shuffled for batch norm.
type Shuffle string

// The ways to shuffle.
const (
	Exchange Shuffle = "exchange" // images go to the GPU that needs them
	Loader   Shuffle = "loader"   // every GPU's processors make the views of both
	Node     Shuffle = "node"     // images are exchanged within a node
	None     Shuffle = "none"
)

// Step is the time of a training step, in seconds.
type Step struct {
	Load     float64 `json:"load"`     // at the same time as the rest
	Compute  float64 `json:"compute"`  // encoders
	Reduce   float64 `json:"reduce"`   // gradients; most of it while the backward pass runs
	Waited   float64 `json:"waited"`   // what of Reduce is not hidden
	Exchange float64 `json:"exchange"` // images for shuffled batch norm
	Contrast float64 `json:"contrast"` // loss and scores
	Small    float64 `json:"small"`    // control, statistics of batch norm, launches
	Total    float64 `json:"total"`
}

// Memory is what a GPU or a process holds, in bytes.
type Memory struct {
	Weights     float64 `json:"weights"` // both encoders, gradients, momenta, buckets
	Negatives   float64 `json:"negatives"`
	Activations float64 `json:"activations"`
	Total       float64 `json:"total"`
	Host        float64 `json:"host"` // index and order of the images, in every process
}

// Result is an estimate.
type Result struct {
	GPUs            int     `json:"gpus"`
	Nodes           int     `json:"nodes"`
	Batch           int     `json:"batch"`
	Step            Step    `json:"step_seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
	Efficiency      float64 `json:"efficiency"` // of the speed of as many GPUs alone
	Traffic         Traffic `json:"traffic"`
	Memory          Memory  `json:"memory_bytes"`
	CoresPerGPU     float64 `json:"cores_per_gpu"` // that load as fast as the GPU computes
	Steps           float64 `json:"steps"`
	EpochSeconds    float64 `json:"epoch_seconds"`
	Seconds         float64 `json:"seconds"` // of the training, failures included
	Saving          Saving  `json:"saving"`
	Money           Money   `json:"dollars"`
	LearningRate    float64 `json:"learning_rate"`
	Optimizer       string  `json:"optimizer"`
}

// Traffic is in bytes.
type Traffic struct {
	Gradients float64 `json:"gradients_per_step"` // that a GPU sends
	Images    float64 `json:"exchange_per_step"`  // that a node sends
	Dataset   float64 `json:"dataset"`
	PerNode   float64 `json:"read_per_second"` // of files, a node
}

// Saving is how often a training should save its state.
type Saving struct {
	Bytes    float64 `json:"bytes"`
	Seconds  float64 `json:"seconds"`        // in which all wait
	Failures float64 `json:"failures"`       // to expect in the training
	Between  float64 `json:"failure_every"`  // seconds
	Interval float64 `json:"save_every"`     // seconds (Young, 1974)
	Lost     float64 `json:"lost_share"`     // of the time: saving, repeating, restarting
	Restart  float64 `json:"restart_second"` // seconds
}

// Money is in dollars.
type Money struct {
	GPUHours float64 `json:"gpu_hours"` // not dollars
	GPUs     float64 `json:"gpus"`
	Storage  float64 `json:"storage_per_month"`
	Requests float64 `json:"requests"` // of the whole training, in blocks of 8 MB
}

// The constants of the model. Those of GPUs and networks are in the tables.
const (
	networkShare = 0.8   // of the line rate that collectives reach
	hiddenShare  = 0.8   // of the backward pass, during which gradients travel
	nvlink       = 150e9 // bytes a second between the GPUs of a node, in all-reduces
	reloadShare  = 1.5   // of the loader's work, with one of two views more and each image decoded twice
	viewBytes    = 2 * 3 // of a pixel of a view in bf16
	small        = 2e-3  // seconds of a step
	saveRate     = 185e6 // bytes of a checkpoint a second, with its SHA-256
	storagePrice = 0.023 // dollars for 10⁹ bytes and a month
	requestPrice = 0.0004 / 1000
	requestBytes = 8e6
	// SGDBatch is the largest batch that SGD trains with a learning rate in proportion.
	SGDBatch = 4096
)

// Estimate applies the model.
func Estimate(o Options) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	r := Result{GPUs: o.GPUs, Nodes: (o.GPUs + o.PerNode - 1) / o.PerNode, Batch: o.GPUs * o.PerGPU}
	r.step(&o)
	r.ImagesPerSecond = float64(r.Batch) / r.Step.Total
	r.Efficiency = r.ImagesPerSecond / (float64(o.GPUs) * o.speed())
	r.CoresPerGPU = o.speed() / o.PerCore
	r.memory(&o)
	r.Traffic.Dataset = o.Images * o.ImageBytes
	r.Traffic.PerNode = r.ImagesPerSecond / float64(r.Nodes) * o.ImageBytes
	r.Steps = math.Ceil(o.Images/float64(r.Batch)) * o.Epochs
	r.EpochSeconds = o.Images / r.ImagesPerSecond
	r.saving(&o)
	r.Money = Money{
		GPUHours: r.Seconds / 3600 * float64(o.GPUs), Storage: r.Traffic.Dataset / 1e9 * storagePrice,
		Requests: r.Traffic.Dataset / requestBytes * requestPrice * o.Epochs,
	}
	r.Money.GPUs = r.Money.GPUHours * o.GPUPrice
	r.Optimizer, r.LearningRate = "sgd", 0.03*float64(r.Batch)/256
	if r.Batch > SGDBatch {
		r.Optimizer, r.LearningRate = "lars", 0.6*float64(r.Batch)/256
	}
	return r, nil
}

func (o *Options) check() error {
	for _, c := range []struct {
		name string
		x    float64
	}{
		{"GPUs", float64(o.GPUs)}, {"GPUs of a node", float64(o.PerNode)}, {"images of a GPU", float64(o.PerGPU)},
		{"images", o.Images}, {"epochs", o.Epochs}, {"speed of a GPU", o.GPU.Speed}, {"network", o.NetworkGbps},
		{"bytes of an image", o.ImageBytes}, {"images of a core", o.PerCore}, {"side of a view", float64(o.InputRes)},
		{"dimension", float64(o.FeatDim)}, {"parameters", o.Arch.Parameters}, {"hours between failures", o.GPUHours},
	} {
		if !(c.x > 0) || math.IsInf(c.x, 1) {
			return fmt.Errorf("%s: want a number above 0, got %v", c.name, c.x)
		}
	}
	if o.GPUs > o.PerNode && o.GPUs%o.PerNode != 0 {
		return errors.New("want whole nodes")
	}
	return nil
}

// area returns the pixels of a view as a share of those of 224 x 224.
func (o *Options) area() float64 { return float64(o.InputRes*o.InputRes) / (224 * 224) }

// speed returns the images that a GPU alone computes in a second.
func (o *Options) speed() float64 {
	if o.GPU.Measured {
		return o.GPU.Speed
	}
	return o.GPU.Speed * resnet50.GFLOP / (o.Arch.GFLOP * o.area())
}

func (r *Result) step(o *Options) {
	s, m, g := &r.Step, float64(r.Nodes), float64(min(o.GPUs, o.PerNode))
	network := networkShare * o.NetworkGbps / 8 * 1e9
	gradients := 4 * o.Arch.Parameters
	s.Compute = float64(o.PerGPU) / o.speed()
	s.Load = float64(o.PerGPU) / (o.PerCore * o.GPU.Cores)
	if o.Shuffle == Loader {
		s.Load *= reloadShare
	}
	s.Reduce = 2*(m-1)/m*gradients/network + 2*(g-1)/g*gradients/nvlink
	s.Waited = max(0, s.Reduce-hiddenShare*s.Compute/2)
	if o.Shuffle == Exchange {
		view := viewBytes * float64(o.InputRes*o.InputRes)
		r.Traffic.Images = (m - 1) / m * g * float64(o.PerGPU) * view
		s.Exchange = r.Traffic.Images / network
	}
	rows, negatives, passes := float64(r.Batch), float64(o.K), 1.
	if o.OwnRows {
		rows = float64(o.PerGPU)
	}
	if o.K == 0 {
		negatives = 2 * float64(r.Batch)
		rows *= 2
	}
	if o.Transform {
		passes = 2
	}
	s.Contrast = passes * rows * negatives * (4*float64(o.FeatDim)/o.GPU.Products + 4/o.GPU.MemoryRate)
	s.Small = small
	s.Total = max(s.Load, s.Compute+s.Waited+s.Exchange+s.Contrast+s.Small)
	n := float64(o.GPUs)
	r.Traffic.Gradients = 2 * (n - 1) / n * gradients
}

func (r *Result) memory(o *Options) {
	m := &r.Memory
	s := 4 * o.Arch.Parameters
	m.Weights = 4 * s // query and key encoder, gradients, momenta
	if o.GPUs > 1 {
		m.Weights += s // the buckets that are reduced
	}
	m.Negatives = float64(o.K) * float64(o.FeatDim) * 4
	if o.Bank {
		m.Negatives = o.Images * float64(o.FeatDim) * 4
	}
	m.Activations = float64(o.PerGPU) * o.Arch.Activations * o.area()
	m.Total = m.Weights + m.Negatives + m.Activations
	m.Host = o.Images * (24 + 8)
}

func (r *Result) saving(o *Options) {
	s := &r.Saving
	s.Bytes = 3*4*o.Arch.Parameters + r.Memory.Negatives
	s.Seconds = s.Bytes / saveRate
	s.Between = o.GPUHours * 3600 / float64(o.GPUs)
	s.Interval = math.Sqrt(2 * s.Seconds * s.Between)
	s.Restart = o.Restart.Seconds()
	s.Lost = s.Seconds/s.Interval + s.Interval/2/s.Between + s.Restart/s.Between
	r.Seconds = r.EpochSeconds * o.Epochs * (1 + s.Lost)
	s.Failures = r.Seconds / s.Between
}
