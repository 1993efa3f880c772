package plan

import (
	"fmt"
	"io"
	"strings"
	"time"

	"contralens/internal/humanize"
)

// Notes are sentences about what limits the training, and what to do about it.
func (r Result) Notes(o Options) (notes []string) {
	note := func(is bool, format string, args ...any) {
		if is {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	s := r.Step
	note(s.Load >= s.Total, "loading is the slowest part: %.0f processors for each GPU would keep up, and a node has %.0f",
		r.CoresPerGPU, o.GPU.Cores)
	note(s.Exchange > 0.1*s.Total, "shuffled batch norm sends %s from a node in every step, %.0f %% of its time: "+
		"--shuffle_bn loader sends nothing but loads half as much again, --shuffle_bn node keeps it within nodes, as in the "+
		"paper's code", size(r.Traffic.Images), 100*s.Exchange/s.Total)
	note(s.Waited > 0.1*s.Total, "gradients keep the GPUs waiting for %.0f %% of a step: more images a GPU or a faster "+
		"network help", 100*s.Waited/s.Total)
	note(s.Contrast > 0.1*s.Total, "the loss of the whole batch is computed on every GPU and takes %.0f %% of a step",
		100*s.Contrast/s.Total)
	note(o.PerGPU < 32, "with %d images a GPU is not busy, and its batch norm sees fewer images than in the papers (32)",
		o.PerGPU)
	note(r.Batch > SGDBatch, "SGD with a rate in proportion to the batch holds to about %d images: "+
		"train with --optimizer lars --learning_rate %s --warm", SGDBatch, humanize.Digits(r.LearningRate, 3))
	note(r.Batch > 2*SGDBatch, "above %d images, more images in a step save few steps: this is where scaling ends for "+
		"a dataset that needs a given number of steps", 2*SGDBatch)
	note(o.K > 0 && !o.Bank && r.Batch*8 >= o.K, "the queue turns over in %d steps, so its keys are younger: "+
		"the published momentum of the key encoder and the numbers of the feature transformation need not carry "+
		"over",
		max(1, o.K/r.Batch))
	note(r.Memory.Total > o.GPU.Bytes, "the memory of a GPU is too small: %s of %s", size(r.Memory.Total),
		size(o.GPU.Bytes))
	note(o.Bank && r.Memory.Negatives > 0.2*o.GPU.Bytes, "a bank with a row for each of %s images takes %s on every GPU: "+
		"methods with a queue need %s", count(o.Images), size(r.Memory.Negatives), size(65536*float64(o.FeatDim)*4))
	note(r.Memory.Host > 4e9, "the index and the order of the images take %s in each of %d processes of a node",
		size(r.Memory.Host), min(o.GPUs, o.PerNode))
	note(r.Traffic.PerNode*8 > 0.25*o.NetworkGbps*1e9, "files take %.0f %% of a node's network: packing them with "+
		"--short 256 makes them smaller", 100*r.Traffic.PerNode*8/(o.NetworkGbps*1e9))
	note(r.EpochSeconds < 60, "an epoch takes %s: save every %.0f epochs or more seldom", duration(r.EpochSeconds),
		max(1, 60/r.EpochSeconds))
	return notes
}

func size(bytes float64) string {
	if bytes >= 1e12 {
		return humanize.Number(bytes/1e12) + " TB"
	}
	return humanize.Bytes(int64(bytes))
}

func duration(seconds float64) string {
	return humanize.Duration(time.Duration(seconds * float64(time.Second)))
}

func epochs(n float64) string {
	if n == 1 {
		return "1 epoch"
	}
	return fmt.Sprintf("%g epochs", n)
}

func count(x float64) string { return humanize.Grouped(int(x)) }

// Print writes an estimate as text.
func (r Result) Print(w io.Writer, o Options) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	negatives := fmt.Sprintf("K %s", humanize.Grouped(o.K))
	switch {
	case o.Bank:
		negatives = "memory bank, " + negatives
	case o.K == 0:
		negatives = "negatives of the batch"
	}
	fmt.Fprintf(w, "%s on %s of %d %s, %g Gb/s each: batch %s, %d a GPU\n%s at %d px, %s, --shuffle_bn %s\n\n",
		humanize.Count(o.GPUs, "GPU"), humanize.Count(r.Nodes, "node"), min(o.GPUs, o.PerNode), o.GPU.Name, o.NetworkGbps,
		humanize.Grouped(r.Batch), o.PerGPU, o.Arch.Name, o.InputRes, negatives, o.Shuffle)
	s := r.Step
	fmt.Fprintf(w, "one step\n")
	for _, p := range []struct {
		name    string
		seconds float64
		about   string
	}{
		{"compute", s.Compute, fmt.Sprintf("%s images/s a GPU", humanize.Number(o.speed()))},
		{"gradients", s.Waited, fmt.Sprintf("of %.1f ms, the rest during the backward pass", 1e3*s.Reduce)},
		{"exchange", s.Exchange, "images of keys for shuffled batch norm"},
		{"contrast", s.Contrast, "loss and scores"},
		{"small", s.Small, "control, statistics, launches"},
	} {
		row("  "+p.name, "%8.1f ms   %s", 1e3*p.seconds, p.about)
	}
	row("  total", "%8.1f ms   loading takes %.1f ms at the same time\n", 1e3*s.Total, 1e3*s.Load)
	row("speed", "%s images/s, %.0f %% of %d GPUs alone", humanize.Grouped(int(r.ImagesPerSecond)), 100*r.Efficiency,
		o.GPUs)
	row("training", "%s images, %s of %s: %s, %s steps", count(o.Images), epochs(o.Epochs), duration(r.EpochSeconds),
		duration(r.Seconds), count(r.Steps))
	row("optimizer", "%s, learning rate %s", r.Optimizer, humanize.Digits(r.LearningRate, 3))
	row("traffic", "a GPU sends %s of gradients a step; a node reads %s of files a second", size(r.Traffic.Gradients),
		size(r.Traffic.PerNode))
	m := r.Memory
	row("memory", "%s a GPU: weights %s, negatives %s, activations %s; %s on the host for each process", size(m.Total),
		size(m.Weights), size(m.Negatives), size(m.Activations), size(m.Host))
	row("processors", "%.1f for each GPU load as fast as it computes; a node has %.0f", r.CoresPerGPU, o.GPU.Cores)
	row("failures", "%s; one every %s", humanize.Number(r.Saving.Failures), duration(r.Saving.Between))
	row("checkpoints", "%s in %s, every %s; %.2g %% of the time is lost with failures", size(r.Saving.Bytes),
		humanize.Number(r.Saving.Seconds)+" s", duration(r.Saving.Interval), 100*r.Saving.Lost)
	row("money", "$%s: %s GPU hours at $%g; files $%s a month, requests $%s", money(r.Money.GPUs),
		humanize.Number(r.Money.GPUHours), o.GPUPrice, money(r.Money.Storage), money(r.Money.Requests))
	for _, n := range r.Notes(o) {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	fmt.Fprintf(w, "\nestimates: %s\n", strings.Join(Estimates(o), "; "))
}

func money(dollars float64) string {
	if dollars < 100 {
		return fmt.Sprintf("%.2f", dollars)
	}
	return humanize.Grouped(int(dollars + 0.5))
}

// Estimates lists the constants that nobody measured on the machines at hand.
func Estimates(o Options) (all []string) {
	if !o.GPU.Measured {
		all = append(all, fmt.Sprintf("speed of a GPU (%g images/s of resnet50 at 224 px), replaced by --measured",
			o.GPU.Speed))
	}
	return append(all, fmt.Sprintf("network at %g of its line rate", networkShare),
		fmt.Sprintf("%g images/s a processor", o.PerCore),
		fmt.Sprintf("activations of %s an image", size(o.Arch.Activations)),
		fmt.Sprintf("%g hours between failures of a GPU", o.GPUHours), fmt.Sprintf("$%g for an hour of a GPU", o.GPUPrice))
}
