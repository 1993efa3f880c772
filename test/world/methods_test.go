package world

import (
	"fmt"
	"testing"

	"contralens/config"
)

// exact are limits of states that are equal, bit for bit. Running statistics differ by
// definition: micro-batches move them one after another.
var exact = map[string]float64{"query": 0, "key": 0, "memory": 0, "above": 0, "momentum": 0}

// within are those limits for weights and memories alone.
func within(limit float64) map[string]float64 {
	return map[string]float64{"query": limit, "key": limit, "memory": limit, "above": limit, "gradient": limit}
}

func posneg(c *config.Contrast)    { c.FT = "posneg" }
func symmetric(c *config.Contrast) { c.Symmetric = true }
func unmix(c *config.Contrast)     { c.ImageMixup = "unmix" }

// Two processes are one that sends its batch through the encoder in two parts, bit for bit, if
// each image is a query once: kernels see the same shapes, and a+b = b+a.
func TestTwoAreOneInParts(t *testing.T) {
	folder := photos(t, 80, 48)
	for i, tc := range []struct {
		method string
		change func(*config.Contrast)
	}{{"MoCov2", posneg}, {"InsDis", posneg}, {"CMC", nil}, {"MoCo", nil}, {"CMCv2", posneg}} {
		if i >= 2 && !long() {
			continue
		}
		t.Run(tc.method, func(t *testing.T) {
			c := options(t, folder, tc.method, 5, some(tc.change)...)
			ranks := run(t, 2, job{Config: c})
			alike(t, tc.method, ranks)
			c.Accum = 2
			same(t, tc.method, ranks[0], run(t, 1, job{Config: c})[0], 0, exact)
		})
	}
}

func some(change func(*config.Contrast)) []func(*config.Contrast) {
	if change == nil {
		return nil
	}
	return []func(*config.Contrast){change}
}

// With two views, four gradients are added in another order, and with three processes the
// parts are no halves: equal within rounding, after one step.
func TestAreOneInParts(t *testing.T) {
	folder := photos(t, 80, 64)
	for i, tc := range []struct {
		method string
		size   int
		limit  float64
		change func(*config.Contrast)
	}{
		{"BYOL", 2, 3e-6, nil}, {"MoCov2", 3, 1e-4, posneg}, {"SimCLR", 4, 3e-6, posneg},
		{"SimCLR", 2, 3e-6, nil}, {"SimSiam", 2, 3e-6, nil}, {"MoCov2", 2, 3e-6, symmetric}, {"PIRL", 2, 3e-6, nil},
		{"InfoMin", 2, 3e-6, nil}, {"SimSiam", 4, 3e-6, nil}, {"BYOL", 4, 3e-6, nil},
	} {
		if i >= 3 && !long() {
			continue
		}
		t.Run(fmt.Sprint(tc.method, tc.size), func(t *testing.T) {
			c := options(t, folder, tc.method, 1, some(tc.change)...)
			ranks := run(t, tc.size, job{Config: c})
			alike(t, tc.method, ranks)
			c.Accum = tc.size
			same(t, tc.method, ranks[0], run(t, 1, job{Config: c})[0], 1e-6, within(tc.limit))
		})
	}
}

// A world is one process that splits its batches into as many batch-norm groups: weights,
// memories, figures and running statistics, after one step.
func TestAreOneInSplits(t *testing.T) {
	folder := photos(t, 80, 64)
	for i, tc := range []struct {
		method string
		size   int
		change func(*config.Contrast)
	}{
		{"MoCov2", 2, posneg}, {"SimSiam", 3, nil}, {"PIRL", 2, nil}, {"MoCov2", 4, posneg}, {"InsDis", 3, posneg}, {"CMC", 2, nil},
		{"CMCv2", 2, nil}, {"SimCLR", 2, posneg}, {"BYOL", 2, nil}, {"InfoMin", 4, nil}, {"MoCov2", 2, symmetric},
		{"MoCov2", 2, unmix}, {"SimCLR", 2, unmix}, {"InsDis", 2, unmix},
	} {
		if i >= 2 && !long() {
			continue
		}
		t.Run(fmt.Sprint(tc.method, tc.size), func(t *testing.T) {
			c := options(t, folder, tc.method, 1, some(tc.change)...)
			ranks := run(t, tc.size, job{Config: c})
			alike(t, tc.method, ranks)
			c.BNSplits = tc.size
			limits := within(1e-4)
			limits["memory"], limits["statistics"], limits["count"] = 2e-6, 1e-5, 0
			same(t, tc.method, ranks[0], run(t, 1, job{Config: c})[0], 1e-5, limits)
		})
	}
}

// Processes that normalize together are one process that does not split its batches.
func TestNormalizeTogether(t *testing.T) {
	folder := photos(t, 80, 64)
	for i, tc := range []struct {
		method string
		size   int
		change func(*config.Contrast)
	}{
		{"MoCov2", 2, posneg}, {"SimCLR", 3, nil}, {"SimSiam", 2, nil}, {"BYOL", 2, nil}, {"CMC", 2, nil},
	} {
		if i >= 1 && !long() {
			continue
		}
		t.Run(fmt.Sprint(tc.method, tc.size), func(t *testing.T) {
			c := options(t, folder, tc.method, 1, some(tc.change)...)
			c.SyncBN = true
			ranks := run(t, tc.size, job{Config: c})
			alike(t, tc.method, ranks)
			limits := within(1e-4)
			limits["memory"], limits["statistics"], limits["count"] = 2e-6, 1e-5, 0
			same(t, tc.method, ranks[0], run(t, 1, job{Config: c})[0], 1e-5, limits)
		})
	}
}
