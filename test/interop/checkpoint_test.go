package interop

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/weights"
	"contralens/internal/golden"
	"contralens/internal/npy"
	"contralens/nn"
	"contralens/optim"
	"contralens/statedict"
	"contralens/torch"
)

const python = "/usr/bin/python3"

// TestPyTorch writes a whole training state. PyTorch loads it strictly into a
// network and an optimizer of its own, gets the same features and takes the same
// step; what it writes back, in both formats, strided and in half precision, has
// the same tensors.
func TestPyTorch(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Log("not compared: python3-torch is not on this machine")
		return
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const momentum, rate = 0.9, 0.03
	net := nn.Config{Arch: "resnet18", Width: 0.125, Stem: "imagenet", Head: "mlp", FeatDim: 16, Modal: "RGB"}
	err := torch.Run(func() (err error) {
		torch.Scoped(func() { err = pytorch(t, dir, net, momentum, rate) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := checkpoint.Read(at("ours.pth"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"back_zip.pth", "back_legacy.pth"} {
		back, err := checkpoint.Read(at(name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !reflect.DeepEqual(back, ours) {
			t.Errorf("%s is not what was written", name)
		}
	}
	plain, err := checkpoint.Read(at("torchvision.pth"))
	if err != nil {
		t.Fatal(err)
	}
	strided, err := checkpoint.Read(at("back_strided.pth"))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(strided, plain) {
		t.Error("back_strided.pth is not what was written")
	}
	half, err := checkpoint.Read(at("back_half.pth"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bits := range map[string]float64{"half": 11, "bf16": 8} {
		tensors := half.Dict(name)
		for _, i := range tensors {
			want := plain.Get(i.Key).(*checkpoint.Tensor).Float64s()
			for k, v := range i.Value.(*checkpoint.Tensor).Float64s() {
				if math.Abs(v-want[k]) > math.Abs(want[k])*math.Pow(2, -bits)+1e-7 {
					t.Fatalf("%s: %s[%d] is %v, want %v", name, i.Key, k, v, want[k])
				}
			}
		}
		if len(tensors) < 90 {
			t.Errorf("%s: %d tensors", name, len(tensors))
		}
	}
	for _, protocol := range []int{2, 4, 5} {
		arrays, err := checkpoint.Read(at(fmt.Sprintf("back_arrays_%d.pkl", protocol)))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := arrays.Get("fortran").(*checkpoint.Tensor); !reflect.DeepEqual(got, plain.Get("conv1.weight")) {
			t.Errorf("protocol %d: an array in Fortran order is not what was written", protocol)
		}
		if got := arrays.Get("scalar").(*checkpoint.Tensor).Float64s(); fmt.Sprint(got) != "[0.5]" {
			t.Errorf("protocol %d: a NumPy scalar: %v", protocol, got)
		}
		model := arrays.Dict("model")
		if len(model) != len(plain) || !reflect.DeepEqual(model.Get("stem.conv1.weight"), plain.Get("conv1.weight")) {
			t.Errorf("protocol %d: %d arrays, want %d equal ones", protocol, len(model), len(plain))
		}
	}
}

// pytorch writes the files, runs the script and compares what it computed.
func pytorch(t *testing.T, dir string, net nn.Config, momentum, rate float64) error {
	m, err := nn.New(net, 1)
	if err != nil {
		return err
	}
	defer m.Free()
	ema, err := nn.New(net, 2)
	if err != nil {
		return err
	}
	defer ema.Free()
	parameters := m.State.Parameters()
	sgd := optim.NewSGD(parameters, momentum, 1e-4)
	defer func() {
		for _, b := range sgd.Buffers {
			b.Free()
		}
	}()
	step(parameters, sgd, rate) // momentum that is not zero
	err = checkpoint.Write(filepath.Join(dir, "ours.pth"), checkpoint.Dict{
		{Key: "model", Value: statedict.Of(m.State, "module.")}, {Key: "model_ema", Value: statedict.Of(ema.State, "")},
		{Key: "optimizer", Value: statedict.SGD(sgd, rate)}, {Key: "epoch", Value: 7},
	})
	if err != nil {
		return err
	}
	f, err := weights.Open(filepath.Join(dir, "ours.pth"), "")
	if err != nil {
		return err
	}
	e, err := f.Encoder(false)
	if err != nil {
		return err
	}
	for _, name := range []string{"torchvision.pth", "encoder.npz", "encoder.safetensors", "encoder.pkl"} {
		if _, err := e.Save(filepath.Join(dir, name), net, weights.SaveOptions{}); err != nil {
			return err
		}
	}
	x := golden.Input(3, 2*3*32*32)
	if err := npy.Write(filepath.Join(dir, "x.npy"), x, 2*3*32*32); err != nil {
		return err
	}
	images := torch.FromFloat32(x, 2, 3, 32, 32)
	m.Train(false)
	var features, embeddings []float32
	torch.NoGrad(func() { features, embeddings = m.Features(images).Float32s(), m.Forward(images).Float32s() })
	shape, err := json.Marshal(map[string]any{"width": 8, "dim": net.FeatDim, "momentum": momentum, "lr": rate})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "shape.json"), shape, 0o644); err != nil {
		return err
	}
	if out, err := exec.Command(python, "resnet.py", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%v\n%s", err, out)
	}
	step(parameters, sgd, rate)
	var stepped []float32
	for _, p := range parameters {
		stepped = append(stepped, p.Float32s()...)
	}
	for name, want := range map[string][]float32{"features": features, "embeddings": embeddings, "stepped": stepped} {
		got, _, err := npy.Read(filepath.Join(dir, name+".npy"))
		if err != nil {
			return err
		}
		golden.Near(t, name, got, want, 1e-5)
	}
	return nil
}

// step is one of SGD with gradients of 1.
func step(parameters []*torch.Tensor, sgd *optim.SGD, rate float64) {
	torch.Scoped(func() {
		for _, p := range parameters {
			p.Sum().Backward()
		}
		sgd.Step(rate)
	})
}

// TestONNX runs exported networks with ONNX Runtime on the golden inputs: within
// 1e-4 of the reference's features and embeddings, for any batch.
func TestONNX(t *testing.T) {
	const tolerance = 1e-4
	if _, err := os.Stat("node_modules/onnxruntime-node"); err != nil {
		t.Log("not compared: onnxruntime-node is not installed here; npm install --ignore-scripts does it")
		return
	}
	for name, stem := range map[string]string{"resnet18": "imagenet", "resnet50": "imagenet", "resnext50": "imagenet"} {
		err := torch.Run(func() (err error) {
			torch.Scoped(func() { err = onnx(t, name, stem, tolerance) })
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func onnx(t *testing.T, name, stem string, tolerance float64) error {
	c := golden.Load(t, "networks", name)
	var p struct {
		FeatDim  int    `json:"feat_dim"`
		FillSeed uint64 `json:"fill_seed"`
		Input    string
	}
	c.Decode(c.Params, &p)
	x := golden.ReadArray(t, filepath.Join(golden.Path(t, "networks"), p.Input))
	for _, key := range []string{"features", "proj_mlp", "proj_mlp_bn", "proj_linear"} {
		head, isHead := strings.CutPrefix(key, "proj_")
		if isHead && name != "resnet18" { // heads are the same behind every backbone
			continue
		}
		net := nn.Config{Arch: name, Width: 1, Stem: stem, FeatDim: p.FeatDim, Modal: "RGB"}
		if isHead {
			net.Head = head
		}
		e, err := filled(net, isHead, p.FillSeed)
		if err != nil {
			return err
		}
		path := filepath.Join(t.TempDir(), "m.onnx")
		if _, err := e.Save(path, net, weights.SaveOptions{Head: isHead}); err != nil {
			return err
		}
		want, shape := c.F32(key + "_eval")
		all, one, err := runONNX(t, path, x.F32, x.Shape)
		if err != nil {
			return err
		}
		golden.Near(t, name+" "+key, all, want, tolerance)
		golden.Near(t, name+" "+key+", the first image alone", one, want[:shape[1]], tolerance)
	}
	return nil
}

// filled is a network with the golden fill's weights, as one read from a file.
func filled(net nn.Config, head bool, seed uint64) (*weights.Encoder, error) {
	shapes, err := nn.Shapes(net)
	if err != nil {
		return nil, err
	}
	byName := map[string][]int{}
	for _, s := range shapes {
		if head || !strings.HasPrefix(s.Name, "head") {
			byName[s.Name] = s.Shape
		}
	}
	var d checkpoint.OrderedDict
	for name, values := range golden.Fill(byName, seed) {
		d = append(d, checkpoint.Item{Key: name, Value: checkpoint.FromFloat32(values, byName[name]...)})
	}
	return (&weights.File{Tree: checkpoint.Dict{{Key: "model", Value: d}}}).Encoder(false)
}

// runONNX runs a model on all images and on the first alone.
func runONNX(t *testing.T, path string, x []float32, shape []int) (all, one []float32, err error) {
	in, out := filepath.Join(t.TempDir(), "in.bin"), filepath.Join(t.TempDir(), "out.json")
	if err := os.WriteFile(in, npy.Append(nil, x), 0o644); err != nil {
		return nil, nil, err
	}
	dims, err := json.Marshal(shape)
	if err != nil {
		return nil, nil, err
	}
	node := exec.Command("node", "onnx.mjs", path, in, string(dims), out)
	node.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // where it leaves a log
	if message, err := node.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("%v\n%s", err, message)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, nil, err
	}
	var result struct{ All, One []float32 }
	err = json.Unmarshal(text, &result)
	return result.All, result.One, err
}
