package setup

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"contralens/config"
	"contralens/data"
	"contralens/internal/machine"
	"contralens/views"
)

// Sizes are what good defaults of a pre-training depend on.
type Sizes struct {
	Images     int  // training images
	Side       int  // the shorter side of a typical image, in pixels
	Processors int  // that this process may use
	GPU        bool // the network runs on a GPU
}

// String describes the sizes: "300 images of 640 px, 2 processors".
func (s Sizes) String() string {
	on := fmt.Sprintf("%d processors", s.Processors)
	switch {
	case s.GPU:
		on = "a GPU"
	case s.Processors == 1:
		on = "1 processor"
	}
	return fmt.Sprintf("%d images of %d px, %s", s.Images, s.Side, on)
}

// Measure returns the sizes of a training: those of the dataset, and of this machine.
// splits are those of the dataset.
func Measure(ctx context.Context, splits data.Splits, m config.Machine) (Sizes, error) {
	images := splits.Train
	if splits.Unlabeled != nil {
		images = splits.Unlabeled
	}
	side, err := typicalSide(ctx, images)
	return Sizes{Images: images.Len(), Side: side, Processors: machine.Processors(), GPU: OnGPU(m)}, err
}

// looked is the number of images that typicalSide decodes.
const looked = 15

// typicalSide returns the median of the shorter sides of a few images, which are spread
// evenly over the dataset.
func typicalSide(ctx context.Context, d data.Dataset) (int, error) {
	n := min(looked, d.Len())
	if n == 0 {
		return 0, nil
	}
	var sides []int
	for i := range n {
		var m views.Image
		if err := d.Image(ctx, i*d.Len()/n, &m); err != nil {
			return 0, err
		}
		sides = append(sides, min(m.W, m.H))
	}
	slices.Sort(sides)
	return sides[n/2], nil
}

// Choice is an option with a value that suits the data and the machine.
type Choice struct{ Option, Value string }

// Choices are the options that Suggest chose.
type Choices []Choice

// String returns the choices as typed on the command line.
func (all Choices) String() string {
	var words []string
	for _, c := range all {
		switch c.Value {
		case "true":
			words = append(words, "--"+c.Option)
		default:
			words = append(words, "--"+c.Option+" "+c.Value)
		}
	}
	return strings.Join(words, " ")
}

// Limits of what Suggest chooses.
const (
	smallSide = 64 // images up to this side, in pixels, are seen whole, with a stem for small images
	// Epochs are chosen so that about as many images pass the network in a training.
	viewsOfProcessor = 125_000
	viewsOfGPU       = 100_000_000
	manySteps        = 20_000 // trainings of fewer steps have a faster key encoder
)

// Suggest chooses the options of c that set does not have so that a training of these sizes
// makes sense: MoCo v2 with a cosine schedule, a network that the machine can train, and a
// batch and a queue that are small against the dataset. It follows values in set: a batch
// that was given decides the learning rate. It is for trainings whose options do not say
// what they reproduce (see config.Described). The numbers are rules of thumb and no optimum.
// It returns what it chose, in the order of importance.
func Suggest(c *config.Contrast, set map[string]bool, s Sizes) Choices {
	all := chooser{config.Fields(c), set, nil}
	all.choose("method", "MoCov2")
	all.network(c, s)
	all.choose("batch_size", batchFor(s))
	all.choose("nce_k", queueFor(s.Images, c.BatchSize))
	all.choose("epochs", epochsFor(s))
	momentum := 0.999
	if c.Epochs*s.Images/max(1, c.BatchSize) < manySteps {
		momentum = 0.99
	}
	all.choose("alpha", momentum)
	all.choose("learning_rate", rateFor(c.Optimizer.Optimizer, c.BatchSize))
	if !set["lr_decay_epochs"] {
		all.choose("cosine", true)
	}
	if c.Cosine && c.Epochs < 20 {
		all.choose("cosine_by", "step")
	}
	if c.FT != "" && c.FT != "none" && !set["mix_start_epoch"] && !set["mix_start_step"] {
		all.choose("mix_start", "auto")
	}
	return all.made
}

// network chooses the network and the side of its views.
func (l *chooser) network(c *config.Contrast, s Sizes) {
	small := s.Side <= smallSide
	width, arch := 1.0, "resnet18"
	switch {
	case s.GPU && s.Images >= 100_000 && !small:
		arch = "resnet50"
	case s.GPU || s.Processors >= 32:
	case s.Processors >= 8 || !small:
		width = 0.5
	default:
		width = 0.25
	}
	side := 96
	switch {
	case small:
		side = max(16, s.Side/4*4)
	case s.GPU:
		side = min(224, s.Side/32*32)
	case s.Processors >= 8:
		side = min(128, s.Side/32*32)
	}
	if !l.set["arch"] { // the width suits this network
		l.choose("arch", arch)
		l.choose("width", width)
	}
	if small {
		l.choose("stem", "cifar")
	}
	l.choose("input_res", side)
}

// batchFor returns a batch that makes at least 16 steps per epoch, up to 128, or to 256 on a
// GPU. It is at least 16, or less only for fewer than 32 images.
func batchFor(s Sizes) int {
	most := 128
	if s.GPU {
		most = 256
	}
	b := powerOfTwo(min(most, s.Images/16))
	return max(2, b, powerOfTwo(min(16, s.Images/2)))
}

// queueFor returns the largest power of two that is at most half of the images, and at
// most 65,536, but at least a batch.
func queueFor(images, batch int) int { return max(batch, powerOfTwo(min(65_536, images/2))) }

// powerOfTwo returns the largest power of two that is at most n, and at least 1.
func powerOfTwo(n int) int {
	p := 1
	for 2*p <= n {
		p *= 2
	}
	return p
}

// epochsFor returns how many epochs make the usual number of views, from 10 to 200.
func epochsFor(s Sizes) int {
	views := viewsOfProcessor * min(s.Processors, 32)
	if s.GPU {
		views = viewsOfGPU
	}
	return min(200, max(10, views/max(1, s.Images)/10*10))
}

// rateFor returns the learning rate of a batch. With SGD it grows with the square root: 0.03 for 64
// images as in the recipe own-folder, 0.06 for 256 as in cifar10. With LARS it is SimCLR's, 0.3 for 256
// images, and grows linearly; with AdamW it is PyTorch's default.
func rateFor(optimizer string, batch int) float64 {
	switch optimizer {
	case "lars":
		return math.Round(300*float64(batch)/256) / 1000
	case "adamw":
		return 0.001
	}
	return math.Round(30*math.Sqrt(float64(batch)/64)) / 1000
}

// chooser sets options that the user left open.
type chooser struct {
	fields []config.Field
	set    map[string]bool
	made   Choices
}

// choose sets an option unless the user did.
func (l *chooser) choose(option string, value any) {
	if l.set[option] {
		return
	}
	f := config.Find(l.fields, option)
	if err := f.Set(fmt.Sprint(value)); err != nil {
		panic(fmt.Sprintf("setup: --%s: %v", option, err)) // a mistake in this file
	}
	l.made = append(l.made, Choice{f.Name, f.String()})
}
