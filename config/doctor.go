package config

// Doctor are the options of doctor, which checks a machine, or the processes of a job.
type Doctor struct {
	_         struct{} `group:"machine" everyday:"true"`
	Measure   bool     `flag:"measure" help:"measure each GPU, in some seconds: uploads and matrix products"`
	Processes bool     `flag:"dist" help:"check instead what several processes need: start it as the training, by the launcher or with --nproc"`
	JSON      bool     `flag:"json" group:"output" help:"print the findings as JSON"`
	Dist      `hides:"dist-backend dist_timeout dist_stall"`
}

// DefaultDoctor returns the defaults of doctor.
func DefaultDoctor() (c Doctor) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *Doctor) Resolve(set map[string]bool) ([]string, error) {
	if c.Measure && c.Processes {
		return nil, &ValueError{Option: "measure", Want: "one of --measure and --dist", Hint: "call doctor once with each"}
	}
	for _, name := range []string{"world-size", "rank", "dist-url", "multiprocessing-distributed", "nproc", "dist_join"} {
		if set[name] && !c.Processes {
			return nil, &ValueError{Option: name, Want: "--dist with it", Hint: "without, doctor looks at this machine alone"}
		}
	}
	return nil, c.Dist.check()
}
