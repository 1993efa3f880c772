package deploy

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slurmConfig describes a cluster of two nodes on this machine.
const slurmConfig = `ClusterName=test
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
ReturnToService=2
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName=n1 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[4]d CPUs=2 State=UNKNOWN
NodeName=n2 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[5]d CPUs=2 State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
`

// cluster starts a cluster that ends with the test.
func cluster(t *testing.T) {
	t.Helper()
	for _, name := range []string{"munged", "slurmctld", "slurmd", "sbatch", "scontrol"} {
		program(t, name)
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
		"munge.key": secret, "slurm.conf": fmt.Appendf(nil, slurmConfig, host, dir, port, port+1, port+2),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SLURM_CONF", filepath.Join(dir, "slurm.conf"))
	var daemons []*exec.Cmd
	t.Cleanup(func() {
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
	eventually(t, "both nodes are idle", func() bool {
		text, _ := exec.Command("sinfo", "--noheader", "--format=%t %D").Output()
		return strings.TrimSpace(string(text)) == "idle 2"
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// Under a real Slurm with two nodes, four tasks find each other. When they stop with 75 the job goes
// back into the queue, and its second start has another prefix. It takes half a minute and is part of
// make check-long.
func TestSlurm(t *testing.T) {
	if os.Getenv("CONTRALENS_SLURM") == "" {
		t.Skip("not run: set CONTRALENS_SLURM, as make check-long SECTIONS=dist does")
	}
	cluster(t)
	dir := t.TempDir()
	c := exec.Command("sbatch", "--parsable", "--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=1", "--gpus-per-node=0",
		"--overcommit", "--output="+dir+"/log", "slurm.sbatch", "contrast", "--resume", "auto", "stop")
	ranks := filepath.Join(dir, "ranks")
	if err := os.Mkdir(ranks, 0o700); err != nil {
		t.Fatal(err)
	}
	c.Env = append(os.Environ(), asRank+"="+ranks, "CONTRALENS="+os.Args[0])
	text, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	job := strings.TrimSpace(string(text))
	state := func() string {
		text, _ := exec.Command("scontrol", "--oneliner", "show", "job", job).Output()
		return string(text)
	}
	eventually(t, "the job is in the queue again", func() bool {
		return strings.Contains(state(), "JobState=PENDING") && strings.Contains(state(), "Restarts=1")
	})
	// Slurm waits two minutes before it starts a job again.
	if text, err := exec.Command("scontrol", "update", "jobid="+job, "starttime=now").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	eventually(t, "the job is complete", func() bool { return strings.Contains(state(), "JobState=COMPLETED") })
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
