package torch

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A thousand steps of a small network leak nothing.
func TestNoLeak(t *testing.T) {
	inRun(t, func() {
		w, b := d(4, 3, 3, 3).To(Float32).SetRequiresGrad(true), Ones([]int{4}).SetRequiresGrad(true)
		bias, mean, variance := Zeros([]int{4}).SetRequiresGrad(true), Zeros([]int{4}), Ones([]int{4})
		head := d(5, 4).To(Float32).Detach().SetRequiresGrad(true)
		labels := FromInt64([]int64{0, 1, 2, 3}, 4)
		x := d(4, 3, 6, 6).To(Float32)
		var before int
		var memory int64
		var first, last float64
		for step := range 1000 {
			Scoped(func() {
				y := x.Conv2d(w, nil, 1, 1, 1, 1).BatchNorm(b, bias, mean, variance, true, 0.1, 1e-5).Relu_()
				loss := y.AdaptiveAvgPool2d(1, 1).Flatten(1, -1).Linear(head, nil).CrossEntropy(labels)
				loss.Backward()
				last = loss.Item()
				NoGrad(func() {
					for _, p := range []*Tensor{w, b, bias, head} {
						p.AddInto_(p.Grad(), -0.05)
						p.ClearGrad()
					}
				})
			})
			if step == 10 {
				before, memory, first = LiveTensors(), MemoryInUse(), last
			}
		}
		if n := LiveTensors(); n != before {
			t.Errorf("%d live tensors after 1,000 steps, %d after 10", n, before)
		}
		if n := MemoryInUse(); n != memory {
			t.Errorf("%d bytes in use after 1,000 steps, %d after 10", n, memory)
		}
		if !(last < first/2) {
			t.Errorf("loss %v after 1,000 steps, %v after 10: nothing was learned", last, first)
		}
		ResetMemoryPeak()
		Scoped(func() { Zeros([]int{1 << 20}) })
		if p := MemoryPeak() - memory; p < 4<<20 || p > 5<<20 {
			t.Errorf("a tensor of 4 MiB raised the peak by %d bytes", p)
		}
	})
}

func TestScopes(t *testing.T) {
	inRun(t, func() {
		var kept, inner *Tensor
		Scoped(func() {
			kept = Ones([]int{1}).Keep()
			inner = Ones([]int{1})
			moved := Scoped1(func() *Tensor { return Ones([]int{2}) })
			if moved.Freed() {
				t.Error("Scoped1's result was freed")
			}
			var lost *Tensor
			both := ScopedAll(func() []*Tensor {
				lost = Ones([]int{1})
				return []*Tensor{Ones([]int{2}), lost.AddScalar(1)}
			})
			if len(both) != 2 || both[0].Freed() || both[1].Freed() || !lost.Freed() {
				t.Error("ScopedAll freed a result or kept what is none")
			}
			early := Ones([]int{1})
			early.Free()
			early.Free()
			if !early.Freed() {
				t.Error("Free did not free")
			}
		})
		if kept.Freed() || !inner.Freed() {
			t.Error("the scope freed the kept tensor or kept the other one")
		}
		kept.Free()
		func() {
			defer func() {
				var e *Error
				if err, ok := recover().(error); !ok || !errors.As(err, &e) {
					t.Errorf("using a freed tensor: %v", err)
				}
			}()
			kept.Neg()
		}()
		before := LiveTensors()
		func() {
			defer func() { recover() }()
			Scoped(func() { Ones([]int{1}); panic("out") })
		}()
		if LiveTensors() != before {
			t.Error("a panic leaves the scope's tensors alive")
		}
	})
}

func TestErrors(t *testing.T) {
	before := LiveTensors()
	for name, c := range map[string]struct {
		f    func()
		want string
	}{
		"shapes":        {func() { Ones([]int{2, 3}).Mm(Ones([]int{2, 3})) }, "shapes cannot be multiplied"},
		"index":         {func() { Ones([]int{2}).IndexSelect(0, FromInt64([]int64{5}, 1)) }, "out of range"},
		"type":          {func() { Ones([]int{2}).IndexSelect(0, Ones([]int{1})) }, "index"},
		"view":          {func() { Ones([]int{4}).View(3) }, "invalid for input of size 4"},
		"grad":          {func() { Ones([]int{1}).Backward() }, "does not require grad"},
		"values":        {func() { FromFloat32([]float32{1}, 2) }, "wants 2 values, got 1"},
		"item":          {func() { Ones([]int{2}).Item() }, "want one element"},
		"copy bytes":    {func() { Ones([]int{2}).CopyBytes(make([]byte, 4)) }, "8 bytes"},
		"copy to slice": {func() { Ones([]int{2}).CopyTo(make([]float32, 3)) }, "2 values"},
	} {
		err := Run(func() error { Scoped(c.f); return nil })
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, c.want) || e.Op == "" || strings.Contains(e.Message, "Exception raised from") {
			t.Errorf("%s: got %v, want an *Error with %q", name, err, c.want)
		}
	}
	if n := LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors left after errors", n)
	}
	func() {
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("another panic came out as %v", r)
			}
		}()
		Run(func() error { panic("mine") })
	}()
	if err := Run(func() error { return errors.New("plain") }); err == nil || err.Error() != "plain" {
		t.Errorf("Run's own error came out as %v", err)
	}
	for _, s := range []string{"gpu", "cuda:x", "cuda:99"} {
		if _, err := ParseDevice(s); err == nil {
			t.Errorf("device %q is accepted", s)
		}
	}
}

func TestGenerator(t *testing.T) {
	inRun(t, func() {
		draw := func(g *Generator) []float32 { return Empty([]int{100}).Normal_(0, 1, g).Float32s() }
		same := func(a, b []float32) bool {
			for i := range a {
				if a[i] != b[i] {
					return false
				}
			}
			return true
		}
		a, b, c := NewGenerator(1, CPU), NewGenerator(1, CPU), NewGenerator(2, CPU)
		defer a.Free()
		defer b.Free()
		defer c.Free()
		x := draw(a)
		if !same(x, draw(b)) || same(x, draw(c)) {
			t.Error("seeds don't decide the stream")
		}
		state := a.State()
		y := draw(a)
		if same(x, y) {
			t.Error("the stream repeats")
		}
		a.SetState(state)
		if !same(y, draw(a)) {
			t.Error("a saved state draws something else")
		}
		n := Empty([]int{100000}).Normal_(3, 2, a)
		v, m := n.VarMean([]int{0}, true, false)
		if math.Abs(m.Item()-3) > 0.05 || math.Abs(v.Item()-4) > 0.1 {
			t.Errorf("Normal_(3, 2): mean %v, variance %v", m.Item(), v.Item())
		}
		u := Empty([]int{100000}).Uniform_(-1, 3, a)
		if u.Min().Item() < -1 || u.Max().Item() >= 3 || math.Abs(u.Mean().Item()-1) > 0.05 {
			t.Errorf("Uniform_(-1, 3): %v to %v, mean %v", u.Min().Item(), u.Max().Item(), u.Mean().Item())
		}
	})
}

func TestModes(t *testing.T) {
	inRun(t, func() {
		w := Full([]int{8, 8}, 1.0/3).SetRequiresGrad(true)
		x := Ones([]int{8, 8})
		var y *Tensor
		Autocast(CPU, BFloat16, func() { y = x.Mm(w) })
		if y.Dtype() != BFloat16 || w.Dtype() != Float32 {
			t.Errorf("autocast: product %v, weights %v", y.Dtype(), w.Dtype())
		}
		y.To(Float32).Sum().Backward()
		if g := w.Grad(); g == nil || g.Dtype() != Float32 {
			t.Errorf("gradient through autocast: %v", g)
		}
		func() {
			defer func() { recover() }()
			Autocast(CPU, BFloat16, func() { NoGrad(func() { panic("out") }) })
		}()
		if z := x.Mm(w); z.Dtype() != Float32 || !z.RequiresGrad() || !GradEnabled() {
			t.Error("a panic leaves autocast or no-grad behind")
		}
		NoGrad(func() {
			if x.Mm(w).RequiresGrad() || GradEnabled() {
				t.Error("NoGrad records")
			}
		})
		Inference(func() {
			if x.Mm(w).RequiresGrad() {
				t.Error("Inference records")
			}
		})
	})
	n := Threads()
	defer SetThreads(n)
	SetThreads(1)
	if Threads() != 1 {
		t.Error("SetThreads")
	}
	if Version() == "" || BuildInfo() == "" || CUDADevices() < 0 {
		t.Error("version")
	}
	// Every Run sees the modes of its own thread, whatever other threads do.
	var wait sync.WaitGroup
	var one sync.Mutex // scopes belong to one goroutine at a time
	for i := range 16 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			one.Lock()
			defer one.Unlock()
			err := Run(func() error {
				Scoped(func() {
					w := Ones([]int{2, 2}).SetRequiresGrad(true)
					check := func(want bool) {
						if got := w.Mm(w).RequiresGrad(); got != want {
							t.Errorf("goroutine %d: recording %v, want %v", i, got, want)
						}
					}
					if i%2 == 0 {
						NoGrad(func() { check(false) })
					} else {
						check(true)
					}
				})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
}

// Every exported function and method is used in a test.
func TestAllIsTested(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	var exported []string
	var tests strings.Builder
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.IsExported() && fn.Name.Name != "Error" {
				exported = append(exported, fn.Name.Name)
			}
		}
	}
	if len(exported) < 100 {
		t.Errorf("%d exported functions found, want the operators", len(exported))
	}
	for _, name := range exported {
		if !regexp.MustCompile(`\b`+name+`(\(|, )`).MatchString(tests.String()) && !strings.Contains(tests.String(), "(*Tensor)."+name) {
			t.Errorf("%s is not tested", name)
		}
	}
}
