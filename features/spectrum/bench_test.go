package spectrum

import (
	"fmt"
	"testing"
)

// BenchmarkMeasure measures one space: images, dimensions and 4 views of half of the images.
func BenchmarkMeasure(b *testing.B) {
	for _, c := range [][2]int{{128, 128}, {512, 128}, {512, 512}, {1024, 2048}} {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			s := Sample{Images: sines(c[0], c[1], 0.2, 0), Views: seen(c[0], c[1], 4, 0.2), Q: 4}
			before := TracesOf(sines(c[0], c[1], 0.2, 1))
			for b.Loop() {
				if _, _, err := Measure(s, before); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
