package config

import (
	"fmt"
	"math"

	"contralens/internal/humanize"
)

// Relatives are the options of losses related to InfoNCE and to the feature transformation.
type Relatives struct {
	_              struct{} `group:"method"`
	Loss           string   `flag:"loss" default:"infonce" name:"contrast=33" help:"loss of the scores: infonce, dcl, dclw, debiased, hcl, rince or macl; docs/methods.md has their equations"`
	Sigma          float64  `flag:"dclw_sigma" default:"0.5" name:"contrast=34" help:"σ of --loss dclw"`
	TauPlus        float64  `flag:"tau_plus" default:"0.1" name:"contrast=35" help:"share of negatives taken to be of the query's class, for --loss debiased and hcl"`
	Hardness       float64  `flag:"hcl_beta" default:"1" name:"contrast=36" help:"β of --loss hcl: how much more hard negatives weigh"`
	Robustness     float64  `flag:"rince_q" default:"0.5" name:"contrast=37" help:"q of --loss rince: near 0 it is infonce, at 1 easy positives and hard negatives weigh most"`
	Density        float64  `flag:"rince_lambda" default:"0.01" name:"contrast=38" help:"λ of --loss rince: weight of the sum over positive and negatives"`
	MACLAlpha      float64  `flag:"macl_alpha" default:"0.5" name:"contrast=39" help:"α of --loss macl: how much the temperature rises with the mean positive score"`
	MACLZero       float64  `flag:"macl_a0" default:"0" name:"contrast=40" help:"A_0 of --loss macl: the mean positive score at which the temperature is that of the method or --nce_t"`
	HighestTau     float64  `flag:"nce_t_high" default:"0" name:"contrast=41" help:"let the temperature swing between this value, at the start, and that of the method or --nce_t; 0: constant"`
	PeriodEpochs   float64  `flag:"nce_t_period" default:"0" name:"contrast=42" help:"epochs of one swing of --nce_t_high; 0: the whole training"`
	Synthetic      string   `flag:"synthetic" default:"none" name:"contrast=50" help:"negatives made of the hardest of the queue for each query: none, mochi or synco"`
	From           int      `flag:"synthetic_from" default:"1024" name:"contrast=51" help:"number of hardest negatives that --synthetic mixes, at most the length of the queue"`
	Counts         []int    `flag:"synthetic_counts" name:"contrast=52" help:"negatives of each kind that --synthetic adds, separated by commas; empty: 1024,128 for mochi (pairs, with the query), 256,256,256,64,64,64 for synco"`
	SyntheticStart int      `flag:"synthetic_start_epoch" default:"10" name:"contrast=53" help:"epochs before --synthetic starts"`
	MaskSelf       bool     `flag:"mask_self" name:"contrast=62" help:"leave older keys of the query's own image out of the negatives; with a queue on the CPU, this takes a matrix of all scores"`
	ImageMixup     string   `flag:"image_mixup" default:"none" name:"contrast=54" help:"mix the images of queries with each other: none, imix (in place of the query) or unmix (besides the query, at the cost of a second forward pass)"`
	ImageAlpha     float64  `flag:"image_mixup_alpha" default:"1" name:"contrast=55" help:"α of Beta(α, α), the weight of an image in --image_mixup"`
}

// check refuses values, and losses that the objective has no use for.
func (r *Relatives) check(o *Objective, f *FeatureTransform) error {
	if err := oneOf("loss", r.Loss, "infonce", "dcl", "dclw", "debiased", "hcl", "rince", "macl"); err != nil {
		return err
	}
	if r.Loss != "infonce" && !Memories[o.Memory].Negatives {
		return &ValueError{Option: "loss", Value: r.Loss, Want: "negatives",
			Hint: fmt.Sprintf("--mem %s has none: leave --loss out, or take another method", o.Memory)}
	}
	if r.HighestTau != 0 && !Memories[o.Memory].Negatives {
		return &ValueError{Option: "nce_t_high", Value: r.HighestTau, Want: "negatives",
			Hint: fmt.Sprintf("--mem %s has no temperature: leave --nce_t_high out", o.Memory)}
	}
	if f.TauAuto && (r.HighestTau != 0 || r.Loss == "macl" || !Memories[o.Memory].Negatives) {
		return &ValueError{Option: "nce_t_auto", Value: true, Want: "negatives, no --nce_t_high and no --loss macl",
			Hint: "otherwise there is no temperature to choose"}
	}
	if r.HighestTau != 0 && r.Loss == "macl" {
		return &ValueError{Option: "nce_t_high", Value: r.HighestTau, Want: "another loss than macl",
			Hint: "macl sets the temperature itself"}
	}
	if r.HighestTau != 0 && r.HighestTau <= o.Temperature {
		return &ValueError{Option: "nce_t_high", Value: r.HighestTau,
			Want: fmt.Sprintf("more than the temperature %v, or 0", o.Temperature)}
	}
	if r.TauPlus < 0 || r.TauPlus >= 1 {
		return &ValueError{Option: "tau_plus", Want: "a share from 0 to below 1", Got: r.TauPlus}
	}
	if r.PeriodEpochs < 0 {
		return &ValueError{Option: "nce_t_period", Want: "a number of epochs, or 0 for all", Got: r.PeriodEpochs}
	}
	if err := r.checkSynthetic(o); err != nil {
		return err
	}
	if r.MaskSelf && (o.Memory != "moco" && o.Memory != "bank" || r.Synthetic != "none" || r.ImageMixup != "none") {
		return &ValueError{Option: "mask_self", Value: true,
			Want: "a queue or a memory bank, which has older keys, no --synthetic and no --image_mixup",
			Hint: "leave --mask_self out"}
	}
	if err := r.checkMixup(o); err != nil {
		return err
	}
	return first(oneOf("image_mixup", r.ImageMixup, "none", "imix", "unmix"),
		positive("image_mixup_alpha", r.ImageAlpha), positive("dclw_sigma", r.Sigma), within("hcl_beta", r.Hardness, 0, 100),
		fraction("rince_q", r.Robustness), fraction("rince_lambda", r.Density),
		within("macl_alpha", r.MACLAlpha, 0, 1), within("macl_a0", r.MACLZero, 0, 1))
}

// temperatureNotes tells of losses whose papers have a larger temperature, and which do something else at this one.
func (r *Relatives) temperatureNotes(τ float64) []string {
	return append(r.boundNotes(τ), r.growthNotes(τ)...)
}

// muchGrowth is how many times the gradient of a loss may be that of InfoNCE before a note tells.
const muchGrowth = 100

// growthNotes tells where the gradient of RINCE, which has the factor exp(q·s/τ) of the positive's score s, becomes
// many times that of InfoNCE as positives rise.
func (r *Relatives) growthNotes(τ float64) []string {
	growth := math.Exp(r.Robustness / τ)
	if r.Loss != "rince" || growth < muchGrowth {
		return nil
	}
	return []string{fmt.Sprintf("the gradient of --loss rince grows with exp(q·s/τ) of a positive's score s, up to %s "+
		"times that of InfoNCE with τ %v and --rince_q %v; give a larger --nce_t or a smaller --rince_q",
		humanize.Number(growth), τ, r.Robustness)}
}

// usualGap is how far positives commonly score above the log-mean-exp of negatives in a training.
const usualGap = 0.3

// boundNotes tells where the bound from below of the losses debiased and hcl soon holds. It is K exp(-1/τ), a
// constant, and holds where the positive scores more than τ ln(1/τ⁺) above τ log-mean-exp(negatives/τ).
func (r *Relatives) boundNotes(τ float64) []string {
	gap := τ * math.Log(1/r.TauPlus)
	if r.Loss != "debiased" && r.Loss != "hcl" || gap >= usualGap {
		return nil
	}
	return []string{fmt.Sprintf("--loss %s repels no negatives of a query whose positive scores %.2f above them "+
		"(τ ln(1/τ⁺) with τ %v and --tau_plus %v), which most do before long; its paper has --nce_t 0.5",
		r.Loss, gap, τ, r.TauPlus)}
}

// Synthesizes reports whether a training of resolved options adds synthetic negatives before it ends.
func (c *Contrast) Synthesizes() bool { return c.Synthetic != "none" && c.SyntheticStart < c.Epochs }

// checkMixup refuses mixed images where they make no sense.
func (r *Relatives) checkMixup(o *Objective) error {
	switch {
	case r.ImageMixup == "none":
		return nil
	case o.Jigsaw:
		return &ValueError{Option: "image_mixup", Value: r.ImageMixup, Want: "no --jigsaw",
			Hint: "its patches are those of unmixed images"}
	case r.ImageMixup == "imix" && o.Memory == "bank":
		return &ValueError{Option: "image_mixup", Value: r.ImageMixup, Want: "--mem moco or batch", Got: o.Memory,
			Hint: "a bank takes features of unmixed images: give --image_mixup unmix"}
	case o.Memory != "moco" && o.Memory != "batch" && o.Memory != "bank":
		want := "--mem moco, batch or bank"
		if r.ImageMixup == "imix" {
			want = "--mem moco or batch"
		}
		return &ValueError{Option: "image_mixup", Value: r.ImageMixup, Want: want, Got: o.Memory}
	}
	return nil
}

// checkSynthetic refuses synthetic negatives where they make no sense.
func (r *Relatives) checkSynthetic(o *Objective) error {
	if err := oneOf("synthetic", r.Synthetic, "none", "mochi", "synco"); err != nil || r.Synthetic == "none" {
		return err
	}
	kinds := map[string]int{"mochi": 2, "synco": 6}[r.Synthetic]
	switch {
	case o.Memory != "moco":
		return &ValueError{Option: "synthetic", Value: r.Synthetic, Want: "--mem moco", Got: o.Memory,
			Hint: "the hardest negatives are searched in a queue"}
	case o.Jigsaw:
		return &ValueError{Option: "synthetic", Value: r.Synthetic, Want: "no --jigsaw",
			Hint: "its queries have no synthetic negatives of their own"}
	case r.From < 2 || r.From > o.K:
		return &ValueError{Option: "synthetic_from", Want: fmt.Sprintf("2 to %d, the length of the queue (--nce_k)", o.K),
			Got: r.From}
	case len(r.Counts) != 0 && len(r.Counts) != kinds:
		return &ValueError{Option: "synthetic_counts", Got: r.Counts,
			Want: fmt.Sprintf("%d numbers with --synthetic %s", kinds, r.Synthetic)}
	}
	for _, count := range r.Counts {
		if err := between("synthetic_counts", count, 0, 1<<16); err != nil {
			return err
		}
	}
	if sum := r.SyntheticCounts(); len(sum) == 0 {
		return &ValueError{Option: "synthetic_counts", Want: "at least one negative", Got: r.Counts,
			Hint: "or --synthetic none"}
	}
	return atLeast("synthetic_start_epoch", r.SyntheticStart, 0)
}

// SyntheticCounts are the negatives of each kind that are added; nil if there are none.
func (r *Relatives) SyntheticCounts() []int {
	counts := r.Counts
	if len(counts) == 0 {
		counts = map[string][]int{"mochi": {1024, 128}, "synco": {256, 256, 256, 64, 64, 64}}[r.Synthetic]
	}
	for _, count := range counts {
		if count > 0 {
			return counts
		}
	}
	return nil
}
