package setup

import (
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

// FindPlace returns the place of a run: that of an existing run (see rundir.Find), or
// else that of a new one. It creates nothing.
func FindPlace(o config.Output, name config.RunName) (Place, error) {
	upstream := name.Upstream
	if o.Name != "" {
		upstream = "" // look for this name only
	}
	dir, err := rundir.Find(o.ModelPath, name.Name, upstream, o.Resume == "auto")
	return Place{Dir: dir, Events: filepath.Join(o.TBPath, filepath.Base(dir)), name: name}, err
}

// Prepare makes the run directory, locks it until release is called, and writes
// run.json; see rundir.Prepare. c points to the configuration; o is its output part.
//
// Of several processes the first alone does that; the others must wait for it.
func Prepare(w world.World, p Place, c any, o config.Output, command []string) (release func(), err error) {
	if !w.First() {
		return func() {}, nil
	}
	var options []rundir.Option
	for _, f := range config.Fields(c) {
		options = append(options, rundir.Option{
			Name: f.Name, Aliases: f.Aliases, Value: f.String(), Runtime: f.Runtime || f.Ignored,
		})
	}
	return rundir.Prepare(rundir.Plan{
		Dir: p.Dir, Events: o.TBPath, Options: options, UpstreamName: p.name.Upstream,
		Resume: o.Resume != "", Overwrite: o.Overwrite,
		Command: command, Torch: torch.Version(), Machine: machine.Kind(),
	})
}
