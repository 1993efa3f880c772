package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data"
	"contralens/internal/machine"
	"contralens/views"
)

func benchViewsCommand() *cobra.Command {
	c := config.DefaultBenchViews()
	cmd := &cobra.Command{
		Use:   "views",
		Short: "Measure decoding and augmenting, beside another program if there is one",
		Args:  noArguments,
		Example: `  contralens bench views --data_folder photos
  contralens bench views --data_folder photos --pipelines A,B,NULL --peer bench/peer/views.py
  contralens bench views --data_folder cifar10 --input_res 32 --pipelines B -j 1`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return benchViews(&c)
	}
	return cmd
}

// measurement is one row of the table.
type measurement struct {
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
	seconds float64
	cpu     float64
	timing  data.Timing
}

const rounds = 3

func benchViews(c *config.BenchViews) error {
	list, err := measurements(c)
	if err != nil {
		return usageError{err}
	}
	train, _, err := data.Open(data.Options{Folder: c.DataFolder, CacheBytes: cache(c)})
	if err != nil {
		return err
	}
	peers := map[string]float64{}
	for range rounds {
		for _, m := range list {
			if err := m.run(train, c.Seconds/rounds); err != nil {
				return err
			}
			// The other program right after ours: both see the machine alike.
			if c.Peer != "" && m.Workers == 1 && m.Decode == "fast" {
				rate, err := peer(c, m, c.Seconds/rounds)
				if err != nil {
					return err
				}
				peers[m.Pipeline] += rate / rounds
			}
		}
	}
	for _, m := range list {
		m.finish(peers[m.Pipeline])
	}
	if !c.JSON {
		printMeasurements(list, c.Peer != "")
		return nil
	}
	for _, m := range list {
		if err := json.NewEncoder(os.Stdout).Encode(m); err != nil {
			return err
		}
	}
	return nil
}

// printMeasurements prints the table.
func printMeasurements(list []*measurement, peer bool) {
	fmt.Printf("%-9s %5s %4s %3s %-6s %9s %9s %10s %10s %13s", "pipeline", "views", "size", "-j", "decode", "images/s", "views/s", "images/cpu", "ms decode", "ms transform")
	if peer {
		fmt.Printf(" %9s %6s", "peer/cpu", "ratio")
	}
	fmt.Println()
	for _, m := range list {
		fmt.Printf("%-9s %5d %4d %3d %-6s %9.0f %9.0f %10.0f %10.2f %13.2f", m.Pipeline, m.Views, m.InputRes, m.Workers, m.Decode, m.ImagesPerSecond, m.ViewsPerSecond, m.PerCore,
			m.Milliseconds["decode"], m.Milliseconds["transform"])
		if m.Peer > 0 {
			fmt.Printf(" %9.0f %6.2f", m.Peer, m.Ratio)
		}
		fmt.Println()
	}
}

// measurements are what the options ask for.
func measurements(c *config.BenchViews) ([]*measurement, error) {
	decodes := []string{"fast", "exact"}
	if c.Decode != "both" {
		decodes = []string{c.Decode}
	}
	workers := []int{1}
	if n := c.Workers; n != 1 {
		if n == 0 {
			n = machine.Processors()
		}
		workers = append(workers, n)
	}
	var list []*measurement
	for _, name := range strings.Split(c.Pipelines, ",") {
		for _, decode := range decodes {
			spec, n, err := pipeline(name, c.InputRes, c.Crop)
			if err != nil {
				return nil, err
			}
			spec.Exact = decode == "exact"
			if c.Views > 0 {
				n = c.Views
			}
			for _, j := range workers {
				m := &measurement{Pipeline: name, Views: n, InputRes: c.InputRes, Workers: j, Decode: decode}
				for range n {
					m.specs = append(m.specs, spec)
				}
				list = append(list, m)
			}
		}
	}
	return list, nil
}

// pipeline is an augmentation by name, and how many views of it an image gets.
func pipeline(name string, size int, crop float64) (spec views.Spec, n int, err error) {
	switch name {
	case "jigsaw":
		spec, err = views.JigsawPreset(size)
		return spec, 1, err
	case "eval":
		return views.Evaluation(size), 1, nil
	case "NULL", "RA":
		n = 1
	default:
		n = 2
	}
	spec, err = views.Preset(name, size, crop)
	if err != nil {
		err = fmt.Errorf("augmentation %q: want A, B, C, D, E, NULL, RA, jigsaw or eval", name)
	}
	return spec, n, err
}

// cache is how much memory decoded images may take: none, so that decoding is
// measured, but for small images, which training keeps too.
func cache(c *config.BenchViews) int64 {
	if c.InputRes <= 64 {
		return 0
	}
	return -1
}

// cpuSeconds is the processor time that this process took so far. Rates per
// second of it are those of one core, whatever else the machine does meanwhile.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// run loads images for that long, a batch at least.
func (m *measurement) run(d data.Dataset, seconds float64) error {
	o := data.LoaderOptions{Dataset: d, Views: m.specs, BatchSize: 64, Workers: m.Workers, Shuffle: true, Timing: &m.timing}
	begin, used := time.Now(), cpuSeconds()
	end := begin.Add(time.Duration(seconds * float64(time.Second)))
	for more := true; more; {
		o.Epoch++
		l := data.NewLoader(o)
		var err error
		more, err = load(l, end)
		l.Close()
		if err != nil {
			return err
		}
	}
	m.seconds += time.Since(begin).Seconds()
	m.cpu += cpuSeconds() - used
	return nil
}

// load takes an epoch's batches, and says whether there is time for another's.
func load(l *data.Loader, end time.Time) (more bool, err error) {
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

// finish computes the rates. Images count that workers finished: the last
// batches of a round are never asked for.
func (m *measurement) finish(peer float64) {
	n := float64(m.timing.Images.Load())
	m.ImagesPerSecond = n / m.seconds
	m.PerCore = n / m.cpu
	m.ViewsPerSecond = m.ImagesPerSecond * float64(m.Views)
	m.Milliseconds = map[string]float64{"decode": float64(m.timing.Decode.Load()) / n / 1e6, "transform": float64(m.timing.Transform.Load()) / n / 1e6}
	if m.Workers == 1 && m.Decode == "fast" && peer > 0 {
		m.Peer, m.Ratio = peer, m.PerCore/peer
	}
}

// peer runs the other program for that long.
func peer(c *config.BenchViews, m *measurement, seconds float64) (float64, error) {
	cmd := exec.Command(c.Peer, c.DataFolder, m.Pipeline, strconv.Itoa(m.Views), strconv.Itoa(m.InputRes), strconv.FormatFloat(seconds, 'g', 4, 64))
	out, err := cmd.Output()
	if err != nil {
		why := ""
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			why = ": " + strings.TrimSpace(string(exit.Stderr))
		}
		return 0, fmt.Errorf("--peer %s: %w%s", c.Peer, err, why)
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0, fmt.Errorf("--peer %s: want images a second, got %q", c.Peer, strings.TrimSpace(string(out)))
	}
	return rate, nil
}
