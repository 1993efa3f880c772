package contrast

import (
	"fmt"
	"math"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/torch"
)

// inRun runs the tensor work of a test. It fails the test if an operator fails or tensors
// leak.
func inRun(t *testing.T, f func()) {
	t.Helper()
	before := torch.LiveTensors()
	err := torch.Run(func() error { torch.Scoped(f); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if n := torch.LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors left alive", n)
	}
}

func tensor(c *golden.Case, name string) *torch.Tensor { return typed(c, name, torch.Float32) }

// typed returns an array of the case, with float32 converted to dtype.
func typed(c *golden.Case, name string, dtype torch.Dtype) *torch.Tensor {
	a := c.Array(name)
	switch {
	case a.F32 != nil:
		return torch.FromFloat32(a.F32, a.Shape...).To(dtype)
	case a.I64 != nil:
		return torch.FromInt64(a.I64, a.Shape...)
	}
	panic("golden " + c.Name + ": " + name + ": want float32 or int64")
}

// lambda reads a mask: one float64 number, or float32 elements converted to dtype.
func lambda(c *golden.Case, name string, dtype torch.Dtype) *Lambda {
	if !c.Has(name) {
		return nil
	}
	if a := c.Array(name); a.F64 != nil {
		return &Lambda{Value: a.F64[0]}
	}
	return &Lambda{Elements: typed(c, name, dtype)}
}

type contrastFunc func(q, k *torch.Tensor, negatives Negatives, draw Draw, o Options) *Output

// paths are the implementations that are compared with every golden case.
var paths = map[string]contrastFunc{
	"plain": InfoNCEPlain, "fused": InfoNCE, "operators": operators, "on a device": onDevice,
}

// operators is InfoNCE through a matrix of scores, as on other devices.
func operators(q, k *torch.Tensor, negatives Negatives, draw Draw, o Options) *Output {
	return InfoNCE(q, k, struct{ Negatives }{negatives}, draw, o)
}

type ftCase struct {
	Params struct {
		Inputs      string
		T           float64
		MixNow      bool   `json:"mix_now"`
		AllK        any    `json:"all_k"`
		IndexBefore int    `json:"index_before"`
		PostmixNorm bool   `json:"postmix_norm"`
		MixTarget   string `json:"mix_target"`
	}
	Loss64       float64
	IndexAfter   int                `json:"index_after"`
	Float32Error map[string]float64 `json:"float32_error"`
}

// TestTransformGolden compares the transformation with the reference, whose numbers are
// float32 with an error of Float32Error and whose loss is float64. A path in float64 may
// differ by a small multiple of that error. A path in float32 may differ by twice as much,
// because the order of its rounding depends on the processor.
func TestTransformGolden(t *testing.T) {
	var names []string
	golden.JSON(t, &names, "ft", "index.json")
	for _, name := range names {
		for path, contrast := range paths {
			for _, dtype := range []torch.Dtype{torch.Float32, torch.Float64} {
				if path == "fused" && dtype == torch.Float64 {
					continue // its kernel takes float32
				}
				t.Run(fmt.Sprintf("%s/%s/%v", name, path, dtype), func(t *testing.T) {
					c := golden.Load(t, "ft", name)
					var meta ftCase
					c.Unmarshal(&meta)
					in := golden.Load(t, "ft", meta.Params.Inputs)
					inRun(t, func() { checkTransform(t, c, in, meta, contrast, dtype) })
				})
			}
		}
	}
}

func checkTransform(t *testing.T, c, in *golden.Case, meta ftCase, contrast contrastFunc, dtype torch.Dtype) {
	q, k := typed(in, "q", dtype).SetRequiresGrad(true), typed(in, "k", dtype)
	queue := &Queue{Keys: typed(in, "queue", dtype), Index: meta.Params.IndexBefore}
	draw := Draw{Positive: lambda(c, "pos_mask", dtype), Negative: lambda(c, "neg_mask", dtype)}
	if c.Has("perm") {
		draw.Permutation = tensor(c, "perm")
	}
	draw.NormalizePositive = meta.Params.PostmixNorm && meta.Params.MixNow
	out := contrast(q, k, QueueNegatives{Rows: queue.Keys}, draw, Options{Temperature: meta.Params.T, Scores: true})
	// Float32Error is absolute. What is stored is off by as much, up to 2e-4 of the largest
	// gradient where a loss is nearly 0; float32 here may be off by several times that, but
	// never by 1e-3 of the largest value.
	errors, most, loss, exponential := 4.0, 5e-4, 1e-12*meta.Loss64, 4*meta.Float32Error["logits"]
	if λ := draw.Positive; λ != nil && λ.Elements != nil || draw.Negative != nil && draw.Negative.Elements != nil {
		loss = numeric.Unit * max(1, meta.Loss64) // the reference rounds each element's 1-λ to float32
	}
	if dtype == torch.Float32 {
		errors, most = 8, 1e-3
		loss = max(8*meta.Float32Error["logits"], 2e-6*meta.Loss64)
		exponential = max(8*meta.Float32Error["logits"], 2e-5)
	}
	allowed := func(what string) float64 {
		a, _ := c.F32(what)
		return min(errors*meta.Float32Error[what]/numeric.Largest(a)+numeric.Unit, most)
	}
	if out.Logits != nil {
		want, _ := c.F32("logits")
		golden.Near(t, "logits", out.Logits.Float32s(), want, allowed("logits"))
	}
	numeric.Near(t, "loss", out.Value, meta.Loss64, loss)
	checkScores(t, c, "score", out.Scores, exponential)
	out.Loss.Backward()
	want, _ := c.F32("grad_q")
	golden.Near(t, "grad_q", q.Grad().Float32s(), want, allowed("grad_q"))

	// The queue takes the untransformed keys, here k's rows reversed; the case
	// without gathered keys stores k' upstream and k here (design: section 8).
	rows := make([]int64, k.Size(0))
	for i := range rows {
		rows[i] = int64(i)
		if meta.Params.AllK != nil {
			rows[i] = int64(len(rows) - 1 - i)
		}
	}
	keys := k.IndexSelect(0, torch.FromInt64(rows, len(rows)))
	queue.Enqueue(keys)
	if queue.Index != meta.IndexAfter {
		t.Errorf("index: got %d, want %d", queue.Index, meta.IndexAfter)
	}
	stored, _ := c.F32("queue_new_rows")
	if meta.Params.AllK == nil {
		stored = keys.Float32s()
	}
	at := make([]int64, k.Size(0))
	for i := range at {
		at[i] = int64((meta.Params.IndexBefore + i) % queue.Len())
	}
	golden.Near(t, "queue", queue.Keys.IndexSelect(0, torch.FromInt64(at, len(at))).Float32s(), stored, 0)
}

// checkScores compares score rows with those of the reference, whose first three columns
// were rounded to half precision. The others are exponentials: their relative error is the
// absolute error of the exponent.
func checkScores(t *testing.T, c *golden.Case, name string, got []float32, exponential float64) {
	t.Helper()
	want, _ := c.F32(name)
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for i := range want {
		what, w := fmt.Sprintf("%s: row %d column %d", name, i/ScoreColumns, i%ScoreColumns), float64(want[i])
		if i%ScoreColumns <= Positive {
			numeric.Rounded(t, what, float64(got[i]), w, numeric.UnitHalf, 2e-6*max(1, math.Abs(w)))
		} else {
			numeric.Near(t, what, float64(got[i]), w, exponential*math.Abs(w))
		}
	}
}

func TestQueueGolden(t *testing.T) {
	for path, contrast := range paths {
		t.Run(path, func(t *testing.T) {
			c := golden.Load(t, "moco", "rgb")
			var meta struct {
				Params struct {
					T float64
				}
				Index []int
			}
			c.Unmarshal(&meta)
			inRun(t, func() {
				queue := &Queue{Keys: tensor(c, "queue_0"), Index: 0}
				for i := 0; c.Has(fmt.Sprint("q_", i)); i++ {
					if i < len(meta.Index) && queue.Index != meta.Index[i] {
						t.Errorf("call %d: index %d, want %d", i, queue.Index, meta.Index[i])
					}
					q, k := tensor(c, fmt.Sprint("q_", i)).SetRequiresGrad(true), tensor(c, fmt.Sprint("k_", i))
					out := contrast(q, k, QueueNegatives{Rows: queue.Keys}, Draw{}, Options{Temperature: meta.Params.T, Scores: true})
					if out.Logits != nil {
						want, _ := c.F32(fmt.Sprint("logits_", i))
						golden.Near(t, fmt.Sprint("logits ", i), out.Logits.Float32s(), want, 2e-6)
					}
					checkScores(t, c, fmt.Sprint("score_", i), out.Scores, 2e-5)
					out.Loss.Backward()
					want, _ := c.F32(fmt.Sprint("grad_q_", i))
					golden.Near(t, fmt.Sprint("grad_q ", i), q.Grad().Float32s(), want, 4e-6)
					queue.Enqueue(k)
				}
				want, _ := c.F32("queue_final")
				golden.Near(t, "queue", queue.Keys.Float32s(), want, 0)
			})
		})
	}
}

// TestQueuesGolden checks the queues of CMC, where each modality is compared with the keys
// of the other, and jigsaw queries against the keys of their image. The reference trainer
// exchanges the jigsaws of the modalities, so they are compared with their own.
func TestQueuesGolden(t *testing.T) {
	for _, name := range []string{"cmc", "rgb_jig"} {
		for path, contrast := range paths {
			t.Run(name+"/"+path, func(t *testing.T) {
				c := golden.Load(t, "moco", name)
				var meta struct {
					Params struct {
						T float64
					}
					Before int `json:"index_before"`
					After  int `json:"index_after"`
				}
				c.Unmarshal(&meta)
				inRun(t, func() {
					branches := []struct{ own, other string }{{"", ""}}
					if name == "cmc" {
						branches = []struct{ own, other string }{{"1", "2"}, {"2", "1"}}
					}
					for _, b := range branches {
						for _, jig := range []string{"", "_jig"} {
							out := contrast(tensor(c, "q"+b.own+jig), tensor(c, "k"+b.other), QueueNegatives{Rows: tensor(c, "queue"+b.other)}, Draw{}, Options{Temperature: meta.Params.T, Scores: true})
							want, shape := c.F32("logits" + b.own + jig)
							if out.Logits != nil {
								golden.Near(t, "logits "+b.own+jig, out.Logits.Float32s(), want, 2e-6)
							}
							loss := crossEntropy(want, shape[1])
							numeric.Near(t, b.own+jig+": loss", out.Value, loss, 1e-5*loss)
							if score := "score" + b.own + jig; c.Has(score) {
								checkScores(t, c, score, out.Scores, 2e-5)
							}
						}
						if after := "queue" + b.own + "_after"; c.Has(after) {
							queue := &Queue{Keys: tensor(c, "queue"+b.own), Index: meta.Before}
							queue.Enqueue(tensor(c, "k"+b.own))
							want, _ := c.F32(after)
							golden.Near(t, after, queue.Keys.Float32s(), want, 0)
							if queue.Index != meta.After {
								t.Errorf("index %d, want %d", queue.Index, meta.After)
							}
						}
					}
				})
			})
		}
	}
}

func TestQueueWraps(t *testing.T) {
	var meta struct {
		Params struct {
			K int
			D int `json:"n_dim"`
		}
		Steps []struct {
			Batch      int
			IndexAfter int       `json:"index_after"`
			Column     []float32 `json:"queue_column0"`
		}
	}
	golden.Load(t, "moco", "wrap").Unmarshal(&meta)
	inRun(t, func() {
		queue := &Queue{Keys: torch.Zeros([]int{meta.Params.K, meta.Params.D})}
		count := 0
		for i, s := range meta.Steps {
			keys := make([]float32, s.Batch*meta.Params.D)
			for j := range keys {
				keys[j] = float32(count + 1 + j/meta.Params.D)
			}
			count += s.Batch
			queue.Enqueue(torch.FromFloat32(keys, s.Batch, meta.Params.D))
			if queue.Index != s.IndexAfter {
				t.Errorf("step %d: index %d, want %d", i, queue.Index, s.IndexAfter)
			}
			golden.Near(t, fmt.Sprint("step ", i), queue.Keys.Select(1, 0).Float32s(), s.Column, 0)
		}
	})
}

func TestMomentumGolden(t *testing.T) {
	c := golden.Load(t, "misc", "ema")
	var p struct{ M []float64 }
	c.Decode(c.Params, &p)
	for _, m := range p.M {
		inRun(t, func() {
			key, query := tensor(c, "ema_weight_start"), tensor(c, "model_weight")
			UpdateKey([]*torch.Tensor{key}, []*torch.Tensor{query}, m, nil)
			want, _ := c.F32(fmt.Sprintf("ema_weight_m%v", m))
			golden.Near(t, fmt.Sprint("m ", m), key.Float32s(), want, 1e-7)
		})
	}
}

func TestCrossEntropyGolden(t *testing.T) {
	c := golden.Load(t, "misc", "cross_entropy")
	var meta struct{ Loss float64 }
	c.Unmarshal(&meta)
	inRun(t, func() {
		x := tensor(c, "logits").SetRequiresGrad(true)
		loss := x.CrossEntropy(tensor(c, "target"))
		loss.Backward()
		golden.Near(t, "loss", []float32{float32(loss.Item())}, []float32{float32(meta.Loss)}, 1e-6)
		want, _ := c.F32("grad")
		golden.Near(t, "gradient", x.Grad().Float32s(), want, 2e-6)
	})
}
