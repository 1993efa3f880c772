package checkpoint

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func example() Dict {
	return Dict{
		{"model", OrderedDict{{"module.w", FromFloat32([]float32{1, -2, 3.5, 4, 5, 6}, 2, 3)}, {"module.n", FromInt64([]int64{7}, 1)}, {"empty", FromFloat32(nil, 0)}}},
		{"epoch", 3}, {"big", 1 << 40}, {"lr", 0.125}, {"on", true}, {"off", false}, {"none", nil}, {"name", "prüfung"},
		{"list", []any{1, "two", Dict{{0, 0.5}}}}, {"optimizer", Dict{{"state", Dict{{0, Dict{{"momentum_buffer", FromFloat32([]float32{9}, 1)}}}}}}},
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := Write(path, example()); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := describe(got), describe(example()); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func describe(v any) string {
	switch v := v.(type) {
	case Dict:
		var b strings.Builder
		for _, i := range v {
			fmt.Fprintf(&b, "{%v: %s}", i.Key, describe(i.Value))
		}
		return b.String()
	case OrderedDict:
		return "ordered" + describe(Dict(v))
	case []any:
		var b strings.Builder
		for _, x := range v {
			b.WriteString(describe(x) + ",")
		}
		return b.String()
	case *Tensor:
		return fmt.Sprint(v.Dtype, v.Shape, v.Float32s())
	}
	return fmt.Sprintf("%T %v", v, v)
}

// PyTorch reads what Write wrote.
func TestPyTorchReads(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import torch").Run() != nil {
		t.Log("not compared: there is no PyTorch on this machine")
		return
	}
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := Write(path, example()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", `
import torch, sys
d = torch.load(sys.argv[1])
print(type(d['model']).__name__, d['model']['module.w'].tolist(), d['model']['module.n'].tolist(), d['model']['empty'].shape[0], d['epoch'], d['big'], d['lr'], d['on'], d['off'], d['none'], d['name'], d['list'], d['optimizer']['state'][0]['momentum_buffer'].item())`, path).CombinedOutput()
	want := "OrderedDict [[1.0, -2.0, 3.5], [4.0, 5.0, 6.0]] [7] 0 3 1099511627776 0.125 True False None prüfung [1, 'two', {0: 0.5}] 9.0"
	if err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("%v\n got %s\nwant %s", err, out, want)
	}
}

func TestErrors(t *testing.T) {
	folder := t.TempDir()
	if _, err := Read(folder); err == nil || !strings.HasSuffix(err.Error(), "but it is a folder") {
		t.Errorf("a folder: %v", err)
	}
	current := filepath.Join(folder, "current.pth")
	if err := os.WriteFile(current, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder); err == nil || !strings.HasSuffix(err.Error(), "; use "+current) {
		t.Errorf("a run directory: %v", err)
	}
	if _, err := Read("nowhere.pth"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a missing file: %v", err)
	}
	if err := Write(filepath.Join(t.TempDir(), "no", "folder.pth"), Dict{}); err == nil {
		t.Error("writing into a missing folder succeeds")
	}
	if err := Write(filepath.Join(t.TempDir(), "x.pth"), Dict{{"t", &Tensor{"float32", []int{3}, nil}}}); err == nil {
		t.Error("a tensor without its data is written")
	}
}

// WriteArrays refuses a Source: the data of arrays is within the pickle.
func TestArraysRefuseSources(t *testing.T) {
	err := WriteArrays(io.Discard, Dict{{"model", Dict{{"w", &Source{Dtype: "float32", Shape: []int{2}}}}}})
	if err == nil || !strings.Contains(err.Error(), "model: w: ") {
		t.Errorf("error %v", err)
	}
}
