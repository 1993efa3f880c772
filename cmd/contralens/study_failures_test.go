package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/study"
)

// A cell that fails is in the table with its reason; the study goes on, and --retry tries again. A
// program trains an arm.
func TestStudyFailures(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	must(t, small(data, "--epochs", "1", "--name", "other")...)
	text := `options: {method: MoCov2, arch: resnet18, width: 0.125, stem: cifar, input_res: 16, batch_size: 8, nce_k: 20, feat_dim: 16, epochs: 1, data_folder: ` + data + `}
arms:
  plain: {}
  copied: {program: [cp, save/other/current.pth, "{dir}/current.pth"]}
  broken: {program: [sh, -c, "echo no luck with {seed}; exit 3"]}
  silent: {program: "true"}
seeds: 1
evaluations: {knn: {neighbors: 3}}
`
	if err := os.WriteFile("s.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	printed := must(t, "study", "s.yaml", "-o", "out")
	for _, want := range []string{"broken_seed-1 failed: sh ended with exit status 3", "0 (1 failed)", "no intervals", "2 trainings failed"} {
		if !strings.Contains(printed, want) {
			t.Errorf("want %q in\n%s", want, printed)
		}
	}
	b, err := os.ReadFile("out/study.md")
	for _, want := range []string{"no luck with 1", "want the checkpoint out/runs/silent_seed-1/current.pth from it", "cp save/other/current.pth out/runs/copied_seed-1/current.pth"} {
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%v: want %q in\n%s", err, want, b)
		}
	}
	if again := must(t, "study", "s.yaml", "-o", "out"); strings.Contains(again, "== ") {
		t.Errorf("what failed was tried again:\n%s", again)
	}
	if again := must(t, "study", "s.yaml", "-o", "out", "--retry"); strings.Count(again, "== ") != 2 {
		t.Errorf("want two cells tried again:\n%s", again)
	}
	t.Run("programs are gone", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if code, text := command(t, "study", "s.yaml", "-o", "out"); code != 0 { // what is done needs none
			t.Errorf("exit code %d\n%s", code, text)
		}
		if code, text := command(t, "study", "s.yaml", "-o", "out", "--retry"); code != exitFailed || !strings.Contains(text, "arm broken: sh: want a program that can be run") {
			t.Errorf("--retry: exit code %d\n%s", code, text)
		}
	})
	if again := must(t, "study", "s.yaml", "-o", "out", "--data_folder", moved(t, data)); strings.Contains(again, "== ") {
		t.Errorf("the same images in another folder:\n%s", again)
	}
	want := "want the images that the study began with (arm broken: 18 for training, 18 for tests), but there are 16 for training"
	if code, text := command(t, "study", "s.yaml", "-o", "out", "--data_folder", stripes(t, 8)); code != exitFailed || !strings.Contains(text, want) {
		t.Errorf("other images: exit code %d\n%s", code, text)
	}
	if err := os.WriteFile("out/images.json", []byte(`{"arm pl`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, text := command(t, "study", "s.yaml", "-o", "out"); code != exitFailed || !strings.Contains(text, "out/images.json: want the record of the images") || !strings.Contains(text, "remove the file") {
		t.Errorf("a cut record of images: exit code %d\n%s", code, text)
	}
	var r study.Report
	if err := json.Unmarshal([]byte(must(t, "study", "s.yaml", "-o", "out", "--report", "--json")), &r); err != nil || r.Done != 4 || r.Failed != 2 {
		t.Errorf("%v: %+v", err, r)
	}
	published(t, "s.yaml")
	for name, want := range map[string]string{
		`copied: {program: [nosuch, "{dir}"]}`: "arm copied: nosuch: want a program that can be run: executable file not found",
		"copied: {gpu: 99}":                    "arm copied: --device cuda:99",
		"copied: {init: nosuch.pth}":           "arm copied: init: checkpoint nosuch.pth: want a checkpoint file",
	} {
		early := strings.Replace(text, `copied: {program: [cp, save/other/current.pth, "{dir}/current.pth"]}`, name, 1)
		if err := os.WriteFile("early.yaml", []byte(early), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, dry := range []string{"--dry_run", "--dry_run=false"} {
			if code, text := command(t, "study", "early.yaml", "-o", "early", dry); code != exitFailed || !strings.Contains(text, want) {
				t.Errorf("%s, %s: exit code %d, want %q\n%s", name, dry, code, want, text)
			}
		}
	}
	one := filepath.Join(data, "train", "class 0")
	if _, err := os.Stat(one); err != nil {
		t.Fatal(err)
	}
	want = "evaluations: knn: want images in folders of at least 2 classes, got 0"
	if code, text := command(t, "study", "s.yaml", "-o", "early", "--data_folder", one); code != exitFailed || !strings.Contains(text, want) {
		t.Errorf("images without labels: exit code %d, want %q\n%s", code, want, text)
	}
	others := stripes(t, 9)
	if err := os.Rename(filepath.Join(others, "val", "class 1"), filepath.Join(others, "val", "class 2")); err != nil {
		t.Fatal(err)
	}
	if code, text := command(t, "study", "s.yaml", "-o", "early", "--data_folder", others); code != exitFailed || !strings.Contains(text, `there is no training image of class "class 2"`) || strings.Contains(text, "== ") {
		t.Errorf("test images of another class: exit code %d\n%s", code, text)
	}
	for _, lost := range []string{"cells", "study.json"} {
		if err := os.RemoveAll(filepath.Join("results", lost)); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile("results/cells.csv")
	if err != nil {
		t.Fatal(err)
	}
	if said := must(t, "study", "s.yaml", "-o", "results", "--report"); !strings.Contains(said, "4 of 4 trainings are not done") || strings.Contains(said, "has everything") {
		t.Errorf("tables of nothing:\n%s", said)
	}
	if after, err := os.ReadFile("results/cells.csv"); err != nil || string(after) != string(before) {
		t.Errorf("%v: an empty table took the place of results", err)
	}
	other := strings.Replace(text, "silent", "mute", 1)
	if err := os.WriteFile("other.yaml", []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, last := range []string{"--report", "--dry_run"} {
		if code, text := command(t, "study", "other.yaml", "-o", "out", last); code != exitFailed || !strings.Contains(text, "it was made with other arms") {
			t.Errorf("%s in the folder of another study: exit code %d\n%s", last, code, text)
		}
	}
	if code, text := command(t, "study", "s.yaml", "-o", "absent", "--report"); code != exitFailed || !strings.Contains(text, "absent: want the folder of a study that has begun") {
		t.Errorf("no folder: exit code %d\n%s", code, text)
	}
	if code, text := command(t, "study", "s.yaml", "-o", "elsewhere", "--data_folder", "nowhere"); code != exitFailed || !strings.Contains(text, "no such folder") {
		t.Errorf("no images: exit code %d\n%s", code, text)
	}
	warm := strings.Replace(text, "epochs: 1,", "epochs: 1, warm: true,", 1)
	if err := os.WriteFile("warm.yaml", []byte(warm), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, text := command(t, "study", "warm.yaml", "-o", "elsewhere", "--dry_run"); code != 0 || strings.Count(text, "never reaches") != 1 {
		t.Errorf("a warm-up longer than the training: exit code %d\n%s", code, text)
	}
	gone := moved(t, data)
	lost := strings.NewReplacer(data, gone, "echo no luck with {seed}", "rm -r "+gone).Replace(text)
	if err := os.WriteFile("lost.yaml", []byte(lost), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, text := command(t, "study", "lost.yaml", "-o", "lost"); code != exitFailed || !strings.Contains(text, "broken_seed-1: the images cannot be opened any more: ") {
		t.Errorf("images that were lost: exit code %d\n%s", code, text)
	}
	if done, err := filepath.Glob("lost/cells/*.json"); err != nil || len(done) != 2 {
		t.Errorf("outcomes %v, %v; want those of the two trainings before", done, err)
	}
	many := strings.Replace(text, "knn: {neighbors: 3}", "fewshot: {labels: [1, 10]}", 1)
	if err := os.WriteFile("many.yaml", []byte(many), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, text := command(t, "study", "many.yaml", "-o", "elsewhere"); code != exitFailed || !strings.Contains(text, "line 8: evaluations: fewshot: want at most 9 labels per class, the number of training images of ") {
		t.Errorf("too many labels: exit code %d\n%s", code, text)
	}
	if code, text := command(t, "study", "many.yaml", "-o", "elsewhere", "--dry_run"); code != exitFailed || !strings.Contains(text, "want at most 9 labels per class") {
		t.Errorf("a plan with too many labels: exit code %d\n%s", code, text)
	}
	for args, want := range map[string]string{
		"--report --dry_run": "--report: want neither --dry_run nor --retry with it",
		"--report --retry":   "--report: want neither --dry_run nor --retry with it",
		"--dry_run --json":   "--json: want no --dry_run with it",
	} {
		if code, text := command(t, append([]string{"study", "s.yaml", "-o", "out"}, strings.Fields(args)...)...); code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d\n%s", args, code, text)
		}
	}
	if _, err := os.Stat("elsewhere"); err == nil {
		t.Error("a folder was made although there are no images")
	}
	if code, text := command(t, "study", "nothing.yaml"); code != exitUsage || !strings.Contains(text, "the ready ones are") {
		t.Errorf("no file: exit code %d\n%s", code, text)
	}
}

// published holds that the tables of results are printed without the outcomes of trainings, and that no command
// replaces them.
func published(t *testing.T, file string) {
	t.Helper()
	if err := os.CopyFS("results", os.DirFS("out")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll("results/cells"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile("results/study.csv")
	if err != nil {
		t.Fatal(err)
	}
	said := must(t, "study", file, "-o", "results", "--report")
	if !strings.Contains(said, "the tables are those of study.json") || !strings.Contains(said, "2 trainings failed") || strings.Contains(said, "not done") {
		t.Errorf("the tables of results:\n%s", said)
	}
	for _, args := range [][]string{{}, {"--dry_run"}} {
		want := "results: want the outcomes of its trainings in cells, but there are none, and study.json has results"
		if code, text := command(t, append([]string{"study", file, "-o", "results"}, args...)...); code != exitFailed || !strings.Contains(text, want) {
			t.Errorf("training over results, %v: exit code %d\n%s", args, code, text)
		}
	}
	if after, err := os.ReadFile("results/study.csv"); err != nil || string(after) != string(before) {
		t.Errorf("%v: study.csv changed", err)
	}
}

// With --json, what is printed is the report alone: progress goes to the other stream. A program is told of the recipe.
func TestStudyJSON(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	text := `recipe: r.yaml
options: {epochs: 1, data_folder: ` + data + `}
arms: {broken: {program: [sh, -c, "exit 3"]}, copied: {program: [sh, -c, "exit 4"]}}
seeds: 1
`
	for name, content := range map[string]string{"s.yaml": text, "r.yaml": "method: MoCov2\nnce_k: 20\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create("out.json")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	code, stderr := alone(t, out, "study", "s.yaml", "-o", "out", "--json")
	var r study.Report
	b, err := os.ReadFile("out.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil || code != exitFailed || r.Failed != 2 || !strings.Contains(stderr, "== 1 of 2: broken_seed-1") {
		t.Errorf("exit code %d, %v: %s\n%s", code, err, b, stderr)
	}
	if !strings.Contains(stderr, "the program of arm broken is not told epochs, method, nce_k:") {
		t.Errorf("no note on the recipe's options in\n%s", stderr)
	}
}

// A program that trains an arm ends with the study, even one that is killed.
func TestProgramEnds(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	text := `options: {method: MoCov2, arch: resnet18, width: 0.125, stem: cifar, input_res: 16, batch_size: 8, nce_k: 20, epochs: 1, data_folder: ` + data + `}
arms: {slow: {program: [sh, -c, "sleep 100 & echo $$ $! > begun; mv begun pid; wait"]}}
seeds: 1
`
	if err := os.WriteFile("s.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	begin := func() (*process, []string) {
		os.Remove("pid")
		p := spawn(t, "study", "s.yaml", "-o", "out")
		for range 600 {
			if b, err := os.ReadFile("pid"); err == nil {
				return p, strings.Fields(string(b))
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatal("the program has not begun")
		return nil, nil
	}
	gone := func(pids []string) {
		for range 200 {
			if !slices.ContainsFunc(pids, func(pid string) bool {
				b, err := os.ReadFile("/proc/" + pid + "/stat")
				return err == nil && !strings.Contains(string(b), ") Z ")
			}) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("some of %v still run", pids)
	}
	p, first := begin()
	p.Process.Kill()
	if _, printed := p.end(t); !strings.Contains(printed, "the program of arm slow is not told method, arch") {
		t.Errorf("no note in\n%s", printed)
	}
	gone(first[:1]) // what the program itself has started ends when the study goes on
	p, second := begin()
	gone(first)
	p.Process.Signal(syscall.SIGTERM)
	if code, printed := p.end(t); code != exitStopped || strings.Contains(printed, "failed") {
		t.Errorf("stopped: exit code %d\n%s", code, printed)
	}
	gone(second)
}

// moved returns a copy of a folder.
func moved(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
