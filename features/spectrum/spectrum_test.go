package spectrum

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// sines are the features of testdata/golden.py.
func sines(n, d int, decay, seed float64) *mat.Dense {
	x := mat.NewDense(n, d, nil)
	for i := range n {
		for j := range d {
			a, b := float64(i), float64(j)
			v := math.Sin(1.7*a*(b+1)+0.9*a*a+seed) + 0.3*math.Cos(0.31*a+b)
			x.Set(i, j, v*math.Pow(b+1, -decay))
		}
	}
	return x
}

// seen are the views of golden.py: those of the first n/2 images, q each.
func seen(n, d, q int, decay float64) *mat.Dense {
	images, noise := sines(n/2, d, decay, 0), sines(n/2*q, d, decay/2, 2)
	noise.Scale(0.2, noise)
	for i := range n / 2 * q {
		row := noise.RawRowView(i)
		for j, v := range images.RawRowView(i / q) {
			row[j] += v
		}
	}
	return noise
}

func near(a, b, relative float64) bool { return math.Abs(a-b) <= relative*(1e-3+math.Abs(b)) }

// softDistance is −½ log of the mean of exp(−2‖x−y‖²) over the pairs of rows, of length 1.
func softDistance(x *mat.Dense) float64 {
	u := Unit(x)
	n, _ := u.Dims()
	total, pairs := 0.0, 0.0
	for i := range n {
		for j := range i {
			square := 0.0
			for k, v := range u.RawRowView(i) {
				square += (v - u.At(j, k)) * (v - u.At(j, k))
			}
			total, pairs = total+math.Exp(-2*square), pairs+1
		}
	}
	return -math.Log(total/pairs) / 2
}

// Every measure equals its definition in numpy's float64, whose singular values come from an SVD and
// whose LiDAR from the root of Σ_w. RankMe and LiDAR are also those of stable-pretraining, whose
// constants differ: ε is 1e-5 in its RankMe, and added before the division in its LiDAR.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		N, D, Q  int
		Decay    float64
		Values   map[string]float64
		Singular []float64
		Peer     map[string]float64
	}
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) != 4 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		x := sines(c.N, c.D, c.Decay, 0)
		got, _, err := Measure(Sample{Images: x, Views: seen(c.N, c.D, c.Q, c.Decay), Q: c.Q}, TracesOf(sines(c.N, c.D, c.Decay, 0.1)))
		if err != nil {
			t.Fatal(err)
		}
		c.Values[RelativeName] = c.Values[AlignmentName] / softDistance(x)
		if len(got.Values) != len(c.Values) {
			t.Errorf("[%d, %d]: measures %v, want %v", c.N, c.D, got.Values, c.Values)
		}
		for name, want := range c.Values {
			if v, ok := got.Values[name]; !ok || !near(v, want, 1e-7) {
				t.Errorf("[%d, %d]: %s %v, want %v", c.N, c.D, name, v, want)
			}
		}
		values := SingularValues(x)
		if last := values[len(values)-1]; !near(values[0], c.Singular[0], 1e-10) || !near(last, c.Singular[1], 1e-6) {
			t.Errorf("[%d, %d]: singular values %v to %v, want %v", c.N, c.D, values[0], last, c.Singular)
		}
		if v := entropyRank(values, 1e-5); !near(v, c.Peer["rankme_1e-5"], 1e-7) {
			t.Errorf("[%d, %d]: RankMe with ε 1e-5 %v, want stable-pretraining's %v", c.N, c.D, v, c.Peer["rankme_1e-5"])
		}
		if v := got.Values[LiDARName]; !near(v, c.Peer["lidar"], 2e-5) {
			t.Errorf("[%d, %d]: LiDAR %v, want stable-pretraining's %v", c.N, c.D, v, c.Peer["lidar"])
		}
	}
}

// What is known by hand: k equal directions have rank k everywhere; W₂ sees points that use an eighth of
// the dimensions, to which Wang and Isola's uniformity is blind; one point is a complete collapse.
func TestKnown(t *testing.T) {
	const n, d, k = 64, 16, 4
	x := mat.NewDense(n, d, nil)
	for i := range n { // ± each axis
		x.Set(i, i%k, float64(1-2*(i/k%2)))
	}
	s, v := SingularValues(x), Variances(x)
	if r := RankMe(s); !near(r, k, 1e-4) {
		t.Errorf("RankMe %v", r)
	}
	if p, e := Participation(v), NESum(v); !near(p, k, 1e-9) || !near(e, k, 1e-9) || Alive(v) != float64(k)/d {
		t.Errorf("participation %v, NESum %v, alive %v", p, e, Alive(v))
	}
	if w := Wasserstein(x); !near(w, math.Sqrt(2-2*math.Sqrt(float64(k)/d)), 1e-9) {
		t.Errorf("W₂ of %d of %d dimensions: %v", k, d, w)
	}
	// 400 random points on a sphere of 8 of 64 dimensions, and of all of them.
	random := rand.New(rand.NewPCG(1, 2))
	few, full := mat.NewDense(400, 64, nil), mat.NewDense(400, 64, nil)
	for i := range 400 {
		for j := range 64 {
			if full.Set(i, j, random.NormFloat64()); j < 8 {
				few.Set(i, j, random.NormFloat64())
			}
		}
	}
	few, full = Unit(few), Unit(full)
	blind := (Uniformity(few) - Uniformity(full)) / 4 // its range is -4 to 0
	sees := (Wasserstein(few) - Wasserstein(full)) / math.Sqrt2
	if blind > 0.2 || sees < 0.6 {
		t.Errorf("of its range, Wang and Isola's uniformity differs by %.2f, W₂ by %.2f", blind, sees)
	}
	one := mat.NewDense(n, d, nil)
	for i := range n {
		one.Set(i, 3, 1)
		one.Set(i, i%d, one.At(i, i%d)+1e-7*random.NormFloat64()) // as rounded in float32
	}
	got, _, err := Measure(Sample{Images: one}, TracesOf(x))
	if err != nil {
		t.Fatal(err)
	}
	if !near(got.Values[RankMeName], 1, 1e-4) || !near(got.Values[WassersteinName], math.Sqrt2, 1e-6) || math.Abs(got.Values[UniformityName]) > 1e-9 {
		t.Errorf("one point: %v", got.Values)
	}
	for _, name := range []string{ParticipationName, NESumName, AliveName, AlphaName, CKAName, ChurnName, LiDARName, AlignmentName} {
		if v, ok := got.Values[name]; ok {
			t.Errorf("one point has %s %v", name, v)
		}
	}
}

// Every number of a line can be written as JSON: what features do not allow is missing, not NaN.
func TestMeasureRefuses(t *testing.T) {
	if _, _, err := Measure(Sample{Images: sines(1, 8, 0, 0)}, Traces{}); err == nil || !strings.Contains(err.Error(), "at least 2 images, got 1") {
		t.Errorf("one image: %v", err)
	}
	broken := sines(8, 8, 0, 0)
	broken.Set(5, 2, math.NaN())
	if _, _, err := Measure(Sample{Images: broken}, Traces{}); err == nil || !strings.Contains(err.Error(), "got NaN in feature 2 of image 5") {
		t.Errorf("NaN: %v", err)
	}
	if _, _, err := Measure(Sample{Images: sines(8, 8, 0, 0), Views: broken, Q: 2}, Traces{}); err == nil {
		t.Error("NaN in a view is measured")
	}
	for name, x := range map[string]*mat.Dense{"two images": sines(2, 300, 0, 0), "a dimension": sines(20, 1, 0, 0), "zeros": mat.NewDense(12, 5, nil)} {
		s, _, err := Measure(Sample{Images: x, Views: x, Q: 2}, TracesOf(x))
		if _, broken := json.Marshal(s); err != nil || broken != nil {
			t.Errorf("%s: %v, %v, %v", name, s.Values, err, broken)
		}
	}
	if _, err := LiDAR(sines(8, 8, 0, 0), 1); err == nil || !strings.Contains(err.Error(), "2 images with 2 views") {
		t.Errorf("LiDAR of one view: %v", err)
	}
	if _, traces, err := Measure(Sample{Images: sines(9, 8, 0, 0)}, TracesOf(sines(8, 8, 0, 0))); err != nil || len(traces.near) != 9 {
		t.Errorf("another number of images: %v", err)
	}
}

// Neighbors that all change are a churn of 1; CKA does not see a rotation and a scale.
func TestEpochs(t *testing.T) {
	x := sines(30, 12, 0.3, 0)
	lists := Neighbors(Unit(x))
	if Overlap(lists, lists) != 1 || len(lists[0]) != 10 {
		t.Errorf("an epoch differs from itself: %v", lists[0])
	}
	others := make([][]int, len(lists))
	for i := range lists {
		for j := 0; len(others[i]) < 10; j++ {
			if found := j == i; !found && !contains(lists[i], j) {
				others[i] = append(others[i], j)
			}
		}
	}
	if v := Overlap(lists, others); v != 0 {
		t.Errorf("no neighbor in common: %v", v)
	}
	var turned mat.Dense
	var qr mat.QR
	qr.Factorize(sines(12, 12, 0, 5))
	var q mat.Dense
	qr.QTo(&q)
	turned.Mul(x, &q)
	turned.Scale(7, &turned)
	if v := CKA(x, &turned); !near(v, 1, 1e-9) {
		t.Errorf("CKA of a rotation: %v", v)
	}
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// Features that collapse have elements of any size, down to 1e-300, and values all the same.
func TestSingularValuesOfCollapse(t *testing.T) {
	const n, d = 12, 6
	rng := rand.New(rand.NewPCG(1, 2))
	ordinary := mat.NewDense(n, d, nil)
	for i := range n {
		for j := range d {
			ordinary.Set(i, j, rng.NormFloat64())
		}
	}
	want := SingularValues(ordinary)
	for _, scale := range []float64{1, 1e-30, 1e-65, 1e-100, 1e100} {
		x := mat.NewDense(n, d, nil)
		x.Scale(scale, ordinary)
		got := SingularValues(x)
		for i := range want {
			if math.Abs(got[i]/scale-want[i]) > 1e-12*want[0] {
				t.Errorf("features of size %v: singular value %d is %v, want %v of it", scale, i, got[i]/scale, want[i])
			}
		}
		for i := range n { // one direction of size 1, and a block that nothing joins it to
			row := x.RawRowView(i)
			clear(row[:1])
			row[0] = map[bool]float64{true: 1}[i == 0]
			if i == 0 {
				clear(row[1:])
			}
		}
		if scale <= 1e-30 {
			if got := SingularValues(x); math.Abs(got[0]-1) > 1e-12 || got[1] != 0 {
				t.Errorf("one direction beside features of size %v: singular values %v, want 1 and 0", scale, got)
			}
		}
	}
}
