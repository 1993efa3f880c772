package train

import "contralens/methods"

// EpochMeter adds up the steps of an epoch, from which its means come. It is part of a
// checkpoint, so that an interrupted epoch has the same means as a whole one.
type EpochMeter struct {
	Images         int     `key:"images"`
	Loss           float64 `key:"loss"`            // the sum over the images
	Accuracy       float64 `key:"accuracy"`        // likewise, in percent
	JigsawLoss     float64 `key:"jigsaw_loss"`     // 0 for methods without
	JigsawAccuracy float64 `key:"jigsaw_accuracy"` // 0 for methods without
}

func (m *EpochMeter) add(step Step) {
	m.Images += step.Images
	m.Loss += step.Loss * float64(step.Images)
	m.Accuracy += step.Accuracy * float64(step.Images)
	if step.Jigsaw != nil {
		m.JigsawLoss += step.Jigsaw.Loss * float64(step.Images)
		m.JigsawAccuracy += step.Jigsaw.Accuracy * float64(step.Images)
	}
}

// Means returns the mean loss and accuracy over the images.
func (m EpochMeter) Means() (loss, accuracy float64) {
	n := max(1, float64(m.Images))
	return m.Loss / n, m.Accuracy / n
}

// Jigsaw returns the mean loss and accuracy of the jigsaws, 0 for methods without.
func (m EpochMeter) Jigsaw() methods.Jigsaw {
	n := max(1, float64(m.Images))
	return methods.Jigsaw{Loss: m.JigsawLoss / n, Accuracy: m.JigsawAccuracy / n}
}
