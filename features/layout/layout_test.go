package layout

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/features/probe"
)

func quiet(float64) error { return nil }

// clusters returns n rows of d values, row i near the center of cluster i mod k.
func clusters(n, d, k int, spread float64, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 2))
	rows := make([]float32, n*d)
	for i := range n {
		for j := range d {
			rows[i*d+j] = float32(spread * rng.NormFloat64())
		}
		rows[i*d+i%k] += 5
	}
	return rows
}

// TestPrincipal: points that spread 3, 2 and 1 along known directions have these as their principal
// components, with both ways of computing them exactly, and by iteration.
func TestPrincipal(t *testing.T) {
	for _, size := range []struct{ n, d int }{{400, 6}, {40, 60}, {600, 410}} {
		rng := rand.New(rand.NewPCG(1, 2))
		rows := make([]float32, size.n*size.d)
		truth := make([][3]float64, size.n)
		for i := range size.n {
			truth[i] = [3]float64{3 * rng.NormFloat64(), 2 * rng.NormFloat64(), rng.NormFloat64()}
			row := rows[i*size.d : (i+1)*size.d]
			for j := range row {
				row[j] = 5 // a common offset carries no information
			}
			// Orthogonal directions: (e0+e1)/√2, (e0-e1)/√2, e2.
			row[0] += float32((truth[i][0] + truth[i][1]) / math.Sqrt2)
			row[1] += float32((truth[i][0] - truth[i][1]) / math.Sqrt2)
			row[2] += float32(truth[i][2])
		}
		p, err := Principal(rows, size.d)
		if err != nil {
			t.Fatal(err)
		}
		total := 0.0
		for c := range 3 {
			if share := p.Explained[c]; share <= 0 || c > 0 && share > p.Explained[c-1] {
				t.Errorf("%v: want falling shares, got %v", size, p.Explained)
			}
			total += p.Explained[c]
		}
		if math.Abs(total-1) > 1e-5 || p.Explained[4] > 1e-6 || math.Abs(p.Explained[0]-9.0/14) > 0.12 {
			t.Errorf("%v: want shares near 9/14, 4/14, 1/14, 0, got %v", size, p.Explained)
		}
		for i := range 20 { // distances between points are preserved
			var got, want float64
			for c := range 3 {
				got += math.Pow(float64(p.Rows[i*p.K+c])-float64(p.Rows[(i+1)*p.K+c]), 2)
				want += math.Pow(truth[i][c]-truth[i+1][c], 2)
			}
			if math.Abs(got-want) > 1e-4*want {
				t.Fatalf("%v: want squared distance %v, got %v", size, want, got)
			}
		}
	}
}

// TestIterated: subspace iteration explains what the covariance's eigenvectors explain.
func TestIterated(t *testing.T) {
	const n, d = 500, 420
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(rng.NormFloat64() * math.Pow(0.93, float64(i%d)))
	}
	plain, err := principal(rows, n, d)
	if err != nil {
		t.Fatal(err)
	}
	fast, err := iterated(rows, n, d)
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range plain.Explained {
		if got := fast.Explained[c]; math.Abs(got-want) > 1e-3*plain.Explained[0] {
			t.Errorf("component %d: want a share of %g, got %g", c, want, got)
		}
	}
}

// TestAlign: layouts that differ only in rotation, reflection, scale and position coincide.
func TestAlign(t *testing.T) {
	for _, mirror := range []float64{1, -1} {
		for _, scale := range []float64{0.3, 1} {
			var reference, turned []float32
			for i := range 50 {
				x, y := math.Sin(3*float64(i))*float64(1+i%7), math.Cos(5*float64(i))*float64(2+i%3)+4
				reference = append(reference, float32(x), float32(y))
				turned = append(turned, float32(scale*(math.Cos(2)*x-math.Sin(2)*y)-9),
					float32(mirror*scale*(math.Sin(2)*x+math.Cos(2)*y)+2))
			}
			Align(turned, reference, scale != 1)
			for i, v := range turned {
				if math.Abs(float64(v-reference[i])) > 1e-4 {
					t.Fatalf("mirror %v, scale %v: value %d is %v after aligning, want %v", mirror, scale, i, v, reference[i])
				}
			}
		}
	}
	same := []float32{1, 1, 1, 1}
	if Align(same, []float32{0, 0, 2, 2}, true); !slices.Equal(same, []float32{1, 1, 1, 1}) {
		t.Errorf("points at one place were moved: %v", same)
	}
}

// TestCurve: a and b are the least-squares fit that UMAP defines.
func TestCurve(t *testing.T) {
	loss := func(a, b float64) (sum float64) {
		for i := range 300 {
			x := 3 * float64(i) / 299
			want := 1.0
			if x >= minDist {
				want = math.Exp(minDist - x)
			}
			sum += math.Pow(1/(1+a*math.Pow(x, 2*b))-want, 2)
		}
		return sum
	}
	best := loss(curveA, curveB)
	for _, δ := range []float64{-0.002, 0.002} {
		if loss(curveA+δ, curveB) <= best || loss(curveA, curveB+δ) <= best {
			t.Errorf("%g beside a or b fits better", δ)
		}
	}
}

// TestTable: the tables have the gradients' factors.
func TestTable(t *testing.T) {
	for x := 1e-8; x < 1e6; x *= 1.0371 {
		for name, c := range map[string]struct {
			fast  *table
			plain func(float64) float64
		}{"attraction": {pulling, attraction}, "repulsion": {pushing, repulsion}} {
			if got, want := float64(c.fast.at(float32(x))), c.plain(x); math.Abs(got-want) > 1e-3*math.Abs(want) {
				t.Errorf("%s at %g: want %g, got %g", name, x, want, got)
			}
		}
	}
}

// TestNeighbors: blocks of products find what comparing all pairs in float64 finds, and the weights of a
// row add up to log₂ of the number of neighbors.
func TestNeighbors(t *testing.T) {
	const n, d, k = 300, 7, 14
	rows := clusters(n, d, 5, 1, 1)
	got, err := neighbors(rows, d, k, quiet)
	if err != nil {
		t.Fatal(err)
	}
	w := make([]float64, k)
	for i := range n {
		var all []Neighbor
		for j := range n {
			sum := 0.0
			for c := range d {
				v := float64(rows[i*d+c]) - float64(rows[j*d+c])
				sum += v * v
			}
			if j != i {
				all = append(all, Neighbor{j, math.Sqrt(sum)})
			}
		}
		slices.SortFunc(all, func(a, b Neighbor) int { return int(math.Copysign(1, a.Near-b.Near)) })
		for l, one := range got[i*k : (i+1)*k] {
			if math.Abs(one.Near-all[l].Near) > 1e-5 {
				t.Fatalf("row %d: want neighbor %d at %v, got %v", i, l, all[l], one)
			}
		}
		weights(got[i*k:(i+1)*k], w)
		sum := 0.0
		for _, v := range w {
			sum += v
		}
		if math.Abs(sum-math.Log2(k+1)) > 1e-4 || w[0] != 1 {
			t.Fatalf("row %d: want weights from 1 that add up to %g, got %v", i, math.Log2(k+1), w)
		}
	}
	near := NearestTo([]float32{1, 0, 0, 1, 2, 0.1, -1, 0}, 2, 0, 2)
	if len(near) != 2 || near[0].Row != 2 || near[1].Row != 1 {
		t.Errorf("the nearest by cosine are %v, want 2 and 1", near)
	}
}

// sameCluster returns the share of points whose nearest point is of their cluster.
func sameCluster(points []float32, k int) float64 {
	same, n := 0, len(points)/2
	for i := range n {
		best, at := math.Inf(1), -1
		for j := range n {
			d := math.Hypot(float64(points[2*i]-points[2*j]), float64(points[2*i+1]-points[2*j+1]))
			if j != i && d < best {
				best, at = d, j
			}
		}
		if at%k == i%k {
			same++
		}
	}
	return float64(same) / float64(n)
}

// moved returns the mean distance of points from others, in units of their root mean square extent.
func moved(a, b []float32) float64 {
	x, y := center(a)
	sum, extent := 0.0, 0.0
	for i := 0; i < len(a); i += 2 {
		sum += math.Hypot(float64(a[i]-b[i]), float64(a[i+1]-b[i+1]))
		extent += math.Pow(float64(a[i])-x, 2) + math.Pow(float64(a[i+1])-y, 2)
	}
	n := float64(len(a) / 2)
	return sum / n / math.Sqrt(extent/n)
}

// TestUMAP: clusters in 20 dimensions stay together in the plane. The layout of nearly the same rows
// that starts from it moves little, while one that starts anew from other rows lies elsewhere; a row
// that changes its cluster moves there.
func TestUMAP(t *testing.T) {
	const n, d, k = 300, 20, 8
	rows := clusters(n, d, k, 0.5, 1)
	first, err := UMAP(rows, d, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if share := sameCluster(first, k); share < 0.95 {
		t.Errorf("want nearest points of the same cluster, got a share of %.2f", share)
	}
	if again, _ := UMAP(rows, d, nil, quiet); !slices.Equal(first, again) {
		t.Error("the same rows give another layout")
	}
	later := clusters(n, d, k, 0.5, 2)
	later[0], later[1] = later[0]-5, later[1]+5 // row 0 now belongs to cluster 1
	followed, err := UMAP(later, d, first, quiet)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := UMAP(later, d, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	Align(anew, first, false)
	near, far := moved(followed, first), moved(anew, first)
	t.Logf("followed layouts move by %.3f of their extent, new ones by %.3f", near, far)
	if near > 0.25 || near > far/2 {
		t.Errorf("want a layout near the one before, got a distance of %.2f, and %.2f of one that starts anew", near, far)
	}
	if share := sameCluster(followed, k); share < 0.9 {
		t.Errorf("followed: want nearest points of the same cluster, got a share of %.2f", share)
	}
	to := func(cluster int) (least float64) {
		least = math.Inf(1)
		for i := cluster + k; i < n; i += k {
			least = min(least, math.Hypot(float64(followed[0]-followed[2*i]), float64(followed[1]-followed[2*i+1])))
		}
		return least
	}
	if to(1) > to(0) {
		t.Errorf("an image that changed its cluster is %.2f from the new one and %.2f from the old one", to(1), to(0))
	}
}

// TestSmall: one image, two, and identical ones have a finite layout.
func TestSmall(t *testing.T) {
	for name, rows := range map[string][]float32{
		"one": {1, 2, 3}, "two": {1, 2, 3, 4, 5, 6}, "identical": slices.Repeat([]float32{0.1, 0.2, 0.3}, 41),
	} {
		for range 2 {
			p, err := Principal(rows, 3)
			if err != nil {
				t.Fatal(name, err)
			}
			if name == "identical" && p.Explained[0] != 0 {
				t.Errorf("%s: the first component explains %v of no variance", name, p.Explained[0])
			}
			points, err := UMAP(p.Rows, p.K, nil, quiet)
			if err != nil {
				t.Fatal(name, err)
			}
			if points, err = UMAP(p.Rows, p.K, points, quiet); err != nil || len(points) != 2*len(rows)/3 {
				t.Fatalf("%s: %d, %v", name, len(points), err)
			}
			for _, v := range points {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%s: %v", name, points)
				}
			}
		}
	}
}

// TestFollow: layouts are kept beside the probe set and read again; features that change, or that are
// not finite, are noticed; a folder that cannot be written is a note.
func TestFollow(t *testing.T) {
	const n, d = 60, 10
	dir := filepath.Join(t.TempDir(), "probe")
	set := probe.Images{Labels: make([]int, n), Classes: []string{"a"}, Thumbnail: 4}
	pictures := slices.Repeat([]image.Image{image.NewGray(image.Rect(0, 0, 4, 4))}, n)
	p, err := probe.Create(dir, set, pictures)
	if err != nil {
		t.Fatal(err)
	}
	add := func(epoch int, rows []float32) {
		t.Helper()
		if err := p.Add(epoch, rows, d); err != nil {
			t.Fatal(err)
		}
	}
	for e := range 3 {
		add(e, clusters(n, d, 4, 0.5, uint64(e)))
	}
	bad := clusters(n, d, 4, 0.5, 9)
	bad[7*d+3] = float32(math.NaN())
	add(3, bad)
	add(4, clusters(n, d, 4, 0.5, 4))
	work := func(l *Layouts, method string) (computed []int) {
		t.Helper()
		err := l.Follow(context.Background(), p, method, func(now Progress) {
			if now.Done < now.Of && !slices.Contains(computed, now.Epoch) && now.Epoch == []int{0, 1, 2, 3, 4}[now.Done] {
				computed = append(computed, now.Epoch)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return computed
	}
	for _, method := range Methods {
		l := Open(dir)
		if got := work(l, method); len(got) != 5 {
			t.Errorf("%s: want all epochs computed, got %v", method, got)
		}
		place, ok := l.At(p, method, 3)
		if !ok || !strings.Contains(place.Bad, "image 7 of the probe set has the feature NaN after epoch 3") {
			t.Errorf("%s: %+v", method, place)
		}
		before, ok := l.At(p, method, 4)
		if !ok || len(before.Points) != 2*n || l.Note() != "" {
			t.Fatalf("%s: %v %d %s", method, ok, len(before.Points), l.Note())
		}
		again := Open(dir)
		if after, ok := again.At(p, method, 4); !ok || !slices.Equal(before.Points, after.Points) {
			t.Errorf("%s: the layout is not read again", method)
		}
		if got := work(again, method); !slices.Equal(got, []int{3}) {
			t.Errorf("%s: want only the epoch without a layout tried again, got %v", method, got)
		}
	}
	// Other features from epoch 2 on.
	add(2, clusters(n, d, 4, 0.5, 20))
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "epoch_002.npy"), later, later); err != nil {
		t.Fatal(err)
	}
	l := Open(dir)
	if _, ok := l.At(p, ByPCA, 1); !ok {
		t.Error("the epoch before the change is lost")
	}
	if _, ok := l.At(p, ByPCA, 4); ok {
		t.Error("the layout of other features is taken")
	}
	if got := work(l, ByPCA); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("want the epochs from the change on, got %v", got)
	}
	// Where the folder is a file, nothing can be kept.
	if err := os.RemoveAll(Dir(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(Dir(dir), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l = Open(dir)
	work(l, ByPCA)
	if _, ok := l.At(p, ByPCA, 4); !ok || !strings.Contains(l.Note(), "layouts cannot be kept beside the probe set") {
		t.Errorf("%v, note %q", ok, l.Note())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Open(dir).Follow(ctx, p, ByPCA, func(Progress) {}); err == nil {
		t.Error("a canceled computation goes on")
	}
	if err := l.Follow(ctx, p, "tsne", func(Progress) {}); err == nil || !strings.Contains(err.Error(), "want pca or umap") {
		t.Errorf("tsne: %v", err)
	}
}

// BenchmarkUMAP has the size that the page draws: a first layout and one that follows it.
func BenchmarkUMAP(b *testing.B) {
	rows := clusters(20_000, 30, 10, 1.5, 1)
	var first []float32
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			first, _ = UMAP(rows, 30, nil, quiet)
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			UMAP(rows, 30, first, quiet)
		}
	})
	features := clusters(20_000, 2048, 40, 1, 1)
	b.Run("components", func(b *testing.B) {
		for b.Loop() {
			Principal(features, 2048)
		}
	})
}
