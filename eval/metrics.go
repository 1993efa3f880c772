package eval

import (
	"slices"

	"contralens/torch"
)

// Accuracy returns the share of rows of logits [N, C] whose label is among the k
// largest, in percent.
func Accuracy(logits *torch.Tensor, labels []int64, k int) float64 {
	right := 0
	whenRight(nil, logits, labels, k, func(int64) { right++ })
	return 100 * float64(right) / float64(max(1, len(labels)))
}

// whenRight asks for the k largest logits of each row, and for right to be called with each
// label that is among them.
func whenRight(r *torch.Readback, logits *torch.Tensor, labels []int64, k int, right func(label int64)) {
	torch.Scoped(func() {
		_, best := logits.TopK(k, 1)
		r.Values(best, func(classes []float64) {
			for i, c := range classes {
				if label := labels[i/k]; int64(c) == label {
					right(label)
				}
			}
		})
	})
}

// tallyBatches is the number of batches on a GPU whose results a Tally reads together.
const tallyBatches = 100

// Tally counts correct predictions on a test set. On a GPU it reads them now and then, so
// that the host need not wait after every batch.
type Tally struct {
	late               *torch.Readback
	batches            int
	images, top1, top5 int
	loss               float64
	right, total       []int // by class
}

// NewTally makes a Tally for the given number of classes.
func NewTally(classes int) *Tally {
	return &Tally{right: make([]int, classes), total: make([]int, classes)}
}

// Add counts the rows of logits [N, C]. labels must not change until Scores.
func (t *Tally) Add(logits *torch.Tensor, labels []int64) {
	if t.late == nil {
		t.late = torch.NewReadback(logits.Device())
	}
	t.images += len(labels)
	for _, l := range labels {
		t.total[l]++
	}
	whenRight(t.late, logits, labels, 1, func(label int64) { t.top1++; t.right[label]++ })
	whenRight(t.late, logits, labels, min(5, len(t.total)), func(int64) { t.top5++ })
	torch.Scoped(func() {
		target := torch.FromInt64(labels, len(labels)).ToDevice(logits.Device())
		t.late.Value(logits.CrossEntropy(target), func(loss float64) { t.loss += float64(len(labels)) * loss })
	})
	if t.batches++; t.batches%tallyBatches == 0 {
		t.late.Wait()
	}
}

// Free drops what has not been read. Call it if Scores may not be called.
func (t *Tally) Free() { t.late.Free() }

// Scores has the accuracies on a test set, in percent.
type Scores struct {
	Top1     float64   `json:"top1"`
	Top5     float64   `json:"top5"`                // top-min(5, classes) accuracy
	Loss     float64   `json:"loss"`                // mean cross entropy
	PerClass []float64 `json:"per_class,omitempty"` // in the order of the classes; -1 without test images
	Shots    *Shots    `json:"shots,omitempty"`     // only for long-tailed training sets
}

// Shots has the mean accuracies of the classes with many (>100), medium (20–100) and
// few (<20) training images, in percent, as in Liu et al. (2019); -1 if there are no
// such classes.
type Shots struct {
	Many   float64 `json:"many"`
	Medium float64 `json:"medium"`
	Few    float64 `json:"few"`
}

// Scores returns the scores so far. counts are the numbers of training images per
// class. Shots is set if the largest class has more than twice as many as the smallest;
// nil counts leave it nil.
func (t *Tally) Scores(counts []int) Scores {
	t.late.Wait()
	s := Scores{Top1: percent(t.top1, t.images), Top5: percent(t.top5, t.images), Loss: t.loss / float64(max(1, t.images))}
	for c := range t.total {
		s.PerClass = append(s.PerClass, percent(t.right[c], t.total[c]))
	}
	if len(counts) > 0 && slices.Max(counts) > 2*slices.Min(counts) {
		s.Shots = shots(s.PerClass, counts)
	}
	return s
}

func percent(n, of int) float64 {
	if of == 0 {
		return -1
	}
	return 100 * float64(n) / float64(of)
}

func shots(perClass []float64, counts []int) *Shots {
	mean := func(in func(n int) bool) float64 {
		sum, n := 0.0, 0
		for c, accuracy := range perClass {
			if c < len(counts) && counts[c] > 0 && accuracy >= 0 && in(counts[c]) {
				sum, n = sum+accuracy, n+1
			}
		}
		if n == 0 {
			return -1
		}
		return sum / float64(n)
	}
	return &Shots{
		Many:   mean(func(n int) bool { return n > 100 }),
		Medium: mean(func(n int) bool { return n >= 20 && n <= 100 }),
		Few:    mean(func(n int) bool { return n < 20 }),
	}
}
