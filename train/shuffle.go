package train

import (
	"contralens/config"
	"contralens/data/loader"
	"contralens/methods"
	"contralens/prefetch"
	"contralens/views"
)

// loads reports whether processes load the crops of shuffled keys themselves.
func (r *Run) loads() bool { return r.Config.ShuffleBN == "loader" && !r.World.Alone() }

// checkShuffle refuses to load the crops of keys whose order a method does not tell before a step.
func (r *Run) checkShuffle() error {
	if !r.loads() {
		return nil
	}
	if _, _, ok := r.Model.KeyOrders(0, 2); !ok {
		return &config.ValueError{
			Option: "shuffle_bn", Value: r.Config.ShuffleBN,
			Want: "a method whose keys' orders are known before a step", Got: r.Config.Method,
			Hint: "give --shuffle_bn exchange",
		}
	}
	return nil
}

// reordered are the crops that the loader makes in the order of the keys, as well as in that of the
// batch; nil if processes exchange them.
func (r *Run) reordered() (all []loader.Reordered) {
	if !r.loads() {
		return nil
	}
	before := r.GlobalStep - r.StepInEpoch // the epoch
	crops, _, _ := r.Model.KeyOrders(before, 2)
	for i, c := range crops {
		all = append(all, loader.Reordered{View: r.viewOf(c.Crop), Order: func(batch, n int) []int64 {
			_, orders, _ := r.Model.KeyOrders(before+batch, n)
			return orders[i]
		}})
	}
	return all
}

// viewOf returns the index of a crop among the views.
func (r *Run) viewOf(crop int) int {
	var crops []int
	for v, spec := range r.Views {
		if spec.Kind != views.Jigsaw {
			crops = append(crops, v)
		}
	}
	return crops[crop]
}

// shuffled are the crops of a batch that the loader made in the order of the keys.
func (r *Run) shuffled(s Step, b *prefetch.Batch) (all []methods.Shuffled) {
	if !r.loads() {
		return nil
	}
	crops, orders, _ := r.Model.KeyOrders(r.GlobalStep, s.Images)
	for i, c := range crops {
		all = append(all, methods.Shuffled{
			KeyCrop: c, Order: orders[i], Images: b.View(len(r.Views) + i),
		})
	}
	return all
}
