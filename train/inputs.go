package train

import (
	"context"
	"io"
	"math"
	"math/rand/v2"

	"contralens/data/loader"
	"contralens/scores/vitals"
	"contralens/views"
)

const (
	inputSide   = 16    // pixels of a side of a sampled image
	leastInputs = 256   // images of the sample, if there are as many
	mostInputs  = 2048  // of which all pairs are compared
	inputShare  = 0.001 // of the views of the training, otherwise
	twinBelow   = 0.03  // root mean square difference of normalized pixels of the same picture: about 2 of 255
	grayBelow   = 0.008 // difference of the channels of a gray pixel: 2 of 255
)

// inputs measures a random sample of the training images, without augmentation.
func (r *Run) inputs() (*vitals.Inputs, error) {
	all := r.Train.Len()
	n := min(all, max(leastInputs, min(mostInputs, int(inputShare*float64(all)*float64(r.Config.Epochs)))))
	order := rand.New(rand.NewPCG(r.Config.Seed, 0x696e70757473)).Perm(all)
	sample := chosen{Dataset: r.Train, indices: order[:n]}
	l := loader.NewViews(context.Background(), loader.ViewOptions{
		Dataset: sample, Views: []views.Spec{views.Evaluation(inputSide)}, BatchSize: 64, Workers: r.Config.Workers,
	})
	defer l.Close()
	var rows [][]float32
	for {
		b, err := l.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		values := b.Samples.Values[0]
		size := 3 * inputSide * inputSide
		for i := range b.N {
			rows = append(rows, append([]float32(nil), values[i*size:(i+1)*size]...))
		}
		l.Recycle(b)
	}
	return describeInputs(rows, all), nil
}

// describeInputs measures normalized images [3, S, S] that are a random sample of all images.
func describeInputs(rows [][]float32, all int) *vitals.Inputs {
	in := &vitals.Inputs{Images: all, Sampled: len(rows)}
	flat := make([]bool, len(rows))
	for i, row := range rows {
		if singleColored(row) {
			flat[i] = true
			in.Flat += 1 / float64(len(rows))
		}
		if grayImage(row) {
			in.Gray += 1 / float64(len(rows))
		}
	}
	for i := range rows {
		for j := range i {
			if !flat[i] && !flat[j] && twins(rows[i], rows[j]) {
				in.Twins++
			}
		}
	}
	if n := float64(len(rows)); n > 1 {
		in.Copies = float64(in.Twins) * 2 / n * float64(all-1) / (n - 1)
	}
	return in
}

// channels returns the three channels of an image.
func channels(row []float32) (c [3][]float32) {
	n := len(row) / 3
	for i := range c {
		c[i] = row[i*n : (i+1)*n]
	}
	return c
}

// singleColored reports whether no channel of an image has contrast.
func singleColored(row []float32) bool {
	for _, c := range channels(row) {
		mean, square := 0.0, 0.0
		for _, v := range c {
			mean, square = mean+float64(v), square+float64(v)*float64(v)
		}
		n := float64(len(c))
		if square/n-mean/n*mean/n >= vitals.FlatBelow*vitals.FlatBelow {
			return false
		}
	}
	return true
}

// grayImage reports whether all channels of an image are the same before they are normalized.
func grayImage(row []float32) bool {
	evaluation := views.Evaluation(inputSide)
	norm := evaluation.Normalization()
	c := channels(row)
	for i := range c[0] {
		r := float64(c[0][i])*float64(norm.Std[0]) + float64(norm.Mean[0])
		g := float64(c[1][i])*float64(norm.Std[1]) + float64(norm.Mean[1])
		b := float64(c[2][i])*float64(norm.Std[2]) + float64(norm.Mean[2])
		if math.Abs(r-g) > grayBelow || math.Abs(g-b) > grayBelow {
			return false
		}
	}
	return true
}

// twins reports whether two images are the same picture. It stops at the first pixels of others.
func twins(a, b []float32) bool {
	const limit = twinBelow * twinBelow
	sum, most := 0.0, limit*float64(len(a))
	for i := range a {
		d := float64(a[i] - b[i])
		if sum += d * d; sum > most {
			return false
		}
	}
	return true
}
