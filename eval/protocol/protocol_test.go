package protocol_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/eval/protocol"
	"contralens/rundir"
	"contralens/torch"
)

// probeOptions returns the options of a linear probe on augmented images, in a run
// directory with the given name.
func probeOptions(t *testing.T, images, name string) config.Linear {
	t.Helper()
	c := config.DefaultLinear()
	c.DataFolder, c.InputRes, c.Name = images, 16, name
	c.ModelPath, c.TBPath = "save", "tb"
	c.Arch, c.Width, c.Stem = "resnet18", 0.0625, "cifar"
	c.Epochs, c.BatchSize, c.LearningRate, c.Cosine, c.Workers, c.PrintFreq = 3, 8, 1, true, 1, 1
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// A protocol whose context ends saves its state and reports it. With Resume it ends
// with the result of an uninterrupted one. Reporter receives the lines of log.txt.
func TestStopAndResume(t *testing.T) {
	images := colorFolder(8)
	defer os.RemoveAll(images)
	t.Chdir(t.TempDir())
	whole, err := protocol.Linear(context.Background(), probeOptions(t, images, "whole"), protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var lines []string
	begun := false
	o := protocol.Options{Begin: func() { begun = true }, Reporter: protocol.Reporter{Line: func(s string) {
		lines = append(lines, s)
		if strings.HasPrefix(s, "epoch 2/3 step 2/") {
			cancel()
		}
	}}}
	c := probeOptions(t, images, "parts")
	if _, err := protocol.Linear(ctx, c, o); !errors.Is(err, protocol.ErrStopped) {
		t.Fatalf("got error %v, want ErrStopped", err)
	}
	log, err := os.ReadFile("save/parts/log.txt")
	if err != nil || !begun || string(log) != strings.Join(lines, "\n")+"\n" {
		t.Errorf("begun %v, %v, log.txt\n%s\nlines\n%s", begun, err, log, strings.Join(lines, "\n"))
	}

	var reported []rundir.Result
	o = protocol.Options{Reporter: protocol.Reporter{Result: func(r rundir.Result) error { reported = append(reported, r); return nil }}}
	c.Resume = "auto"
	parts, err := protocol.Linear(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if parts.Metrics["top1"] != whole.Metrics["top1"] || parts.Metrics["loss"] != whole.Metrics["loss"] || parts.Group != whole.Group {
		t.Errorf("resumed %v, not stopped %v", parts, whole)
	}
	written, err := rundir.ReadResults("save/parts")
	if err != nil || len(written) != 1 || len(reported) != 1 || written[0].Group != parts.Group {
		t.Errorf("written %v (%v), reported %v", written, err, reported)
	}
}

// An operator that fails in training is in the log, where the dashboard finds it.
func TestFailure(t *testing.T) {
	images := colorFolder(8)
	defer os.RemoveAll(images)
	t.Chdir(t.TempDir())
	o := protocol.Options{Reporter: protocol.Reporter{Line: func(s string) {
		if strings.HasPrefix(s, "epoch 2/3 step 2/") {
			panic(&torch.Error{Op: "aten::mm", Message: "no memory"})
		}
	}}}
	tuned := config.DefaultFinetune()
	tuned.Classifier = probeOptions(t, images, "tuned").Classifier
	for name, err := range map[string]error{
		"probe": second(protocol.Linear(t.Context(), probeOptions(t, images, "probe"), o)),
		"tuned": second(protocol.Finetune(t.Context(), tuned, o)),
	} {
		log, _ := os.ReadFile("save/" + name + "/log.txt")
		if got := rundir.Failure(os.DirFS(filepath.Join("save", name)).(fs.StatFS)); err == nil || !strings.Contains(err.Error(), "no memory") || got != err.Error() {
			t.Errorf("%s: %v; failure in the log: %q\n%s", name, err, got, log)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A failure before training leaves no run directory, and Begin is not called. The same
// holds if the context ends while the dataset is opened.
func TestRefusals(t *testing.T) {
	images := colorFolder(2)
	defer os.RemoveAll(images)
	t.Chdir(t.TempDir())
	o := protocol.Options{Begin: func() { t.Error("begun") }, Set: map[string]bool{"n_class": true}}
	c := probeOptions(t, images, "few")
	c.NClass = 2
	if _, err := protocol.Linear(context.Background(), c, o); err == nil || !strings.Contains(err.Error(), "has 3 classes") {
		t.Errorf("got %v", err)
	}
	single := colorFolder(1)
	defer os.RemoveAll(single)
	c = probeOptions(t, single+"/val", "untested") // no class has an image to hold out
	if _, err := protocol.Linear(context.Background(), c, protocol.Options{Begin: o.Begin}); err == nil || !strings.Contains(err.Error(), "to test on") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c = probeOptions(t, images, "stopped")
	if _, err := protocol.Linear(ctx, c, protocol.Options{Begin: o.Begin}); !errors.Is(err, protocol.ErrStopped) {
		t.Errorf("stopped before: %v", err)
	}
	if _, err := os.Stat("save"); err == nil {
		t.Error("a run directory was made")
	}
}
