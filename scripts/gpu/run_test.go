package gpu

import (
	"archive/tar"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bundle packs programs of shell that do nothing but say so.
func bundle(t *testing.T, dir, commit string) string {
	t.Helper()
	return pack(t, dir, commit, map[string]string{
		"bin/engine":     "#!/bin/sh\n",
		"bin/contralens": "#!/bin/sh\necho '[{}]'\n",
		"bin/x.test":     "#!/bin/sh\necho '--- PASS: TestA (0.0s)'; echo '--- PASS: TestB (0.0s)'\n",
	})
}

// pack makes a bundle of the given programs and of the facts about it.
func pack(t *testing.T, dir, commit string, programs map[string]string) string {
	t.Helper()
	path := filepath.Join(dir, commit+".tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := tar.NewWriter(file)
	programs["bundle.txt"] = "commit " + commit + "\npackages x\n"
	// In the same order each time: run.py knows a bundle by its bytes.
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		text := programs[name]
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkout makes a folder with a package x and a PyTorch that is only a name.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"torch/__init__.py": "__version__ = '2.15.0'\n", "x/x.go": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// callRun runs run.py on the CPU in a folder of checkout.
func callRun(t *testing.T, dir, bundle, parts string) (string, error) {
	t.Helper()
	program, err := filepath.Abs("run.py")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", program, "--bundle", bundle, "--out", "out", "--parts", parts, "--device", "cpu")
	c.Dir, c.Env = dir, append(os.Environ(), "PYTHONPATH="+dir)
	out, err := c.CombinedOutput()
	return string(out), err
}

// Where nothing can be compiled, the engine of the bundle finds libtorch in every call, also in one
// that takes the engine from an earlier call.
func TestBundledEngineFindsLibtorch(t *testing.T) {
	dir := checkout(t)
	found := "#!/bin/sh\ncase $LD_LIBRARY_PATH in *" + dir + "/torch/lib) "
	path := pack(t, dir, "first", map[string]string{
		"bin/engine":       "#!/bin/sh\nexit 1\n",
		"prebuilt/library": "",
		"bin/contralens":   found + "echo '[{}]';; *) exit 3;; esac\n",
		"bin/x.test":       found + "echo '--- PASS: TestA (0.0s)';; *) exit 3;; esac\n",
	})
	for _, parts := range []string{"doctor", "tests"} {
		if out, err := callRun(t, dir, path, parts); err != nil || !strings.Contains(out, "note: the engine is that of the bundle") {
			t.Errorf("%s: %v\n%s", parts, err, out)
		}
	}
}

// A call with some of the parts keeps the results that earlier calls had of the others; those of
// another commit are set aside, and an unknown part is refused.
func TestPartsOfSeveralCalls(t *testing.T) {
	dir := checkout(t)
	call := func(commit, parts string) (string, error) {
		t.Helper()
		return callRun(t, dir, bundle(t, dir, commit), parts)
	}
	expect := func(file, commit string, passed int, names ...string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "out", file))
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Commit string
			Passed int
			Parts  map[string]any
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		if r.Commit != commit || r.Passed != passed {
			t.Errorf("%s: commit %s, %d passed; want %s, %d", file, r.Commit, r.Passed, commit, passed)
		}
		for _, name := range names {
			if r.Parts[name] == nil {
				t.Errorf("%s: no part %s", file, name)
			}
		}
	}
	for _, x := range []struct{ commit, parts string }{{"first", "tests"}, {"first", "doctor"}, {"second", "doctor"}} {
		if out, err := call(x.commit, x.parts); err != nil {
			t.Fatalf("%v: %v\n%s", x, err, out)
		}
		if x.commit == "first" && x.parts == "doctor" {
			expect("results.json", "first", 5, "facts", "engine", "tests x", "doctor")
		}
	}
	expect("results.json", "second", 3, "facts", "engine", "doctor")
	expect("results-first-cpu.json", "first", 5, "tests x")
	if out, err := call("first", "test"); err == nil || !strings.Contains(out, "parts: want some of facts, engine, doctor, tests") {
		t.Errorf("an unknown part: %v\n%s", err, out)
	}
}
