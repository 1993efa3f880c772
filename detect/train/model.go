// Package train trains detectors: a loop of iterations on a model and its batches, with hooks
// for what is shown and written, and checkpoints with Detectron2's names from which it resumes
// exactly.
package train

import (
	"context"

	"contralens/detect"
	"contralens/nn"
	"contralens/torch"
)

// Model is a detector in training. Its names are those of Detectron2.
type Model interface {
	// Losses goes forward on a batch in training mode. The choice of anchors and regions depends
	// on seed and step alone. The terms are scalars with a graph, on the device of the model. An error
	// says what is wrong with the values, such as proposals that are not finite.
	Losses(b *detect.Batch, seed uint64, step int) (Losses, error)
	// MeasureNorms replaces the running statistics of batch norm by those over n batches, which
	// go forward without a gradient (precise BN, Wu & Johnson, 2021). The choices of each depend on
	// the seed and its number, from 0.
	MeasureNorms(n int, seed uint64, next func() (*detect.Batch, error)) error
	// Backward computes the gradients of a loss, which Losses gave.
	Backward(loss *torch.Tensor)
	// Statistics returns the running statistics of the norms that are not constants.
	Statistics() []*torch.Tensor
	State() nn.State   // all tensors
	Trained() nn.State // the parameters that are trained
	Device() torch.Device
}

// Losses are the terms of a step's loss, which is their sum, and what was chosen for them.
type Losses struct {
	Terms []Term
	// Means over the images of the batch.
	Foreground, Background float64 // regions that trained the RoI head
	Anchors                float64 // anchors that trained as objects
	// Classified has numbers of these regions in the batch, [3]: classified right, with an object and
	// classified right, and with an object but taken for background.
	Classified *torch.Tensor
}

// Term is a term of the loss.
type Term struct {
	Name  string        // as in Detectron2: loss_cls, loss_box_reg, loss_rpn_cls, loss_rpn_loc, loss_mask
	Value *torch.Tensor // float32 []
}

// Batches is an endless stream of batches.
type Batches interface {
	Next() (*detect.Batch, error)
	Close()
}

// Source opens the stream of a seed at a batch, counted from 0.
type Source func(ctx context.Context, seed uint64, first int) (Batches, error)

// Score is the result of a test.
type Score struct {
	Metrics map[string]any // AP, AP50, AP75 …, in percent, and per_class
	Lines   []string       // for the user
}

// decays returns the weight decay of each parameter: none for the scale and shift of norms,
// as in Detectron2. Norms are called norm there.
func decays(s nn.State, decay float64) (all []float64) {
	for name := range s.NamedParameters() {
		if detect.IsNorm(name) {
			all = append(all, 0)
		} else {
			all = append(all, decay)
		}
	}
	return all
}
