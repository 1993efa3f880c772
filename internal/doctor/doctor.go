// Package doctor checks whether a machine has everything that training needs.
package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"contralens/autotune"
	"contralens/data/codec/jpeg"
	"contralens/data/sets"
	kernels "contralens/internal/blas"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/setup"
	"contralens/torch"
)

// Finding is a fact about the machine.
type Finding struct {
	What    string `json:"what"`
	Found   string `json:"found"`
	Problem string `json:"problem,omitempty"` // what is wrong and what to do
}

// Examine returns facts about everything that training depends on. version is that of the
// program.
func Examine(version string) []Finding {
	found := []Finding{{"contralens", version + ", " + runtime.Version(), ""}}
	engine, ok := loaded()
	found = append(found, engine...)
	if ok {
		found = append(found, devices(torch.CUDAInfo(), machine.NVIDIAGPUs(), torch.UsableGPU)...)
	}
	found = append(found,
		Finding{"processor", processor(), ""},
		Finding{"memory", memory(machine.MemorySize()), ""},
		instructions(runtime.GOARCH, machine.Vectors(), machine.NativeBF16()),
		Finding{"measurements", measurements(autotune.CacheFile()), ""})
	if ok {
		maps, _ := os.ReadFile("/proc/self/maps")
		fit, err := computeProducts()
		found = append(found, usedBLAS(string(maps), torch.BuildInfo()), products(fit, err))
	} else {
		found = append(found, blas(machine.BLAS()))
	}
	return append(found,
		Finding{"JPEG", jpeg.Version(), ""},
		Finding{"Fashion-MNIST", fashionMNIST(), ""})
}

// processor describes the processor and how many of its cores the program uses.
func processor() string {
	cores := cores(machine.Processors(), machine.Affinity(), machine.Quota())
	return fmt.Sprintf("%s, %s, %s", machine.Model(), cores, humanize.Count(torch.Threads(), "compute thread"))
}

func cores(used, all int, quota float64) string {
	text := humanize.Count(used, "core")
	if used < all {
		text += fmt.Sprintf(" of %d (a control group limits its time to %s of them)", all, humanize.Number(quota))
	}
	return text
}

// memory describes the memory that the program may use.
func memory(m machine.Memory) string {
	size := func(bytes int64) string { return fmt.Sprintf("%.1f GB", float64(bytes)/1e9) }
	switch {
	case m.Total == 0:
		return "unknown"
	case m.Limit < m.Total:
		return fmt.Sprintf("%s of %s (a control group limits it)", size(m.Limit), size(m.Total))
	default:
		return size(m.Total)
	}
}

// instructions lists the processor's vector instructions.
func instructions(arch string, vectors []string, bf16 bool) Finding {
	f := Finding{What: "instructions", Found: strings.Join(append([]string{arch}, vectors...), " ")}
	if !bf16 {
		f.Found += " (no bfloat16 instructions: --amp is not faster, and --precision auto is fp32)"
	}
	if arch == "amd64" && !slices.Contains(vectors, "avx2") {
		f.Problem = "without AVX2, training is several times slower; use another machine"
	}
	return f
}

// measurements says where the measurements of --precision auto are stored.
func measurements(path string) string {
	if path == "" {
		return "not stored, because the system has no folder for such files (HOME or XDG_CACHE_HOME)"
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "will be stored in " + path
	}
	return "stored in " + path
}

var mkl = regexp.MustCompile(`Math Kernel Library Version (\S+?)-`)

// usedBLAS describes the library that computes libtorch's matrix products on the CPU. maps is
// the list of the files in this process's memory, build libtorch's description of itself.
func usedBLAS(maps, build string) Finding {
	if m := mkl.FindStringSubmatch(build); m != nil {
		return Finding{What: "BLAS", Found: "MKL " + m[1] + ", inside libtorch"}
	}
	for _, name := range []string{"libblas", "libopenblas", "libopenblasp", "libblis", "libmkl_rt"} {
		if files := mapped(maps, name); len(files) > 0 {
			return blas(files[0])
		}
	}
	return Finding{What: "BLAS", Found: "inside libtorch"}
}

// blas describes a BLAS, or that of Debian's alternatives if there is no libtorch.
func blas(library string) Finding {
	f := Finding{What: "BLAS", Found: library}
	if library == "" {
		f.Found = "not from Debian's alternatives"
	}
	if machine.ReferenceBLAS(library) {
		f.Problem = "the reference BLAS makes fp32 matrix products many times slower; " +
			"fix it with: apt install libopenblas0-openmp"
	}
	return f
}

// computeProducts chooses the kernels of matrix products, and checks some products.
func computeProducts() (fit kernels.Fit, err error) {
	failed := torch.Run(func() error {
		fit, err = setup.Products()
		return nil
	})
	return fit, errors.Join(err, failed)
}

func products(fit kernels.Fit, err error) Finding {
	f := Finding{What: "products", Found: fit.String()}
	if fit.Core == "" {
		f.Found = "some were checked"
	}
	switch {
	case err != nil:
		f.Problem = err.Error()
	case fit.Slow:
		f.Problem = fit.Note() // "" if the user wants it so
	}
	return f
}

func fashionMNIST() string {
	if _, err := os.Stat(filepath.Join(sets.FashionMNISTFolder, "train-images-idx3-ubyte.gz")); err != nil {
		return "not installed (only the demo needs it: apt install dataset-fashion-mnist)"
	}
	return sets.FashionMNISTFolder
}
