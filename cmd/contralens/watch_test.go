package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Numbers that are not finite stop a training with an error that names the layer and the
// last checkpoint. A collapse gives one warning, with what to change.
func TestNumbersAreWatched(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	must(t, tiny(data, "good", "--epochs", "2")...)
	code, text := command(t, tiny(data, "bad", "--epochs", "3", "--resume", "save/good/current.pth", "--learning_rate", "1e38")...)
	for _, want := range []string{"epoch 3, step 1", "became NaN or infinite, first in ", "encoder.", "of the query encoder", "the last good checkpoint is save/good/current.pth, of step 10", "--learning_rate"} {
		if code != exitFailed || !strings.Contains(text, want) {
			t.Errorf("exit code %d, want %q in\n%s", code, want, text)
		}
	}

	still := tiny(data, "still", "--epochs", "46", "--method", "Customize", "-t", "9", "--learning_rate", "1e-30", "--ft", "none")
	text = must(t, still...)
	if n := strings.Count(text, "the features have collapsed"); n != 1 || !strings.Contains(text, "the diagnosis (narrow-head) says what to do: more dimensions") {
		t.Errorf("told %d times:\n%s", n, text)
	}
	if n := strings.Count(timeless(t, "save/still/metrics.jsonl"), `"event":"collapse"`); n != 1 {
		t.Errorf("metrics.jsonl has it %d times", n)
	}
}

// Every process of a run leaves an event file with complete records, and a later one makes
// TensorBoard forget the steps that it repeats.
func TestEvents(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	must(t, tiny(data, "run", "--epochs", "3")...)
	must(t, tiny(data, "run", "--epochs", "3", "--resume", "save/run/ckpt_epoch_2.pth")...)
	files, err := filepath.Glob("tb/run/events.out.tfevents.*")
	if err != nil || len(files) != 2 {
		t.Fatalf("event files: %v, %v", files, err)
	}
	slices.SortFunc(files, func(a, b string) int { return int(size(t, b) - size(t, a)) })
	first, second := records(t, files[0]), records(t, files[1])
	for tag, want := range map[string]int{"loss": 3, "acc": 3, "jig_loss": 3, "jig_acc": 3, "learning_rate": 3, "loss_step": 15, "acc_step": 15} {
		if n := tagged(first, tag); n != want {
			t.Errorf("%s has %d points, want %d", tag, n, want)
		}
		if n := tagged(second, tag); n != want/3 {
			t.Errorf("after resuming %s has %d points, want %d", tag, n, want/3)
		}
	}
	if start := second[1]; !strings.Contains(start, "\x10\x0b\x3a\x02\x08\x01") { // step 11, session_log {START}
		t.Errorf("the second file does not start anew at step 11: %q", start)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// records splits an event file and checks its checksums.
func records(t *testing.T, path string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	masked := func(b []byte) uint32 {
		c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		return (c>>15 | c<<17) + 0xa282ead8
	}
	le := binary.LittleEndian
	for len(b) > 0 {
		n := le.Uint64(b)
		if le.Uint32(b[8:]) != masked(b[:8]) || le.Uint32(b[12+n:]) != masked(b[12:12+n]) {
			t.Fatalf("%s: a checksum is wrong", path)
		}
		all, b = append(all, string(b[12:12+n])), b[16+n:]
	}
	return all
}

func tagged(records []string, tag string) (n int) {
	for _, r := range records {
		if strings.Contains(r, "\x0a"+string(rune(len(tag)))+tag+"\x15") { // tag, then simple_value
			n++
		}
	}
	return n
}

// A full disk ends the training with an error that says what to do. The last checkpoint is
// good, and with free space the training resumes to the same end.
func TestFullDisk(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("save", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", "save", "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("not tested: mounting is not allowed here (%v); package durable tests a full disk by injection", err)
		return
	}
	defer syscall.Unmount("save", syscall.MNT_DETACH)
	line := []string{"--epochs", "40", "--save_freq", "1", "--keep", "0"}
	code, text := command(t, tiny(data, "full", line...)...)
	if code != exitFailed || !strings.Contains(text, "disk is full") || !strings.Contains(text, "the last good checkpoint is save/full/") || !strings.Contains(text, "note: checkpoints and scores will need about") {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	if left := partial("save/full"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := syscall.Mount("none", "save", "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	must(t, tiny(data, "full", append(line, "--resume", "auto")...)...)
	must(t, tiny(data, "whole", line...)...)
	same(t, "save/whole", "save/full")
}
