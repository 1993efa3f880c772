package setup

import (
	"path/filepath"

	"contralens/config"
	"contralens/internal/machine"
	"contralens/rundir"
	"contralens/torch"
)

// Place is where a run of some options keeps its files.
type Place struct {
	Dir    string // the run directory
	Events string // the folder for TensorBoard's events
	name   config.RunName
}

// FindPlace returns the place of a run: where the run is if it exists, see
// rundir.Find, and else where it will be. It creates nothing.
func FindPlace(o config.Output, name config.RunName) (Place, error) {
	upstream := name.Upstream
	if o.Name != "" {
		upstream = "" // the name that was asked for and no other
	}
	dir, err := rundir.Find(o.ModelPath, name.Name, upstream, o.Resume == "auto")
	return Place{Dir: dir, Events: filepath.Join(o.TBPath, filepath.Base(dir)), name: name}, err
}

// Prepare makes the run directory, locks it until release, and writes run.json; see
// rundir.Prepare. c points to the configuration, and o is its part about output.
func Prepare(p Place, c any, o config.Output, command []string) (release func(), err error) {
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
