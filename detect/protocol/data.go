package protocol

import (
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
	if training.Name == test.Name && training.Images[0].Path == test.Images[0].Path {
		o.note("tests use the images of the training, %s; --test_split names others", training.Name)
	}
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
	return training, sets.Limit(test, c.DetectData.DetectLimit, 0), nil
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
