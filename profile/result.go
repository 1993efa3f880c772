package profile

import (
	"fmt"
	"io"
	"strings"

	"contralens/internal/humanize"
	"contralens/methods"
)

// Result is the cost of a training step.
type Result struct {
	Method          string             `json:"method"`
	Arch            string             `json:"arch"`
	Batch           int                `json:"batch"`
	K               int                `json:"K"`
	Precision       string             `json:"precision"`
	ImagesPerSecond float64            `json:"images_per_second"`
	Seconds         map[string]float64 `json:"seconds"` // by phase and in total: medians over the steps
	GFLOPS          float64            `json:"gflops"`  // per second
	Peak            float64            `json:"gemm_peak_gflops"`
	PeakMB          float64            `json:"peak_rss_mb"` // of 2^20 bytes
	// Of a GPU; absent on the CPU. DeviceMB is what tensors took at most, ReservedMB what
	// libtorch took from the GPU for them.
	Device     string  `json:"device,omitempty"`
	DeviceMB   float64 `json:"peak_device_mb,omitempty"`
	ReservedMB float64 `json:"peak_device_reserved_mb,omitempty"`

	NetworkOnly   bool    `json:"network_only"`
	GFLOPPerImage float64 `json:"gflop_per_image"`
	InputRes      int     `json:"input_res"`
	Steps         int     `json:"steps"`
	MemoryFormat  string  `json:"memory_format"`
	Threads       int     `json:"threads"`
	Machine       string  `json:"machine"`
	Commit        string  `json:"commit"`
	Torch         string  `json:"libtorch"`
}

// shown lists the phases in the order of the table.
var shown = []methods.Phase{
	methods.Views, methods.Key, methods.Query, methods.Contrast, methods.Backward,
	methods.Update, methods.Enqueue, methods.Recording, methods.Other,
}

// Summarize fills in the medians of the steps, and the rates that follow from the
// number of operations per image.
func (r *Result) Summarize(s *Steps, perImage float64) {
	phases, total := s.Median()
	r.Steps, r.Seconds = len(s.times), map[string]float64{"total": total.Seconds()}
	for _, p := range shown {
		r.Seconds[p.String()] = phases[p].Seconds()
	}
	r.ImagesPerSecond = float64(r.Batch) / total.Seconds()
	r.GFLOPPerImage = perImage / 1e9
	r.GFLOPS = r.GFLOPPerImage * r.ImagesPerSecond
}

// Print writes the result as a table.
func (r *Result) Print(w io.Writer) {
	what := fmt.Sprintf("one step of %s, %s, K %d", r.Method, r.Arch, r.K)
	if r.NetworkOnly {
		what = r.Arch + " alone, forward and backward"
	}
	fmt.Fprintf(w, "%s: batch %d, %d px, %s, %s, %s\n",
		what, r.Batch, r.InputRes, r.Precision, r.MemoryFormat, humanize.Count(r.Threads, "thread"))
	fmt.Fprintf(w, "medians over %s, line by line, so they need not add up\n\n", humanize.Count(r.Steps, "step"))
	const bar = 40
	total := r.Seconds["total"]
	for _, p := range shown {
		if s := r.Seconds[p.String()]; s > 0 {
			fmt.Fprintf(w, "%-9s %9.4f s %5.1f %%  %s\n", p, s, 100*s/total, strings.Repeat("█", int(bar*s/total+0.5)))
		}
	}
	fmt.Fprintf(w, "%-9s %9.4f s\n\n", "total", total)
	fmt.Fprintf(w, "speed     %9.2f images/s\n", r.ImagesPerSecond)
	fmt.Fprintf(w, "compute   %9.1f GFLOP/s, %.0f %% of the measured peak of %.0f GFLOP/s "+
		"(%s matrix products and convolutions; %s GFLOP per image)\n",
		r.GFLOPS, 100*r.GFLOPS/r.Peak, r.Peak, r.Precision, humanize.Number(r.GFLOPPerImage))
	fmt.Fprintf(w, "memory    %9.0f MB resident at peak\n", r.PeakMB)
	if r.Device != "" {
		fmt.Fprintf(w, "device    %9.0f MB in tensors at peak, %.0f MB reserved (%s)\n", r.DeviceMB, r.ReservedMB, r.Device)
	}
}
