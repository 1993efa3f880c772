package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/rundir"
)

// A training that is killed again and again ends with the same files as one that is not.
// A seed chooses the moments: during start-up, between and within steps, and every other
// time in the middle of a save. CONTRALENS_KILLS sets the number of kills (5).
func TestKilledTraining(t *testing.T) {
	kills := 5
	if n, err := strconv.Atoi(os.Getenv("CONTRALENS_KILLS")); err == nil {
		kills = n
	}
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	epochs := fmt.Sprint(4 * kills)
	must(t, tiny(data, "whole", "--epochs", epochs)...)
	rng := rand.New(rand.NewPCG(uint64(kills), 17))
	inSaves := 0
	for kill := 1; kill <= kills; kill++ {
		before := partial("save/killed")
		p := spawn(t, tiny(data, "killed", "--epochs", epochs, "--resume", "auto")...)
		if kill%2 == 1 && rng.IntN(4) == 0 {
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond) // in start-up
		} else {
			p.until(t, "run directory:")
			if kill%2 == 1 {
				for range rng.IntN(13) { // steps
					p.until(t, "epoch ")
				}
				time.Sleep(time.Duration(rng.IntN(20_000)) * time.Microsecond)
			} else {
				for range 1 + rng.IntN(3) { // the save of the epoch that begins, or of a later one
					p.until(t, "step 1/5")
				}
				waitForSave(t, p)
			}
		}
		p.Process.Kill()
		code, text := p.end(t)
		if code != -1 {
			t.Fatalf("kill %d came too late: exit code %d\n%s", kill, code, text)
		}
		where, saving := whereKilled(t, "save/killed", before)
		if saving {
			inSaves++
		}
		if !strings.Contains(text, "run directory:") {
			where = "in start-up, with a training " + where
		}
		t.Logf("kill %d: %s", kill, where)
	}
	if inSaves == 0 {
		t.Error("no kill hit a save")
	}
	t.Logf("%d kills hit a save", inSaves)
	text := must(t, tiny(data, "killed", "--epochs", epochs, "--resume", "auto")...)
	if left := partial("save/killed"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if strings.Contains(text, "passed over") {
		t.Errorf("a checkpoint was damaged:\n%s", text)
	}
	same(t, "save/whole", "save/killed")
}

// waitForSave waits until a checkpoint is being written.
func waitForSave(t *testing.T, p *process) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(50 * time.Microsecond) {
		if files, _ := filepath.Glob("save/killed/.*.pth.*.partial"); len(files) > 0 {
			return
		}
	}
	t.Fatal("no checkpoint was written in a minute")
}

// partial returns the files of a run directory that are being written, or that a kill left.
func partial(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, ".*.partial"))
	return files
}

// whereKilled returns where a training was when it was killed, and checks that its newest
// checkpoint is complete. before has the partial files of earlier kills.
func whereKilled(t *testing.T, dir string, before []string) (where string, saving bool) {
	t.Helper()
	newest, skipped := rundir.Newest(dir)
	for _, err := range skipped {
		t.Errorf("a kill damaged a checkpoint: %v", err)
	}
	where = "before the first checkpoint"
	if newest != "" {
		file, err := checkpoint.Read(newest)
		if err != nil {
			t.Error(err)
		}
		var record rundir.CheckpointRecord
		rundir.DecodeRecord(file, &record)
		where = fmt.Sprintf("after step %d of %s", record.GlobalStep, filepath.Base(newest))
	}
	if lines := rundir.LastMetrics(os.DirFS(dir).(fs.StatFS)); len(lines) > 0 {
		where += fmt.Sprintf(", at step %v", *lines[len(lines)-1].Step)
	} else {
		where += ", before the first step"
	}
	for _, path := range partial(dir) {
		if !slices.Contains(before, path) {
			return where + ", in the middle of writing " + filepath.Base(path), true
		}
	}
	return where, false
}
