package config

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Each check returns nil or a *ValueError about one option.

// first returns the first error that is not nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneOf(flag, got string, want ...string) error {
	if slices.Contains(want, got) {
		return nil
	}
	hint := ""
	if near := Nearest(got, want); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return &ValueError{
		Option: flag,
		Want:   strings.Join(want[:len(want)-1], ", ") + " or " + want[len(want)-1], Got: got,
		Hint: hint,
	}
}

// The largest values of the options that decide how much memory is needed.
const (
	mostBatch   = 1 << 16
	mostWorkers = 1 << 12
	mostSide    = 1 << 12
)

// atMost refuses values above most, such as sizes that no memory would hold.
func atMost(flag string, got, most int) error {
	if got <= most {
		return nil
	}
	return &ValueError{Option: flag, Want: fmt.Sprintf("a whole number of at most %d", most), Got: got}
}

func atLeast(flag string, got, least int) error {
	if got >= least {
		return nil
	}
	return &ValueError{Option: flag, Want: fmt.Sprintf("a whole number of at least %d", least), Got: got}
}

// between refuses values below least or above most.
func between(flag string, got, least, most int) error {
	return first(atLeast(flag, got, least), atMost(flag, got, most))
}

// within refuses NaN and values outside [low, high].
func within(flag string, got, low, high float64) error {
	if got >= low && got <= high {
		return nil
	}
	return &ValueError{Option: flag, Want: fmt.Sprintf("a number from %v to %v", low, high), Got: got}
}

func positive(flag string, got float64) error {
	switch {
	case got > math.MaxFloat32: // tensors cannot hold it
		return &ValueError{Option: flag, Want: "a number of at most 3.4e38", Got: got}
	case got > 0:
		return nil
	}
	return &ValueError{Option: flag, Want: "a number above 0", Got: got}
}

// picture requires the name of a PNG file, the only format that is written.
func picture(flag, name string) error {
	if strings.EqualFold(filepath.Ext(name), ".png") {
		return nil
	}
	return &ValueError{Option: flag, Want: "a file name that ends in .png", Got: name}
}

// fraction requires a share above 0 and at most 1.
func fraction(flag string, got float64) error {
	if got > 0 && got <= 1 {
		return nil
	}
	return &ValueError{Option: flag, Want: "a number above 0 and at most 1", Got: got}
}

// Datasets are the names of the datasets that come with the program; without a name the
// folder decides.
var Datasets = []string{
	"imagenet", "imagenet100", "folder", "list", "cifar10", "cifar100", "stl10", "fashion-mnist", "idx", "inat18", "voc",
}

// DatasetNames returns the names that the option dataset takes. Package setup adds those
// that were registered from outside.
var DatasetNames = func() []string { return Datasets }

func dataset(name string) error {
	if name == "" {
		return nil
	}
	return oneOf("dataset", name, DatasetNames()...)
}

// Gray16 are the values of the option gray16.
var Gray16 = []string{"clip", "high", "range"}

func gray16(how string) error { return oneOf("gray16", how, Gray16...) }

func (d *Data) check() error {
	if d.Imbalance != 0 && !(d.Imbalance >= 1) {
		return &ValueError{Option: "imbalance", Want: "a factor of at least 1, or 0 for all images", Got: d.Imbalance}
	}
	return first(d.Keeping.check(), dataset(d.Dataset), oneOf("split", d.Split, "test", "validation"),
		within("max_bad", d.MaxBad, 0, 1), atLeast("limit", d.Limit, 0),
		positive("batch_size", float64(d.BatchSize)), atMost("batch_size", d.BatchSize, mostBatch))
}

func (n *Net) check() error {
	if n.InputRes < 8 {
		return &ValueError{Option: "input_res", Want: "at least 8 pixels", Got: n.InputRes}
	}
	return first(gray16(n.Gray16), oneOf("modal", n.Modal, "RGB", "CMC"), oneOf("stem", n.Stem, "imagenet", "cifar"),
		oneOf("head", n.Head, "linear", "linear_wo_norm", "mlp", "mlp_bn", "2mlp_bn"),
		positive("feat_dim", float64(n.FeatDim)), positive("width", n.Width),
		atMost("feat_dim", n.FeatDim, 1<<16), atMost("input_res", n.InputRes, mostSide))
}

func (o *Objective) check() error {
	return first(oneOf("mem", o.Memory, slices.Sorted(maps.Keys(Memories))...),
		positive("nce_k", float64(o.K)), atMost("nce_k", o.K, 1<<24), positive("nce_t", o.Temperature),
		within("alpha", o.Alpha, 0, 1))
}

func (c *Crops) check() error {
	return first(oneOf("decode", c.Decode, "fast", "exact"), fraction("crop", c.Crop))
}

func (v *ContrastViews) check() error {
	for _, o := range []struct {
		flag string
		p    *float64
	}{{"jitter_p", v.JitterP}, {"gray_p", v.GrayP}, {"blur_p", v.BlurP}} {
		if o.p != nil {
			if err := within(o.flag, *o.p, 0, 1); err != nil {
				return err
			}
		}
	}
	if v.CropMin != nil {
		if err := fraction("crop_min", *v.CropMin); err != nil {
			return err
		}
	}
	return oneOf("aug", v.Aug, "A", "B", "C", "D", "E", "NULL", "RA")
}

func (o *Optim) check() error {
	if !slices.IsSorted(o.Milestones) {
		return &ValueError{Option: "lr_decay_epochs", Want: "epochs in rising order", Got: o.Milestones}
	}
	return first(positive("epochs", float64(o.Epochs)), positive("learning_rate", o.LearningRate),
		within("lr_decay_rate", o.DecayRate, 0, 1),
		within("momentum", o.Momentum, 0, 1), within("weight_decay", o.WeightDecay, 0, 1),
		oneOf("cosine_by", o.CosineBy, "epoch", "step"))
}

// Precisions are the values of the option precision.
var Precisions = []string{"auto", "fp32", "tf32", "bf16", "fp16"}

func (m *Machine) check() error {
	if m.Workers < 0 {
		return &ValueError{Option: "num_workers", Want: "0 (automatic) or a number of workers", Got: m.Workers}
	}
	if index, err := strconv.Atoi(m.GPU); m.GPU != "" && (err != nil || index < 0) {
		return &ValueError{Option: "gpu", Want: "the index of a GPU, such as 0", Got: m.GPU}
	}
	return first(between("threads", m.Threads, 0, mostWorkers), oneOf("precision", m.Precision, Precisions...),
		oneOf("memory_format", m.MemoryFormat, "auto", "channels_last", "contiguous"),
		atMost("num_workers", m.Workers, mostWorkers))
}

// longestName is the length of the longest file name of usual file systems, in bytes.
const longestName = 255

func (o *Output) check() error {
	if n := o.Name; n != "" && (strings.TrimSpace(n) != n || n != filepath.Base(n) || n == "." || n == ".." ||
		strings.HasPrefix(n, "-") || strings.ContainsFunc(n, unicode.IsControl)) {
		return &ValueError{
			Option: "name",
			Want: "the name of one folder in --model_path, on one line, without spaces around it and without a dash at " +
				"its start",
			Got: n,
		}
	}
	if n := len(o.Name); n > longestName {
		return &ValueError{
			Option: "name",
			Want:   fmt.Sprintf("a name of at most %d bytes, the limit of file systems", longestName),
			Got:    fmt.Sprintf("%.20s…", o.Name),
			Hint:   fmt.Sprintf("it has %d bytes", n),
		}
	}
	return first(positive("print_freq", float64(o.PrintFreq)), positive("save_freq", float64(o.SaveFreq)))
}

func (d *Dist) check() error {
	if d.NProc < 0 {
		return &ValueError{Option: "nproc", Want: "0 (one process) or a number of processes", Got: d.NProc}
	}
	for _, o := range []struct{ flag, text string }{
		{"dist_timeout", d.DistTimeout}, {"dist_stall", d.DistStall}, {"dist_join", d.DistJoin},
	} {
		if t, err := time.ParseDuration(o.text); err != nil || t <= 0 {
			return &ValueError{Option: o.flag, Want: "a time above 0, such as 90s, 10m or 1h", Got: o.text}
		}
	}
	return oneOf("dist-backend", d.DistBackend, "nccl", "gloo")
}

// Times returns how long processes wait for each other: for a sign of life, for a step, and for
// all to come.
func (d *Dist) Times() (timeout, stall, join time.Duration) {
	timeout, _ = time.ParseDuration(d.DistTimeout) // checked
	stall, _ = time.ParseDuration(d.DistStall)
	join, _ = time.ParseDuration(d.DistJoin)
	return timeout, stall, join
}
