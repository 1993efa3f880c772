package protocol

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"contralens/config"
	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/sets"
	"contralens/internal/humanize"
)

// usualSplits are the splits that a folder may have, the most usual first, by whether they are
// for a test.
var usualSplits = map[bool][]string{
	true:  {"2007_test", "test", "val2017", "val", "2007_val", "2012_val"},
	false: {"train2017", "trainval", "train"},
}

// open opens annotated images. split names them; empty, the usual ones of the folder are taken.
func open(ctx context.Context, d config.DetectData, split string, test, masks bool, classes []string, o Options,
) (*detect.Set, error) {
	if split == "" {
		split = usual(ctx, d.DataFolder, test)
	}
	format := d.Layout
	if format == "auto" {
		format = ""
	}
	folder := d.DataFolder
	if strings.HasSuffix(strings.ToLower(split), ".json") {
		folder, split = split, ""
	}
	set, _, err := sets.Open(ctx, sets.Options{
		Folder: folder, Split: split, Format: format, Classes: classes, MaxBad: d.MaxBad, NoMasks: !masks, Note: o.Note,
	})
	if err != nil {
		return nil, err
	}
	if len(set.Images) == 0 {
		return nil, fmt.Errorf("--data_folder %s: want annotated images, but split %s has none", d.DataFolder, split)
	}
	return set, nil
}

// usual returns the usual split of a folder that it has, or "" for what sets.Open takes.
func usual(ctx context.Context, folder string, test bool) string {
	disk := store.Disk{}
	for _, split := range usualSplits[test] {
		year, name, dated := strings.Cut(split, "_")
		files := []string{path.Join(folder, "ImageSets", "Main", split+".txt"),
			path.Join(folder, "annotations", "instances_"+split+".json")}
		if dated {
			files = nil
			for _, below := range []string{"", "VOCdevkit"} {
				files = append(files, path.Join(folder, below, "VOC"+year, "ImageSets", "Main", name+".txt"))
			}
		}
		if slices.ContainsFunc(files, func(f string) bool { return store.Exists(ctx, disk, f) }) {
			return split
		}
	}
	return ""
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
