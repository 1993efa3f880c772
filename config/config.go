// Package config has the options of every command as plain structs.
//
// A configuration starts with its defaults, for example DefaultContrast, and is changed
// field by field, by flags, or with ReadYAML. Its Resolve method applies the preset of the
// method and checks all values; a value that cannot work is a *ValueError. Fields lists the
// options of any configuration.
//
// Each concern (Data, Net, Optim, Machine …) has a struct with its options, and the struct
// of a command embeds the concerns that the command reads. Every fact about an option is a
// tag on its field:
//
//	flag      name on the command line, in YAML files and in the records of runs
//	short     one letter
//	alias     former names, separated by spaces; still read everywhere
//	default   value as typed; without this tag, the zero value
//	help      meaning, for --help
//	group     heading in --help
//	everyday  "true": the short --help shows it; "false": it does not, whatever its struct says
//	name      command=place: its place in the names of that command's runs. A new option
//	          takes the last place: the others must not change, so that runs of older
//	          versions are found
//	runtime   "true": the results do not depend on it, so a run may resume with another
//	          value
//	grows     "true": it may change when a run resumes to train for more epochs
//	repeat    "true": repetitions of one experiment differ in it, such as a seed
//	preset    "true": a named method sets it
//	auto      "true": auto is a value of this number; Resolve replaces it
//	reference "true": command lines of the reference implementation have it, or it means
//	          something only in detailed settings as theirs; see Described
//	legend    short name in the legends of figures; "-": legends never show it
//	ignored   "true", on a field that holds concerns: their options are accepted, because
//	          older versions and the reference implementation have them, but not read
//	hides     on an embedded struct: options of the struct that this command does not read,
//	          separated by spaces
//
// On a blank field, group and everyday apply to all fields of its struct.
package config

// Contrast are the options of pre-training.
type Contrast struct {
	Data
	Order
	ContrastViews
	Crops
	Net
	Start
	MethodName
	Objective
	Relatives
	Branches
	FeatureTransform
	Optim
	Optimizer
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

// Order has the options of the order of the images in an epoch.
type Order struct {
	_             struct{} `group:"data"`
	Streams       int      `flag:"streams" name:"contrast=58" help:"read shards one after the other in this many streams, of which each gives its share of every batch: each shard is fetched once in an epoch; 0: a permutation of all images"`
	ShuffleWindow int      `flag:"shuffle_window" default:"16384" name:"contrast=59" help:"with --streams: images of a stream that are shuffled at a time"`
}

func (o *Order) check(batch int) error {
	return first(between("streams", o.Streams, 0, batch), between("shuffle_window", o.ShuffleWindow, 1, 1<<24))
}

// ContrastViews are the options of augmentation in pre-training. Where a number is nil,
// the preset's is used.
type ContrastViews struct {
	_       struct{} `group:"data"`
	Aug     string   `flag:"aug" default:"A" preset:"true" help:"augmentation: A (MoCo v1), B (MoCo v2), C (CMC), D (InfoMin), E (CMC v2), NULL (crop and flip) or RA (also RandAugment)"`
	CropMin *float64 `flag:"crop_min" name:"contrast=13" help:"smallest share of the image's area in a random crop, in place of --crop"`
	JitterP *float64 `flag:"jitter_p" name:"contrast=14" help:"probability of color jitter, in place of the preset's"`
	GrayP   *float64 `flag:"gray_p" name:"contrast=15" help:"probability of grayscale, in place of the preset's"`
	BlurP   *float64 `flag:"blur_p" name:"contrast=16" help:"probability of Gaussian blur, in place of the preset's"`
}

// Start says which weights pre-training starts from.
type Start struct {
	_          struct{} `group:"network"`
	CustomHead string   `flag:"custom_head" help:"projection head, in place of the preset's"`
	Init       string   `flag:"init" name:"contrast=30" help:"checkpoint with the initial weights; its training state is not read"`
	Prefix     string   `flag:"prefix" help:"name prefix of the encoder to take, such as module.encoder_q, if the checkpoint of --init has several"`
	Strict     bool     `flag:"strict" repeat:"true" help:"require the checkpoint's tensors to match the network exactly"`
}

// Branches are the options of what a method adds to the plain contrast of two crops.
type Branches struct {
	_         struct{} `group:"method"`
	Beta      float64  `flag:"beta" default:"0.5" name:"contrast=18" help:"weight of the jigsaw loss"`
	Symmetric bool     `flag:"symmetric" name:"contrast=20" help:"with a queue: use each crop as query and as key, and add the two losses"`
	ShuffleBN string   `flag:"shuffle_bn" default:"exchange" name:"contrast=60" help:"where keys are shuffled before batch norm: exchange (among all processes), loader (the same: every process makes the views itself, and none are sent), node (among those of a node, as in the paper's code) or none"`
	BNSplits  int      `flag:"bn_splits" default:"1" name:"contrast=24" help:"groups that each batch is split into, each with its own batch-norm statistics, as on several devices; keys are shuffled between groups"`
	SyncBN    bool     `flag:"sync_bn" group:"network" name:"contrast=61" help:"with several processes: batch-norm statistics of the whole batch, summed over the processes in every layer, as one process has them without --bn_splits"`
	ExpIter   int      `flag:"exp_iter" reference:"true" default:"-1" repeat:"true" help:"number of the repetition, to add to the run's name; -1: none"`
}

// MicroBatches are options that save memory, and the warm-up.
type MicroBatches struct {
	_                     struct{} `group:"optimization"`
	Warm                  bool     `flag:"warm" help:"warm up the learning rate over 5 epochs, or 10 of more than 500; on with batches above 256, unless --warm_steps is given"`
	Accum                 int      `flag:"accum" default:"1" name:"contrast=25" help:"micro-batches per batch, to save memory at the cost of a second forward pass; the loss is that of the whole batch, batch-norm statistics are those of a micro-batch"`
	CheckpointActivations bool     `flag:"checkpoint_activations" runtime:"true" help:"keep only the inputs of the encoder's blocks and recompute the rest in the backward pass, to save memory at the cost of a second forward pass; results are the same"`
}

// Monitors are the options of what pre-training records besides the weights.
type Monitors struct {
	_         struct{} `group:"output"`
	Record    bool     `flag:"record" default:"true" runtime:"true" help:"record score statistics of every step, for scores plot and serve; --record=false turns it off"`
	SaveScore bool     `flag:"save_score" runtime:"true" help:"also record the scores of every sample, in the format of the reference implementation; turns on --record"`
	Probe     int      `flag:"probe" default:"300" runtime:"true" help:"number of images whose features are recorded after epochs, for the dashboard's embedding view; long trainings skip epochs; 0: none, as with --record=false"`
	Spectrum  string   `flag:"spectrum" default:"auto" runtime:"true" help:"number of training images whose features' spectrum, ranks and neighbors are measured after every epoch; auto: as many, and as often, as cost less than 1 % of the training; 0: none, as with --record=false"`
	Stop      string   `flag:"stop" default:"advise" runtime:"true" help:"what follows when neighbors, rank and alignment have settled (--spectrum): auto ends the training, advise says so, off does not look"`
	KNNEvery  int      `flag:"knn_every" runtime:"true" help:"epochs between k-NN evaluations; the first one comes before training; 0: none"`
}

// FeatureMixup has the options of an earlier feature transformation, which the reference
// implementation does not use either.
type FeatureMixup struct {
	_          struct{} `group:"feature transformation"`
	FeatureMix bool     `flag:"feature_mix" help:"accepted but not used, as in the paper's code"`
	MixRatio   float64  `flag:"mix_ratio" default:"1" help:"accepted but not used, as in the paper's code"`
	MixAlpha   float64  `flag:"mix_alpha" default:"0.2" help:"accepted but not used, as in the paper's code"`
	TimeMix    int      `flag:"time_mix" default:"2" help:"accepted but not used, as in the paper's code"`
	OnlyMix    bool     `flag:"only_mix" help:"accepted but not used, as in the paper's code"`
}

// DefaultContrast returns the defaults of pre-training.
func DefaultContrast() (c Contrast) {
	Defaults(&c)
	return c
}

// KNN are the options of k-nearest-neighbor evaluation.
type KNN struct {
	Weights
	Data           `hides:"decode_strict cache_dir cache_bytes"` // data stats says which files are damaged
	Neighbors      int                                           `flag:"neighbors" short:"K" alias:"neighbours" default:"200" group:"method" everyday:"true" help:"number of neighbors that vote"`
	KNNTemperature float64                                       `flag:"temperature" default:"0.1" group:"method" everyday:"true" help:"temperature of the votes"`
	Untrained      bool                                          `flag:"untrained" default:"true" group:"method" runtime:"true" everyday:"true" help:"also evaluate the untrained network, for comparison; not by default with more than 20,000 images"`
	Standardize    bool                                          `flag:"standardize" group:"method" help:"standardize every feature to mean 0 and variance 1 over the training images"`
	Net            `hides:"head feat_dim"`                       // features come before the head
	MethodName     `hides:"method"`                              // its preset is for training
	Seeding
	Machine
	Printing
	Dist
	Ignored struct {
		Crops
		LinearViews
		Objective
		Optim
		Apex
		Tuning
		Output
		Pruning
	} `ignored:"true"`
}

// DefaultKNN returns the defaults of k-NN evaluation.
func DefaultKNN() (c KNN) {
	Defaults(&c)
	c.BatchSize = 256
	return c
}
