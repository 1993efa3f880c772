package doctor

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	kernels "contralens/internal/blas"
	"contralens/internal/machine"
)

func TestFindings(t *testing.T) {
	for _, c := range []struct{ what, got, want string }{
		{"cores", cores(2, 2, 3), "2 cores"},
		{"cores of a container", cores(2, 64, 1.5), "2 cores of 64 (a control group limits its time to 1.5 of them)"},
		{"memory", memory(machine.Memory{Total: 16e9, Limit: 16e9}), "16.0 GB"},
		{"memory of a container", memory(machine.Memory{Total: 16e9, Limit: 8e9}), "8.0 GB of 16.0 GB (a control group limits it)"},
		{"unknown memory", memory(machine.Memory{}), "unknown"},
		{"no folder for measurements", measurements(""), "not stored, because the system has no folder for such files (HOME or XDG_CACHE_HOME)"},
		{"no alternatives", blas("").Found, "not from Debian's alternatives"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
	const openBLAS = "7f-8f r-xp 0 fe:00 1 /usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3\n"
	const mkl = "- Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605 for Intel(R) 64\n"
	for _, c := range []struct{ maps, build, want string }{
		{openBLAS, "", "/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3"},
		{openBLAS, mkl, "MKL 2024.2, inside libtorch"}, // Debian's may be there for other reasons
		{"", "", "inside libtorch"},
		{"7f-8f r-xp 0 fe:00 1 /opt/torch/lib/libopenblas-1a.so.0\n", "", "/opt/torch/lib/libopenblas-1a.so.0"},
	} {
		if got := usedBLAS(c.maps, c.build); got.Found != c.want || got.Problem != "" {
			t.Errorf("%+v, want %s", got, c.want)
		}
	}
	if f := usedBLAS("7f-8f r-xp 0 fe:00 1 /usr/lib/x86_64-linux-gnu/blas/libblas.so.3\n", ""); f.Problem == "" {
		t.Error("the reference BLAS is no problem")
	}
	path := filepath.Join(t.TempDir(), "tune.json")
	if got := measurements(path); got != "will be stored in "+path {
		t.Errorf("without measurements: %s", got)
	}
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		f    Finding
		want string // of the problem, if there is one
	}{
		"AVX2":                  {instructions("amd64", []string{"avx2", "fma"}, true), ""},
		"no AVX2":               {instructions("amd64", nil, false), "without AVX2"},
		"arm64":                 {instructions("arm64", []string{"asimd"}, false), ""},
		"OpenBLAS":              {blas("/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3"), ""},
		"fitting kernels":       {products(kernels.Fit{Core: "Zen", Version: "OpenBLAS 1"}, nil), ""},
		"slow kernels":          {products(kernels.Fit{Core: "Prescott", Slow: true}, nil), "install a newer OpenBLAS"},
		"a user's slow kernels": {products(kernels.Fit{Core: "Prescott", User: "Prescott", Slow: true}, nil), ""},
		"replaced kernels":      {products(kernels.Fit{Core: "Haswell", Was: "Prescott"}, nil), ""},
		"a wrong product":       {products(kernels.Fit{}, errors.New("the product is wrong")), "the product is wrong"},
		"reference BLAS":        {blas("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3"), "apt install libopenblas0-openmp"},
	} {
		if (c.f.Problem == "") != (c.want == "") || !strings.Contains(c.f.Problem, c.want) {
			t.Errorf("%s: problem %q, want %q", name, c.f.Problem, c.want)
		}
	}
	if f := instructions("amd64", []string{"avx2"}, false); !strings.HasPrefix(f.Found, "amd64 avx2 (no bfloat16") {
		t.Errorf("found %q", f.Found)
	}
}
