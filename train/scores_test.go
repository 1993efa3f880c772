package train

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/config"
	"contralens/contrast"
	"contralens/data/loader"
	"contralens/methods"
	"contralens/scores/record"
	"contralens/torch"
	"contralens/views"
)

// fake is a dataset whose images are never read.
type fake struct{ labels []int }

func (f fake) Name() string                                   { return "fake" }
func (f fake) Len() int                                       { return len(f.labels) }
func (f fake) Image(context.Context, int, *views.Image) error { return nil }
func (f fake) Label(i int) int                                { return f.labels[i] }
func (f fake) Classes() []string                              { return []string{"a", "b", "c"} }
func (f fake) Path(int) string                                { return "" }

// queueAge agrees with the ages in a simulated queue.
func TestQueueAge(t *testing.T) {
	for _, c := range []struct{ images, batch, k int }{{10, 3, 7}, {10, 4, 16}, {8, 4, 6}, {5, 5, 3}, {7, 2, 100}} {
		batches := loader.Batches(c.images, c.batch, c.images%c.batch == 1)
		var born []int // step of each key, oldest first
		for step := range 5 * batches {
			epochs, batch := step/batches, step%batches
			sum := 0.0
			for _, s := range born {
				sum += float64(step - s)
			}
			age, fill := queueAge(epochs, batch, batches, c.batch, c.images, c.k)
			if want := sum / max(1, float64(len(born))); math.Abs(age-want) > 1e-12 || fill != float64(len(born))/float64(c.k) {
				t.Errorf("%+v step %d: age %v fill %v, want %v and %v", c, step, age, fill, want, float64(len(born))/float64(c.k))
			}
			n := c.batch
			if batch == batches-1 {
				n = min(n, c.images-batch*c.batch)
			}
			for range n {
				born = append(born, step)
			}
			born = born[max(0, len(born)-c.k):]
		}
	}
}

// Every series of the record comes from the step, and the histograms count every score.
func TestRecordStep(t *testing.T) {
	d := contrast.Distribution{Positives: []float32{0.1, 0.5, 0.9, -3}, PosMean: 1, PosVar: 2, PosExp: 3, NegMean: 4, NegVar: 5, NegExp: 6, Hardest: 7, Bound: 2, Negatives: make([]int64, contrast.Bins)}
	total := 0.0
	for i := range d.Negatives {
		d.Negatives[i] = rand.Int64N(50)
		total += float64(d.Negatives[i])
	}
	s := Step{Epoch: 3, Batch: 1, Step: 21, Loss: 1, Accuracy: 2, Rate: 3, Statistics: &contrast.Statistics{
		Raw: d, Seen: d, Entropy: 1, Gradient: 2, Alignment: 3, Uniformity: -4, LambdaPositive: 5, LambdaNegative: 6,
	}, Trace: &contrast.Trace{
		Hardest: [4]float64{0.1, 0.2, 0.3, 0.4}, Age: [4]float64{0.1, 0.2, 0.3, 0.4}, Untrained: 0.1, MeanAge: 7, Own: 0.1,
		Near: 0.2, Class: 0.3,
	}}
	r := &Run{Config: config.DefaultContrast(), Batches: 10, Train: fake{make([]int, 160)}, Model: &methods.Model{}}
	if err := torch.Run(func() error {
		r.Model.Method = remembering{queue: 64}
		h := record.NewHeader(record.TrainingNames(), record.TrainingHistograms(true))
		row := recordStep(r, s, h)
		for i, name := range h.Series {
			if row.Values[i] == 0 {
				t.Errorf("%s is not recorded", name)
			}
		}
		for i, k := range h.Histograms {
			sum, want := 0.0, 4.0
			for _, c := range row.Histograms[i] {
				sum += float64(c)
			}
			if k.Kind == "neg" || k.Kind == "raw_neg" {
				want = total
			}
			if sum != want {
				t.Errorf("%s: %v scores, want %v", k.Kind, sum, want)
			}
		}
		if at := bin(h.Histograms[0], 0.5); row.Histograms[0][at] != 1 {
			t.Errorf("the positive 0.5 is not in its bin: %v", row.Histograms[0])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSpread(t *testing.T) {
	var labels []int
	for i := range 100 {
		labels = append(labels, []int{0, 1, 1, -1}[i%4])
	}
	got := map[int]int{}
	d := spread(fake{labels}, 60)
	seen := map[int]bool{}
	for i, index := range d.(chosen).indices {
		got[d.Label(i)]++
		seen[index] = true
	}
	if d.Len() != 60 || len(seen) != 60 || got[0] != 20 || got[1] != 20 || got[-1] != 20 {
		t.Errorf("%v, %d different", got, len(seen))
	}
	if d := spread(fake{labels}, 1000); d.Len() != 100 {
		t.Errorf("%d images of 100", d.Len())
	}
}

func TestTensorBoardHistogram(t *testing.T) {
	h := tensorBoard(record.Histogram{Kind: "pos", Low: -1, High: 1, Bins: 8}, []float32{0, 0, 2, 0, 3, 0, 0, 0})
	if h.Min != -0.5 || h.Max != 0.25 || h.Num != 5 || h.Sum != 2*-0.375+3*0.125 || len(h.Limits) != 3 || h.Limits[2] != 0.25 || h.Counts[0] != 2 || h.Counts[1] != 0 {
		t.Errorf("%+v", h)
	}
}

// remembering is a method with a queue of the given length.
type remembering struct {
	methods.Method
	queue int
}

func (r remembering) State() methods.State { return methods.State{Queue: r.queue} }
