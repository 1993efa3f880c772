package setup

import (
	"cmp"
	"os"
	"path/filepath"

	"contralens/config"
	"contralens/internal/machine"
	"contralens/rundir"
	"contralens/torch"
	"contralens/world"
)

// Place is where a run with given options stores its files.
type Place struct {
	Dir    string // the run directory
	Events string // directory of TensorBoard events
	name   config.RunName
}

// FindPlace returns the place of a run: that of an existing run (see rundir.Find), of one
// that --resume auto trains for longer, or else that of a new one. It creates nothing. c
// points to the configuration; o is its output part.
func FindPlace(c any, o config.Output, name config.RunName) (Place, error) {
	upstream := name.Upstream
	if o.Name != "" {
		upstream = "" // look for this name only
	}
	dir, err := rundir.Find(o.ModelPath, name.Name, upstream, o.Resume == "auto")
	if err == nil && o.Resume == "auto" && o.Name == "" {
		if _, missing := os.Stat(dir); missing != nil {
			dir = cmp.Or(rundir.FindShorter(o.ModelPath, runOptions(c)), dir)
		}
	}
	return Place{Dir: dir, Events: filepath.Join(o.TBPath, filepath.Base(dir)), name: name}, err
}

// runOptions returns the options of a configuration as the record of a run has them.
func runOptions(c any) (all []rundir.Option) {
	for _, f := range config.Fields(c) {
		all = append(all, rundir.Option{
			Name: f.Name, Aliases: f.Aliases, Value: f.String(), Grows: f.Grows,
			// A run can be resumed on a device without its precision; ResumeCompute checks it.
			Runtime: f.Runtime || f.Ignored || f.Name == "precision" && SameState(f.String(), "fp32"),
		})
	}
	return all
}

// machineOptions returns the options of a configuration that say where it computes.
func machineOptions(c any) (m config.Machine) {
	config.Defaults(&m)
	for _, f := range config.Fields(c) {
		switch f.Name {
		case "device":
			m.Device = f.String()
		case "gpu":
			m.GPU = f.String()
		}
	}
	return m
}

// plan describes the run that starts or resumes in a place.
func (p Place) plan(c any, o config.Output, command []string) rundir.Plan {
	return rundir.Plan{
		Dir: p.Dir, Events: o.TBPath, Options: runOptions(c), UpstreamName: p.name.Upstream,
		Resume: o.Resume != "", Overwrite: o.Overwrite,
		Command: command, Torch: torch.Version(), Machine: machine.Kind(),
		Device: DeviceRecord(machineOptions(c)),
	}
}

// Prepare makes the run directory, locks it until release is called, and writes
// run.json; see rundir.Prepare. c points to the configuration; o is its output part.
//
// Of several processes the first alone does that; the others must wait for it.
func Prepare(w world.World, p Place, c any, o config.Output, command []string) (release func(), err error) {
	if !w.First() {
		return func() {}, nil
	}
	return rundir.Prepare(p.plan(c, o, command))
}
