package train

import (
	"contralens/checkpoint"
	"contralens/methods"
	"contralens/statedict"
)

// Sums are the totals over the images of the epoch so far, from which its means
// come. They are part of a checkpoint, so that an interrupted epoch has the same
// means as a whole one.
type Sums struct {
	Images         int
	Loss, Accuracy float64
	JigsawLoss     float64 // 0 for methods without
	JigsawAccuracy float64
}

func (s *Sums) add(step Step) {
	s.Images += step.Images
	s.Loss += step.Loss * float64(step.Images)
	s.Accuracy += step.Accuracy * float64(step.Images)
	if step.Jigsaw != nil {
		s.JigsawLoss += step.Jigsaw.Loss * float64(step.Images)
		s.JigsawAccuracy += step.Jigsaw.Accuracy * float64(step.Images)
	}
}

// Means are the mean loss and accuracy over the images.
func (s Sums) Means() (loss, accuracy float64) {
	n := max(1, float64(s.Images))
	return s.Loss / n, s.Accuracy / n
}

// Jigsaw are the mean loss and accuracy of the jigsaws, 0 for methods without.
func (s Sums) Jigsaw() methods.Jigsaw {
	n := max(1, float64(s.Images))
	return methods.Jigsaw{Loss: s.JigsawLoss / n, Accuracy: s.JigsawAccuracy / n}
}

func (s Sums) dict() checkpoint.Dict {
	return checkpoint.Dict{
		{Key: "images", Value: s.Images}, {Key: "loss", Value: s.Loss}, {Key: "accuracy", Value: s.Accuracy},
		{Key: "jigsaw_loss", Value: s.JigsawLoss}, {Key: "jigsaw_accuracy", Value: s.JigsawAccuracy},
	}
}

func (s *Sums) set(d checkpoint.Dict) {
	s.Images = statedict.Int(d.Get("images"))
	s.Loss, _ = d.Get("loss").(float64)
	s.Accuracy, _ = d.Get("accuracy").(float64)
	s.JigsawLoss, _ = d.Get("jigsaw_loss").(float64)
	s.JigsawAccuracy, _ = d.Get("jigsaw_accuracy").(float64)
}
