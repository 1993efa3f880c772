package plan

import (
	"bytes"
	"strings"
	"testing"
)

// The text has every part, and a note for each limit that is met and no other.
func TestReport(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"": func(*Options) {}, "loading is the slowest part": func(o *Options) { o.PerCore = 50 },
		"shuffled batch norm sends":      func(o *Options) { o.GPUs, o.NetworkGbps, o.PerGPU = 32, 100, 128 },
		"gradients keep the GPUs":        func(o *Options) { o.GPUs, o.NetworkGbps, o.Shuffle = 32, 100, Node },
		"a GPU is not busy":              func(o *Options) { o.PerGPU = 16 },
		"--optimizer lars":               func(o *Options) { o.GPUs, o.Images = 136, 1e8 },
		"where scaling ends":             func(o *Options) { o.GPUs, o.Images, o.PerGPU = 136, 1e8, 64 },
		"the loss of the whole batch":    func(o *Options) { o.GPUs, o.Images, o.OwnRows = 256, 1e8, false },
		"the queue turns over in 4 step": func(o *Options) { o.K = 1024 },
		"the memory of a GPU is too":     func(o *Options) { o.PerGPU = 1024 },
		"a bank with a row for each":     func(o *Options) { o.Bank, o.Images = true, 4e7 },
		"the index and the order":        func(o *Options) { o.Images = 1e9 },
		"files take":                     func(o *Options) { o.NetworkGbps, o.ImageBytes = 100, 1e6 },
		"an epoch takes":                 func(o *Options) { o.Images = 1e5 },
	} {
		o := usual()
		change(&o)
		r, err := Estimate(o)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		r.Print(&text, o)
		for _, part := range []string{"compute", "gradients", "speed", "training", "memory", "checkpoints", "money", "estimates: "} {
			if !strings.Contains(text.String(), "\n"+part) && !strings.Contains(text.String(), "\n  "+part) {
				t.Errorf("%s: no line %q in\n%s", want, part, text.String())
			}
		}
		notes := strings.Join(r.Notes(o), "\n")
		if !strings.Contains(notes, want) || (want == "" && notes != "") {
			t.Errorf("want a note %q, got %q", want, notes)
		}
	}
}
