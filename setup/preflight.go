package setup

import (
	"contralens/checkpoint/weights"
	"contralens/config"
	"contralens/nn"
	"contralens/rundir"
	"contralens/torch"
)

// Buildable returns the error of a network that the options describe and that cannot be
// built. Call it inside torch.Run.
func Buildable(n config.Net, m config.Machine, jigsaw bool) error {
	m.Settle()
	net, err := Network(n, m)
	if err != nil {
		return err
	}
	net.Jigsaw = jigsaw
	_, err = nn.Shapes(net)
	return err
}

// Possible returns the first error that a pre-training in a place would meet before its
// network is known. It sets the settings that a resumed run keeps, and changes no file.
// Call it inside torch.Run.
func Possible(c *config.Contrast, p Place) error {
	if _, err := torch.ParseDevice(c.DeviceName()); err != nil {
		return err
	}
	if c.Init != "" {
		if err := weights.Check(c.Init, c.Prefix); err != nil {
			return err
		}
	}
	if err := rundir.Possible(p.Dir, c.TBPath); err != nil {
		return err
	}
	if err := ResumeCompute(&c.Machine, c.Resume, p.Dir); err != nil {
		return err
	}
	return Admit(p, c, c.Output)
}

// Admit returns the error of Prepare for the run directory as it is. It changes nothing.
func Admit(p Place, c any, o config.Output) error {
	plan := p.plan(c, o, nil)
	_, err := plan.Admit()
	return err
}

// Preflight returns the first error that a pre-training in a place would meet before it
// opens its data. It changes nothing. Call it inside torch.Run.
func Preflight(c config.Contrast, p Place) error {
	if err := Possible(&c, p); err != nil {
		return err
	}
	return Buildable(c.Net, c.Machine, c.Jigsaw)
}
