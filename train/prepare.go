package train

import (
	"path/filepath"
	"slices"

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
func FindPlace(s config.Shared, name config.RunName) (Place, error) {
	upstream := name.Upstream
	if s.Name != "" {
		upstream = "" // the name that was asked for and no other
	}
	dir, err := rundir.Find(s.ModelPath, name.Name, upstream, s.Resume == "auto")
	return Place{Dir: dir, Events: filepath.Join(s.TBPath, filepath.Base(dir)), name: name}, err
}

// Prepare makes the run directory, locks it until release, and writes run.json; see
// rundir.Prepare. c points to the configuration, and s is its shared part.
func Prepare(p Place, c any, s config.Shared, command []string) (release func(), err error) {
	var options []rundir.Option
	for _, f := range config.Fields(c) {
		runtime := slices.Contains(config.Incidental, f.Name)
		options = append(options, rundir.Option{Name: f.Name, Value: f.String(), Runtime: runtime})
	}
	return rundir.Prepare(rundir.Plan{
		Dir: p.Dir, Events: s.TBPath, Options: options, UpstreamName: p.name.Upstream,
		Resume: s.Resume != "", Overwrite: s.Overwrite,
		Command: command, Torch: torch.Version(), Machine: machine.Kind(),
	})
}
