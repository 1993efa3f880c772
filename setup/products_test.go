package setup

import (
	"math"
	"os"
	"strings"
	"testing"

	"contralens/internal/blas"
	"contralens/internal/cpu"
	"contralens/torch"
)

func computing(t *testing.T, f func() error) {
	t.Helper()
	if err := torch.Run(f); err != nil {
		t.Error(err)
	}
}

// The products of this machine are right with each of OpenBLAS's kernels that it can run,
// also where contralens replaces those that an old OpenBLAS would choose.
func TestProducts(t *testing.T) {
	computing(t, func() error {
		if _, err := Products(); err != nil {
			return err
		}
		l := blas.Loaded()
		if l == nil || !l.Switchable() || cpu.Best() == cpu.Baseline {
			t.Skip("no OpenBLAS with kernels for several processors, or a processor without AVX2")
		}
		own, given := l.Core(), os.Getenv(blas.CoreVariable)
		defer l.Use(own)
		for _, old := range []string{"Prescott", "Nehalem", "Sandybridge"} {
			l.Use(old)
			if l.Core() != old {
				t.Errorf("kernels for %s, want %s", l.Core(), old)
			}
			if err := checkProducts(blas.Fit{Core: old}, (*torch.Tensor).Matmul); err != nil {
				t.Error(err)
			}
			fit := blas.FitTo(l, cpu.Best(), "")
			if fit.Was != old || fit.Core != l.Core() || fit.Slow {
				t.Errorf("%+v, in use %s", fit, l.Core())
			}
			if err := checkProducts(fit, (*torch.Tensor).Matmul); err != nil {
				t.Error(err)
			}
			if fit = blas.FitTo(l, cpu.Best(), old); fit.User != old {
				t.Errorf("%+v", fit)
			}
		}
		if now := os.Getenv(blas.CoreVariable); now != given {
			t.Errorf("%s is %q, was %q", blas.CoreVariable, now, given)
		}
		return nil
	})
}

// A product that is wrong in one element, or in one row of the last matrix of a batch, is
// an error that says what to do.
func TestWrongProduct(t *testing.T) {
	computing(t, func() error {
		for name, damage := range map[string]func(c *torch.Tensor) bool{
			"the last column": func(c *torch.Tensor) bool { c.Select(-1, c.Size(-1)-1).MulScalar_(1.001); return true },
			"the last row of a batch": func(c *torch.Tensor) bool {
				if c.Dim() == 3 {
					c.Select(0, 1).Select(0, c.Size(1)-1).Zero_()
				}
				return c.Dim() == 3
			},
			"not a number": func(c *torch.Tensor) bool { c.Select(-1, c.Size(-1)-1).Fill_(math.NaN()); return true },
			"a long sum": func(c *torch.Tensor) bool {
				if c.Size(-1) == 48 {
					c.AddScalar_(0.01)
				}
				return c.Size(-1) == 48
			},
		} {
			damaged := false
			multiply := func(a, b *torch.Tensor) *torch.Tensor {
				c := a.Matmul(b)
				damaged = damage(c) || damaged
				return c
			}
			for _, tc := range []struct {
				fit  blas.Fit
				want string
			}{
				{blas.Fit{Version: "OpenBLAS 1", Core: "Zen", User: "Zen"}, "OPENBLAS_CORETYPE=Zen does not suit this processor"},
				{blas.Fit{Version: "OpenBLAS 1", Core: "Zen"}, "by OpenBLAS 1 with kernels for Zen, chosen by itself: try OPENBLAS_CORETYPE=Haswell"},
				{blas.Fit{}, "computed by libtorch: install another version"},
			} {
				if err := checkProducts(tc.fit, multiply); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v, want %q", name, err, tc.want)
				}
			}
			if !damaged {
				t.Errorf("%s: nothing was damaged", name)
			}
		}
		return nil
	})
}
