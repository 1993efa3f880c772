package main

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/rundir"
)

// Ctrl-C and SIGTERM finish the step, save and exit with 75. The resumed training ends like
// an uninterrupted one, bit for bit, in both precisions.
func TestInterruptedTraining(t *testing.T) {
	data := stripes(t, 24)
	t.Chdir(t.TempDir())
	for _, precision := range []string{"fp32", "bf16"} {
		t.Run(precision, func(t *testing.T) {
			line := []string{"--epochs", "4", "--precision", precision}
			whole, parts := "whole-"+precision, "parts-"+precision
			must(t, tiny(data, whole, line...)...)
			saved := ""
			for i, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
				p := spawn(t, tiny(data, parts, append(line, "--resume", "auto")...)...)
				p.until(t, []string{"epoch 2/4 step 2/12", "epoch 3/4 step 1/12"}[i])
				p.Process.Signal(signal)
				code, text := p.end(t)
				saved = "interrupted.pth"
				if strings.Contains(text, "after 12 of 12 steps") { // on a busy machine a signal may come late
					saved = "current.pth"
				}
				if code != exitStopped || !strings.Contains(text, "resume with the same command and --resume auto") || !strings.Contains(text, saved+" has everything") {
					t.Fatalf("%v: exit code %d, want %d\n%s", signal, code, exitStopped, text)
				}
			}
			text := must(t, tiny(data, parts, append(line, "--resume", "auto")...)...)
			if !strings.Contains(text, "resuming save/"+parts+"/"+saved+": epoch ") {
				t.Errorf("resuming printed\n%s", text)
			}
			if _, err := os.Stat("save/" + parts + "/interrupted.pth"); err == nil {
				t.Error("interrupted.pth outlives its epoch")
			}
			same(t, "save/"+whole, "save/"+parts)
		})
	}
}

// Two epochs, and two more in another directory from the checkpoint of the first, equal
// four. --keep leaves the newest files. run.json lists the sessions.
func TestTwoAndTwoEpochsAreFour(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	must(t, tiny(data, "whole", "--epochs", "4", "--spectrum", "16", "--save_freq", "1")...)
	if files, _ := filepath.Glob("save/whole/ckpt_epoch_*.pth"); !slices.Equal(files, []string{"save/whole/ckpt_epoch_3.pth", "save/whole/ckpt_epoch_4.pth"}) {
		t.Errorf("--keep 2 kept %v", files)
	}
	must(t, tiny(data, "two", "--epochs", "2", "--spectrum", "16")...)
	if err := os.CopyFS("save/four", os.DirFS("save/two")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.json", ".lock"} { // of a training of two epochs
		if err := os.Remove("save/four/" + name); err != nil {
			t.Fatal(err)
		}
	}
	text := must(t, tiny(data, "four", "--epochs", "4", "--spectrum", "16", "--resume", "save/two/current.pth")...)
	if !strings.Contains(text, "--epochs is 4, where save/two/current.pth was trained with 2") {
		t.Errorf("resuming printed\n%s", text)
	}
	for _, file := range []string{"metrics.jsonl", "results.jsonl"} { // epoch 2 was two's last, and judged for that
		for _, run := range []string{"save/whole", "save/four"} {
			dropLines(t, filepath.Join(run, file), `"epoch":2,`)
		}
	}
	for _, run := range []string{"save/whole", "save/four"} { // two planned for half the steps
		edit(t, filepath.Join(run, "metrics.jsonl"), func(s string) string { return strings.NewReplacer(`,"steps":10`, "", `,"steps":20`, "").Replace(s) })
		edit(t, filepath.Join(run, "scores/vitals.jsonl"), func(s string) string { return strings.NewReplacer(`,"planned":10`, "", `,"planned":20`, "").Replace(s) })
	}
	same(t, "save/whole", "save/four")

	// Options that differ from the run's are refused.
	if code, text := command(t, tiny(data, "whole", "--epochs", "4", "--spectrum", "16", "--resume", "auto", "--alpha", "0.9")...); code != exitFailed || !strings.Contains(text, "--alpha 0.999") {
		t.Errorf("resuming with another --alpha: exit code %d\n%s", code, text)
	}
	// At its end there is nothing to do. Files of figures that are damaged do not keep a training from resuming.
	edit(t, "save/whole/scores/spectrum.jsonl", func(string) string { return "{\"epoch\": -1}\n" })
	text = must(t, tiny(data, "whole", "--epochs", "4", "--spectrum", "16", "--resume", "auto")...)
	for _, file := range []string{"scores/vitals.jsonl", "scores/spectrum.jsonl"} {
		if !strings.Contains(text, "note: save/whole: "+file+": want a JSON object per line") {
			t.Errorf("no note about %s in\n%s", file, text)
		}
	}
	b, err := os.ReadFile("save/whole/run.json")
	if err != nil || bytes.Count(b, []byte(`"start":`)) != 2 || !bytes.Contains(b, []byte(`"resumes": [`)) || !bytes.Contains(b, []byte(`"libtorch"`)) {
		t.Errorf("run.json is %s", b)
	}
	log, err := os.ReadFile("save/whole/log.txt")
	if err != nil || !strings.Contains(string(log), "epoch 4/4 done  loss ") || !strings.Contains(string(log), "run directory: ") || !strings.Contains(string(log), "k-NN top-1 after epoch 4") {
		t.Errorf("log.txt is %s", log)
	}
}

// A finished run is trained for longer in place, under its name or under the one that its
// options made. Without a cosine, two epochs and two more equal four. run.json has the new
// length; fewer epochs are refused with the way out.
func TestLonger(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	plain := func(name string, more ...string) []string {
		line := tiny(data, name, more...)
		return slices.DeleteFunc(line, func(s string) bool { return s == "--name" || s == name })
	}
	must(t, tiny(data, "whole", "--epochs", "4", "--lr_decay_epochs", "3")...)
	must(t, tiny(data, "longer", "--epochs", "2", "--lr_decay_epochs", "1")...)
	text := must(t, tiny(data, "longer", "--epochs", "2", "--lr_decay_epochs", "1", "--resume", "auto")...)
	if !strings.Contains(text, "resuming save/longer/current.pth: all 2 epochs are done; more --epochs train it for longer") {
		t.Errorf("a finished run printed\n%s", text)
	}
	text = must(t, tiny(data, "longer", "--epochs", "4", "--lr_decay_epochs", "3", "--resume", "auto")...)
	if !strings.Contains(text, "resuming save/longer/current.pth: epoch 3, step 1") || !strings.Contains(text, "epoch 4/4 done") {
		t.Errorf("a longer run printed\n%s", text)
	}
	record, err := rundir.ReadRecord("save/longer")
	if err != nil || record.Config["epochs"] != "4" || record.Config["lr_decay_epochs"] != "3" || len(record.Resumes) != 2 {
		t.Errorf("run.json is %+v, %v", record, err)
	}
	code, text := command(t, tiny(data, "longer", "--epochs", "3", "--lr_decay_epochs", "3", "--resume", "auto")...)
	if code != exitFailed || !strings.Contains(text, "more epochs but not for fewer") || strings.Contains(text, "resuming") {
		t.Errorf("fewer epochs: exit code %d\n%s", code, text)
	}

	must(t, plain("none", "--epochs", "1", "--cosine")...)
	text = must(t, plain("none", "--epochs", "2", "--cosine", "--resume", "auto")...)
	if !strings.Contains(text, "from here on the learning rate follows the cosine of 2 epochs") || !strings.Contains(text, "epoch 2/2 done") {
		t.Errorf("a longer run under a made name printed\n%s", text)
	}
	if runs, err := os.ReadDir("save"); err != nil || len(runs) != 3 {
		t.Errorf("%v, %v, want 3 runs", runs, err)
	}
}

// edit changes the text of a file.
func edit(t *testing.T, path string, change func(string) string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(b))), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func dropLines(t *testing.T, path, with string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(b), "\n"), func(s string) bool { return strings.Contains(s, with) })
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The checkpoint of a PyTorch program resumes, with a note about what it lacks. --init reads
// only the weights.
func TestForeignCheckpointAndInit(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	must(t, tiny(data, "ours", "--epochs", "2")...)
	tree, err := checkpoint.Read("save/ours/current.pth")
	if err != nil {
		t.Fatal(err)
	}
	tree = slices.DeleteFunc(tree, func(i checkpoint.Item) bool { return i.Key == "contralens" })
	if err := checkpoint.Write("theirs.pth", tree); err != nil {
		t.Fatal(err)
	}
	text := must(t, tiny(data, "on", "--epochs", "3", "--resume", "theirs.pth")...)
	for _, want := range []string{"no record of ours", "the queue's index", "random numbers", "order of the data", "λ", "resuming theirs.pth: epoch 3, step 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	text = must(t, tiny(data, "init", "--epochs", "1", "--init", "save/ours/current.pth", "--learning_rate", "1e-30", "--alpha", "1")...)
	if !strings.Contains(text, "epoch 1/1 step 1/5") {
		t.Errorf("--init printed\n%s", text)
	}
	started, err := checkpoint.Read("save/init/current.pth")
	if err != nil {
		t.Fatal(err)
	}
	weights := func(d checkpoint.Dict, key, name string) []byte {
		o, _ := d.Get(key).(checkpoint.OrderedDict)
		return tensors(o.Get(name))
	}
	want := weights(tree, "model", "module.encoder.conv1.weight")
	if len(want) == 0 || !bytes.Equal(want, weights(started, "model", "module.encoder.conv1.weight")) || !bytes.Equal(want, weights(started, "model_ema", "encoder.conv1.weight")) {
		t.Error("--init: the encoders don't start with the checkpoint's weights")
	}
}

// A damaged checkpoint is named, and so is the newest good one, which auto uses.
func TestDamagedCheckpoint(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	must(t, tiny(data, "run", "--epochs", "3")...)
	b, err := os.ReadFile("save/run/current.pth")
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile("save/run/current.pth", b, 0o644); err != nil {
		t.Fatal(err)
	}
	code, text := command(t, tiny(data, "run", "--epochs", "3", "--resume", "save/run/current.pth")...)
	if code != exitFailed || !strings.Contains(text, "checksum") || !strings.Contains(text, "newest good checkpoint beside it is save/run/ckpt_epoch_2.pth") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	text = must(t, tiny(data, "run", "--epochs", "3", "--resume", "auto")...)
	if !strings.Contains(text, "passed over: checkpoint save/run/current.pth") || !strings.Contains(text, "resuming save/run/ckpt_epoch_2.pth: epoch 3") {
		t.Errorf("--resume auto printed\n%s", text)
	}

	// With all epochs done, nothing would write the damaged file again.
	must(t, tiny(data, "whole", "--epochs", "2", "--save_freq", "1")...)
	if err := os.Truncate("save/whole/current.pth", 1000); err != nil {
		t.Fatal(err)
	}
	text = must(t, tiny(data, "whole", "--epochs", "2", "--save_freq", "1", "--resume", "auto")...)
	if !strings.Contains(text, "save/whole/current.pth is written again, from save/whole/ckpt_epoch_2.pth") {
		t.Errorf("--resume auto of a finished run printed\n%s", text)
	}
	again, err := os.ReadFile("save/whole/current.pth")
	if last, e := os.ReadFile("save/whole/ckpt_epoch_2.pth"); err != nil || e != nil || !bytes.Equal(again, last) {
		t.Errorf("%v, %v: %d bytes, and ckpt_epoch_2.pth has %d", err, e, len(again), len(last))
	}
}

// The reader of the output may end before the training has saved, like tee after Ctrl-C.
func TestInterruptedWithoutReader(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	p := spawn(t, tiny(data, "run", "--epochs", "10000")...)
	p.until(t, "step 1/5")
	p.output.Close()
	hangup := syscall.SIGHUP
	if signal.Ignored(hangup) { // as below nohup: the child ignores it as well
		hangup = syscall.SIGTERM
	}
	p.Process.Signal(hangup)
	if err := p.Wait(); p.ProcessState.ExitCode() != exitStopped {
		t.Errorf("ended with %v, want exit code %d", err, exitStopped)
	}
	if path, skipped := rundir.Newest("save/run"); path == "" || len(skipped) > 0 {
		t.Errorf("saved %q, %v", path, skipped)
	}
}

// A directory takes one training at a time. The second Ctrl-C stops at once, unless it comes
// with the first. A Ctrl-C before training leaves no files.
func TestLockAndSignals(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	p := spawn(t, tiny(data, "run", "--epochs", "10000")...)
	p.until(t, "step 1/5")
	for _, more := range [][]string{nil, {"--resume", "auto"}, {"--overwrite"}} {
		code, text := command(t, tiny(data, "run", append([]string{"--epochs", "10000"}, more...)...)...)
		if code != exitFailed || more != nil && !strings.Contains(text, "another training run is using it (process ") {
			t.Errorf("%v: exit code %d\n%s", more, code, text)
		}
	}
	p.Process.Signal(os.Interrupt)
	if code, text := p.end(t); code != exitStopped {
		t.Errorf("Ctrl-C: exit code %d\n%s", code, text)
	}

	p = spawnAs(t, asEndless)
	p.until(t, "at work")
	p.Process.Signal(os.Interrupt)
	p.until(t, "a second signal stops at once")
	p.Process.Signal(os.Interrupt) // at once, as the command timeout sends it: the same request
	select {
	case line := <-p.lines:
		t.Errorf("a signal that belongs to the first one: got %q, want it ignored", line)
	case <-time.After(sameStop + 500*time.Millisecond):
	}
	p.Process.Signal(os.Interrupt)
	if code, text := p.end(t); code != exitFailed {
		t.Errorf("a second Ctrl-C in a step that does not end: exit code %d\n%s", code, text)
	}

	// A list of classes that never comes holds the program up before training.
	if err := syscall.Mkfifo("classes", 0o600); err != nil {
		t.Fatal(err)
	}
	p = spawn(t, "contrast", "--dataset", "imagenet100", "--imagenet100path", "classes", "--data_folder", data, "--method", "MoCov2", "--epochs", "3", "--name", "early", "--model_path", "save")
	p.until(t, "milestone")
	p.Process.Signal(os.Interrupt)
	begin := time.Now()
	if code, text := p.end(t); code != exitStopped || !strings.Contains(text, "nothing was changed") || time.Since(begin) > 5*time.Second {
		t.Errorf("Ctrl-C at the start: exit code %d after %v\n%s", code, time.Since(begin), text)
	}
	if _, err := os.Stat("save/early"); err == nil {
		t.Error("a run directory was made")
	}
}
