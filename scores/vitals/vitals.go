// Package vitals keeps the figures that tell whether a training can learn: of its inputs once, and of
// views, embeddings, weights and losses at about a hundred of its steps. It has no tensors. Package
// methods measures steps, train writes the file, diagnose reads it.
package vitals

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"contralens/internal/jsonl"
)

// FileName is the path of the figures in a run directory.
const FileName = "scores/vitals.jsonl"

// Figures of a single step, keys of Line.Values. Pixels are normalized: one unit is about 57 of 255.
const (
	ViewDeviation = "view_deviation" // standard deviation of a view's pixels, mean over views
	ViewFlat      = "view_flat"      // share of views whose pixels deviate by less than FlatBelow
	// ViewRatio is the mean squared difference of the two views of an image, divided by that of
	// views of different images. ViewEqual is the share of images whose own ratio is below 0.05.
	ViewRatio = "view_ratio"
	ViewEqual = "view_equal"
	// ColorBetween is the variance over the batch of an image's mean color, summed over channels;
	// ColorRed, ColorGreen and ColorBlue are the means of the batch.
	ColorBetween = "color_variance"
	ColorRed     = "color_red"
	ColorGreen   = "color_green"
	ColorBlue    = "color_blue"
	// Order is the mean difference of the indices of neighbors in the batch, in thirds of the number
	// of images: about 1 for a random order, 0 for that of the files.
	Order = "order"
	// Spread is 1 - |mean|² of the unit embeddings: 0 for one point, near 1 for even ones. Dims is the
	// participation ratio (Σλ)²/Σλ² of their covariance; EmbeddingNorm their mean length before they are
	// normalized by this measurement.
	Spread        = "spread"
	Dims          = "dims"
	EmbeddingNorm = "embedding_norm"
	// GroupGap is how much higher queries score keys of other images from their own batch-norm group
	// than keys of other groups, in standard deviations of such scores.
	GroupGap = "group_gap"
	// QueryNorm, KeyNorm and Gradient are norms over all parameters; KeyDistance is the norm of the
	// difference of both encoders, in QueryNorm.
	QueryNorm   = "query_norm"
	KeyNorm     = "key_norm"
	KeyDistance = "key_distance"
	Gradient    = "gradient"
)

// Figures that are means over the steps since the line before. Scores are those before the feature
// transformation.
const (
	Loss       = "loss"
	Chance     = "chance" // loss of scores that tell nothing; missing without negatives
	Accuracy   = "accuracy"
	Rate       = "lr"
	Positive   = "pos_mean"
	Negative   = "neg_mean"
	Deviation  = "neg_deviation" // standard deviation of a query's negative scores
	Effective  = "effective"     // effective number of negatives as a share of all
	Alignment  = "alignment"
	Uniformity = "uniformity"
	Fill       = "queue_fill"
	// Transformed is the share of steps whose features were transformed.
	Transformed = "transformed"
	// Own and Near are the shares of the negatives' gradient of keys of the own image, and of other
	// images that score as high as the own key; Hardest is that of each query's hardest negative.
	Own     = "grad_own"
	Near    = "grad_near"
	Hardest = "grad_hardest1"
)

// FlatBelow is the standard deviation of normalized pixels below which a view is flat: about 3 of 255.
const FlatBelow = 0.05

// Inputs are figures of a random sample of the training images, without augmentation.
type Inputs struct {
	Images  int     `json:"images"` // of the dataset
	Sampled int     `json:"sampled"`
	Flat    float64 `json:"flat"`  // share of images with nearly no contrast
	Gray    float64 `json:"gray"`  // share of images without color
	Twins   int     `json:"twins"` // pairs of the sample that are the same picture
	// Copies is the number of further copies of an image in the dataset, as the pairs suggest.
	Copies float64 `json:"copies"`
}

// Line has the figures of a step.
type Line struct {
	Epoch   int     `json:"epoch"`
	Step    int     `json:"step"`
	Planned int     `json:"planned"` // steps of the whole training
	Inputs  *Inputs `json:"inputs,omitempty"`
	// Values has the figures by name. Those that are not known or not finite are missing.
	Values map[string]float64 `json:"values,omitempty"`
}

// Set sets a figure if it is finite.
func (l *Line) Set(name string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if l.Values == nil {
		l.Values = map[string]float64{}
	}
	l.Values[name] = v
}

// Share is the share of the planned training that is done.
func (l Line) Share() float64 { return float64(l.Step) / float64(max(1, l.Planned)) }

func file(run string) jsonl.File { return jsonl.File(filepath.Join(run, filepath.FromSlash(FileName))) }

// Append appends a line to the figures of a run.
func Append(run string, l Line) error {
	if err := os.MkdirAll(filepath.Dir(string(file(run))), 0o755); err != nil {
		return err
	}
	return file(run).Add(l)
}

// Keep removes the lines of steps after step, for a run that resumes there.
func Keep(run string, step int) error {
	return file(run).Keep(func(v map[string]any) bool {
		s, ok := v["step"].(float64)
		return ok && s <= float64(step)
	})
}

// maxFile is the number of bytes of figures that are read.
const maxFile = 64 << 20

// Read returns the figures of a run, the oldest first. Lines that are none are skipped; if all of them are, the
// error is a *jsonl.Damaged. A run without figures has none, and no error.
func Read(run string) ([]Line, error) {
	lines, err := ReadFS(os.DirFS(run).(fs.StatFS))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run, err)
	}
	return lines, nil
}

// Skipped says which lines of a run's figures Read skips; nil if there are none.
func Skipped(run string) error {
	return jsonl.Skipped(os.DirFS(run).(fs.StatFS), FileName, maxFile, (*Line).Valid)
}

// Valid reports whether a line of JSON was one of figures.
func (l *Line) Valid() bool { return l.Step >= 0 && l.Planned > 0 }

// ReadFS is Read for the folder of a run that is not trusted.
func ReadFS(folder fs.StatFS) ([]Line, error) {
	return jsonl.Lines(folder, FileName, maxFile, (*Line).Valid)
}
