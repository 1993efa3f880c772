package views

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkView(b *testing.B) {
	var sc Scratch
	r := NewRand(0, 0, 0, 0)
	for _, size := range []int{32, 224} {
		src := picture(size*3/2, size*9/8, rand.New(rand.NewPCG(1, 2)))
		if size == 32 {
			src = picture(32, 32, rand.New(rand.NewPCG(1, 2)))
		}
		for _, name := range []string{"A", "B", "C", "D", "NULL"} {
			for _, exact := range []bool{false, true} {
				s, _ := Preset(name, size, 0.2)
				s.Exact = exact
				dst := make([]float32, s.Len())
				b.Run(fmt.Sprintf("%s/%d/exact=%v", name, size, exact), func(b *testing.B) {
					for i := range b.N {
						r.Reset(0, 0, i, 0)
						s.View(dst, src, r, &sc)
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "views/s")
				})
				pixels := make([]uint8, s.Len())
				b.Run(fmt.Sprintf("%s/%d/exact=%v/pixels", name, size, exact), func(b *testing.B) {
					for i := range b.N {
						r.Reset(0, 0, i, 0)
						d := s.Draw(src.W, src.H, r)
						s.RenderPixels(pixels, Whole(src), &d, &sc)
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "views/s")
				})
			}
		}
	}
}
