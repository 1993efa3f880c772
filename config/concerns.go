package config

// Each struct in this file has the options of one concern. The struct of a command embeds
// the concerns that the command reads. Every fact about an option is a tag on its field;
// the package comment lists the tags.

// Data selects the images and the batch size.
type Data struct {
	_               struct{} `group:"data"`
	DataFolder      string   `flag:"data_folder" default:"./data" runtime:"true" everyday:"true" legend:"data" help:"folder with the images, or its URL: s3://bucket/folder, gs://bucket/folder, https://host/folder"`
	Dataset         string   `flag:"dataset" everyday:"true" name:"contrast=1 linear=1 finetune=17 supervised=9" help:"imagenet, imagenet100, folder, list, cifar10, cifar100, stl10, fashion-mnist, idx, inat18 or voc; empty: detected from the folder"`
	Imagenet100Path string   `flag:"imagenet100path" help:"file with one wnid per line, in place of the built-in list of 100 classes"`
	Limit           int      `flag:"limit" name:"contrast=2 linear=2 finetune=18 supervised=10" help:"number of training images to use, spread evenly over the classes; 0: all"`
	Imbalance       float64  `flag:"imbalance" name:"contrast=3 linear=3 finetune=19 supervised=11" help:"make the training set long-tailed: class sizes fall exponentially, and this is the ratio of the largest to the smallest; 0: all images"`
	ImbalanceSeed   uint64   `flag:"imbalance_seed" repeat:"true" name:"contrast=4 linear=4 finetune=20 supervised=12" help:"seed for choosing the images of the long tail"`
	MaxBad          float64  `flag:"max_bad" default:"0.01" runtime:"true" help:"largest share of unreadable images: each is named and replaced by another image of its class; with more of them the command stops"`
	DecodeStrict    bool     `flag:"decode_strict" runtime:"true" help:"count image files that break the rules of their format as unreadable, even if all of their pixels can be read"`
	Split           string   `flag:"split" default:"test" name:"contrast=43 linear=19 finetune=30 supervised=22" help:"images to evaluate on: test, or validation (a tenth of every class of the training images, on which nothing is trained), to choose settings without the test images"`
	Keeping
	BatchSize int `flag:"batch_size" default:"16" group:"optimization" everyday:"true" legend:"batch" name:"finetune=6 supervised=6" help:"images per step"`
}

// Keeping says where files from object stores and web servers are kept.
type Keeping struct {
	_          struct{} `group:"data"`
	CacheDir   string   `flag:"cache_dir" runtime:"true" help:"folder in which files from s3://, gs:// and https:// are kept, for all processes of this machine; empty: in the user's cache"`
	CacheBytes string   `flag:"cache_bytes" default:"auto" runtime:"true" help:"limit of that folder, such as 500GB or 2TB; auto: half of what is free on its disk; none: nothing is kept"`
}

// Net describes the network. Commands that read a checkpoint with a record take these
// options from it.
type Net struct {
	_        struct{} `group:"network"`
	Arch     string   `flag:"arch" default:"resnet50" everyday:"true" help:"resnet18 to resnet152, resnext50, resnext101v1 to v3, resnext152v1 to v3, resnest50, resnest101, wide_resnet50_2, wide_resnet101_2; each also with x2 or x4 appended for a wider one"`
	Width    float64  `flag:"width" default:"1" name:"contrast=5 linear=5 finetune=23 supervised=16" help:"factor on the number of channels in all layers, the stem included"`
	Stem     string   `flag:"stem" default:"imagenet" name:"contrast=6 linear=6 finetune=24 supervised=17" help:"imagenet (7x7, stride 2, pooling) or cifar (3x3, stride 1)"`
	Modal    string   `flag:"modal" default:"RGB" preset:"true" name:"supervised=13" help:"RGB, or CMC: one encoder for luminance and one for chrominance"`
	Head     string   `flag:"head" default:"linear" preset:"true" help:"projection head: linear, linear_wo_norm, mlp, mlp_bn or 2mlp_bn"`
	FeatDim  int      `flag:"feat_dim" short:"d" default:"128" name:"contrast=7" help:"dimension of the embedding"`
	InputRes int      `flag:"input_res" default:"224" name:"contrast=8 linear=7 finetune=25 supervised=18" help:"side of a view in pixels"`
	Gray16   string   `flag:"gray16" default:"clip" group:"data" name:"contrast=32 linear=18 finetune=29 supervised=21" help:"how 16-bit gray becomes 8-bit: clip (at 255, as in Pillow), high (keep the high byte) or range (from the smallest to the largest value of each image)"`
}

// MethodName names the preset, which sets modal, head, memory, jigsaw, augmentation and
// temperature.
type MethodName struct {
	Method string `flag:"method" default:"Customize" group:"method" everyday:"true" help:"preset: Customize (none), MoCo, MoCoMLP, MoCo_wo_norm, MoCov2, MoCov2_tau0.1, InsDis, CMC, CMCv2, PIRL, InfoMin, SimCLR, SimSiam, BYOL"`
}

// Objective are the options of the loss: where negatives come from, and the temperature.
type Objective struct {
	_            struct{} `group:"method"`
	Jigsaw       bool     `flag:"jigsaw" preset:"true" help:"add the jigsaw branch"`
	Memory       string   `flag:"mem" default:"moco" preset:"true" help:"source of negatives: moco (queue), bank (memory bank) or batch; none and target use no negatives"`
	K            int      `flag:"nce_k" short:"k" default:"65536" legend:"K" help:"number of negatives, which is the length of the queue"`
	BankMomentum float64  `flag:"nce_m" short:"m" default:"0.5" name:"contrast=19" help:"momentum of the memory bank"`
	Temperature  float64  `flag:"nce_t" short:"t" default:"0.07" preset:"true" auto:"true" legend:"τ" help:"temperature τ; auto: the scores choose it, beginning at 0.07 or the method's; --nce_t NUMBER --nce_t_auto begins at NUMBER"`
	Alpha        float64  `flag:"alpha" default:"0.999" legend:"alpha" help:"momentum of the key encoder"`
}

// FeatureTransform are the options of the paper's feature transformation, as typed.
type FeatureTransform struct {
	_            struct{} `group:"feature transformation"`
	FT           string   `flag:"ft" everyday:"true" legend:"-" help:"the paper's feature transformation: none, pos, neg or posneg, a shorthand for --mixnorm and the options that go with it; auto: both sides, with --mix_start auto and --alpha_auto"`
	MixNorm      bool     `flag:"mixnorm" reference:"true" legend:"-" help:"transform features (--ft sets it)"`
	MixTarget    string   `flag:"mixnorm_target" reference:"true" default:"neg" legend:"-" help:"scores to transform: pos, neg or posneg"`
	PostmixNorm  bool     `flag:"postmix_norm" help:"normalize again after the transformation"`
	Extrapolate  bool     `flag:"expolation_mask" alias:"extrapolation_mask" reference:"true" legend:"-" help:"extrapolate positives: λ + 1"`
	Distribution string   `flag:"mask_distribution" reference:"true" default:"beta" legend:"-" help:"distribution of λ: uniform or beta"`
	DimMask      string   `flag:"dim_mask" default:"none" name:"contrast=10" help:"side with one λ per dimension: pos, neg, both or none; needs beta, and --ft or --mixnorm_target posneg --sep_alpha"`
	BetaAlpha    float64  `flag:"beta_alpha" reference:"true" default:"2" help:"α of Beta(α, α) without --sep_alpha"`
	SepAlpha     bool     `flag:"sep_alpha" reference:"true" legend:"-" help:"separate alphas for positives and negatives"`
	PosAlpha     float64  `flag:"pos_alpha" default:"2" legend:"α pos" help:"α of Beta(α, α) for positives"`
	NegAlpha     float64  `flag:"neg_alpha" default:"1.6" legend:"α neg" help:"α of Beta(α, α) for negatives"`
	NormTarget   string   `flag:"norm_target" name:"contrast=11" help:"what --postmix_norm normalizes: pos, neg or both; empty: pos"`
	MixEpoch     int      `flag:"mix_start_epoch" name:"contrast=21" help:"epochs before the transformation starts"`
	MixStep      int      `flag:"mix_start_step" name:"contrast=22" help:"steps before the transformation starts"`
	MixStart     string   `flag:"mix_start" name:"contrast=23" help:"auto: start to transform once positives have separated from negatives"`
	AlphaAuto    bool     `flag:"alpha_auto" legend:"-" name:"contrast=56" help:"with --mix_start auto: let the scores choose both alphas when the transformation starts"`
	TauAuto      bool     `flag:"nce_t_auto" legend:"-" name:"contrast=57" help:"with --alpha_auto: let the scores choose the temperature, too"`
}

// Crops are the options of taking and decoding a random crop.
type Crops struct {
	_      struct{} `group:"data"`
	Crop   float64  `flag:"crop" default:"0.2" name:"contrast=12 finetune=21 supervised=14" help:"smallest share of the image's area in a random crop"`
	Decode string   `flag:"decode" default:"fast" name:"contrast=17" help:"fast (decode only the pixels that the crops need, at the smallest sufficient scale) or exact (decode whole images; views match Pillow and torchvision)"`
}

// LinearViews selects the augmentation of training images in linear evaluation,
// fine-tuning and supervised training.
type LinearViews struct {
	AugLinear string `flag:"aug_linear" default:"NULL" group:"data" legend:"-" name:"finetune=22 supervised=15" help:"augmentation of training images: NULL (crop and flip) or RA (also RandAugment)"`
}

// Optim are the options of the optimizer and the schedule of the learning rate.
type Optim struct {
	_            struct{} `group:"optimization"`
	Epochs       int      `flag:"epochs" grows:"true" default:"200" everyday:"true" name:"finetune=5 supervised=5" help:"epochs to train: passes over the training images"`
	LearningRate float64  `flag:"learning_rate" default:"0.03" everyday:"true" legend:"lr" name:"finetune=1 supervised=1" help:"learning rate"`
	Milestones   []int    `flag:"lr_decay_epochs" grows:"true" default:"120,160" name:"contrast=28 finetune=3 supervised=3" help:"epochs after which the learning rate decays, separated by commas"`
	DecayRate    float64  `flag:"lr_decay_rate" default:"0.1" name:"contrast=29 finetune=4 supervised=4" help:"factor on the learning rate at each decay"`
	WeightDecay  float64  `flag:"weight_decay" default:"0.0001" name:"contrast=26 linear=9 finetune=7 supervised=7" help:"L2 penalty on every parameter; with --optimizer adamw, decay apart from the gradient"`
	Momentum     float64  `flag:"momentum" default:"0.9" name:"contrast=27 linear=10 finetune=8 supervised=8" help:"momentum of SGD, and the first momentum of other optimizers"`
	Cosine       bool     `flag:"cosine" everyday:"true" name:"finetune=2 supervised=2" help:"use a cosine schedule for the learning rate"`
	CosineBy     string   `flag:"cosine_by" default:"epoch" legend:"-" name:"contrast=31 linear=17 finetune=28 supervised=20" help:"how often --cosine changes the learning rate: epoch, as in the paper's code, or step, which is better for fewer than 20 epochs"`
}

// Seeding has the seed of everything random.
type Seeding struct {
	Seed uint64 `flag:"seed" group:"optimization" repeat:"true" name:"contrast=9 linear=8 finetune=27 supervised=19 detect=33" help:"seed of everything random"`
}

// Machine are the options of the hardware: threads, precision, memory layout, device.
type Machine struct {
	_            struct{} `group:"machine"`
	Workers      int      `flag:"num_workers" short:"j" runtime:"true" help:"workers that load images; 0: automatic (one per processor, or the processors that --threads leaves; on a GPU two fewer than processors)"`
	Threads      int      `flag:"threads" runtime:"true" help:"compute threads; 0: automatic (one per processor; measured if a network is trained and --precision is not fp32; 1 on a GPU)"`
	Precision    string   `flag:"precision" default:"auto" legend:"-" help:"fp32, bf16 or auto, and on a GPU tf32 or fp16; auto on a GPU is bf16 from compute capability 8.0, fp16 from 7.0 and fp32 below; auto on the CPU is bf16 with --amp if the processor has bfloat16 instructions, otherwise the faster of fp32 and bf16 in a short measurement if a network is trained, and fp32 if none is"`
	MemoryFormat string   `flag:"memory_format" default:"auto" runtime:"true" help:"layout of images in memory: channels_last, contiguous or auto; auto is the faster of both in a short measurement in contrast and bench step, and channels_last elsewhere"`
	Amp          bool     `flag:"amp" legend:"-" help:"mixed precision: bfloat16 on a CPU that has instructions for it; automatic on a GPU"`
	Device       string   `flag:"device" default:"auto" runtime:"true" help:"auto, cpu, cuda or cuda:N; auto is the first GPU that can be used, otherwise the CPU"`
	GPU          string   `flag:"gpu" runtime:"true" help:"index of the GPU to use; empty: --device"`
}

// Apex has an option of NVIDIA's Apex, which the reference implementation uses.
type Apex struct {
	OptLevel string `flag:"opt_level" reference:"true" default:"O2" group:"machine" legend:"-" help:"O1 or O2; accepted, and both mean the mixed precision of --amp"`
}

// Tuning is for commands that measure which automatic settings are fastest.
type Tuning struct {
	Retune bool `flag:"retune" group:"machine" runtime:"true" help:"repeat the measurements that set automatic --precision, --memory_format, --threads and --num_workers"`
}

// Output says where and how often a run writes, and whether it resumes.
type Output struct {
	_         struct{} `group:"output"`
	ModelPath string   `flag:"model_path" default:"./save" runtime:"true" help:"folder for run directories"`
	TBPath    string   `flag:"tb_path" default:"./tb" runtime:"true" help:"folder for TensorBoard events"`
	Name      string   `flag:"name" runtime:"true" help:"name of the run directory; empty: made from the options"`
	Overwrite bool     `flag:"overwrite" runtime:"true" help:"remove an existing run directory of the same name first"`
	Resume    string   `flag:"resume" runtime:"true" everyday:"true" help:"checkpoint to resume from, or auto: the newest in the run directory"`
	PrintFreq int      `flag:"print_freq" default:"10" runtime:"true" help:"steps between log lines"`
	SaveFreq  int      `flag:"save_freq" default:"20" runtime:"true" help:"epochs between ckpt_epoch_N.pth files"`
}

// Pruning says how many epoch checkpoints are kept.
type Pruning struct {
	Keep int `flag:"keep" group:"output" runtime:"true" help:"number of ckpt_epoch_N.pth files to keep, the newest ones; 0: all"`
}

// Dist are the options of distributed training, named as in programs that use
// torch.distributed.
type Dist struct {
	_           struct{} `group:"distributed"`
	WorldSize   int      `flag:"world-size" reference:"true" default:"-1" runtime:"true" help:"number of nodes; with --nproc or --multiprocessing-distributed, each starts its processes"`
	Rank        int      `flag:"rank" reference:"true" default:"-1" runtime:"true" help:"rank of this node"`
	DistURL     string   `flag:"dist-url" reference:"true" default:"tcp://127.0.0.1:23456" runtime:"true" help:"address at which the processes meet"`
	DistBackend string   `flag:"dist-backend" reference:"true" default:"nccl" runtime:"true" help:"nccl or gloo"`
	Multiproc   bool     `flag:"multiprocessing-distributed" reference:"true" runtime:"true" help:"run one process per GPU; without GPUs, one process"`
	NProc       int      `flag:"nproc" runtime:"true" help:"processes to start on this machine, each with its share of every batch; 0: one, or those of a launcher such as torchrun or srun"`
	DistTimeout string   `flag:"dist_timeout" default:"60s" runtime:"true" help:"how long a process may give no sign of life before all end"`
	DistStall   string   `flag:"dist_stall" default:"10m" runtime:"true" help:"how long a process that lives may take for a step before all end"`
	DistJoin    string   `flag:"dist_join" default:"5m" runtime:"true" help:"how long processes wait for all to come"`
}

// Weights names the checkpoint of the encoder that a command evaluates.
type Weights struct {
	_      struct{} `group:"network"`
	Ckpt   string   `flag:"ckpt" everyday:"true" repeat:"true" help:"checkpoint of the encoder, from this or another program; empty: an untrained encoder"`
	UseEMA bool     `flag:"use_ema" name:"linear=11 finetune=26 detect=34" help:"use the key encoder's weights"`
	Prefix string   `flag:"prefix" help:"name prefix of the encoder to take, such as module.encoder_q, if a checkpoint has several"`
	Strict bool     `flag:"strict" repeat:"true" help:"require the checkpoint's tensors to match the network exactly"`
}

// Printing says how a command prints its result.
type Printing struct {
	JSON bool `flag:"json" group:"output" runtime:"true" everyday:"true" help:"print the result as JSON"`
}
