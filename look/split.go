package look

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"contralens/data"
)

// Split describes one split of the dataset.
type Split struct {
	Name     string
	Images   int
	Seen     int // images that were looked at; all other numbers are about these
	Broken   int
	Gray     int            // images without color
	Deep     int            // PNG files with 16-bit gray
	Formats  map[string]int // images per file format; "no file" if they have none of their own
	Bytes    int64          // of the files, estimated from those that were looked at
	Short    Spread         // shorter side, in pixels
	Long     Spread         // longer side, in pixels
	Ratio    Spread         // width / height
	Shorts   []Bar          // distribution of the shorter side
	Ratios   []Bar          // distribution of width / height
	Classes  []Class        // by the number of images, the largest first; nil without classes
	Sizes    int            // different sizes
	OnlySize string         // "32 x 32" if all images have one size
}

// Class is a class and the number of its images.
type Class struct {
	Name   string
	Images int
}

// Spread summarizes a distribution.
type Spread struct{ Min, Median, Max float64 }

// Bar is a bar of a histogram.
type Bar struct {
	Label string
	Count int
}

// summarize describes a split by the images that were looked at.
func summarize(s *split) Split {
	r := Split{Name: s.name, Images: s.data.Len(), Formats: map[string]int{}, Classes: classes(s.data)}
	var short, long, ratio []float64
	sizes := map[[2]int]bool{}
	for i := range s.photos {
		p := &s.photos[i]
		if !p.seen {
			continue
		}
		r.Seen++
		r.Bytes += p.bytes
		if p.broken != "" {
			r.Broken++
			continue
		}
		r.Formats[cmp.Or(p.format, "no file")]++
		if p.grayed {
			r.Gray++
		}
		if p.deep {
			r.Deep++
		}
		sizes[[2]int{p.width, p.height}] = true
		short = append(short, float64(min(p.width, p.height)))
		long = append(long, float64(max(p.width, p.height)))
		ratio = append(ratio, float64(p.width)/float64(p.height))
	}
	if r.Seen > 0 {
		r.Bytes = int64(float64(r.Bytes) * float64(r.Images) / float64(r.Seen))
	}
	r.Short, r.Long, r.Ratio = spread(short), spread(long), spread(ratio)
	r.Shorts, r.Ratios = histogram(short, shortEdges(r.Short)), histogram(ratio, ratioEdges)
	if r.Sizes = len(sizes); r.Sizes == 1 {
		for s := range sizes {
			r.OnlySize = fmt.Sprintf("%d x %d", s[0], s[1])
		}
	}
	return r
}

func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	return Spread{slices.Min(values), median(values), slices.Max(values)}
}

// classes counts the images of each class.
func classes(d data.Dataset) (all []Class) {
	counts := data.ClassCounts(d)
	for i, name := range d.Classes() {
		all = append(all, Class{name, counts[i]})
	}
	slices.SortStableFunc(all, func(a, b Class) int { return b.Images - a.Images })
	return all
}

// ratioEdges are the limits of the bars of width / height.
var ratioEdges = []float64{0, 0.5, 0.625, 0.7, 0.77, 0.95, 1.05, 1.3, 1.4, 1.6, 2, math.Inf(1)}

// shortEdges returns round limits for about ten bars between the smallest and the largest
// shorter side, in equal factors.
func shortEdges(s Spread) []float64 {
	if s.Max <= 0 {
		return nil
	}
	edges := []float64{}
	for e := 8.0; ; e *= math.Sqrt2 {
		round := math.Round(e)
		if round <= s.Min {
			edges = []float64{round}
			continue
		}
		edges = append(edges, round)
		if round > s.Max {
			break
		}
	}
	for len(edges) > 13 { // one bar for each doubling
		var coarse []float64
		for i := 0; i < len(edges); i += 2 {
			coarse = append(coarse, edges[i])
		}
		if last := edges[len(edges)-1]; coarse[len(coarse)-1] != last {
			coarse = append(coarse, last)
		}
		edges = coarse
	}
	if edges[0] > s.Min {
		edges = append([]float64{0}, edges...)
	}
	return edges
}

// histogram counts the values between each two edges, the upper one excluded.
func histogram(values, edges []float64) (bars []Bar) {
	for i := 0; i+1 < len(edges); i++ {
		low, high := edges[i], edges[i+1]
		b := Bar{Label: interval(low, high)}
		for _, v := range values {
			if v >= low && v < high {
				b.Count++
			}
		}
		bars = append(bars, b)
	}
	for len(bars) > 0 && bars[0].Count == 0 {
		bars = bars[1:]
	}
	for len(bars) > 0 && bars[len(bars)-1].Count == 0 {
		bars = bars[:len(bars)-1]
	}
	return bars
}

func interval(low, high float64) string {
	switch {
	case math.IsInf(high, 1):
		return fmt.Sprintf("from %g", low)
	case low == 0:
		return fmt.Sprintf("below %g", high)
	}
	return fmt.Sprintf("%g–%g", low, high)
}

// formats lists the formats, the most frequent first.
func (s Split) formats() (all []Bar) {
	for name, n := range s.Formats {
		all = append(all, Bar{name, n})
	}
	slices.SortFunc(all, func(a, b Bar) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Label, b.Label)) })
	return all
}
