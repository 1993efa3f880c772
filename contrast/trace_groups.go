package contrast

import (
	"math"

	"contralens/torch"
)

// The groups of keys by age: a quarter each from the newest on, then those that no known step has
// computed.
const ageGroups = 5

// groups sums the pulls by properties of the keys. raw are the positive scores before the
// transformation, [n, 1].
func (p *pulls) groups(t *Trace, raw *torch.Tensor) {
	r, tr := p.o.Readback, p.o.Trace
	g := p.describe()
	sums := torch.Zeros([]int{ageGroups + 5}, torch.Options{Dtype: torch.Float64, Device: p.like.Device()})
	p.blocks(func(first, count int) {
		scores := p.score(first, count)
		pull := p.pull(scores)
		near := scores.Ge(raw).To(p.like.Dtype())
		own, mixed := p.rows(first, count)
		if mixed == nil {
			sums.AddInto_(g.sum(pull, near, own), 1)
			return
		}
		λ := p.λ(first, count)
		sums.AddInto_(g.sum(pull.Mul(λ), near, own), 1)
		sums.AddInto_(g.sum(pull.Mul(λ.SubFrom(1)), near, mixed), 1)
	})
	r.Values(sums, func(v []float64) {
		total := v[ageGroups]
		copy(t.Age[:], v[:4])
		for i := range t.Age {
			t.Age[i] /= total
		}
		t.Untrained = v[4] / total
		t.MeanAge = v[ageGroups+1] / (total - v[4])
		if !(total-v[4] > 0) {
			t.MeanAge = math.NaN()
		}
		t.Own, t.Near, t.Class = v[ageGroups+2]/total, v[ageGroups+3]/total, v[ageGroups+4]/total
		if tr.Images == nil {
			t.Own = math.NaN()
		}
		if tr.Images == nil || tr.Labels == nil {
			t.Class = math.NaN()
		}
	})
}

// keyGroups are the properties of keys that pulls are summed by.
type keyGroups struct {
	n                  int
	dtype              torch.Dtype
	image, age, bin    *torch.Tensor // of each row of the origins: int32, float64, int64, all [M]
	label              *torch.Tensor // of each row's image, int32 [M]; -1: unknown; nil: there are none
	images, imageLabel *torch.Tensor // of the queries, [n, 1]; nil: not known
}

// describe finds the properties of all rows of the origins, on their device.
func (p *pulls) describe() keyGroups {
	tr, table := p.o.Trace, p.table
	column := func(i int) *torch.Tensor { return table.Select(1, i).Contiguous() }
	g := keyGroups{n: p.n, dtype: p.like.Dtype(), image: column(OriginImage)}
	step := column(OriginStep).To(torch.Float64)
	g.age = step.SubFrom(float64(tr.Step))
	known := step.Ge(torch.ZerosLike(step))
	newest := step.Max()
	oldest := step.Where(known, newest.Expand(step.Size(0))).Min()
	quarter := newest.Sub(step).MulScalar(4).Div(newest.Sub(oldest).AddScalar(1)).Clamp(0, 3)
	g.bin = quarter.Where(known, torch.Full([]int{step.Size(0)}, 4, torch.Options{
		Dtype: torch.Float64, Device: step.Device(),
	})).To(torch.Int64)
	g.age = g.age.Where(known, torch.ZerosLike(step))
	if tr.Images == nil {
		return g
	}
	g.images = tr.Images.Narrow(0, 0, p.n).Unsqueeze(1)
	if tr.Labels != nil {
		label := func(images *torch.Tensor) *torch.Tensor {
			of := images.To(torch.Int64)
			all := tr.Labels.IndexSelect(0, of.Clamp(0, float64(tr.Labels.Size(0)-1)).To(torch.Int64).View(-1))
			none := torch.Full([]int{all.Size(0)}, Unknown, torch.Options{Dtype: torch.Int32, Device: all.Device()})
			return all.Where(of.View(-1).Ge(torch.ZerosLike(of.View(-1))), none)
		}
		g.label, g.imageLabel = label(g.image), label(g.images).View(p.n, 1)
	}
	return g
}

// sum sums pulls [n, c] of negatives by group: float64 [ageGroups+5] with the sums by age,
// the sum of all, that of pulls times age, those of the own image, of near others and of the
// class. rows are the rows of origins of the negatives, int64 [n or 1, c]; near is 1 where a
// negative scores as high as the positive.
func (g keyGroups) sum(pull, near, rows *torch.Tensor) *torch.Tensor {
	shape, flat := rows.Shape(), rows.View(-1)
	pick := func(of *torch.Tensor) *torch.Tensor { return of.IndexSelect(0, flat).View(shape...) }
	column := pull
	if shape[0] == 1 {
		column = pull.SumDim([]int{0}, true)
	}
	column = column.To(torch.Float64)
	bins := pick(g.bin).Reshape(-1, 1).Eq(torch.ArangeOn(ageGroups, pull.Device()).Unsqueeze(0))
	byAge := column.Reshape(1, -1).Mm(bins.To(torch.Float64)).View(-1)
	parts := []*torch.Tensor{byAge, total(column), total(column.Mul(pick(g.age)))}
	other := near
	same := torch.Zeros([]int{1}, torch.Options{Dtype: torch.Float64, Device: pull.Device()})
	class := same
	if g.images != nil {
		is := pick(g.image).Eq(g.images).To(g.dtype)
		same, other = total(pull.Mul(is)), near.Mul(is.SubFrom(1))
		if g.label != nil {
			// Images without a class share none.
			labels := pick(g.label)
			alike := labels.Eq(g.imageLabel).To(g.dtype).Mul(labels.Ge(torch.ZerosLike(labels)).To(g.dtype))
			class = total(pull.Mul(alike).Mul(is.SubFrom(1)))
		}
	}
	return torch.Cat(append(parts, same, total(pull.Mul(other)), class), 0)
}

// total is the sum of all elements, float64 [1].
func total(t *torch.Tensor) *torch.Tensor { return t.To(torch.Float64).Sum().View(1) }
