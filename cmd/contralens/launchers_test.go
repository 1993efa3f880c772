package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/test/slurm"
)

// deployed is the path of a script in the folder deploy.
func deployed(t *testing.T, script string) string {
	t.Helper()
	path, err := filepath.Abs("../../deploy/" + script)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Two nodes of a real Slurm train, a task each. Slurm sends SIGTERM before the time limit: both tasks
// stop after the same step, the job goes back into the queue, and its second start goes on. The end is
// that of a training in two processes that nobody disturbed, bit for bit. A job that cannot begin fails,
// and does not go back into the queue.
func TestUnderSlurm(t *testing.T) {
	slurm.Start(t)
	script := deployed(t, "slurm.sbatch")
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	submit := func(args []string) slurm.Job {
		return slurm.Submit(t, []string{asProgram + "=1", "CONTRALENS=" + os.Args[0], "SLURM_WAIT=30"}, append([]string{
			"--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", "--gpus-per-node=0", "--time=60", "--signal=TERM@600",
			"--output=log", script}, args...)...)
	}
	log := func() string {
		text, _ := os.ReadFile("log")
		return string(text)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log())
		}
	})
	// No name server knows the nodes of this Slurm.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	epochs := fmt.Sprint(number("CONTRALENS_SLURM_EPOCHS", 1000)) // they must last for a minute
	line := func(name string, more ...string) []string {
		return pair(data, name, append([]string{"--epochs", epochs, "--save_freq", "10000"}, more...)...)
	}
	meet := "tcp://" + taken.Addr().String()
	wrong := submit(line("disturbed", "--resume", "auto", "--dist-url", meet, "--dist_join", "10s"))
	slurm.Eventually(t, 5*time.Minute, "the job has failed", func() bool { return wrong.Is("JobState=FAILED") })
	if !wrong.Is("Restarts=0") || !strings.Contains(log(), "another program listens on port") {
		t.Error("want a job that fails and does not start again")
	}
	taken.Close()
	job := submit(line("disturbed", "--resume", "auto", "--dist-url", meet))
	slurm.Eventually(t, 5*time.Minute, "the job trains", func() bool { return strings.Contains(log(), "epoch 2/") })
	job.Update(t, "timelimit=10") // Slurm looks every half minute which jobs get their signal
	slurm.Eventually(t, 3*time.Minute, "the job was stopped before its end, and is in the queue again", func() bool {
		if job.Is("JobState=COMPLETED") || job.Is("JobState=FAILED") {
			t.Fatal("the job has ended")
		}
		return job.Is("JobState=PENDING", "Restarts=1")
	})
	if text := log(); strings.Count(text, "stopped in epoch") != 1 || !strings.Contains(text, "Exited with exit code 75") {
		t.Fatal("want one stop and exit code 75 in the log")
	}
	again := resumption(t, log())
	// Slurm waits two minutes before it starts a job again. One that starts while the last process of its first
	// start still ends fails at once, with code 1 and without a word.
	time.Sleep(5 * time.Second)
	job.Update(t, "timelimit=60", "starttime=now")
	slurm.Eventually(t, 10*time.Minute, "the job is complete", func() bool {
		if job.Is("JobState=FAILED") {
			t.Fatalf("the job has failed: %s", job.Show())
		}
		return job.Is("JobState=COMPLETED")
	})
	if !strings.Contains(log(), again) {
		t.Errorf("want %q in the log", again)
	}
	t.Log(again)
	if code, text := spawn(t, line("whole", "--nproc", "2")...).end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	sameWeights(t, "whole", "disturbed")
}

// Under Open MPI's mpirun, two processes train. One gets SIGTERM: both stop after the same step with
// everything saved, and the same command goes on. Then mpirun gets it. The end is that of a training
// that nobody disturbed, bit for bit.
func TestUnderMpirun(t *testing.T) {
	longWorlds(t)
	if _, err := exec.LookPath("mpirun"); err != nil {
		t.Skip("not run: mpirun is not installed")
	}
	script := deployed(t, "mpirun.sh")
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	line := func(name string, more ...string) []string {
		return pair(data, name, append([]string{"--epochs", "20", "--save_freq", "100"}, more...)...)
	}
	launch := func() *process {
		return spawnBy(t, exec.Command(script, line("disturbed", "--resume", "auto")...), asProgram, "CONTRALENS="+os.Args[0],
			"PROCESSES=2", "MPIRUN_OPTIONS=--oversubscribe", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	}
	again := "run directory:"
	for _, whole := range []bool{false, true} {
		p := launch()
		p.until(t, again)
		p.until(t, "epoch ")
		p.until(t, "epoch ")
		pid := p.Process.Pid
		if !whole {
			pid = children(t, pid)[1]
		}
		_ = syscall.Kill(pid, syscall.SIGTERM)
		code, text := p.end(t)
		if code == 0 || strings.Count(text, "stopped in epoch") != 1 {
			t.Fatalf("SIGTERM to mpirun %v: code %d:\n%s", whole, code, text)
		}
		t.Logf("SIGTERM to mpirun %v: code %d", whole, code)
		again = resumption(t, text)
	}
	p := launch()
	p.until(t, again)
	if code, text := p.end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	if code, text := spawn(t, line("whole", "--nproc", "2")...).end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	sameWeights(t, "whole", "disturbed")
}
