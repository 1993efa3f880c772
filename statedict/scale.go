package statedict

import (
	"contralens/checkpoint"
	"contralens/optim"
)

// The entry of a checkpoint with the scale of the loss in fp16, as PyTorch's GradScaler
// has it.
const (
	scalerKey  = "scaler"
	scaleKey   = "scale"
	trackerKey = "_growth_tracker"
)

// LossScale is the entry of a checkpoint for a loss that is scaled; nothing for nil.
func LossScale(l *optim.LossScale) checkpoint.Dict {
	if l == nil {
		return nil
	}
	scale, steps := l.State()
	return checkpoint.Dict{{Key: scalerKey, Value: checkpoint.Dict{
		{Key: scaleKey, Value: scale}, {Key: "growth_factor", Value: optim.GrowthFactor},
		{Key: "backoff_factor", Value: optim.BackoffFactor}, {Key: "growth_interval", Value: optim.GrowthInterval},
		{Key: trackerKey, Value: steps},
	}}}
}

// LoadLossScale restores the scale of a loss, which may be nil. A checkpoint without one, of
// a training in another precision, leaves the first scale.
func LoadLossScale(l *optim.LossScale, file checkpoint.Dict) {
	saved := file.Dict(scalerKey)
	if scale, ok := saved.Get(scaleKey).(float64); ok && l != nil && scale > 0 {
		l.SetState(scale, saved.Int(trackerKey))
	}
}
