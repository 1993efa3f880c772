package config

import "fmt"

// Optimizer are the options of the optimizer and of momenta that only pre-training has.
type Optimizer struct {
	_             struct{} `group:"optimization"`
	Optimizer     string   `flag:"optimizer" default:"sgd" name:"contrast=44" help:"sgd, lars (rates by layer, for batches of thousands) or adamw; --momentum is the first momentum of each"`
	Trust         float64  `flag:"lars_trust" default:"0.001" name:"contrast=45" help:"trust coefficient of --optimizer lars: length of an update relative to the weights, at a learning rate of 1"`
	SquareDecay   float64  `flag:"adam_beta2" default:"0.999" name:"contrast=46" help:"second momentum of --optimizer adamw, that of the squared gradients"`
	DecayWeights  bool     `flag:"decay_weights" name:"contrast=47" help:"no weight decay for biases and the parameters of norms; always so with --optimizer lars"`
	WarmSteps     int      `flag:"warm_steps" name:"contrast=48" help:"steps in which the learning rate rises from 0 to --learning_rate, in place of --warm; a cosine covers the steps after them, step by step; 0: none"`
	AlphaSchedule string   `flag:"alpha_schedule" default:"constant" name:"contrast=49" help:"momentum of the key encoder: constant, or cosine, which rises from --alpha to 1 over the training, as in BYOL"`
}

// resolveWarmUp turns on the warm-up that --warm_steps or a large batch ask for.
func (c *Contrast) resolveWarmUp(set map[string]bool) error {
	switch {
	case c.WarmSteps < 0:
		return &ValueError{Option: "warm_steps", Want: "a number of steps, or 0", Got: c.WarmSteps}
	case c.WarmSteps > 0 && set["warm"] && c.Warm:
		return &ValueError{Option: "warm_steps", Value: c.WarmSteps, Want: "no --warm",
			Hint: "one of them says how the learning rate rises"}
	case c.WarmSteps > 0 && set["cosine_by"] && c.CosineBy != "step":
		return &ValueError{Option: "warm_steps", Value: c.WarmSteps, Want: "--cosine_by step", Got: c.CosineBy,
			Hint: "the cosine begins where the warm-up ends, which may be within an epoch"}
	case c.WarmSteps > 0:
		c.CosineBy = "step"
	case !set["warm"]:
		c.Warm = c.Warm || c.BatchSize > 256
	}
	return nil
}

func (o *Optimizer) check() error {
	return first(oneOf("optimizer", o.Optimizer, "sgd", "lars", "adamw"), positive("lars_trust", o.Trust),
		oneOf("alpha_schedule", o.AlphaSchedule, "constant", "cosine"), below1("adam_beta2", o.SquareDecay))
}

// checkMomentum refuses a momentum with which AdamW has no mean of gradients.
func (c *Contrast) checkMomentum() error {
	if c.Optimizer.Optimizer != "adamw" {
		return nil
	}
	return below1("momentum", c.Momentum)
}

// below1 requires a number from 0 to below 1.
func below1(flag string, got float64) error {
	if got >= 0 && got < 1 {
		return nil
	}
	return &ValueError{Option: flag, Want: "a number from 0 to below 1", Got: got}
}

// usualRates are learning rates with which trainings with another optimizer than SGD begin, as in its papers.
var usualRates = map[string]string{"adamw": "0.001", "lars": "0.3 times the batch over 256"}

// optimizerNotes names an option that has no effect, and a default that suits SGD alone.
func (c *Contrast) optimizerNotes(set map[string]bool) (notes []string) {
	usual := usualRates[c.Optimizer.Optimizer]
	if usual != "" && !set["learning_rate"] && !Find(Fields(c), "learning_rate").Changed() {
		notes = append(notes, fmt.Sprintf("--learning_rate %v suits SGD; with --optimizer %s give one such as %s",
			c.LearningRate, c.Optimizer.Optimizer, usual))
	}
	if c.AlphaSchedule == "cosine" && c.Memory != "moco" && c.Memory != "target" {
		notes = append(notes, fmt.Sprintf("--alpha_schedule has no effect: --mem %s has no key encoder", c.Memory))
	}
	return notes
}
