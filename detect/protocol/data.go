package protocol

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"contralens/config"
	"contralens/detect"
	"contralens/detect/sets"
	"contralens/internal/humanize"
)

// open opens annotated images. split names them; empty, the usual ones of the folder are taken.
func open(ctx context.Context, d config.DetectData, split string, test, masks bool, classes []string, o Options,
) (*detect.Set, error) {
	format := d.Layout
	if format == "auto" {
		format = ""
	}
	folder := d.DataFolder
	if strings.HasSuffix(strings.ToLower(split), ".json") {
		folder, split = split, ""
	}
	set, _, err := sets.Open(ctx, sets.Options{
		Folder: folder, Split: split, Test: test, Format: format, Classes: classes, MaxBad: d.MaxBad, NoMasks: !masks,
		Note: o.Note,
	})
	if unnamed := (*sets.NoUsualSplit)(nil); errors.As(err, &unnamed) {
		option := "train_split"
		if test {
			option = "test_split"
		}
		return nil, fmt.Errorf("--%s: %w", option, err)
	}
	if err != nil {
		return nil, err
	}
	if len(set.Images) == 0 {
		return nil, fmt.Errorf("--data_folder %s: want annotated images, but %s has none", d.DataFolder, set.Name)
	}
	return set, nil
}

// names splits the names of classes.
func names(list string) (all []string) {
	for _, name := range strings.Split(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// openTraining opens the images that train and those that test. The classes of the first, which
// are the outputs of the detector, are those of both.
func openTraining(ctx context.Context, c *config.DetectTrain, o Options) (training, test *detect.Set, err error) {
	if training, err = open(ctx, c.DetectData, c.TrainSplit, false, c.Masks, names(c.Classes), o); err != nil {
		return nil, nil, err
	}
	if test, err = open(ctx, c.DetectData, c.TestSplit, true, c.Masks, training.Classes, o); err != nil {
		return nil, nil, err
	}
	if n := common(training, test); n > 0 {
		o.note("%d of the %s of %s also train, so the test says little about others; --train_split and --test_split "+
			"name lists", n, humanize.Count(len(test.Images), "image"), test.Name)
	}
	o.noteMetric(c.VOCMetric, test)
	all := len(training.Images)
	training = sets.Limit(training, c.DetectSplits.DetectLimit, c.LabelSeed)
	if c.LabelFraction < 1 {
		training = sets.Fraction(training, c.LabelFraction, c.LabelSeed)
	}
	training, dropped := sets.Trainable(training)
	if dropped > 0 {
		o.note("%s without objects %s not train", humanize.Count(dropped, "image"), do(dropped))
	}
	if len(training.Images) == 0 {
		return nil, nil, fmt.Errorf("--data_folder %s: want objects to train on, but none of %s has one", c.DataFolder,
			humanize.Count(all, "image"))
	}
	test = sets.Limit(test, c.DetectData.DetectLimit, 0)
	if c.Masks {
		if err := cmp.Or(checkMasks(c, training, o), checkTestMasks(test)); err != nil {
			return nil, nil, err
		}
	}
	return training, test, nil
}

// common counts the images of b that are in a.
func common(a, b *detect.Set) (n int) {
	in := map[string]bool{}
	for _, m := range a.Images {
		in[m.Path] = true
	}
	for _, m := range b.Images {
		if in[m.Path] {
			n++
		}
	}
	return n
}

// noteMetric notes that a rule of VOC does not judge images with COCO's annotations.
func (o *Options) noteMetric(metric string, set *detect.Set) {
	if metric != "auto" && set.Format == detect.COCO {
		o.note("--voc_metric changes nothing: COCO's rules judge %s", set.Name)
	}
}

// checkMasks returns an error if no object of a set has a mask, and tells how many have none: the
// loader leaves them out.
func checkMasks(c *config.DetectTrain, set *detect.Set, o Options) error {
	all, without := 0, 0
	for _, m := range set.Images {
		for _, object := range m.Objects {
			if !object.Crowd {
				all++
				if object.Shape.Empty() {
					without++
				}
			}
		}
	}
	if without == all {
		return &config.ValueError{
			Option: "masks", Want: "annotations with masks, such as COCO's polygons",
			Got:  fmt.Sprintf("%s without any in %s", humanize.Count(all, "object"), c.DataFolder),
			Hint: "leave it out to train on boxes",
		}
	}
	if without > 0 {
		o.note("%d of %s have no mask and do not train", without, humanize.Count(all, "object"))
	}
	return nil
}

// checkTestMasks returns an error if an object has no mask that COCO's rules would compare.
func checkTestMasks(test *detect.Set) error {
	if test.Format != detect.COCO {
		return nil
	}
	for _, m := range test.Images {
		for i, object := range m.Objects {
			if object.Shape.Empty() {
				return fmt.Errorf("test images %s: want a segmentation for every object to test masks, but object %d of image %s "+
					"has none; remove it from the annotations or add one", humanize.Text(test.Name), i+1, humanize.Text(m.ID))
			}
		}
	}
	return nil
}

// CheckImages opens the images that a training would see, and returns what is wrong with them.
func CheckImages(ctx context.Context, c config.DetectTrain, o Options) error {
	defer o.complete()()
	_, _, err := openTraining(ctx, &c, o)
	return err
}

func do(n int) string {
	if n == 1 {
		return "does"
	}
	return "do"
}
