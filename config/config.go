// Package config has every option of a run as a plain struct: its name on the
// command line and in YAML files, its default, its meaning. Presets are values;
// Resolve applies them, Validate refuses what cannot work.
package config

// Shared are the options that pre-training and linear evaluation have in common.
type Shared struct {
	DataFolder      string  `flag:"data_folder" help:"folder with the images"`
	Dataset         string  `flag:"dataset" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx or inat18; empty: what the folder looks like"`
	Imagenet100Path string  `flag:"imagenet100path" help:"file with one wnid a line instead of the built-in list of 100"`
	Limit           int     `flag:"limit" help:"train on this many images, spread evenly over the classes; 0: all"`
	Imbalance       float64 `flag:"imbalance" help:"keep a long tail of the training images: an exponential profile of class sizes whose first is this many times the last; 0: all"`
	ImbalanceSeed   uint64  `flag:"imbalance_seed" help:"which images the long tail keeps"`
	MaxBad          float64 `flag:"max_bad" help:"share of images that may be unreadable: they are named and replaced by another of their class; beyond it training stops"`
	ModelPath       string  `flag:"model_path" help:"folder for run directories"`
	TBPath          string  `flag:"tb_path" help:"folder for TensorBoard events"`
	Name            string  `flag:"name" help:"name of the run directory; empty: made from the options"`
	Overwrite       bool    `flag:"overwrite" help:"remove a run directory of the same name first"`
	PrintFreq       int     `flag:"print_freq" help:"steps between log lines"`
	SaveFreq        int     `flag:"save_freq" help:"epochs between ckpt_epoch_N.pth files"`
	Keep            int     `flag:"keep" help:"newest ckpt_epoch_N.pth files that are kept; 0: all"`
	BatchSize       int     `flag:"batch_size" help:"images a step"`
	Workers         int     `flag:"num_workers" short:"j" help:"workers that load images; 0: automatic, one a processor or as many as --threads leaves best (in the paper's code 0 meant none)"`
	Epochs          int     `flag:"epochs" help:"passes over the training images"`
	LearningRate    float64 `flag:"learning_rate" help:"learning rate"`
	Milestones      []int   `flag:"lr_decay_epochs" help:"epochs after which the rate decays, separated by commas"`
	DecayRate       float64 `flag:"lr_decay_rate" help:"factor of each decay"`
	WeightDecay     float64 `flag:"weight_decay" help:"L2 penalty, on every parameter"`
	Momentum        float64 `flag:"momentum" help:"momentum of SGD"`
	Cosine          bool    `flag:"cosine" help:"cosine schedule of the learning rate"`
	Method          string  `flag:"method" help:"preset: Customize, MoCo, MoCoMLP, MoCo_wo_norm, MoCov2, MoCov2_tau0.1, InsDis, CMC, CMCv2, PIRL, InfoMin, SimCLR, SimSiam, BYOL"`
	Modal           string  `flag:"modal" help:"RGB or CMC (luminance and chrominance apart)"`
	Jigsaw          bool    `flag:"jigsaw" help:"add the jigsaw branch"`
	Memory          string  `flag:"mem" help:"where negatives come from: moco (queue), bank, batch, or none and target, which have none"`
	Arch            string  `flag:"arch" help:"resnet18 to resnet152, resnext50, resnext101v1 to v3, resnext152v1 to v3, resnest50, resnest101, wide_resnet50_2, wide_resnet101_2, each with x2 or x4 for wider ones"`
	Width           float64 `flag:"width" help:"multiplies all channels, the stem's too"`
	Stem            string  `flag:"stem" help:"imagenet (7x7, stride 2, pooling) or cifar (3x3, stride 1)"`
	FeatDim         int     `flag:"feat_dim" short:"d" help:"size of the embedding"`
	K               int     `flag:"nce_k" short:"k" help:"negatives: the queue's length"`
	BankMomentum    float64 `flag:"nce_m" short:"m" help:"momentum of the memory bank"`
	Temperature     float64 `flag:"nce_t" short:"t" help:"temperature τ"`
	Alpha           float64 `flag:"alpha" help:"momentum of the key encoder"`
	Head            string  `flag:"head" help:"linear, linear_wo_norm, mlp, mlp_bn or 2mlp_bn"`
	Crop            float64 `flag:"crop" help:"smallest share of the image's area that a crop takes"`
	AugLinear       string  `flag:"aug_linear" help:"augmentation of linear evaluation: NULL or RA"`
	Decode          string  `flag:"decode" help:"fast (only the pixels that the crops need, at the smallest scale that has enough of them) or exact (every image whole, views as Pillow and torchvision compute them)"`
	InputRes        int     `flag:"input_res" help:"side of a view in pixels"`
	Amp             bool    `flag:"amp" help:"mixed precision (bfloat16 on a CPU)"`
	OptLevel        string  `flag:"opt_level" help:"O1 or O2: accepted, both mean --amp's mixed precision"`
	Precision       string  `flag:"precision" help:"fp32, bf16, or auto: bf16 with --amp; else, where a network is trained, the faster of both by a short measurement, and fp32 elsewhere"`
	MemoryFormat    string  `flag:"memory_format" help:"of images in memory: channels_last, contiguous, or auto: in contrast and bench step the faster of both by a short measurement, and channels_last elsewhere"`
	Retune          bool    `flag:"retune" help:"measure again what is automatic in --precision, --memory_format, --threads and --num_workers, instead of what was measured before on this machine"`
	Seed            uint64  `flag:"seed" help:"seed of everything random"`
	Device          string  `flag:"device" help:"cpu or cuda:N"`
	Threads         int     `flag:"threads" help:"compute threads; 0: automatic, one a processor, or, where a network is trained and --precision is not fp32, what a short measurement beside the loading of images finds best"`
	Resume          string  `flag:"resume" help:"checkpoint to go on from, or auto: the run directory's newest"`
	Strict          bool    `flag:"strict" help:"refuse weights of others that differ from the network in any tensor"`

	WorldSize   int    `flag:"world-size" help:"nodes"`
	Rank        int    `flag:"rank" help:"rank of this node"`
	DistURL     string `flag:"dist-url" help:"where the processes meet"`
	DistBackend string `flag:"dist-backend" help:"nccl or gloo"`
	GPU         string `flag:"gpu" help:"index of the GPU to use; empty: --device"`
	Multiproc   bool   `flag:"multiprocessing-distributed" help:"one process a GPU; on a machine without GPUs one process"`
}

// Contrast are the options of pre-training.
type Contrast struct {
	Shared
	Aug                   string   `flag:"aug" help:"augmentation: A (MoCo v1), B (MoCo v2), C (CMC), D (InfoMin), E (CMC v2), NULL (crop and flip) or RA (and RandAugment)"`
	Beta                  float64  `flag:"beta" help:"weight of the jigsaw loss"`
	Symmetric             bool     `flag:"symmetric" help:"with a queue: each crop is query and key, losses are added"`
	BNSplits              int      `flag:"bn_splits" help:"parts of a batch with batch-norm statistics of their own, as that many devices have; keys are shuffled between them"`
	Accum                 int      `flag:"accum" help:"parts that a batch goes through the encoders in, for batches beyond the memory: the loss is the whole batch's, batch norm's statistics are a part's; takes a second forward pass"`
	CheckpointActivations bool     `flag:"checkpoint_activations" help:"keep only the inputs of the encoder's blocks for the backward pass, which computes the rest again: the same results, less memory, a second forward pass"`
	Warm                  bool     `flag:"warm" help:"warm the learning rate up; always with a batch above 256"`
	Init                  string   `flag:"init" help:"checkpoint to take weights from, without its state"`
	CropMin               *float64 `flag:"crop_min" help:"smallest share of the area that a crop takes, instead of --crop"`
	JitterP               *float64 `flag:"jitter_p" help:"probability of the color jitter, instead of the preset's"`
	GrayP                 *float64 `flag:"gray_p" help:"probability of losing the colors, instead of the preset's"`
	BlurP                 *float64 `flag:"blur_p" help:"probability of the blur, instead of the preset's"`
	FeatureMix            bool     `flag:"feature_mix" help:"accepted and unused, as in the paper's code"`
	MixRatio              float64  `flag:"mix_ratio" help:"accepted and unused, as in the paper's code"`
	MixAlpha              float64  `flag:"mix_alpha" help:"accepted and unused, as in the paper's code"`
	TimeMix               int      `flag:"time_mix" help:"accepted and unused, as in the paper's code"`
	OnlyMix               bool     `flag:"only_mix" help:"accepted and unused, as in the paper's code"`
	FT                    string   `flag:"ft" help:"shorthand for the paper's feature transformation: none, pos, neg or posneg"`
	MixNorm               bool     `flag:"mixnorm" help:"transform features"`
	MixTarget             string   `flag:"mixnorm_target" help:"what is transformed: pos, neg or posneg"`
	PostmixNorm           bool     `flag:"postmix_norm" help:"normalize again after the transformation"`
	Extrapolate           bool     `flag:"expolation_mask" help:"extrapolate positives: λ + 1"`
	Distribution          string   `flag:"mask_distribution" help:"of λ: uniform or beta"`
	DimMask               string   `flag:"dim_mask" help:"which side gets one λ an element: pos, neg, both or none; with --ft, or with posneg and --sep_alpha, and beta"`
	BetaAlpha             float64  `flag:"beta_alpha" help:"a of Beta(a, a) without --sep_alpha"`
	SepAlpha              bool     `flag:"sep_alpha" help:"an alpha for each side"`
	PosAlpha              float64  `flag:"pos_alpha" help:"a of the positives' Beta(a, a)"`
	NegAlpha              float64  `flag:"neg_alpha" help:"a of the negatives' Beta(a, a)"`
	NormTarget            string   `flag:"norm_target" help:"what --postmix_norm normalizes: pos, neg or both; empty: pos"`
	CustomHead            string   `flag:"custom_head" help:"head instead of the preset's"`
	ExpIter               int      `flag:"exp_iter" help:"number of a repetition, for the run's name"`
	MixEpoch              int      `flag:"mix_start_epoch" help:"transform in epochs above this one"`
	MixStep               int      `flag:"mix_start_step" help:"transform in steps above this one"`
	MixStart              string   `flag:"mix_start" help:"auto: transform as soon as positives have separated from negatives, and from then on"`
	Record                bool     `flag:"record" help:"keep score statistics of every step, which scores plot and serve show; --record=false: none"`
	Probe                 int      `flag:"probe" help:"images whose features are kept after every epoch, for the embedding view; 0: none"`
	SaveScore             bool     `flag:"save_score" help:"also keep every sample's scores, in the reference implementation's files; turns --record on"`
	KNNEvery              int      `flag:"knn_every" help:"epochs between k-NN evaluations, the first before training; 0: none"`
}

// KNN are the options of k-nearest-neighbor evaluation.
type KNN struct {
	Shared
	Ckpt           string  `flag:"ckpt" help:"checkpoint of the encoder; empty: an untrained one"`
	Neighbors      int     `flag:"neighbors" short:"K" help:"neighbors that vote"`
	KNNTemperature float64 `flag:"temperature" help:"temperature of the votes"`
	Standardize    bool    `flag:"standardize" help:"bring every feature to mean 0 and variance 1 over the training images first"`
	UseEMA         bool    `flag:"use_ema" help:"take the key encoder's weights"`
	JSON           bool    `flag:"json" help:"print the result as JSON"`
}

func defaultShared() Shared {
	return Shared{
		DataFolder: "./data", MaxBad: 0.01, ModelPath: "./save", TBPath: "./tb", PrintFreq: 10, SaveFreq: 20, BatchSize: 16,
		Epochs: 200, LearningRate: 0.03, Milestones: []int{120, 160}, DecayRate: 0.1, WeightDecay: 1e-4, Momentum: 0.9,
		Method: "Customize", Modal: "RGB", Memory: "moco", Arch: "resnet50", Width: 1, Stem: "imagenet", FeatDim: 128,
		K: 65536, BankMomentum: 0.5, Temperature: 0.07, Alpha: 0.999, Head: "linear", Crop: 0.2, AugLinear: "NULL", Decode: "fast", InputRes: 224,
		OptLevel: "O2", Precision: "auto", MemoryFormat: "auto", Device: "cpu", WorldSize: -1, Rank: -1, DistURL: "tcp://127.0.0.1:23456", DistBackend: "nccl",
	}
}

// DefaultContrast are the defaults of pre-training.
func DefaultContrast() Contrast {
	return Contrast{
		Shared: defaultShared(), BNSplits: 1, Accum: 1, Aug: "A", Beta: 0.5, MixRatio: 1, MixAlpha: 0.2, TimeMix: 2, MixTarget: "neg",
		Distribution: "beta", DimMask: "none", BetaAlpha: 2, PosAlpha: 2, NegAlpha: 1.6, ExpIter: -1, Record: true,
	}
}

// DefaultKNN are the defaults of k-NN evaluation.
func DefaultKNN() KNN {
	s := defaultShared()
	s.BatchSize = 256
	return KNN{Shared: s, Neighbors: 200, KNNTemperature: 0.1}
}
