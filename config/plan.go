package config

// Plan are the options of plan, which estimates what a training on many GPUs takes.
type Plan struct {
	_         struct{} `group:"machine"`
	GPUs      int      `flag:"gpus" everyday:"true" default:"8" help:"number of GPUs"`
	Node      string   `flag:"node" everyday:"true" default:"a100" help:"kind of GPU, in a node of the usual kind: a100 or h100"`
	PerNode   int      `flag:"gpus_per_node" default:"8" help:"GPUs of a node"`
	Network   float64  `flag:"network" everyday:"true" help:"line rate of a node's network, in 10^9 bits a second; 0: 400 for a100, 3200 for h100"`
	Measured  string   `flag:"measured" everyday:"true" help:"file with the output of contralens bench step --json on such a GPU, for its speed, network and view size"`
	PerCore   float64  `flag:"images_per_core" default:"350" help:"images that a processor loads in a second (contralens bench views)"`
	MTBF      float64  `flag:"gpu_mtbf" default:"50700" help:"hours between failures of one GPU; the default is that of Llama 3's training"`
	Price     float64  `flag:"price" everyday:"true" help:"dollars for an hour of a GPU; 0: 2 for a100, 3 for h100"`
	Images    float64  `flag:"images" everyday:"true" default:"1281167" group:"data" help:"images of the dataset, such as 1e9"`
	ImageKB   float64  `flag:"image_kb" default:"110" group:"data" help:"kilobytes of an image file"`
	Epochs    float64  `flag:"epochs" everyday:"true" default:"200" group:"optimization" help:"epochs to train: passes over the images"`
	PerGPU    int      `flag:"images_per_gpu" everyday:"true" default:"32" group:"optimization" help:"images of a step on a GPU, unless --batch_size is given"`
	BatchSize int      `flag:"batch_size" everyday:"true" group:"optimization" help:"images of a step on all GPUs; 0: --images_per_gpu on each"`
	Arch      string   `flag:"arch" default:"resnet50" group:"network" help:"resnet18, resnet34, resnet50, resnet101 or resnet152"`
	InputRes  int      `flag:"input_res" default:"224" group:"network" help:"side of a view in pixels"`
	FeatDim   int      `flag:"feat_dim" short:"d" default:"128" group:"network" help:"dimension of the embedding"`
	Memory    string   `flag:"mem" default:"moco" group:"method" help:"source of negatives: moco (queue), bank (memory bank) or batch"`
	K         int      `flag:"nce_k" short:"k" default:"65536" group:"method" help:"number of negatives, which is the length of the queue"`
	FT        string   `flag:"ft" default:"none" group:"feature transformation" help:"the paper's feature transformation: none, pos, neg or posneg"`
	ShuffleBN string   `flag:"shuffle_bn" default:"exchange" group:"distributed" help:"how keys are shuffled for batch norm: exchange, loader, node or none"`
	Out       string   `flag:"output" everyday:"true" short:"o" group:"output" help:"PNG file with images per second and cost by the number of GPUs"`
	Printing
}

// DefaultPlan returns the defaults of plan.
func DefaultPlan() (c Plan) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *Plan) Resolve(map[string]bool) ([]string, error) {
	err := first(between("gpus", c.GPUs, 1, 1<<17), between("gpus_per_node", c.PerNode, 1, 1<<10),
		oneOf("node", c.Node, "a100", "h100"), within("network", c.Network, 0, 1e6), positive("images_per_core", c.PerCore),
		positive("gpu_mtbf", c.MTBF), within("price", c.Price, 0, 1e6), within("images", c.Images, 1, 1e13),
		positive("image_kb", c.ImageKB), within("epochs", c.Epochs, 1e-6, 1e9),
		between("images_per_gpu", c.PerGPU, 1, mostBatch), atLeast("batch_size", c.BatchSize, 0),
		oneOf("arch", c.Arch, "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
		between("input_res", c.InputRes, 8, mostSide), between("feat_dim", c.FeatDim, 1, 1<<16),
		oneOf("mem", c.Memory, "moco", "bank", "batch"), between("nce_k", c.K, 1, 1<<24),
		oneOf("ft", c.FT, "none", "pos", "neg", "posneg"),
		oneOf("shuffle_bn", c.ShuffleBN, "exchange", "loader", "node", "none"))
	switch {
	case err != nil:
		return nil, err
	case c.GPUs > c.PerNode && c.GPUs%c.PerNode != 0:
		return nil, &ValueError{Option: "gpus", Want: "whole nodes, a multiple of --gpus_per_node", Got: c.GPUs}
	case c.BatchSize > 0 && (c.BatchSize < c.GPUs || c.BatchSize%c.GPUs != 0):
		return nil, &ValueError{Option: "batch_size", Want: "a multiple of --gpus", Got: c.BatchSize}
	case c.Out != "":
		return nil, picture("output", c.Out)
	}
	return nil, nil
}
