package config

// BenchDiagnose are the options of bench diagnose, which trains networks with faults.
type BenchDiagnose struct {
	_          struct{} `group:"data" everyday:"true"`
	DataFolder string   `flag:"data_folder" default:"./data" help:"folder with images in classes and a test split, such as CIFAR-10's"`
	Dataset    string   `flag:"dataset" help:"name of the dataset, as of contrast; empty: detected from the folder"`
	Train      int      `flag:"images" default:"2048" help:"training images that are taken"`
	Test       int      `flag:"test_images" default:"500" help:"test images that are taken, for k-NN"`
	Epochs     int      `flag:"epochs" group:"optimization" help:"epochs of all trainings; 0: 8, and 6 of those that take longer"`
	Seed       uint64   `flag:"seed" group:"optimization" help:"seed of the trainings, which also chooses the images"`
	Only       string   `flag:"only" group:"optimization" help:"part of the names of the trainings to run; empty: all"`
	Threads    int      `flag:"threads" default:"1" group:"machine" help:"compute threads"`
	Keeping
}

// DefaultBenchDiagnose returns the defaults of bench diagnose.
func DefaultBenchDiagnose() (c BenchDiagnose) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *BenchDiagnose) Resolve(map[string]bool) ([]string, error) {
	return nil, first(between("images", c.Train, 256, 1<<24), between("test_images", c.Test, 10, 1<<24),
		between("epochs", c.Epochs, 0, 1<<20), between("threads", c.Threads, 0, mostWorkers))
}
