// Package config has every option of a run as a plain struct: its name on the
// command line and in YAML files, its default, its meaning. Presets are values;
// Resolve applies them and refuses what cannot work.
//
// Options are grouped by concern (Data, Net, Optim, Machine …), and the struct of a
// command embeds the concerns that the command reads. What is known about an option is
// in the tags of its field:
//
//	flag      name on the command line, in YAML files and in the records of runs
//	short     one letter
//	alias     former names, separated by spaces; still read everywhere
//	default   value as typed; without it the zero value
//	help      meaning, for --help
//	group     heading in --help
//	everyday  "true": the short --help shows it
//	name      command=place: its place in the names of that command's runs. Places are those
//	          of older versions, whose runs must be found: a new option comes last
//	runtime   "true": it changes nothing of what is computed, so a run may resume with
//	          another value
//	repeat    "true": repetitions of one experiment differ in it, as in seeds
//	preset    "true": a named method sets it
//	legend    short name in legends of figures; "-": legends never show it
//	ignored   "true", on a field that holds concerns: their options are accepted, as
//	          older programs and the reference implementation have them, and not read
//	hides     on an embedded struct, names of options that this command does not read
//
// On a blank field, group and everyday are those of all fields of its struct.
package config

// Contrast are the options of pre-training.
type Contrast struct {
	Data
	ContrastViews
	Crops
	Net
	Start
	MethodName
	Objective
	Branches
	FeatureTransform
	Optim
	Seeding
	MicroBatches
	Machine
	Apex
	Tuning
	Output
	Pruning
	Monitors
	Dist
	Ignored struct {
		LinearViews
		FeatureMixup
	} `ignored:"true"`
}

// ContrastViews are the augmentation of pre-training. A nil number is the preset's.
type ContrastViews struct {
	_       struct{} `group:"data"`
	Aug     string   `flag:"aug" default:"A" preset:"true" help:"augmentation: A (MoCo v1), B (MoCo v2), C (CMC), D (InfoMin), E (CMC v2), NULL (crop and flip) or RA (also RandAugment)"`
	CropMin *float64 `flag:"crop_min" name:"contrast=13" help:"smallest share of the area that a crop covers, in place of --crop"`
	JitterP *float64 `flag:"jitter_p" name:"contrast=14" help:"probability of color jitter, in place of the preset's"`
	GrayP   *float64 `flag:"gray_p" name:"contrast=15" help:"probability of grayscale, in place of the preset's"`
	BlurP   *float64 `flag:"blur_p" name:"contrast=16" help:"probability of Gaussian blur, in place of the preset's"`
}

// Start is what pre-training starts from.
type Start struct {
	_          struct{} `group:"network"`
	CustomHead string   `flag:"custom_head" help:"projection head, in place of the preset's"`
	Init       string   `flag:"init" name:"contrast=30" help:"checkpoint to take initial weights from, without its training state"`
	Strict     bool     `flag:"strict" repeat:"true" help:"refuse weights that differ from the network in any tensor"`
}

// Branches are what a method adds to the plain contrast of two crops.
type Branches struct {
	_         struct{} `group:"method"`
	Beta      float64  `flag:"beta" default:"0.5" name:"contrast=18" help:"weight of the jigsaw loss"`
	Symmetric bool     `flag:"symmetric" name:"contrast=20" help:"with a queue: each crop serves as query and as key, and the losses are added"`
	BNSplits  int      `flag:"bn_splits" default:"1" name:"contrast=24" help:"groups of a batch with their own batch-norm statistics, as on that many devices; keys are shuffled between groups"`
	ExpIter   int      `flag:"exp_iter" default:"-1" repeat:"true" help:"number of the repetition, for the run's name"`
}

// MicroBatches are ways to train with less memory, and the warm-up.
type MicroBatches struct {
	_                     struct{} `group:"optimization"`
	Warm                  bool     `flag:"warm" help:"warm up the learning rate; always on with a batch above 256"`
	Accum                 int      `flag:"accum" default:"1" name:"contrast=25" help:"micro-batches per batch, to train with less memory: the loss is that of the whole batch, batch-norm statistics are a micro-batch's; takes a second forward pass"`
	CheckpointActivations bool     `flag:"checkpoint_activations" runtime:"true" help:"keep only the inputs of the encoder's blocks and recompute the rest in the backward pass: the same results with less memory and a second forward pass"`
}

// Monitors are what pre-training records beside the weights.
type Monitors struct {
	_         struct{} `group:"output"`
	Record    bool     `flag:"record" default:"true" runtime:"true" help:"record score statistics of every step, which scores plot and serve show; --record=false: none"`
	SaveScore bool     `flag:"save_score" runtime:"true" help:"also record the scores of every sample, in the reference implementation's files; turns on --record"`
	Probe     int      `flag:"probe" runtime:"true" help:"images whose features are recorded after every epoch, for the embedding view; 0: none"`
	KNNEvery  int      `flag:"knn_every" runtime:"true" help:"epochs between k-NN evaluations, the first before training; 0: none"`
}

// FeatureMixup is an earlier feature transformation, unused in the reference
// implementation too.
type FeatureMixup struct {
	_          struct{} `group:"feature transformation"`
	FeatureMix bool     `flag:"feature_mix" help:"accepted and unused, as in the paper's code"`
	MixRatio   float64  `flag:"mix_ratio" default:"1" help:"accepted and unused, as in the paper's code"`
	MixAlpha   float64  `flag:"mix_alpha" default:"0.2" help:"accepted and unused, as in the paper's code"`
	TimeMix    int      `flag:"time_mix" default:"2" help:"accepted and unused, as in the paper's code"`
	OnlyMix    bool     `flag:"only_mix" help:"accepted and unused, as in the paper's code"`
}

// DefaultContrast are the defaults of pre-training.
func DefaultContrast() (c Contrast) {
	Defaults(&c)
	return c
}

// KNN are the options of k-nearest-neighbor evaluation.
type KNN struct {
	Weights
	Data
	Neighbors      int     `flag:"neighbors" short:"K" alias:"neighbours" default:"200" group:"method" everyday:"true" help:"neighbors that vote"`
	KNNTemperature float64 `flag:"temperature" default:"0.1" group:"method" everyday:"true" help:"temperature of the votes"`
	Standardize    bool    `flag:"standardize" group:"method" help:"first bring every feature to mean 0 and variance 1 over the training images"`
	Net
	MethodName
	Seeding
	Machine
	Printing
	Ignored struct {
		Crops
		LinearViews
		Objective
		Optim
		Apex
		Tuning
		Output
		Pruning
		Dist
	} `ignored:"true"`
}

// DefaultKNN are the defaults of k-NN evaluation.
func DefaultKNN() (c KNN) {
	Defaults(&c)
	c.BatchSize = 256
	return c
}
