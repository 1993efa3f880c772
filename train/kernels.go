package train

import "contralens/torch"

// kernelsHook says once why a GPU computes without the kernels that are compiled for it.
func kernelsHook() Hook {
	said := false
	return Hook{Order: Display, Step: func(r *Run, _ Step) error {
		if why := torch.KernelsMissing(); why != "" && !said {
			said = true
			r.say("note: batch norm runs as libtorch's operators, which takes longer: %s", why)
		}
		return nil
	}}
}
