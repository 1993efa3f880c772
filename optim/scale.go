package optim

import "contralens/torch"

// LossScale multiplies the loss, so that small gradients do not vanish in fp16, and
// divides the gradients again (Micikevicius et al., 2018). If a gradient overflows, the
// step changes nothing, and the scale is halved; after many steps without, it doubles. A loss
// that is not finite itself is no overflow, and stops the training at once. The scale
// lives on the device, and the host does not wait for it.
type LossScale struct {
	scale   *torch.Tensor // float32 [1]
	tracker *torch.Tensor // int32 [1]: steps since the scale changed
}

// The numbers of PyTorch's GradScaler.
const (
	FirstScale     = 65536.0
	GrowthFactor   = 2.0
	BackoffFactor  = 0.5
	GrowthInterval = 2000
)

// leastScale is the scale below which overflows have another cause: a loss that diverges.
const leastScale = 1.0

// ScaleLoss makes the optimizer's steps those of a scaled loss. See Scaled.
func (s *SGD) ScaleLoss(d torch.Device) {
	s.Scale = &LossScale{
		scale:   torch.Full([]int{1}, FirstScale, torch.Options{Device: d}).Keep(),
		tracker: torch.Zeros([]int{1}, torch.Options{Dtype: torch.Int32, Device: d}).Keep(),
	}
}

// Scaled is the loss whose gradients GuardedStep expects: loss itself, unless the
// optimizer scales it.
func (s *SGD) Scaled(loss *torch.Tensor) *torch.Tensor {
	if s.Scale == nil {
		return loss
	}
	return loss.Mul(s.Scale.scale.View())
}

// State is the scale and the number of steps since it changed. It waits for the device.
func (l *LossScale) State() (scale float64, steps int) {
	torch.Scoped(func() { scale, steps = l.scale.Float64s()[0], int(l.tracker.Int64s()[0]) })
	return scale, steps
}

// SetState returns the scale to the state that State recorded.
func (l *LossScale) SetState(scale float64, steps int) {
	torch.NoGrad(func() { l.scale.Fill_(scale); l.tracker.Fill_(float64(steps)) })
}

// begin prepares a guard for the gradients of a step, which a lost loss stops.
func (l *LossScale) begin(g *guard) {
	g.found.Copy_(g.lost)
	g.inverse.Copy_(l.scale.View().Reciprocal())
}

// end moves the scale after a step. found is 1 if it overflowed.
func (l *LossScale) end(found *torch.Tensor) {
	torch.UpdateScale_(l.scale, l.tracker, found, GrowthFactor, BackoffFactor, GrowthInterval)
}

// free drops the tensors. l may be nil.
func (l *LossScale) free() {
	if l != nil {
		l.scale.Free()
		l.tracker.Free()
	}
}
