package record

import "slices"

// Description describes a series.
type Description struct {
	Name  string
	Title string // title of a chart
	Axis  string // label of the axis: the quantity and its unit
}

// Training are the series that a training records, in order. Scores are cosine
// similarities. Names without raw_ refer to scores after the feature transformation, as
// the loss sees them. Statistics of negatives are over all scores of the batch against
// the queue.
var Training = []Description{
	{"epoch", "Epoch", "epoch"},
	{"loss", "Loss", "InfoNCE loss"},
	{"accuracy", "Contrastive accuracy", "positive ranked first, %"},
	{"lr", "Learning rate", "learning rate"},
	{"pos_mean", "Positives: mean", "mean of q·k"},
	{"pos_var", "Positives: variance", "variance of q·k"},
	{"neg_mean", "Negatives: mean", "mean of q·n"},
	{"neg_var", "Negatives: variance", "variance of q·n"},
	{"exp_pos", "Positives: exp-score", "mean of exp(q·k/τ)"},
	{"exp_neg", "Negatives: exp-score", "mean of exp(q·n/τ)"},
	{"pos_q05", "Positives: 5 % quantile", "q·k"},
	{"pos_q25", "Positives: lower quartile", "q·k"},
	{"pos_q50", "Positives: median", "q·k"},
	{"pos_q75", "Positives: upper quartile", "q·k"},
	{"pos_q95", "Positives: 95 % quantile", "q·k"},
	{"neg_q05", "Negatives: 5 % quantile", "q·n"},
	{"neg_q25", "Negatives: lower quartile", "q·n"},
	{"neg_q50", "Negatives: median", "q·n"},
	{"neg_q75", "Negatives: upper quartile", "q·n"},
	{"neg_q95", "Negatives: 95 % quantile", "q·n"},
	{"hardest_neg", "Hardest negatives", "mean over the batch of max q·n"},
	{"neg_entropy", "Entropy of the negatives", "entropy of the softmax over negatives, nats"},
	{"effective_negatives", "Effective number of negatives", "exp(entropy)"},
	{"grad_q", "Gradient of the query", "mean over the batch of N·|∂loss/∂q|"},
	{"alignment", "Alignment", "mean of |q-k|²"},
	{"uniformity", "Uniformity", "log mean of exp(-2|z-z'|²)"},
	{"queue_age", "Queue age", "mean age of the keys, steps"},
	{"queue_fill", "Queue fill", "share of trained keys"},
	{"raw_pos_mean", "Positives before FT: mean", "mean of q·k"},
	{"raw_pos_var", "Positives before FT: variance", "variance of q·k"},
	{"raw_neg_mean", "Negatives before FT: mean", "mean of q·n"},
	{"raw_neg_var", "Negatives before FT: variance", "variance of q·n"},
	{"raw_exp_pos", "Positives before FT: exp-score", "mean of exp(q·k/τ)"},
	{"raw_exp_neg", "Negatives before FT: exp-score", "mean of exp(q·n/τ)"},
	{"raw_hardest_neg", "Hardest negatives before FT", "mean over the batch of max q·n"},
	{"grad_hardest1", "Gradient of the hardest negative", "share of the negatives' gradient, mean over queries"},
	{"grad_hardest10", "Gradient of the 10 hardest", "share of the negatives' gradient"},
	{"grad_hardest100", "Gradient of the 100 hardest", "share of the negatives' gradient"},
	{"grad_hardest1000", "Gradient of the 1,000 hardest", "share of the negatives' gradient"},
	{"grad_age1", "Gradient of the newest keys", "share of the negatives' gradient"},
	{"grad_age2", "Gradient of the second quarter", "share of the negatives' gradient"},
	{"grad_age3", "Gradient of the third quarter", "share of the negatives' gradient"},
	{"grad_age4", "Gradient of the oldest keys", "share of the negatives' gradient"},
	{"grad_untrained", "Gradient of untrained keys", "share of the negatives' gradient"},
	{"grad_age", "Age of the gradient", "mean age of the keys, steps, weighted by gradient"},
	{"grad_own", "Gradient of the own image", "share of the negatives' gradient"},
	{"grad_near", "Gradient of near-duplicates", "share of the negatives' gradient"},
	{"grad_class", "Gradient of the own class", "share of the negatives' gradient"},
	{"lambda_pos", "λ of the positives", "λ, mean over its elements"},
	{"lambda_neg", "λ of the negatives", "λ, mean over its elements"},
}

// TrainingNames are the names of Training.
func TrainingNames() []string {
	var names []string
	for _, d := range Training {
		names = append(names, d.Name)
	}
	return names
}

// Describe describes a series, also one that is not of Training.
func Describe(name string) Description {
	if i := slices.IndexFunc(Training, func(d Description) bool { return d.Name == name }); i >= 0 {
		return Training[i]
	}
	return Description{name, name, name}
}

// Quantiles are the probabilities of the recorded quantiles, q05 … q95.
var Quantiles = []float64{0.05, 0.25, 0.5, 0.75, 0.95}

// TrainingHistograms returns the histograms that a training records. Scores of unit
// features lie in [-1, 1]. Transformed scores can lie outside (at λ = 2, q' is up to
// three times as long, and pos' may be as low as -9), so their histograms have a wider
// range; scores beyond it count in the first and the last bin.
func TrainingHistograms(transformed bool) []Histogram {
	if !transformed {
		return []Histogram{{"pos", -1, 1, 128}, {"neg", -1, 1, 128}}
	}
	return []Histogram{{"pos", -4, 2, 384}, {"neg", -2, 2, 256}, {"raw_pos", -1, 1, 128}, {"raw_neg", -1, 1, 128}}
}
