package look

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"

	"contralens/config"
	"contralens/data/codec"
	"contralens/internal/machine"
	"contralens/setup"
)

// Advice is the recommended recipe: settings of a pre-training that suit the images and the
// machine. The rule is setup.Suggest, which a pre-training without options also follows.
type Advice struct {
	Sizes   setup.Sizes
	Config  config.Contrast // complete and resolved
	Choices setup.Choices   // the options that differ from the defaults, in order
	Command string          // the command line, ready to copy
	YAML    string          // the same as a file for --config
}

// advise chooses the recipe.
func (l *looking) advise(context.Context) error {
	d := l.training()
	var sides []int
	for _, p := range l.photos {
		if l.splits[p.split].data == d {
			sides = append(sides, min(p.width, p.height))
		}
	}
	a := Advice{Config: config.DefaultContrast(), Sizes: setup.Sizes{
		Images: d.Len(), Side: median(sides), Processors: machine.Processors(),
		GPU: setup.OnGPU(config.Machine{Device: l.Device}),
	}}
	fields := config.Fields(&a.Config)
	for _, c := range []setup.Choice{
		{Option: "data_folder", Value: l.folder}, {Option: "dataset", Value: l.Dataset},
		{Option: "imagenet100path", Value: l.Classes}, {Option: "device", Value: l.Device},
		{Option: "gray16", Value: cmp.Or(string(l.Gray16), string(codec.ClipGray16))},
	} {
		f := config.Find(fields, c.Option)
		if c.Value == f.String() {
			continue // the default
		}
		if err := f.Set(c.Value); err != nil {
			return err
		}
		a.Choices = append(a.Choices, c)
	}
	set := map[string]bool{}
	a.Choices = append(a.Choices, setup.Suggest(&a.Config, set, a.Sizes)...)
	a.allowBroken(l.report.Splits)
	for _, c := range a.Choices {
		set[c.Option] = true
	}
	if _, err := a.Config.Resolve(set); err != nil {
		return err
	}
	a.Command, a.YAML = a.command(), a.yaml()
	l.report.Advice = a
	return nil
}

// allowBroken raises the share of broken images at which a training stops, if there are
// more of them already.
func (a *Advice) allowBroken(splits []Split) {
	share := 0.0
	for _, s := range splits {
		if s.Seen > 0 {
			share = max(share, float64(s.Broken)/float64(s.Seen))
		}
	}
	if share > a.Config.MaxBad {
		a.Config.MaxBad = min(1, math.Ceil(share*100+1)/100)
		a.Choices = append(a.Choices, setup.Choice{Option: "max_bad", Value: fmt.Sprint(a.Config.MaxBad)})
	}
}

// command returns the command line, in lines of at most 80 columns if the folder is short.
func (a *Advice) command() string {
	var b strings.Builder
	line := "contralens contrast"
	for _, c := range a.Choices {
		word := "--" + c.Option
		if c.Value != "true" {
			word += " " + quote(c.Value)
		}
		if len(line)+len(word) > 76 {
			b.WriteString(line + " \\\n")
			line = " "
		}
		line += " " + word
	}
	return b.String() + line
}

// quote writes a value as a shell reads it.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./,:=+@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// yaml returns the recipe as a file for --config.
func (a *Advice) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Suggested by contralens look for %s.\n# A starting point, not a measured optimum. "+
		"Use: contralens contrast --config THIS_FILE\n", a.Sizes)
	fields := config.Fields(&a.Config)
	for _, c := range a.Choices {
		value := c.Value
		if kind := config.Find(fields, c.Option).Type(); kind == "string" || kind == "ints" || kind == "floats" {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, "%s: %s\n", c.Option, value)
	}
	return b.String()
}

// reasons says why options have the values that setup.Suggest chooses.
var reasons = map[string]string{
	"data_folder":     "the images looked at",
	"dataset":         "as given",
	"device":          "as given",
	"imagenet100path": "as given",
	"method":          "robust, and works with small batches, because a queue keeps the negatives",
	"arch":            "what this machine trains in a reasonable time",
	"width":           "factor on the number of channels; less is faster",
	"stem":            "for small images: no early reduction of the size",
	"input_res":       "side of a view in pixels, by the size of the images and the machine",
	"batch_size":      "at least 16 steps per epoch, if there are enough images",
	"nce_k":           "length of the queue: at most half of the images, so that they rarely meet themselves",
	"epochs":          "so many passes that the number of steps makes sense for this machine",
	"alpha":           "momentum of the key encoder: lower, so faster, in short trainings",
	"learning_rate":   "grows with the square root of the batch",
	"cosine":          "the learning rate falls smoothly to 0",
	"cosine_by":       "with few epochs, every step counts",
	"gray16":          "as given",
	"max_bad":         "some files are broken: without it the training would stop",
}

// Reason says why an option has its value; "" if there is nothing to say.
func (a Advice) Reason(option string) string { return reasons[option] }
