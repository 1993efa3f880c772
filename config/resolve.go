package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Preset is what a method sets.
type Preset struct {
	Modal       string
	Jigsaw      bool
	Memory      string
	Aug         string
	Head        string
	Temperature float64
}

// Methods are the presets by name; Customize is none.
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

// Memory is what a kind of negatives goes together with.
type Memory struct {
	Negatives bool // there are some, which can be interpolated
	CMC       bool // it works with two modalities
	Jigsaw    bool // it works with a jigsaw
}

// Memories are where negatives come from (--mem), by name.
var Memories = map[string]Memory{
	"moco":   {Negatives: true, CMC: true, Jigsaw: true}, // a queue of a momentum encoder's keys
	"bank":   {Negatives: true, CMC: true, Jigsaw: true}, // a feature of every image
	"batch":  {Negatives: true, CMC: true},               // the batch's other images
	"none":   {},                                         // no negatives: a predictor and a stopped gradient
	"target": {},                                         // no negatives: a predictor and a momentum encoder
}

// resolve applies the method's preset. set has the options that the user gave.
func (s *Shared) resolve(set map[string]bool) (p Preset, warnings []string, err error) {
	if s.Method == "Customize" {
		return p, nil, nil
	}
	p, ok := Methods[s.Method]
	if !ok {
		names := slices.Sorted(maps.Keys(Methods))
		return p, nil, fmt.Errorf("--method: want Customize, %s, got %q", strings.Join(names, ", "), s.Method)
	}
	if set["nce_t"] && s.Temperature != p.Temperature {
		warnings = append(warnings, fmt.Sprintf("-t %v is overridden by %s's %v; use --method Customize to choose it", s.Temperature, s.Method, p.Temperature))
	}
	s.Modal, s.Jigsaw, s.Memory, s.Head, s.Temperature = p.Modal, p.Jigsaw, p.Memory, p.Head, p.Temperature
	return p, warnings, nil
}

// Resolve applies presets and shorthands. set has the options that the user
// gave; warnings are sentences for the user.
func (c *Contrast) Resolve(set map[string]bool) (warnings []string, err error) {
	p, warnings, err := c.Shared.resolve(set)
	if err != nil {
		return nil, err
	}
	if p.Aug != "" {
		c.Aug = p.Aug
	}
	if c.CustomHead != "" {
		c.Head = c.CustomHead
	}
	if !set["crop"] {
		c.Crop = usualCrop(c.Memory)
	}
	switch c.FT {
	case "", "none":
	case "pos", "neg", "posneg":
		c.MixNorm, c.MixTarget, c.SepAlpha, c.Extrapolate, c.Distribution = true, c.FT, true, c.FT != "neg", "beta"
	default:
		return nil, fmt.Errorf("--ft: want none, pos, neg or posneg, got %q", c.FT)
	}
	if c.BatchSize > 256 {
		c.Warm = true
	}
	c.Shared.amp()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return append(warnings, c.warnings(set)...), nil
}

// usualCrop is the smallest share of the area that a crop takes unless --crop says
// otherwise: memory banks came with smaller crops than queues.
func usualCrop(memory string) float64 {
	if memory == "bank" {
		return 0.08
	}
	return defaultShared().Crop
}

// amp is what --amp says of the precision.
func (s *Shared) amp() {
	if s.Precision == "auto" && s.Amp {
		s.Precision = "bf16"
	}
}

// Settle makes fp32 and channels_last of what nobody chose: for commands that train no
// network, and for programs that use this one as a library.
func (s *Shared) Settle() {
	if s.amp(); s.Precision == "auto" {
		s.Precision = "fp32"
	}
	if s.MemoryFormat == "auto" {
		s.MemoryFormat = "channels_last"
	}
}

func (s *Shared) validate() error {
	if s.WorldSize > 1 {
		return fmt.Errorf("--world-size %d: this build trains in one process; leave the flag out or give 1", s.WorldSize)
	}
	if s.Name != "" && (strings.TrimSpace(s.Name) != s.Name || s.Name != filepath.Base(s.Name) || s.Name == "." || s.Name == "..") {
		return fmt.Errorf("--name: want the name of one folder below --model_path, without spaces around it, got %q", s.Name)
	}
	if s.Keep < 0 {
		return fmt.Errorf("--keep: want 0 (all) or the number of files, got %d", s.Keep)
	}
	if s.Workers < 0 {
		return fmt.Errorf("--num_workers: want 0 (automatic) or more workers, got %d", s.Workers)
	}
	if !slices.IsSorted(s.Milestones) {
		return fmt.Errorf("--lr_decay_epochs: want rising epochs, got %v", s.Milestones)
	}
	if s.InputRes < 8 {
		return fmt.Errorf("--input_res: want at least 8 pixels, got %d", s.InputRes)
	}
	if s.Imbalance != 0 && !(s.Imbalance >= 1) {
		return fmt.Errorf("--imbalance: want a factor of at least 1, or 0 for all images, got %v", s.Imbalance)
	}
	return first(
		dataset(s.Dataset), within("max_bad", s.MaxBad, 0, 1), atLeast("limit", s.Limit, 0), atLeast("threads", s.Threads, 0),
		oneOf("modal", s.Modal, "RGB", "CMC"), oneOf("mem", s.Memory, slices.Sorted(maps.Keys(Memories))...), oneOf("stem", s.Stem, "imagenet", "cifar"),
		oneOf("head", s.Head, "linear", "linear_wo_norm", "mlp", "mlp_bn", "2mlp_bn"), oneOf("precision", s.Precision, "auto", "fp32", "bf16"), oneOf("memory_format", s.MemoryFormat, "auto", "channels_last", "contiguous"),
		oneOf("aug_linear", s.AugLinear, "NULL", "RA"), oneOf("decode", s.Decode, "fast", "exact"), oneOf("opt_level", s.OptLevel, "O1", "O2"), oneOf("dist-backend", s.DistBackend, "nccl", "gloo"),
		positive("batch_size", float64(s.BatchSize)), positive("epochs", float64(s.Epochs)), positive("learning_rate", s.LearningRate),
		positive("nce_k", float64(s.K)), positive("nce_t", s.Temperature), positive("feat_dim", float64(s.FeatDim)), positive("width", s.Width),
		positive("print_freq", float64(s.PrintFreq)), positive("save_freq", float64(s.SaveFreq)), fraction("crop", s.Crop),
		within("alpha", s.Alpha, 0, 1), within("momentum", s.Momentum, 0, 1), within("weight_decay", s.WeightDecay, 0, 1),
		atMost("batch_size", s.BatchSize, mostBatch), atMost("nce_k", s.K, 1<<24), atMost("feat_dim", s.FeatDim, 1<<16), atMost("input_res", s.InputRes, mostSide),
		atMost("num_workers", s.Workers, mostWorkers), atMost("threads", s.Threads, mostWorkers),
	)
}

func (c *Contrast) validate() error {
	if err := c.Shared.validate(); err != nil {
		return err
	}
	for flag, p := range map[string]*float64{"jitter_p": c.JitterP, "gray_p": c.GrayP, "blur_p": c.BlurP} {
		if p != nil {
			if err := within(flag, *p, 0, 1); err != nil {
				return err
			}
		}
	}
	if c.CropMin != nil {
		if err := fraction("crop_min", *c.CropMin); err != nil {
			return err
		}
	}
	if err := first(atLeast("probe", c.Probe, 0), c.combination()); err != nil {
		return err
	}
	if !c.MixNorm {
		return nil
	}
	if c.MixTarget == "neg" && c.Extrapolate && c.FT == "" {
		return fmt.Errorf("--expolation_mask extrapolates positives, but --mixnorm_target is neg; give pos or posneg, or leave --expolation_mask out")
	}
	if other := map[string]string{"pos": "neg", "neg": "pos"}[c.FT]; other != "" && (c.DimMask == other || c.DimMask == "both") {
		return fmt.Errorf("--dim_mask: want %s or none with --ft %s, which transforms nothing else, got %s", c.FT, c.FT, c.DimMask)
	}
	if c.NormTarget != "" {
		if err := oneOf("norm_target", c.NormTarget, "pos", "neg", "both"); err != nil {
			return err
		}
	}
	return first(positive("pos_alpha", c.PosAlpha), positive("neg_alpha", c.NegAlpha), positive("beta_alpha", c.BetaAlpha), oneOf("mixnorm_target", c.MixTarget, "pos", "neg", "posneg"), oneOf("mask_distribution", c.Distribution, "uniform", "beta"),
		oneOf("dim_mask", c.DimMask, "pos", "neg", "both", "none"))
}

// jigsawMin is the smallest view whose jigsaw has patches that show something.
const jigsawMin = 64

// combination refuses what does not go together.
func (c *Contrast) combination() error {
	memory := Memories[c.Memory]
	t := c.FeatureTransformation()
	switch {
	case c.Modal == "CMC" && !memory.CMC:
		return fmt.Errorf("--mem %s: want --modal RGB: its predictor takes one embedding, and CMC has two", c.Memory)
	case c.Jigsaw && !memory.Jigsaw:
		return fmt.Errorf("--mem %s: want no --jigsaw, whose queries need the keys of a queue or a bank (--mem moco or bank)", c.Memory)
	case c.Jigsaw && c.InputRes < jigsawMin:
		return fmt.Errorf("--input_res %d: want at least %d with a jigsaw, whose nine patches would be too small to show anything", c.InputRes, jigsawMin)
	case c.Symmetric && c.Memory != "moco":
		return fmt.Errorf("--symmetric: want --mem moco, got %s, which has no second direction or both already", c.Memory)
	case t.Negative && !memory.Negatives:
		return fmt.Errorf("--mem %s has no negatives to interpolate: give --ft pos, or --mixnorm_target pos", c.Memory)
	case t.NegNormalize && !memory.Negatives:
		return fmt.Errorf("--mem %s has no negatives to normalize: give --norm_target pos", c.Memory)
	}
	if part := c.BatchSize / max(1, c.Accum); c.Accum > 1 && c.BNSplits > max(1, part/2) {
		return fmt.Errorf("--bn_splits %d: want two images at least in a split of each of the parts that --accum makes, which have %d images", c.BNSplits, part)
	}
	if c.BNSplits < 1 || c.BNSplits > max(1, c.BatchSize/2) {
		return fmt.Errorf("--bn_splits: want 1 to half of --batch_size, %d, got %d: a part needs two images", max(1, c.BatchSize/2), c.BNSplits)
	}
	if c.Accum < 1 || c.Accum > max(1, c.BatchSize/2) {
		return fmt.Errorf("--accum: want 1 to half of --batch_size, %d, got %d: batch norm needs two images in a part", max(1, c.BatchSize/2), c.Accum)
	}
	if c.MixStart != "" && c.MixStart != "auto" {
		return fmt.Errorf("--mix_start: want auto, got %q; --mix_start_epoch and --mix_start_step take numbers", c.MixStart)
	}
	return first(within("beta", c.Beta, 0, 1), within("nce_m", c.BankMomentum, 0, 1), oneOf("aug", c.Aug, "A", "B", "C", "D", "E", "NULL", "RA"))
}

func (c *Contrast) warnings(set map[string]bool) []string {
	var w []string
	if c.Amp && c.Precision == "fp32" {
		w = append(w, "--amp is overridden by --precision fp32")
	}
	if c.Retune && c.Resume != "" {
		w = append(w, "--retune has an effect only where --resume finds nothing to go on from: a run goes on as it was begun")
	}
	if !c.Cosine {
		w = append(w, c.Shared.milestoneWarning()...)
	}
	if c.MixNorm && c.DimMask != "none" && !c.eachSide() {
		w = append(w, "--dim_mask has an effect only with --ft, or with --mixnorm_target posneg and --sep_alpha, and with --mask_distribution beta: here λ is elementwise")
	}
	if c.Head == "linear_wo_norm" && c.Memory == "moco" {
		w = append(w, "embeddings of linear_wo_norm have no unit length: against a queue the loss can fall because newer keys are longer than older ones, with features that tell nothing apart; judge by --knn_every, not by the loss")
	}
	if !c.MixNorm && (c.MixStart != "" || set["mixnorm_target"] || set["expolation_mask"] || set["sep_alpha"]) {
		w = append(w, "features are not transformed: --mixnorm (or --ft) is missing")
	}
	return append(w, c.Shared.distributedNotes()...)
}

func (s *Shared) milestoneWarning() []string {
	for _, m := range s.Milestones {
		if m >= s.Epochs {
			return []string{fmt.Sprintf("the learning rate's milestone %d never comes in %d epochs; give --lr_decay_epochs or --cosine", m, s.Epochs)}
		}
	}
	return nil
}

func (s *Shared) distributedNotes() []string {
	if s.Multiproc && s.DistBackend == "nccl" && s.Device == "cpu" {
		return []string{"no GPU is used: --multiprocessing-distributed runs as one process, and --dist-backend nccl is taken as gloo"}
	}
	return nil
}

// Resolve applies presets.
func (c *KNN) Resolve(set map[string]bool) (warnings []string, err error) {
	if _, warnings, err = c.Shared.resolve(set); err != nil {
		return nil, err
	}
	c.Settle()
	if c.Neighbors < 1 || !(c.KNNTemperature > 0) {
		return nil, fmt.Errorf("-K and --temperature: want numbers above 0, got %d and %v", c.Neighbors, c.KNNTemperature)
	}
	return warnings, c.Shared.validate()
}

// Transformation is the feature transformation after presets and shorthands, in
// the contrast's terms (Zhu et al., section 4).
type Transformation struct {
	Positive, Negative bool
	Extrapolate        bool
	Uniform            bool
	PosAlpha, NegAlpha float64
	PosElementwise     bool
	NegElementwise     bool
	PosNormalize       bool
	NegNormalize       bool
}

// eachSide says whether positives and negatives have an alpha and a dimension mask of
// their own. --ft asks for the paper's transformation whichever side it names; the long
// flags keep upstream's meaning, where one side alone is elementwise.
func (c *Contrast) eachSide() bool {
	return c.SepAlpha && c.Distribution == "beta" && (c.MixTarget == "posneg" || c.FT != "")
}

// FeatureTransformation is what a resolved configuration transforms.
func (c *Contrast) FeatureTransformation() Transformation {
	if !c.MixNorm {
		return Transformation{}
	}
	t := Transformation{
		Positive: c.MixTarget != "neg", Negative: c.MixTarget != "pos", Uniform: c.Distribution == "uniform",
		PosAlpha: c.BetaAlpha, NegAlpha: c.BetaAlpha, PosElementwise: true, NegElementwise: true,
	}
	t.Extrapolate = c.Extrapolate && t.Positive
	if c.eachSide() {
		t.PosAlpha, t.NegAlpha = c.PosAlpha, c.NegAlpha
		t.PosElementwise = c.DimMask == "pos" || c.DimMask == "both"
		t.NegElementwise = c.DimMask == "neg" || c.DimMask == "both"
	}
	if c.PostmixNorm {
		t.PosNormalize = c.NormTarget != "neg"
		t.NegNormalize = c.NormTarget == "neg" || c.NormTarget == "both"
	}
	return t
}
