package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/cmd/internal/cli"
	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/data/store/storetest"
	"contralens/detect/detecttest"
	"contralens/rundir"
)

// pair is a very short training whose weights, not its scores, are compared.
func pair(data, name string, more ...string) []string {
	fixed := strings.Fields("contrast --method MoCov2 --ft posneg --arch resnet18 --width 0.06 --stem cifar --input_res 16 " +
		"--batch_size 8 -k 16 -d 8 --seed 3 -j 1 --print_freq 1 --precision fp32 --memory_format contiguous --threads 1 --probe 0 " +
		"--lr_decay_epochs 1 --record=false --model_path save --tb_path tb")
	return append(append(fixed, "--data_folder", data, "--name", name), more...)
}

// children returns the processes that a process started, by rank.
func children(t *testing.T, parent int) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // of a process that may have ended
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

// Two processes train. One is killed, and the sentence names it; the same command goes on. One gets
// SIGTERM, and both stop after the same step, with everything saved; the same command goes on. The
// end is that of a training that nobody disturbed, bit for bit.
func TestTwoProcesses(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	two := func(name string) []string {
		return pair(data, name, "--nproc", "2", "--epochs", "12", "--resume", "auto", "--dist_timeout", "20s")
	}
	whole := spawn(t, pair(data, "whole", "--nproc", "2", "--epochs", "12")...)
	if code, text := whole.end(t); code != 0 || !strings.Contains(text, "2 processes: each normalizes its own images") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	p := spawn(t, two("disturbed")...)
	p.until(t, "epoch 3/12")
	pids := children(t, p.Process.Pid)
	if len(pids) != 2 {
		t.Fatalf("%d children, want 2", len(pids))
	}
	_ = syscall.Kill(pids[1], syscall.SIGKILL)
	code, text := p.end(t)
	gone := regexp.MustCompile(fmt.Sprintf(`contralens: rank 1 \(pid %d on .+\) is gone since step \d+: .+; the last checkpoint is save/disturbed/\w+\.pth, of step \d+: the same command with --resume auto goes on`, pids[1]))
	if code != 128+int(syscall.SIGKILL) || !gone.MatchString(text) {
		t.Fatalf("code %d:\n%s", code, text)
	}
	p = spawn(t, two("disturbed")...)
	p.until(t, "epoch ")
	p.until(t, "epoch ")
	_ = syscall.Kill(children(t, p.Process.Pid)[1], syscall.SIGTERM) // only one hears it
	if code, text = p.end(t); code != exitStopped || !strings.Contains(text, "stopped in epoch") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	if code, text = spawn(t, two("disturbed")...).end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	sameWeights(t, "whole", "disturbed")
}

// sameWeights compares what two runs ended with, bit for bit.
func sameWeights(t *testing.T, runs ...string) {
	t.Helper()
	var trees [2]checkpoint.Dict
	for i, name := range runs {
		var err error
		if trees[i], err = checkpoint.Read(filepath.Join("save", name, "current.pth")); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"model", "model_ema", "contrast", "optimizer"} {
		if a, b := tensors(trees[0].Get(key)), tensors(trees[1].Get(key)); len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s of %s differs from that of %s", key, runs[1], runs[0])
		}
	}
}

// What the options leave open, rank 0 measures for all. Weights that are not equal after the first steps
// would end the training.
func TestMeasuredByRankZero(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	line := slices.DeleteFunc(pair(data, "run", "--nproc", "2", "--epochs", "1"), func(s string) bool {
		return slices.Contains([]string{"--precision", "fp32", "--memory_format", "contiguous"}, s)
	})
	code, text := spawn(t, line...).end(t)
	if code != 0 || strings.Count(text, " images/s") == 0 || !regexp.MustCompile(`resnet18 in \w+ \((contiguous|channels_last)\)`).MatchString(text) {
		t.Errorf("code %d:\n%s", code, text)
	}
	code, text = spawn(t, "supervised", "--arch", "resnet18", "--width", "0.06", "--stem", "cifar", "--input_res", "16", "--data_folder", data,
		"--name", "labels", "--model_path", "save", "--tb_path", "tb", "--epochs", "1", "--batch_size", "8", "-j", "1", "--threads", "1",
		"--nproc", "2").end(t)
	if code != 0 || strings.Count(text, " images/s") == 0 {
		t.Errorf("code %d:\n%s", code, text)
	}
}

// failure returns the last line of a run's log if that tells a failure, which no line before does.
func failure(t *testing.T, dir string) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, rundir.LogFile))
	if n := bytes.Count(log, []byte("\nfailed: ")); err != nil || n != 1 {
		t.Errorf("%d failures in the log (%v):\n%s", n, err, log)
	}
	return rundir.Failure(os.DirFS(dir).(fs.StatFS))
}

// Processes share an evaluation. One is killed: the sentence names it, on the terminal and in the log.
func TestKilledEvaluation(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	p := spawn(t, "linear", "--arch", "resnet18", "--width", "0.06", "--stem", "cifar", "--input_res", "16", "--data_folder", data,
		"--name", "run", "--model_path", "save", "--tb_path", "tb", "--epochs", "2000", "--batch_size", "8", "-j", "1", "--threads", "1",
		"--print_freq", "1", "--nproc", "2", "--dist_timeout", "20s")
	p.until(t, "epoch 2/2000")
	pids := children(t, p.Process.Pid)
	if len(pids) != 2 {
		t.Fatalf("%d children, want 2", len(pids))
	}
	_ = syscall.Kill(pids[1], syscall.SIGKILL)
	code, text := p.end(t)
	why := failure(t, "save/run")
	gone := regexp.MustCompile(fmt.Sprintf(`^rank 1 \(pid %d on .+\) is gone since step \d+: .+; the same command with --resume auto goes on`, pids[1]))
	if code != 128+int(syscall.SIGKILL) || !gone.MatchString(why) || !strings.Contains(text, "contralens: "+why+"\n") {
		t.Errorf("code %d, %q:\n%s", code, why, text)
	}
}

// A stopped process is named when it has been silent for --dist_timeout.
func TestStoppedProcess(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	p := spawn(t, pair(data, "run", "--nproc", "2", "--epochs", "2000", "--dist_timeout", "3s")...)
	p.until(t, "epoch 2/2000")
	pids := children(t, p.Process.Pid)
	if len(pids) != 2 {
		t.Fatalf("%d children, want 2", len(pids))
	}
	_ = syscall.Kill(pids[1], syscall.SIGSTOP)
	code, text := p.end(t)
	silent := regexp.MustCompile(fmt.Sprintf(`contralens: rank 1 \(pid %d on .+\) does not answer: last sign \d+ s ago, in step \d+, .+; its process is stopped; the last checkpoint is `, pids[1]))
	if code != exitFailed || !silent.MatchString(text) {
		t.Errorf("code %d:\n%s", code, text)
	}
	if why := failure(t, "save/run"); !strings.Contains(text, "contralens: "+why+"\n") || !strings.HasPrefix(why, "rank 1 (pid ") {
		t.Errorf("the failure in the log is %q", why)
	}
}

// A process whose images do not come is named after --dist_stall, and not the one that waits for it in an
// exchange.
func TestHeldUpByImages(t *testing.T) {
	src := stripes(t, 12)
	t.Chdir(t.TempDir())
	d, err := sets.Open(t.Context(), sets.Options{Folder: src})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Write(t.Context(), "bucket/packed", d, pack.Options{ShardBytes: 8 << 10}); err != nil {
		t.Fatal(err)
	}
	server := storetest.NewServer(t, "bucket", "bucket")
	port := freePort(t)
	node := func(rank int, folder string) *process {
		return spawn(t, pair(folder, "run", "--epochs", "2000", "--world-size", "2", "--rank", strconv.Itoa(rank), "--dist-url",
			fmt.Sprintf("tcp://127.0.0.1:%d", port), "--device", "cpu", "--dist_stall", "3s", "--cache_bytes", "none")...)
	}
	first, second := node(0, "bucket/packed"), node(1, "s3://bucket/packed")
	first.until(t, "epoch 2/2000")
	server.Fail(http.StatusServiceUnavailable, 0) // from now on
	held := regexp.MustCompile(`contralens: rank 1 \(pid \d+ on .+\) is alive but has been waiting for images.* for \d+ s, in step \d+; the last checkpoint is `)
	for rank, p := range []*process{first, second} {
		if code, text := p.end(t); code != exitFailed || !held.MatchString(text) {
			t.Errorf("rank %d: code %d:\n%s", rank, code, text)
		}
	}
}

// Unreadable images count over all processes: too many together end the training, though each has met few.
func TestUnreadableTogether(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	for _, name := range []string{"class 0/3.jpg", "class 0/7.jpg", "class 1/2.jpg", "class 1/5.jpg"} {
		if err := os.Truncate(filepath.Join(data, "train", name), 10); err != nil {
			t.Fatal(err)
		}
	}
	line := func(share string) []string {
		return pair(data, "run"+share, "--nproc", "2", "--epochs", "1", "--max_bad", share)
	}
	if code, text := spawn(t, line("0.15")...).end(t); code != 0 || !strings.Contains(text, "note: 4 of 24 training images could not be read") {
		t.Errorf("4 of 24: code %d:\n%s", code, text)
	}
	want := "epoch 1: 4 of 24 images cannot be read, by the processes together, but a share of 0.12 allows only 3"
	if code, text := spawn(t, line("0.12")...).end(t); code != exitFailed || !strings.Contains(text, want) {
		t.Errorf("code %d, want %q:\n%s", code, want, text)
	}
}

// freePort returns a port on which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Two "nodes" on this machine, as the paper's code starts them. What does not fit is found before
// anything is written, by both.
func TestTwoNodes(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	node := func(rank int, more ...string) *process {
		return spawn(t, pair(data, "run", append([]string{"--epochs", "1", "--multiprocessing-distributed", "--world-size", "2", "--rank",
			strconv.Itoa(rank), "--dist-url", fmt.Sprintf("tcp://127.0.0.1:%d", port), "--device", "cpu"}, more...)...)...)
	}
	if code, text := node(0).end(t); code != exitUsage || !strings.Contains(text, fmt.Sprintf("another program listens on port %d", port)) {
		t.Errorf("a port that is taken: code %d:\n%s", code, text)
	}
	listener.Close()
	if code, text := node(0, "--dist_join", "1s").end(t); code != exitFailed || !strings.Contains(text, "1 of 2 ranks came in 1s; missing: 1") {
		t.Errorf("a rank that does not come: code %d:\n%s", code, text)
	}
	// What one of them finds too early for all to compare, all hear.
	a, b := node(0), node(1, "--data_folder", "nowhere")
	_, found := b.end(t)
	want := regexp.MustCompile(`contralens: rank 1 \(pid \d+ on .+\): .*nowhere`)
	if code, text := a.end(t); code == 0 || !want.MatchString(text) || !strings.Contains(found, "nowhere") {
		t.Errorf("rank 1 has no data: code %d:\n%s\n%s", code, text, found)
	}
	other := stripes(t, 11)
	a, b = node(0), node(1, "--data_folder", other)
	for rank, p := range []*process{a, b} {
		code, text := p.end(t)
		if want := regexp.MustCompile(`contralens: rank 1 \(.+\) sees 22 images below .+, rank 0 24 below `); code != exitUsage || !want.MatchString(text) {
			t.Errorf("rank %d with other data: code %d:\n%s", rank, code, text)
		}
	}
	a, b = node(0), node(1, "--learning_rate", "0.5")
	for rank, p := range []*process{a, b} {
		code, text := p.end(t)
		if want := regexp.MustCompile(`contralens: rank 1 \(.+\) was started with --learning_rate 0.5, rank 0 with 0.03`); code != exitUsage || !want.MatchString(text) {
			t.Errorf("rank %d with other options: code %d:\n%s", rank, code, text)
		}
	}
	if _, err := os.Stat("save"); err == nil {
		t.Error("something was written")
	}
	a, b = node(0), node(1)
	for rank, p := range []*process{a, b} {
		if code, text := p.end(t); code != 0 {
			t.Errorf("rank %d: code %d:\n%s", rank, code, text)
		}
	}
}

// A launcher's processes do not all run what is for one: each command shares the work, refuses, or
// only prints.
func TestInOneProcess(t *testing.T) {
	for name, value := range map[string]string{"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"} {
		t.Setenv(name, value)
	}
	prints := map[string]bool{}
	for _, name := range printing {
		prints[name] = true
	}
	for _, c := range runnable(rootCommand()) {
		name := strings.TrimPrefix(c.CommandPath(), "contralens ")
		printed := prints[name]
		delete(prints, name)
		out := c.Flags().Lookup("out")
		if out == nil {
			out = c.Flags().Lookup("output")
		}
		if c.HasSubCommands() || c.Flags().Lookup("nproc") != nil || printed && out == nil {
			continue
		}
		if printed {
			out.Changed = true
		}
		want := "contralens " + name + " runs in one process, but torchrun started 2: start it without"
		if err := c.RunE(c, nil); err == nil || !cli.WrongUsage(err) || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(prints) > 0 {
		t.Errorf("no such commands: %v", prints)
	}
	for _, args := range [][]string{{"version"}, {"report", t.TempDir()}} {
		if code, text := command(t, args...); strings.Contains(text, "one process") {
			t.Errorf("%v: code %d:\n%s", args, code, text)
		}
	}
}

// A process of several that ends before all have joined, because of an error that is its own or a signal,
// ends the others with its sentence at once: in a training, an evaluation and a training of a detector.
func TestEarlyEnds(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	port := freePort(t)
	node := func(rank int, args ...string) *process {
		return spawn(t, append(args, "--world-size", "2", "--rank", strconv.Itoa(rank), "--dist-url", fmt.Sprintf("tcp://127.0.0.1:%d", port),
			"--device", "cpu", "--dist_join", "5m")...)
	}
	tells := func(what string, first *process, want string) {
		begin := time.Now()
		code, text := first.end(t)
		if said := regexp.MustCompile(`contralens: rank 1 \(pid \d+ on .+\): .*` + want); code == 0 || !said.MatchString(text) || time.Since(begin) > time.Minute {
			t.Errorf("%s: rank 0: code %d after %v:\n%s", what, code, time.Since(begin), text)
		}
	}
	small := strings.Fields("--arch resnet18 --width 0.06 --stem cifar --input_res 16 --threads 1 -j 1 --data_folder")
	objects := t.TempDir()
	detecttest.Write(objects, detecttest.VOC(detecttest.Scenes(8, 72, 56, 5)))
	for _, c := range []struct {
		folder string
		args   []string
	}{
		{data, append([]string{"knn"}, small...)},
		{data, append([]string{"linear", "--name", "run"}, small...)},
		{objects, strings.Fields("detect train --config bccd --name run --arch resnet18 --width 0.1 --threads 1 -j 1 --data_folder")},
	} {
		first, second := node(0, append(c.args, c.folder)...), node(1, append(c.args, "nowhere")...)
		if code, found := second.end(t); code == 0 || !strings.Contains(found, "nowhere") {
			t.Errorf("%v: rank 1: code %d:\n%s", c.args, code, found)
		}
		tells(c.args[0], first, "nowhere")
	}

	// A list of classes that never comes holds rank 1 up before it joins.
	if err := syscall.Mkfifo("classes", 0o600); err != nil {
		t.Fatal(err)
	}
	plain := pair(data, "run", "--epochs", "1")
	first, second := node(0, plain...), node(1, append(plain, "--dataset", "imagenet100", "--imagenet100path", "classes")...)
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		feed, err := os.OpenFile("classes", os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil { // it reads
			defer feed.Close()
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("rank 1 does not read its classes")
		}
	}
	second.Process.Signal(syscall.SIGTERM)
	if code, text := second.end(t); code != exitStopped || !strings.Contains(text, "nothing was changed") {
		t.Errorf("SIGTERM: code %d:\n%s", code, text)
	}
	tells("SIGTERM", first, "a signal stopped it before training began")
	if _, err := os.Stat("save"); err == nil {
		t.Error("something was written")
	}
}

// What listens where the ranks are to meet is not rank 0, or nobody does: a sentence says so within
// --dist_join, with the address and what to do.
func TestNoStore(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections are made, and nobody ever answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	go func() {
		for {
			way, err := web.Accept()
			if err != nil {
				return
			}
			go func() {
				defer way.Close()
				if n, _ := way.Read(make([]byte, 10)); n > 0 {
					_, _ = io.WriteString(way, "HTTP/1.1 400 Bad Request\r\n\r\n")
				}
			}()
		}
	}()
	for at, want := range map[string]string{
		silent.Addr().String(): "contralens: store at " + silent.Addr().String() + ": a program listens there but did not answer within ",
		web.Addr().String():    "another program listens there: give another port",
		"node0.invalid:1":      "note: the name node0.invalid of the machine of rank 0 has no address here yet (",
	} {
		code, text := spawn(t, pair(data, "run", "--epochs", "1", "--world-size", "2", "--rank", "1", "--dist-url", "tcp://"+at, "--dist_join", "2s")...).end(t)
		if code != exitFailed || !strings.Contains(text, want) {
			t.Errorf("%s: code %d:\n%s", at, code, text)
		}
	}
	if _, err := os.Stat("save"); err == nil {
		t.Error("something was written")
	}
}
