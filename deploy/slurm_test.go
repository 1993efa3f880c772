package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/test/slurm"
)

// Under a real Slurm with two nodes, four tasks find each other. When they stop with 75 the job goes
// back into the queue, and its second start has another prefix. It takes half a minute and is part of
// make check-long.
func TestSlurm(t *testing.T) {
	slurm.Start(t)
	dir := t.TempDir()
	ranks := filepath.Join(dir, "ranks")
	if err := os.Mkdir(ranks, 0o700); err != nil {
		t.Fatal(err)
	}
	job := slurm.Submit(t, []string{asRank + "=" + ranks, "CONTRALENS=" + os.Args[0]},
		"--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=1", "--gpus-per-node=0", "--overcommit", "--output="+dir+"/log",
		"slurm.sbatch", "contrast", "--resume", "auto", "stop")
	slurm.Eventually(t, time.Minute, "the job is in the queue again", func() bool {
		return job.Is("JobState=PENDING", "Restarts=1")
	})
	job.Update(t, "starttime=now") // Slurm waits two minutes before it starts a job again
	slurm.Eventually(t, time.Minute, "the job is complete", func() bool { return job.Is("JobState=COMPLETED") })
	starts := read(t, ranks)
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	for start := range 2 {
		if len(starts[start]) != 4 {
			t.Fatalf("start %d: %d ranks\n%s", start, len(starts[start]), log)
		}
		for r, s := range starts[start] {
			l := s.Launch
			if l.Source != "Slurm" || l.Rank != r || l.Size != 4 || l.LocalRank != r%2 || l.LocalSize != 2 || l.Node != r/2 ||
				l.Nodes != 2 || l.Host != "n1" || l.Port < 15000 || l.Prefix() != fmt.Sprintf("contralens/%s.0/%d/", job, start) {
				t.Errorf("start %d, rank %d: %+v", start, r, l)
			}
		}
	}
	if !strings.Contains(string(log), "Exited with exit code 75") {
		t.Errorf("log:\n%s", log)
	}
}
