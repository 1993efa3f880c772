package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"contralens/detect/detecttest"
	"contralens/detect/protocol"
	"contralens/rundir"
)

// tinyDetector are the options of a detector that trains in a second.
func tinyDetector(data, name string, more ...string) []string {
	return append([]string{
		"detect", "train", "--config", "bccd", "--data_folder", data, "--name", name, "--width", "0.125", "--short", "56,64",
		"--test_short", "64", "--max_side", "128", "--rois", "32", "--anchor_batch", "64", "--topk_train", "100,50",
		"--topk_test", "100,50", "--anchors", "8,16,24,32,48", "--iterations", "20", "--lr_decay_iterations", "16",
		"--warmup", "5", "--precise_bn", "3", "--print_freq", "5", "--threads", "1", "--test_split", "trainval",
	}, more...)
}

// The commands of detection work together: a training, its result as JSON, another test of it,
// a resumed training that is done already, pictures of what is found.
func TestDetect(t *testing.T) {
	data := t.TempDir()
	detecttest.Write(data, detecttest.VOC(detecttest.Scenes(8, 72, 56, 5)))
	t.Chdir(t.TempDir())
	text := must(t, tinyDetector(data, "first")...)
	for _, want := range []string{
		"Faster R-CNN FPN on resnet18", "2 classes", "iteration 20/20  loss ", "rpn ", "left 0 s", "boxes: AP ", "AP50", "square",
		"trained 20 iterations", "weights: save/first/current.pth",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	again := must(t, tinyDetector(data, "first", "--resume", "auto", "--json")...)
	if !strings.Contains(again, "all 20 iterations are done") || !strings.Contains(again, `{"protocol":"detect-voc"`) {
		t.Errorf("resumed at the end:\n%s", again)
	}
	var result rundir.Result
	answer := must(t, "detect", "eval", "--ckpt", "save/first/current.pth", "-o", "report", "--json", "--threads", "1")
	line := answer[strings.Index(answer, `{"protocol"`):]
	if err := json.Unmarshal([]byte(line[:strings.Index(line, "\n")]), &result); err != nil || result.Protocol != rundir.DetectVOC {
		t.Errorf("%v in\n%s", err, answer)
	}
	if _, err := os.Stat("report/detections.json"); err != nil {
		t.Error(err)
	}
	folder := filepath.Join(data, "JPEGImages")
	found := must(t, "detect", "predict", folder, "--ckpt", "save/first/current.pth", "-o", "found", "--score", "0.05", "--threads", "1")
	if n := strings.Count(found, " → found/"); n != 8 {
		t.Errorf("%d pictures, want 8:\n%s", n, found)
	}
	if files, _ := filepath.Glob("found/*.json"); len(files) != 8 {
		t.Errorf("%d JSON files, want 8", len(files))
	}
	if report := must(t, "report", "save"); !strings.Contains(report, "AP50") || !strings.Contains(report, "detect-voc") {
		t.Errorf("report:\n%s", report)
	}
	if seen := must(t, "inspect", "save/first/current.pth"); !strings.Contains(seen, "resnet18") {
		t.Errorf("inspect:\n%s", seen)
	}
}

// A dry run shows the options, the run directory and what would be trained, and writes nothing. It
// refuses what a training refuses.
func TestDetectDryRun(t *testing.T) {
	data := t.TempDir()
	detecttest.Write(data, detecttest.VOC(detecttest.Scenes(8, 72, 56, 5)))
	t.Chdir(t.TempDir())
	text := must(t, tinyDetector(data, "planned", "--dry_run")...)
	for _, want := range []string{
		"detector: \"fpn\"\n", "run directory: save/planned", "Faster R-CNN FPN on resnet18", "6 images with", "20 iterations of 4 images",
		"note:          no --ckpt", "note:          6 of the 6 images of ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if _, err := os.Stat("save"); err == nil {
		t.Error("a dry run has written")
	}
	if code, text := command(t, tinyDetector(data, "planned", "--dry_run", "--train_split", "none")...); code != exitFailed ||
		!strings.Contains(text, "none.txt") {
		t.Errorf("exit code %d and\n%s", code, text)
	}
	if text := must(t, tinyDetector(data, "planned", "--dry_run", "--sync_bn")...); !strings.Contains(text,
		"note:          one process: --sync_bn changes nothing") {
		t.Errorf("--sync_bn of one process:\n%s", text)
	}
	os.RemoveAll(filepath.Join(data, "ImageSets", "Main", "test.txt"))
	unnamed := append(tinyDetector(data, "planned"), "--test_split", "")
	if code, text := command(t, unnamed...); code == 0 || !strings.Contains(text, "--test_split: ") ||
		!strings.Contains(text, "want a list test.txt or val.txt") {
		t.Errorf("exit code %d and\n%s", code, text)
	}
}

// The measurement of a step has all of its phases, which add up, and the keys that other programs read.
func TestBenchDetect(t *testing.T) {
	text := must(t, "bench", "detect", "--config", "bccd", "--width", "0.125", "--short", "64", "--rois", "16", "--batch_size", "2",
		"--steps", "1", "--warmup_steps", "1", "--threads", "1", "--precision", "fp32", "--json")
	var cost protocol.Cost
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &cost); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	s := cost.Seconds
	if sum := s["losses"] + s["backward"] + s["update"]; s["losses"] <= 0 || s["backward"] <= 0 || math.Abs(sum-s["total"]) > 0.01*sum {
		t.Errorf("phases %v", s)
	}
	if cost.Width != 86 || cost.Height != 64 || cost.Batch != 2 || cost.Steps != 1 || cost.GFLOPPerImage <= 0 || cost.PeakMB < 10 ||
		math.Abs(cost.ImagesPerSecond*s["total"]-2) > 1e-6 {
		t.Errorf("%s", text)
	}
	for _, key := range strings.Fields("images_per_second seconds peak_rss_mb precision gflop_per_image") {
		if !strings.Contains(text, `"`+key+`":`) {
			t.Errorf("no %s in %s", key, text)
		}
	}
}

func init() {
	mistakes = append(mistakes,
		mistake{"detect trian", exitUsage, []string{`no command "trian"`, "did you mean contralens detect train?"}},
		mistake{"detect train --detector yolo --data_folder IN/good", exitUsage, []string{"--detector", "want c4 or fpn", `"yolo"`}},
		mistake{"detect train --classes RBC,WBC,RBC --data_folder IN/good", exitUsage, []string{"--classes", "names that differ", "RBC,WBC,RBC"}},
		mistake{"detect eval --results a.json --classes RBC, --data_folder IN/good", exitUsage, []string{"--classes", "names that differ"}},
		mistake{"detect train --config bccd --data_folder IN/good", exitFailed, []string{"IN/good", "want VOC's layout", "COCO's"}},
		mistake{"detect train --config bccd --data_folder IN/nowhere", exitFailed, []string{"nowhere", "want a folder with annotations"}},
		mistake{"detect train --config bccd --data_folder s3://photos/cells", exitFailed, []string{"s3://photos/cells", "on this machine, got a URL"}},
		mistake{"detect train --config voc-r50", exitUsage, []string{"no recipe of that name", "did you mean voc-r50-c4?"}},
		mistake{"detect train --config nosuch.yaml", exitUsage, []string{"nosuch.yaml", "recipes bccd", "voc-r50-c4"}},
		mistake{"detect eval", exitUsage, []string{"--ckpt", "want a detector", "--results"}},
		mistake{"detect eval --ckpt nosuch.pth", exitFailed, []string{"nosuch.pth", "does not exist"}},
		mistake{"detect predict photo.jpg", exitUsage, []string{"--ckpt", "want a detector", "detect train"}},
		mistake{"detect eval --nproc 2", exitUsage, []string{"no option --nproc", "contrast, detect train, finetune", "have it"}},
		mistake{"detect predict photo.jpg --nproc 2", exitUsage, []string{"no option --nproc", "contrast, detect train, finetune"}},
		mistake{"knn --rois 2", exitUsage, []string{"no option --rois", "contralens detect train has it"}},
		mistake{"detect predict --ckpt x.pth", exitUsage, []string{"want images", "got none"}},
	)
}

// Processes share a training: the stop of one stops all with everything saved, and the loss of one
// is told with what to do. A launcher's processes are such.
func TestDetectProcesses(t *testing.T) {
	data := t.TempDir()
	detecttest.Write(data, detecttest.VOC(detecttest.Scenes(8, 72, 56, 5)))
	t.Chdir(t.TempDir())
	args := tinyDetector(data, "two", "--nproc", "2", "--resume", "auto", "--iterations", "400", "--print_freq", "1",
		"--save_every", "1", "--device", "cpu")
	p := spawn(t, args...)
	p.until(t, "iteration 2/400")
	_ = syscall.Kill(children(t, p.Process.Pid)[1], syscall.SIGTERM) // only one hears it
	if code, text := p.end(t); code != exitStopped || strings.Count(text, "stopped after iteration ") != 1 ||
		!strings.Contains(text, "2 processes: each normalizes its own images") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	p = spawn(t, args...)
	p.until(t, "resuming save/two/current.pth")
	p.until(t, "iteration ")
	pids := children(t, p.Process.Pid)
	_ = syscall.Kill(pids[1], syscall.SIGKILL)
	code, text := p.end(t)
	gone := regexp.MustCompile(fmt.Sprintf(`contralens: rank 1 \(pid %d on .+\) is gone since step \d+: .+; the last checkpoint is save/two/current.pth, of iteration \d+: the same command with --resume auto goes on`, pids[1]))
	if code != 128+int(syscall.SIGKILL) || !gone.MatchString(text) {
		t.Fatalf("code %d:\n%s", code, text)
	}
	if code, text := spawn(t, append(args, "--batch_size", "3")...).end(t); code != exitUsage ||
		!strings.Contains(text, "--batch_size: want a multiple of the 2 processes") {
		t.Errorf("batches of 3: code %d:\n%s", code, text)
	}
}
