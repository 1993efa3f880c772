package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/dist"
)

// asProgram makes the test binary behave as the program.
const asProgram = "CONTRALENS_TEST_AS_PROGRAM"

// asEndless makes it a training whose step never ends.
const asEndless = "CONTRALENS_TEST_AS_ENDLESS"

func endlessStep() {
	_, stop := interruptible(func(s string) { fmt.Println(s) })
	defer stop()
	fmt.Println("at work")
	select {}
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	if os.Getenv(asEndless) != "" {
		endlessStep()
	}
	if os.Getenv(dist.Spawned) != "" {
		fmt.Fprintln(os.Stderr, "a command in the process of the tests starts others, "+
			"which would run all tests again: use spawn")
		os.Exit(1)
	}
	os.Exit(withCache(m.Run))
}

// withCache gives the tests their own cache of measurements.
func withCache(run func() int) int {
	dir, err := os.MkdirTemp("", "contralens-cache-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv("XDG_CACHE_HOME", dir)
	others(0) // tests of other packages run beside these
	return run()
}

// process is the program running a command line.
type process struct {
	*exec.Cmd
	output *os.File    // where its output comes from
	lines  chan string // of it
	text   bytes.Buffer
}

func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	return spawnAs(t, asProgram, args...)
}

// spawnAs starts the test binary with an environment variable that sets what it does.
func spawnAs(t *testing.T, variable string, args ...string) *process {
	t.Helper()
	return spawnBy(t, exec.Command(os.Args[0], args...), variable)
}

// spawnBy starts a command that runs the test binary, with an environment variable that sets what
// that does, and more variables.
func spawnBy(t *testing.T, c *exec.Cmd, variable string, more ...string) *process {
	t.Helper()
	p := &process{Cmd: c, lines: make(chan string, 10000)}
	p.Env = append(append(os.Environ(), variable+"=1"), more...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stdout, p.Stderr = w, w
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	p.output = r
	go func() {
		defer r.Close()
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// until waits for a line of output with the text. "" waits for the end. It fails if the program is silent
// for two minutes.
func (p *process) until(t *testing.T, text string) {
	t.Helper()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				if text != "" {
					t.Fatalf("the program ended before it printed %q:\n%s", text, p.text.String())
				}
				return
			}
			fmt.Fprintln(&p.text, line)
			if text != "" && strings.Contains(line, text) {
				return
			}
		case <-time.After(2 * time.Minute):
			t.Fatalf("waited too long for %q:\n%s", text, p.text.String())
		}
	}
}

// end waits until the program ends and returns its exit code and its output.
func (p *process) end(t *testing.T) (int, string) {
	t.Helper()
	p.until(t, "")
	p.Wait()
	return p.ProcessState.ExitCode(), p.text.String()
}

// tiny is a very short training that writes every kind of file. Its compute settings are
// fixed, so that runs can be compared: fp32 and one thread, because two threads are slow
// next to other programs. CONTRALENS_THREADS sets another number.
func tiny(data, name string, more ...string) []string {
	threads := cmp.Or(os.Getenv("CONTRALENS_THREADS"), "1")
	return append(strings.Fields("contrast --method MoCov2 --ft posneg --mix_start_step 7 --arch resnet18 --width 0.06 --stem cifar --input_res 16 --batch_size 4 -k 10 -d 8 --seed 3 -j 1 --print_freq 1 --precision fp32 --memory_format channels_last --save_score --probe 4 --knn_every 3 --save_freq 2 --keep 2 --model_path save --tb_path tb --data_folder "+data+" --threads "+threads+" --name "+name), more...)
}

// same compares two runs: weights, key encoder, queue, optimizer and place in the training,
// bit for bit; score files; metrics except times.
func same(t *testing.T, a, b string) {
	t.Helper()
	var trees [2]checkpoint.Dict
	for i, dir := range []string{a, b} {
		var err error
		if trees[i], err = checkpoint.Read(filepath.Join(dir, "current.pth")); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"model", "model_ema", "contrast", "optimizer"} {
		x, y := tensors(trees[0].Get(key)), tensors(trees[1].Get(key))
		if len(x) == 0 || !bytes.Equal(x, y) {
			t.Errorf("%s differs", key)
		}
	}
	record := func(i int) string {
		d := trees[i].Dict("contralens")
		var s []string
		for _, key := range []string{"epoch", "step_in_epoch", "global_step", "queue_index", "rng", "epoch_sums", "collapse", "mix_start", "precision"} {
			s = append(s, fmt.Sprint(key, d.Get(key)))
		}
		return strings.Join(s, " ")
	}
	if x, y := record(0), record(1); x != y {
		t.Errorf("the record is %s, not %s", y, x)
	}
	x, y := scoreFiles(t, a), scoreFiles(t, b)
	for _, path := range slices.Sorted(maps.Keys(x)) {
		if !bytes.Equal(x[path], y[path]) {
			t.Errorf("%s differs", path)
		}
	}
	if len(x) < 3 || len(x) != len(y) {
		t.Errorf("%d score files, want %d", len(y), len(x))
	}
	for _, name := range []string{"metrics.jsonl", "results.jsonl"} {
		if x, y := timeless(t, filepath.Join(a, name)), timeless(t, filepath.Join(b, name)); x != y || x == "" {
			t.Errorf("%s is\n%s\nnot\n%s", name, y, x)
		}
	}
}

// scoreFiles returns the contents of all files in scores.
func scoreFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(filepath.Join(dir, "scores"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			relative, _ := filepath.Rel(dir, path)
			files[relative], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// timeless returns a file of JSON lines without the fields that differ in every run.
func timeless(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Errorf("%s has the line %q", path, line)
		}
		for _, key := range []string{"img_s", "wait_s", "compute_s", "time", "command", "checkpoint", "checkpoint_sha256", "group"} {
			delete(v, key)
		}
		s, _ := json.Marshal(v)
		all = append(all, string(s))
	}
	return strings.Join(all, "\n")
}
