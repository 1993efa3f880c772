// Package slurm gives tests a Slurm of their own: munge, the controller and the daemons of two nodes,
// all on this machine.
package slurm

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// config describes a cluster of two nodes on this machine.
const config = `ClusterName=test
SlurmctldHost=%[1]s(127.0.0.1)
SlurmctldPort=%[3]d
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool.%%n
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.%%n.pid
SlurmctldLogFile=%[2]s/slurmctld.log
SlurmdLogFile=%[2]s/slurmd.%%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
KillWait=5
ReturnToService=2
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName=n1 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[4]d CPUs=2 State=UNKNOWN
NodeName=n2 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[5]d CPUs=2 State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
`

// Start starts a cluster that ends with the test, for sbatch and scontrol of the test's environment. It
// skips the test unless CONTRALENS_SLURM is set, as make check-long SECTIONS=dist does, and where there is
// no Slurm or no root.
func Start(t *testing.T) {
	t.Helper()
	if os.Getenv("CONTRALENS_SLURM") == "" {
		t.Skip("not run: set CONTRALENS_SLURM, as make check-long SECTIONS=dist does")
	}
	for _, name := range []string{"munged", "slurmctld", "slurmd", "sbatch", "scontrol"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("not run: %s is not installed", name)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("not run: Slurm's daemons need root here")
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	secret := make([]byte, 1024)
	_, _ = rand.Read(secret)
	port := 20000 + os.Getpid()%3000*3
	for name, content := range map[string][]byte{
		"munge.key": secret, "slurm.conf": fmt.Appendf(nil, config, host, dir, port, port+1, port+2),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SLURM_CONF", filepath.Join(dir, "slurm.conf"))
	var daemons []*exec.Cmd
	t.Cleanup(func() {
		end()
		for i := len(daemons) - 1; i >= 0; i-- {
			_ = daemons[i].Process.Signal(syscall.SIGTERM)
			_ = daemons[i].Wait()
		}
	})
	for _, line := range []string{
		"munged --foreground --force --key-file=%[1]s/munge.key --socket=%[1]s/munge.socket --pid-file=%[1]s/munged.pid " +
			"--log-file=%[1]s/munged.log --seed-file=%[1]s/munge.seed",
		"slurmctld -D", "slurmd -D -N n1", "slurmd -D -N n2",
	} {
		if strings.Contains(line, "%") {
			line = fmt.Sprintf(line, dir)
		}
		args := strings.Fields(line)
		c := exec.Command(args[0], args[1:]...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		daemons = append(daemons, c)
	}
	Eventually(t, time.Minute, "both nodes are idle", func() bool {
		text, _ := exec.Command("sinfo", "--noheader", "--format=%t %D").Output()
		return strings.TrimSpace(string(text)) == "idle 2"
	})
}

// end ends all jobs, whose processes would outlive the daemons.
func end() {
	_ = exec.Command("scancel", "--full", "--signal=KILL", "--state=RUNNING", "--partition=all").Run()
	_ = exec.Command("scancel", "--partition=all").Run()
	for range 300 {
		text, err := exec.Command("squeue", "--noheader").Output()
		if err != nil || strings.TrimSpace(string(text)) == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Eventually waits until something is so, and fails if it is not within the limit.
func Eventually(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(limit); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// A Job is one that sbatch has put into the queue.
type Job string

// Submit puts the script into the queue, with more environment variables.
func Submit(t *testing.T, env []string, args ...string) Job {
	t.Helper()
	c := exec.Command("sbatch", append([]string{"--parsable"}, args...)...)
	c.Env = append(os.Environ(), env...)
	text, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("sbatch: %v\n%s", err, text)
	}
	return Job(strings.TrimSpace(string(text)))
}

// Show is what scontrol shows of the job.
func (j Job) Show() string {
	text, _ := exec.Command("scontrol", "--oneliner", "show", "job", string(j)).CombinedOutput()
	return string(text)
}

// Is says whether scontrol shows all of the words, as "JobState=COMPLETED".
func (j Job) Is(words ...string) bool {
	fields := strings.Fields(j.Show())
	return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(fields, w) })
}

// Update changes what scontrol can: "starttime=now".
func (j Job) Update(t *testing.T, what ...string) {
	t.Helper()
	text, err := exec.Command("scontrol", append([]string{"update", "jobid=" + string(j)}, what...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("scontrol update %v: %v\n%s", what, err, text)
	}
}
