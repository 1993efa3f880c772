package config

import (
	"slices"
	"strings"
)

// DetectTrain are the options of detect train, which trains a detector on an encoder.
// The defaults are Faster R-CNN R50-C4 on PASCAL VOC as in MoCo's release (He et al., 2020).
type DetectTrain struct {
	Weights
	DetectData
	DetectSplits
	Labels
	Backbone
	DetectNet
	DetectInput
	Iterating
	DetectMonitors
	AveragePrecision
	Seeding
	Machine
	Printing
	Output `hides:"save_freq"` // it counts epochs
	Dist
}

// DetectData says which annotated images a command reads.
type DetectData struct {
	_           struct{} `group:"data"`
	DataFolder  string   `flag:"data_folder" default:"./data" runtime:"true" everyday:"true" legend:"data" help:"folder with the images and their annotations: PASCAL VOC's (VOC2007, VOC2012, or one with Annotations), or COCO's"`
	Layout      string   `flag:"layout" default:"auto" everyday:"true" name:"detect=1" help:"voc, coco or auto (by what is in the folder)"`
	TestSplit   string   `flag:"test_split" everyday:"true" name:"detect=2" help:"images to test on, such as 2007_test, val2017 or a COCO JSON; empty: the layout's usual one"`
	Classes     string   `flag:"classes" name:"detect=3" help:"names of the classes in order, separated by commas; empty: those of PASCAL VOC, of the JSON, or all that occur"`
	DetectLimit int      `flag:"test_limit" name:"detect=32" help:"number of test images to use; 0: all"`
	MaxBad      float64  `flag:"max_bad" default:"0.01" runtime:"true" help:"largest share of damaged images and annotations: each is named and left out; with more of them the command stops"`
	TestShort   int      `flag:"test_short" default:"800" name:"detect=4" help:"shorter side of test images in pixels"`
	MaxSide     int      `flag:"max_side" default:"1333" name:"detect=5" help:"longest side of any image in pixels; a larger one is made smaller"`
	Gray16      string   `flag:"gray16" default:"clip" name:"detect=38" help:"how 16-bit gray becomes 8-bit: clip (at 255, as in Pillow), high (keep the high byte) or range (from the smallest to the largest value of each image)"`
}

// DetectSplits says which images train.
type DetectSplits struct {
	_           struct{} `group:"data"`
	TrainSplit  string   `flag:"train_split" everyday:"true" name:"detect=6" help:"images to train on, such as 2007_trainval+2012_trainval, train2017 or a COCO JSON; empty: the layout's usual one"`
	DetectLimit int      `flag:"limit" name:"detect=7" help:"number of training images to use; 0: all"`
}

// Backbone describes the encoder of a detector. A checkpoint's record or its shapes set it.
type Backbone struct {
	_     struct{} `group:"network"`
	Arch  string   `flag:"arch" default:"resnet50" everyday:"true" name:"detect=8" help:"resnet18, resnet50, resnet101 or another ResNet; Detectron2 has c4 only with bottlenecks, as in resnet50"`
	Width float64  `flag:"width" default:"1" name:"detect=9" help:"factor on the number of channels in all layers, the stem included"`
}

// DetectNet describes what is built on the encoder.
type DetectNet struct {
	_         struct{} `group:"network"`
	Detector  string   `flag:"detector" default:"c4" everyday:"true" name:"detect=10" help:"c4 (the last stage is the RoI head) or fpn (feature pyramid)"`
	BoxHead   string   `flag:"box_head" default:"2fc" name:"detect=11" help:"RoI head of fpn: 2fc (as in MoCo's paper) or 4conv1fc (with batch norm, as in PyContrast and DenseCL)"`
	Masks     bool     `flag:"masks" everyday:"true" name:"detect=12" help:"also predict masks (Mask R-CNN); the annotations must have them"`
	FreezeAt  int      `flag:"freeze_at" name:"detect=13" help:"number of stages, from the stem, that keep their weights and statistics; 0: none"`
	Norm      string   `flag:"norm" default:"bn" name:"detect=14" help:"bn (trained, statistics of the batch) or frozen (constants), which suits batches of one or two images"`
	SyncBN    bool     `flag:"sync_bn" name:"detect=37" help:"with several processes: statistics of norms over the images of all (SyncBN), as one process has them"`
	ExtraNorm bool     `flag:"extra_norm" default:"true" name:"detect=15" help:"batch norm after the last stage of c4, as in MoCo's release"`
	Recompute int      `flag:"recompute" default:"3" runtime:"true" help:"number of stages, from the stem, that the backward pass computes again instead of keeping their activations; 0: none; results are the same"`
	RoIs      int      `flag:"rois" default:"512" name:"detect=16" help:"regions of each image that train the RoI head"`
	Anchors   int      `flag:"anchor_batch" default:"256" name:"detect=17" help:"anchors of each image that train the region proposals"`
	Sizes     []int    `flag:"anchors" default:"32,64,128,256,512" name:"detect=18" help:"sizes of the anchors in pixels, separated by commas; fpn has one for each of its five levels"`
	TopTrain  []int    `flag:"topk_train" name:"detect=19" help:"proposals before and after non-maximum suppression in training, separated by a comma; empty: 12000,2000 for c4 and 2000,1000 for fpn"`
	TopTest   []int    `flag:"topk_test" name:"detect=20" help:"the same in testing; empty: 6000,1000 for c4 and 1000,1000 for fpn"`
}

// DetectInput says how training images are resized.
type DetectInput struct {
	_     struct{} `group:"data"`
	Short []int    `flag:"short" default:"480,512,544,576,608,640,672,704,736,768,800" name:"detect=21" help:"shorter sides of training images in pixels, separated by commas; each image draws one"`
}

// Iterating are the options of an optimizer whose schedule counts iterations.
type Iterating struct {
	_             struct{} `group:"optimization"`
	Iterations    int      `flag:"iterations" default:"24000" everyday:"true" name:"detect=22" help:"iterations to train"`
	Steps         []int    `flag:"lr_decay_iterations" default:"18000,22000" name:"detect=23" help:"iterations from which on the learning rate is a tenth, separated by commas"`
	Warmup        int      `flag:"warmup" default:"100" name:"detect=24" help:"iterations in which the learning rate rises from a thousandth"`
	BatchSize     int      `flag:"batch_size" default:"16" everyday:"true" legend:"batch" name:"detect=25" help:"images per step, over all processes"`
	LearningRate  float64  `flag:"learning_rate" default:"0.02" everyday:"true" legend:"lr" name:"detect=26" help:"learning rate"`
	ScheduleBatch int      `flag:"schedule_batch" default:"16" name:"detect=27" help:"batch size for which the four options above are meant: with another --batch_size the learning rate grows with it, and iterations shrink; 0: take them as they are"`
	WeightDecay   float64  `flag:"weight_decay" default:"0.0001" name:"detect=28" help:"L2 penalty on every parameter but those of norms"`
	Momentum      float64  `flag:"momentum" default:"0.9" name:"detect=29" help:"momentum of SGD"`
}

// DetectMonitors says how often a training of a detector is tested and saved.
type DetectMonitors struct {
	_         struct{} `group:"output"`
	EvalEvery int      `flag:"eval_every" runtime:"true" help:"iterations between tests; 0: one test at the end"`
	SaveEvery int      `flag:"save_every" default:"500" runtime:"true" help:"iterations between checkpoints"`
	PreciseBN int      `flag:"precise_bn" default:"200" group:"optimization" name:"detect=30" help:"batches over which the statistics of batch norm are measured before a test; 0: the running averages"`
}

// AveragePrecision says how average precision is computed on PASCAL VOC.
type AveragePrecision struct {
	_         struct{} `group:"output"`
	VOCMetric string   `flag:"voc_metric" default:"auto" name:"detect=31" help:"average precision on VOC: 07 (11 points), area, or auto (07 for VOC2007, as published, else area)"`
}

// DefaultDetectTrain returns the defaults of detect train.
func DefaultDetectTrain() (c DetectTrain) {
	Defaults(&c)
	return c
}

// Resolve checks all values. The warnings are notes for the user.
func (c *DetectTrain) Resolve(map[string]bool) (warnings []string, err error) {
	if warnings, err = c.resolve(); err != nil {
		return nil, err
	}
	return append(warnings, c.notes()...), nil
}

func (c *DetectTrain) resolve() (warnings []string, err error) {
	if len(c.TopTrain) == 0 {
		c.TopTrain = map[string][]int{"c4": {12000, 2000}, "fpn": {2000, 1000}}[c.Detector]
	}
	if len(c.TopTest) == 0 {
		c.TopTest = map[string][]int{"c4": {6000, 1000}, "fpn": {1000, 1000}}[c.Detector]
	}
	warnings = c.settle()
	warnings = append(warnings, distributedNotes(&c.Dist, &c.Machine)...)
	err = first(c.Weights.check(), c.Dist.check(), c.Output.check(), c.Machine.check(), c.DetectData.check(),
		atLeast("limit", c.DetectSplits.DetectLimit, 0),
		fraction("label_fraction", c.LabelFraction), c.DetectNet.check(), sides("short", c.Short), c.Iterating.check(),
		atLeast("eval_every", c.EvalEvery, 0), atLeast("save_every", c.SaveEvery, 1), atLeast("precise_bn", c.PreciseBN, 0),
		c.AveragePrecision.check(), positive("width", c.Width))
	return warnings, err
}

// notes are sentences about options that work against each other.
func (c *DetectTrain) notes() (notes []string) {
	if c.Detector == "c4" && c.BoxHead != "2fc" {
		notes = append(notes, "--box_head changes nothing with --detector c4, whose head is the encoder's last stage")
	}
	if c.Detector == "fpn" && !c.ExtraNorm {
		notes = append(notes, "--extra_norm changes nothing with --detector fpn, which has none")
	}
	return notes
}

// check requires a checkpoint for the options that say what to take from it.
func (w *Weights) check() error {
	for _, o := range []struct {
		name  string
		given bool
	}{{"prefix", w.Prefix != ""}, {"use_ema", w.UseEMA}, {"strict", w.Strict}} {
		if o.given && w.Ckpt == "" {
			return &ValueError{Option: o.name, Want: "--ckpt with the encoder that it is about", Got: "none"}
		}
	}
	return nil
}

func (d *DetectData) check() error {
	names := strings.Split(d.Classes, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if d.Classes != "" && (names[i] == "" || slices.Contains(names[:i], names[i])) {
			return &ValueError{Option: "classes", Want: "names that differ, separated by commas", Got: d.Classes}
		}
	}
	return first(
		oneOf("layout", d.Layout, "auto", "voc", "coco"), gray16(d.Gray16), atLeast("test_limit", d.DetectLimit, 0),
		within("max_bad", d.MaxBad, 0, 1), between("test_short", d.TestShort, leastSide, mostSide),
		between("max_side", d.MaxSide, leastSide, mostSide))
}

// leastSide is the shortest side of an image that a detector looks at, in pixels.
const leastSide = 32

func (d *DetectNet) check() error {
	if d.Detector == "fpn" && len(d.Sizes) != 5 {
		return &ValueError{Option: "anchors", Want: "five sizes with --detector fpn, one for each level", Got: join(d.Sizes)}
	}
	return first(oneOf("detector", d.Detector, "c4", "fpn"), oneOf("box_head", d.BoxHead, "2fc", "4conv1fc"),
		between("freeze_at", d.FreezeAt, 0, 5), between("recompute", d.Recompute, 0, 5),
		oneOf("norm", d.Norm, "bn", "frozen"), atLeast("rois", d.RoIs, 1),
		atLeast("anchor_batch", d.Anchors, 1), increasing("anchors", d.Sizes),
		topK("topk_train", d.TopTrain), topK("topk_test", d.TopTest))
}

// topK requires a number of proposals before and one after non-maximum suppression.
func topK(option string, k []int) error {
	if len(k) == 2 && k[0] > 0 && k[1] > 0 {
		return nil
	}
	return &ValueError{Option: option, Want: "two numbers above 0, such as 2000,1000", Got: join(k)}
}

// sides requires the sides of images.
func sides(option string, all []int) error {
	if len(all) == 0 {
		return &ValueError{Option: option, Want: "at least one side in pixels", Got: ""}
	}
	return first(atLeast(option, slices.Min(all), leastSide), atMost(option, slices.Max(all), mostSide))
}

// increasing requires numbers above 0 that increase.
func increasing(option string, all []int) error {
	if len(all) > 0 && all[0] > 0 && slices.IsSorted(all) && len(slices.Compact(slices.Clone(all))) == len(all) {
		return nil
	}
	return &ValueError{Option: option, Want: "numbers above 0 that increase", Got: join(all)}
}

func (c *Iterating) check() error {
	if len(c.Steps) > 0 {
		if err := increasing("lr_decay_iterations", c.Steps); err != nil {
			return err
		}
	}
	return first(atLeast("iterations", c.Iterations, 1), atLeast("warmup", c.Warmup, 0),
		between("batch_size", c.BatchSize, 1, mostBatch), positive("learning_rate", c.LearningRate),
		between("schedule_batch", c.ScheduleBatch, 0, mostBatch), within("weight_decay", c.WeightDecay, 0, 1),
		within("momentum", c.Momentum, 0, 1))
}

func (v *AveragePrecision) check() error {
	return oneOf("voc_metric", v.VOCMetric, "auto", "07", "area")
}

// RunName returns the names of the run, made from the checkpoint's folder and the options.
func (c *DetectTrain) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultDetectTrain().Seed
	return c.runName(c.Seed, c.nameParts(), seedless.nameParts())
}

func (c *DetectTrain) nameParts() nameParts {
	d := DefaultDetectTrain()
	d.TopTrain, d.TopTest = c.TopTrain, c.TopTest
	settings := "_detect" + suffixes("detect", c, &d) + precisionSuffix(&c.Machine)
	encoder := ckptName(c.Ckpt)
	return nameParts{encoder + settings, encoder, settings, encoder + settings}
}
