package train

import (
	"context"
	"fmt"
	"path/filepath"

	"contralens/checkpoint"
	"contralens/dist"
	"contralens/peers/join"
	"contralens/torch"
)

// join meets the other processes of the run, and gives them to it. Processes that would train
// something else together are found here, before anything is written. lost is told why the run
// ends because of another process.
func (r *Run) join(ctx context.Context, m *join.Meeting, lost func(error)) (*join.Joined, error) {
	hello, err := r.hello()
	if err != nil {
		return nil, err
	}
	hooks := dist.Hooks{Note: func(s string) { r.say("note: %s", s) }, Advice: r.advice, Lost: lost}
	j, err := m.Join(ctx, hello, r.Model.Device(), hooks)
	if err != nil {
		return nil, err
	}
	if err := torch.Run(func() error { return r.Connect(j.Peers) }); err != nil {
		return nil, j.End(false, err)
	}
	return j, nil
}

// hello is what this process tells the others before the first step.
func (r *Run) hello() (h dist.Hello, err error) {
	h = join.Hello(filepath.Base(r.Dir), &r.Config)
	h.Device, h.Groups = r.Model.Device().String(), r.Model.Groups
	h.Folder, h.Images, h.Names = r.Config.DataFolder, r.Train.Len(), join.NamesOf(r.Train, r.Config.DataFolder)
	path := r.saved
	if path == "" {
		path = r.Config.Init
	}
	if path != "" {
		h.Weights, err = checkpoint.SHA256(path)
	}
	return h, err
}

// advice says how to go on after a failure. It may be called from any goroutine.
func (r *Run) advice() string {
	if s := r.good.Load(); s != nil {
		return *s
	}
	return "no checkpoint has been saved yet"
}

// setSaved remembers the newest checkpoint.
func (r *Run) setSaved(path string, step int) {
	r.saved, r.savedStep = path, step
	r.good.Store(new(fmt.Sprintf("the last checkpoint is %s, of step %d: the same command with --resume auto goes on",
		path, step)))
}
