package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"contralens/config"
	"contralens/internal/durable"
	"contralens/internal/humanize"
	"contralens/profile"
)

// Plan is the size of a demo, and how it computes.
type Plan struct {
	Images int `json:"images"` // training images; they are k-NN's neighbors, too
	Tests  int `json:"tests"`  // test images of k-NN
	Epochs int `json:"epochs"` // of the training without the transformation
	// FTEpochs are those of the training with it, which may have less time, and FTStart the
	// steps before it transforms; 0 until it begins.
	FTEpochs int            `json:"ft_epochs"`
	FTStart  int            `json:"ft_start"`
	Seed     uint64         `json:"seed"`
	Machine  config.Machine `json:"machine"`
}

func (p Plan) String() string {
	return fmt.Sprintf("%s, %s, k-NN on %s", humanize.Count(p.Images, "image"),
		humanize.Count(p.Epochs, "epoch"), humanize.Count(p.Tests, "test image"))
}

// Have is the size of the dataset.
type Have struct{ Images, Tests int }

// The sizes to choose from, largest first. Few images and many epochs gain most above the
// untrained network, see docs/decisions.md: so an epoch has as many images as leave time for
// fewestEpochs. More than mostEpochs gain little.
var (
	imageSizes = []int{25_000, 15_000, 10_000, 6_000, 4_000, 2_500, 1_500, 1_000, 600, 400, 250}
	testSizes  = []int{10_000, 5_000, 2_000, 1_000, 500, 200}
)

const (
	fewestEpochs = 12
	mostEpochs   = 24

	// Shares of the time that is left after measuring.
	marginShare = 0.1  // kept free: speeds change
	figureShare = 0.05 // for the figures, opening data and saving
	testShare   = 0.1  // for the features of test images

	trainings   = 2
	evaluations = 2 * trainings // before and after each training
)

// Size chooses the demo that ends within the time left on a machine of the given speed. Faster
// machines and more time never get fewer images. images and epochs are what the user asked
// for; 0 leaves them open. A machine on which even the smallest demo takes longer gets that.
func Size(left time.Duration, s profile.Speed, have Have, images, epochs int) Plan {
	share := func(part float64) time.Duration { return time.Duration(part * float64(left)) }
	p := Plan{Tests: testSizes[len(testSizes)-1]}
	for _, n := range testSizes {
		if evaluations*seconds(float64(n)/s.Evaluate) <= share(testShare) {
			p.Tests = n
			break
		}
	}
	p.Tests = min(p.Tests, have.Tests)
	room := left - share(marginShare+figureShare+testShare)
	sizes := imageSizes
	if images > 0 {
		sizes = []int{images}
	}
	enough := fewestEpochs
	if epochs > 0 {
		enough = epochs
	}
	for _, n := range sizes {
		p.Images = min(n, have.Images)
		p.Epochs = int((room - neighborTime(p.Images, s)) / (trainings * epochTime(p.Images, s)))
		if p.Epochs >= enough {
			break
		}
	}
	p.Epochs = min(max(1, p.Epochs), mostEpochs)
	if epochs > 0 {
		p.Epochs = epochs
	}
	return p
}

// epochTime is the duration of an epoch.
func epochTime(images int, s profile.Speed) time.Duration {
	return max(1, seconds(float64(images)/s.Train)+s.Epoch+seconds(probe/s.Evaluate))
}

// neighborTime is what all evaluations take for the training images: their features, and the
// vote if all test images ask.
func neighborTime(images int, s profile.Speed) time.Duration {
	return evaluations * seconds(float64(images)/s.Evaluate+float64(images)*float64(testSizes[0])/s.Vote)
}

// evaluationTime is the duration of one evaluation.
func evaluationTime(p Plan, s profile.Speed) time.Duration {
	return seconds(float64(p.Images+p.Tests)/s.Evaluate + float64(p.Images)*float64(p.Tests)/s.Vote)
}

// cost is the duration of both trainings and all evaluations.
func cost(p Plan, s profile.Speed) time.Duration {
	return trainings*time.Duration(p.Epochs)*epochTime(p.Images, s) + evaluations*evaluationTime(p, s)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// planFile is the file of a demo's plan in its folder.
const planFile = "plan.json"

// readPlan returns the plan of the demo in a folder.
func readPlan(dir string) (p Plan, err error) {
	path := filepath.Join(dir, planFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("%s: want a demo to resume, but it has no %s: leave --resume out", dir, planFile)
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, fmt.Errorf("%s: want the plan of a demo, but %w: leave --resume out", path, err)
	}
	if p.Images < 1 || p.Tests < 1 || p.Epochs < 1 {
		return p, fmt.Errorf("%s: want images, tests and epochs above 0, got %s: leave --resume out", path, p)
	}
	return p, nil
}

// writePlan stores the plan of the demo in a folder.
func writePlan(dir string, p Plan) error {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(dir, planFile), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}
