package config

// Incidental are the options that change nothing of what a run computes, so that
// its parts may differ in them: images may have moved, and machines differ.
var Incidental = []string{
	"print_freq", "save_freq", "keep", "num_workers", "max_bad", "resume", "overwrite", "threads", "knn_every", "json", "model_path", "tb_path", "name", "data_folder",
	"save_score", "record", "probe", "world-size", "rank", "dist-url", "dist-backend", "multiprocessing-distributed", "gpu", "device", "memory_format", "retune", "checkpoint_activations",
}
