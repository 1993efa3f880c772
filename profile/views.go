package profile

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"contralens/config"
	"contralens/data"
	"contralens/data/loader"
	"contralens/data/sets"
	"contralens/internal/machine"
	"contralens/views"
)

// Views is the speed at which a pipeline decodes images and makes views of them.
type Views struct {
	Pipeline        string             `json:"pipeline"`
	Views           int                `json:"views"`
	InputRes        int                `json:"input_res"`
	Workers         int                `json:"workers"`
	Decode          string             `json:"decode"`
	ImagesPerSecond float64            `json:"images_per_second"`
	PerCore         float64            `json:"images_per_cpu_second"`
	ViewsPerSecond  float64            `json:"views_per_second"`
	Milliseconds    map[string]float64 `json:"ms_per_image"` // decode, transform; in a worker
	Peer            float64            `json:"peer_images_per_cpu_second,omitempty"`
	Ratio           float64            `json:"ratio,omitempty"`

	specs   []views.Spec
	seconds float64 // elapsed time
	busy    float64 // processor time
	timing  loader.Timing
}

// Pipelines returns the pipelines that the options ask for, not yet measured.
func Pipelines(c *config.BenchViews) (all []*Views, err error) {
	decodes := []string{"fast", "exact"}
	if c.Decode != "both" {
		decodes = []string{c.Decode}
	}
	workers := []int{1}
	if n := loader.Workers(c.Workers); c.Workers != 1 {
		workers = append(workers, n)
	}
	for _, name := range strings.Split(c.Pipelines, ",") {
		for _, decode := range decodes {
			spec, n, err := views.Pipeline(name, c.InputRes, c.Crop)
			if err != nil {
				return nil, err
			}
			spec.Exact = decode == "exact"
			if c.Views > 0 {
				n = c.Views
			}
			for _, j := range workers {
				v := &Views{Pipeline: name, Views: n, InputRes: c.InputRes, Workers: j, Decode: decode}
				for range n {
					v.specs = append(v.specs, spec)
				}
				all = append(all, v)
			}
		}
	}
	return all, nil
}

// rounds is how often all pipelines are measured in turn, so that a busy moment affects
// each of them.
const rounds = 3

// Peer measures another program that makes the same views, for the given time. It
// returns the images per second of processor time.
type Peer func(pipeline string, views, size int, seconds float64) (rate float64, err error)

// MeasureViews measures the pipelines on the images of a folder, each followed by the
// peer, unless that is nil.
func MeasureViews(c *config.BenchViews, all []*Views, peer Peer) error {
	p, err := sets.Open(context.Background(), sets.Options{Folder: c.DataFolder, CacheBytes: imageCache(c)})
	if err != nil {
		return err
	}
	peers := map[string]float64{}
	for range rounds {
		for _, v := range all {
			if err := v.run(p.Train, c.Seconds/rounds); err != nil {
				return err
			}
			// The peer follows immediately, so that both see the same state of the
			// machine.
			if peer != nil && v.Workers == 1 && v.Decode == "fast" {
				rate, err := peer(v.Pipeline, v.Views, v.InputRes, c.Seconds/rounds)
				if err != nil {
					return err
				}
				peers[v.Pipeline] += rate / rounds
			}
		}
	}
	for _, v := range all {
		v.finish(peers[v.Pipeline])
	}
	return nil
}

// imageCache returns the memory for decoded images: none, so that decoding is measured,
// except for small images, which training caches too.
func imageCache(c *config.BenchViews) int64 {
	if c.InputRes <= 64 {
		return 0 // the default of package sets
	}
	return -1
}

// run loads images for the given time, but at least one batch.
func (v *Views) run(d data.Dataset, seconds float64) error {
	o := loader.ViewOptions{
		Dataset: d, Views: v.specs, BatchSize: 64, Workers: v.Workers, Shuffle: true, Timing: &v.timing,
	}
	begin, used := time.Now(), machine.ProcessorTime()
	end := begin.Add(time.Duration(seconds * float64(time.Second)))
	for more := true; more; {
		o.Epoch++
		l := loader.NewViews(context.Background(), o)
		var err error
		more, err = load(l, end)
		l.Close()
		if err != nil {
			return err
		}
	}
	v.seconds += time.Since(begin).Seconds()
	v.busy += (machine.ProcessorTime() - used).Seconds()
	return nil
}

// load takes the batches of an epoch, and reports whether there is time for another
// one.
func load(l *loader.ViewLoader, end time.Time) (more bool, err error) {
	for {
		b, err := l.Next()
		if err == io.EOF {
			return time.Now().Before(end), nil
		}
		if err != nil {
			return false, err
		}
		l.Recycle(b)
		if !time.Now().Before(end) {
			return false, nil
		}
	}
}

// finish computes the rates. It counts the images that workers finished, because the
// last batches of a round are never used. Rates per second of processor time are those
// of one core, whatever else the machine does at the same time.
func (v *Views) finish(peer float64) {
	n := float64(v.timing.Images.Load())
	v.ImagesPerSecond = n / v.seconds
	v.PerCore = n / v.busy
	v.ViewsPerSecond = v.ImagesPerSecond * float64(v.Views)
	v.Milliseconds = map[string]float64{
		"decode":    float64(v.timing.Decode.Load()) / n / 1e6,
		"transform": float64(v.timing.Transform.Load()) / n / 1e6,
	}
	if v.Workers == 1 && v.Decode == "fast" && peer > 0 {
		v.Peer, v.Ratio = peer, v.PerCore/peer
	}
}

// PrintViews prints the measurements as a table, with columns for a peer if there is
// one.
func PrintViews(w io.Writer, all []*Views, peer bool) {
	fmt.Fprintf(w, "%-9s %5s %4s %3s %-6s %9s %9s %10s %10s %13s", "pipeline", "views", "size", "-j", "decode",
		"images/s", "views/s", "images/cpu", "ms decode", "ms transform")
	if peer {
		fmt.Fprintf(w, " %9s %6s", "peer/cpu", "ratio")
	}
	fmt.Fprintln(w)
	for _, v := range all {
		fmt.Fprintf(w, "%-9s %5d %4d %3d %-6s %9.0f %9.0f %10.0f %10.2f %13.2f",
			v.Pipeline, v.Views, v.InputRes, v.Workers, v.Decode, v.ImagesPerSecond, v.ViewsPerSecond, v.PerCore,
			v.Milliseconds["decode"], v.Milliseconds["transform"])
		if v.Peer > 0 {
			fmt.Fprintf(w, " %9.0f %6.2f", v.Peer, v.Ratio)
		}
		fmt.Fprintln(w)
	}
}
