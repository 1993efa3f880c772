package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"contralens/internal/humanize"
)

// Preset is the set of options that a named method sets.
type Preset struct {
	Modal       string
	Jigsaw      bool
	Memory      string
	Aug         string
	Head        string
	Temperature float64
}

// Methods has the presets by name. Customize is not one: it sets nothing.
var Methods = map[string]Preset{
	"InsDis":        {"RGB", false, "bank", "A", "linear", 0.07},
	"CMC":           {"CMC", false, "bank", "C", "linear", 0.07},
	"MoCo":          {"RGB", false, "moco", "A", "linear", 0.07},
	"MoCoMLP":       {"RGB", false, "moco", "A", "mlp", 0.07},
	"MoCo_wo_norm":  {"RGB", false, "moco", "A", "linear_wo_norm", 0.07},
	"PIRL":          {"RGB", true, "bank", "A", "linear", 0.07},
	"MoCov2":        {"RGB", false, "moco", "B", "mlp", 0.2},
	"MoCov2_tau0.1": {"RGB", false, "moco", "B", "mlp", 0.1},
	"CMCv2":         {"CMC", false, "moco", "E", "mlp", 0.2},
	"InfoMin":       {"RGB", true, "moco", "D", "mlp", 0.15},
	"SimCLR":        {"RGB", false, "batch", "B", "mlp", 0.1},
	"SimSiam":       {"RGB", false, "none", "B", "2mlp_bn", 0.2},
	"BYOL":          {"RGB", false, "target", "B", "mlp_bn", 0.2},
}

// Memory says what a source of negatives can be combined with.
type Memory struct {
	Negatives bool // it has negatives, which can be interpolated
	CMC       bool // it works with two modalities
	Jigsaw    bool // it works with a jigsaw branch
}

// Memories has the sources of negatives (--mem) by name.
var Memories = map[string]Memory{
	"moco":   {Negatives: true, CMC: true, Jigsaw: true}, // a queue of a momentum encoder's keys
	"bank":   {Negatives: true, CMC: true, Jigsaw: true}, // a stored feature for every image
	"batch":  {Negatives: true, CMC: true},               // the other images of the batch
	"none":   {},                                         // no negatives: a predictor and a stopped gradient
	"target": {},                                         // no negatives: a predictor and a momentum encoder
}

// resolvePreset applies the method's preset to the network and the objective. set has
// the options that the user gave.
func resolvePreset(method string, n *Net, o *Objective, set map[string]bool) (p Preset, warnings []string, err error) {
	if method == "Customize" {
		return p, nil, nil
	}
	p, ok := Methods[method]
	if !ok {
		names := append([]string{"Customize"}, slices.Sorted(maps.Keys(Methods))...)
		return p, nil, oneOf("method", method, names...)
	}
	warnings = p.overrides(method, n, o, set)
	n.Modal, n.Head = p.Modal, p.Head
	o.Jigsaw, o.Memory, o.Temperature = p.Jigsaw, p.Memory, p.Temperature
	return p, warnings, nil
}

// overrides returns a note for each option in set that has another value in the preset.
func (p Preset) overrides(method string, n *Net, o *Objective, set map[string]bool) (notes []string) {
	for _, x := range []struct {
		name           string
		typed, instead any
		hint           string
	}{
		{"modal", n.Modal, p.Modal, ""}, {"head", n.Head, p.Head, "--custom_head or "},
		{"jigsaw", o.Jigsaw, p.Jigsaw, ""}, {"mem", o.Memory, p.Memory, ""}, {"nce_t", o.Temperature, p.Temperature, ""},
	} {
		switch {
		case !set[x.name] || x.typed == x.instead:
		case x.name == "nce_t" && !Memories[p.Memory].Negatives:
			notes = append(notes, fmt.Sprintf("--nce_t has no effect: %s has no temperature", method))
		default:
			notes = append(notes, fmt.Sprintf("--%s %v is overridden by %s's %v; to choose it, use %s--method Customize",
				x.name, x.typed, method, x.instead, x.hint))
		}
	}
	return notes
}

// Resolve applies presets and shorthands and checks all values. set has the options that
// the user gave. The warnings are notes for the user.
func (c *Contrast) Resolve(set map[string]bool) (warnings []string, err error) {
	if err := c.resolveTau(set); err != nil {
		return nil, err
	}
	p, warnings, err := resolvePreset(c.Method, &c.Net, &c.Objective, set)
	if err != nil {
		return nil, err
	}
	if p.Aug != "" {
		if set["aug"] && c.Aug != p.Aug {
			warnings = append(warnings, fmt.Sprintf("--aug %s is overridden by %s's %s; to choose it, use --method Customize",
				c.Aug, c.Method, p.Aug))
		}
		c.Aug = p.Aug
	}
	if c.CustomHead != "" {
		c.Head = c.CustomHead
	}
	if !set["crop"] {
		c.Crop = usualCrop(c.Memory)
	}
	notes, err := c.FeatureTransform.resolve(Memories[c.Memory].Negatives, set)
	if err != nil {
		return nil, err
	}
	warnings = append(warnings, notes...)
	if !set["synthetic_from"] {
		c.From = min(c.From, c.K)
	}
	if err := c.resolveWarmUp(set); err != nil {
		return nil, err
	}
	c.amp()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return append(warnings, c.warnings(set)...), nil
}

// resolveTau replaces --nce_t auto by --nce_t_auto and the default, with which the training begins.
func (c *Contrast) resolveTau(set map[string]bool) error {
	if !math.IsNaN(c.Temperature) {
		return nil
	}
	var usual Objective
	Defaults(&usual)
	if set["nce_t_auto"] && !c.TauAuto {
		return &ValueError{Option: "nce_t", Value: "auto", Want: "no --nce_t_auto=false with it"}
	}
	c.Temperature, c.TauAuto = usual.Temperature, true
	if set["nce_t"] {
		delete(set, "nce_t")
		set["nce_t_auto"] = true
	}
	return nil
}

// Described reports whether the options that the user gave for a pre-training say what it
// repeats: they name a method, set a part of one, or are options of the reference
// implementation's command lines. Then all others have the reference implementation's
// defaults. A training that is not described gets defaults that suit its images and the
// machine (see setup.Suggest). A file of options describes a training, too.
func Described(set map[string]bool) bool { return described(Fields(&Contrast{}), set) }

func described(fields []Field, set map[string]bool) bool {
	return slices.ContainsFunc(fields, func(f Field) bool {
		return set[f.Name] && (f.Name == "method" || f.Preset || f.Reference || f.Ignored)
	})
}

// usualCrop returns the default of --crop: methods with a memory bank were published with
// smaller crops than methods with a queue.
func usualCrop(memory string) float64 {
	if memory == "bank" {
		return 0.08
	}
	var c Crops
	Defaults(&c)
	return c.Crop
}

func (c *Contrast) validate() error {
	return first(c.Dist.check(), c.Output.check(), atLeast("keep", c.Keep, 0), c.Data.check(), c.Order.check(c.BatchSize),
		c.Net.check(), c.Objective.check(), c.Machine.check(), c.Optim.check(), c.Crops.check(),
		oneOf("shuffle_bn", c.ShuffleBN, "exchange", "loader", "node", "none"), oneOf("opt_level", c.OptLevel, "O1", "O2"),
		c.ContrastViews.check(), atLeast("probe", c.Probe, 0), c.Monitors.check(), c.combination(),
		c.FeatureTransform.check(),
		c.Relatives.check(&c.Objective, &c.FeatureTransform), c.Optimizer.check(), c.checkMomentum())
}

// jigsawMin is the smallest side of a view, in pixels, whose jigsaw patches show something.
const jigsawMin = 64

// combination refuses options that cannot be combined.
func (c *Contrast) combination() error {
	memory := Memories[c.Memory]
	t := c.Transform()
	half := max(1, c.BatchSize/2)
	part := c.BatchSize / max(1, c.Accum)
	switch {
	case c.Modal == "CMC" && !memory.CMC:
		return &ValueError{
			Option: "mem", Value: c.Memory,
			Want: "--modal RGB",
			Hint: "its predictor takes one embedding, and CMC has two",
		}
	case c.Jigsaw && !memory.Jigsaw:
		return &ValueError{Option: "mem", Value: c.Memory, Want: "no --jigsaw",
			Hint: "jigsaw queries need the keys of a queue or a bank (--mem moco or bank)"}
	case c.Jigsaw && c.InputRes < jigsawMin:
		return &ValueError{Option: "input_res", Value: c.InputRes, Want: fmt.Sprintf("at least %d with a jigsaw", jigsawMin),
			Hint: "its nine patches would be too small to show anything"}
	case c.Symmetric && c.Memory != "moco":
		return &ValueError{
			Option: "symmetric",
			Want:   "--mem moco", Got: c.Memory,
			Hint: "the other memories have one direction, or both already",
		}
	case c.ShuffleBN == "loader" && c.Symmetric && (c.Jigsaw || c.Synthetic != "none" || c.ImageMixup != "none"):
		return &ValueError{
			Option: "shuffle_bn", Value: c.ShuffleBN,
			Want: "no --jigsaw, --synthetic or --image_mixup with --symmetric",
			Hint: "the order of the second keys is not known when images are loaded; give --shuffle_bn exchange",
		}
	case t.Negative.On && !memory.Negatives:
		return &ValueError{
			Option: "mem", Value: c.Memory,
			Want: "no transformed negatives, since it has no negatives to interpolate",
			Hint: "give --ft pos, or --mixnorm_target pos",
		}
	case t.Negative.Normalize && !memory.Negatives:
		return &ValueError{
			Option: "mem", Value: c.Memory,
			Want: "no normalized negatives, since it has no negatives",
			Hint: "give --norm_target pos",
		}
	case c.SyncBN && c.BNSplits > 1:
		return &ValueError{Option: "sync_bn", Value: c.SyncBN,
			Want: "statistics of the whole batch, which --bn_splits divides", Hint: "give one of them"}
	case c.SyncBN && c.Accum > 1:
		return &ValueError{Option: "sync_bn", Value: c.SyncBN,
			Want: "statistics of the whole batch, which --accum divides", Hint: "give one of them"}
	case c.Accum > 1 && c.BNSplits > max(1, part/2):
		return &ValueError{Option: "bn_splits", Value: c.BNSplits,
			Want: fmt.Sprintf("at least two images in each split of a micro-batch (--accum), which has %d images", part)}
	case c.BNSplits < 1 || c.BNSplits > half:
		return &ValueError{
			Option: "bn_splits",
			Want:   fmt.Sprintf("1 to %d, half of --batch_size", half), Got: c.BNSplits,
			Hint: "a split needs two images",
		}
	case c.Accum < 1 || c.Accum > half:
		return &ValueError{Option: "accum", Want: fmt.Sprintf("1 to %d, half of --batch_size", half), Got: c.Accum,
			Hint: "batch norm needs two images in a micro-batch"}
	}
	return first(within("beta", c.Beta, 0, 1), within("nce_m", c.BankMomentum, 0, 1))
}

func (c *Contrast) warnings(set map[string]bool) []string {
	var w []string
	w = append(w, c.ampNotes()...)
	if c.Retune && c.Resume != "" {
		w = append(w, "--retune has no effect if --resume finds a checkpoint: "+
			"a resumed run keeps the settings it started with")
	}
	if !c.Cosine {
		w = append(w, c.milestoneWarning()...)
	}
	if c.MixNorm && c.DimMask != "none" && !c.eachSide() {
		w = append(w, "--dim_mask has an effect only with --ft, or with --mixnorm_target posneg and --sep_alpha, "+
			"and with --mask_distribution beta: here λ is elementwise")
	}
	if c.Head == "linear_wo_norm" && c.Memory == "moco" {
		w = append(w, "embeddings of linear_wo_norm do not have unit length: with a queue the loss can fall only because "+
			"newer keys are longer than older ones, while the features do not improve; watch --knn_every, not the loss")
	}
	if !c.MixNorm && !set["ft"] {
		w = append(w, c.untransformed(set)...)
	}
	w = append(append(w, c.idleNotes(set)...), c.optimizerNotes(set)...)
	w = append(w, c.temperatureNotes(c.Temperature)...)
	return append(w, distributedNotes(&c.Dist, &c.Machine)...)
}

// untransformed returns a note about options of a transformation that is missing.
func (c *Contrast) untransformed(set map[string]bool) []string {
	var names []string
	for _, f := range Fields(&c.FeatureTransform) {
		if set[f.Name] && f.Changed() {
			names = append(names, "--"+f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"features are not transformed: --ft (or --mixnorm) is missing beside " + strings.Join(names, ", ")}
}

func (o *Optim) milestoneWarning() []string {
	for _, m := range o.Milestones {
		if m >= o.Epochs {
			return []string{fmt.Sprintf("the learning rate's milestone %d is never reached in %s; "+
				"give --lr_decay_epochs or --cosine", m, humanize.Count(o.Epochs, "epoch"))}
		}
	}
	return nil
}

func distributedNotes(d *Dist, m *Machine) []string {
	if d.Multiproc && max(d.NProc, d.WorldSize) <= 1 && d.DistBackend == "nccl" && GPUPrecision(m.DeviceName()) == "" {
		return []string{"no GPU is used: --multiprocessing-distributed runs as one process, " +
			"and --dist-backend nccl is taken as gloo"}
	}
	return nil
}

// Resolve applies presets and checks all values. The warnings are notes for the user.
func (c *KNN) Resolve(set map[string]bool) (warnings []string, err error) {
	if _, warnings, err = resolvePreset(c.Method, &c.Net, &c.Ignored.Objective, set); err != nil {
		return nil, err
	}
	warnings = append(warnings, c.settle()...)
	if c.Neighbors < 1 {
		err = &ValueError{Option: "neighbors", Want: "a number above 0", Got: c.Neighbors, Hint: "-K is its short form"}
	}
	warnings = append(warnings, distributedNotes(&c.Dist, &c.Machine)...)
	return warnings, first(err, positive("temperature", c.KNNTemperature), c.Dist.check(),
		c.Data.check(), c.Net.check(), c.Machine.check())
}
