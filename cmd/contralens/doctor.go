package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/autotune"
	"contralens/data"
	"contralens/data/jpeg"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/internal/version"
	"contralens/torch"
)

// finding is one line of the doctor's report.
type finding struct {
	What    string `json:"what"`
	Found   string `json:"found"`
	Problem string `json:"problem,omitempty"` // what is wrong and what to do
}

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine has and what is missing",
		Args:    noArguments,
		Example: "  contralens doctor",
	}
	asJSON := cmd.Flags().Bool("json", false, "print the findings as JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		found := examine()
		var problems int
		for _, f := range found {
			if f.Problem != "" {
				problems++
			}
		}
		if *asJSON {
			if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
				return err
			}
		} else {
			for _, f := range found {
				fmt.Printf("%-14s %s\n", f.What, f.Found)
				if f.Problem != "" {
					fmt.Printf("%-14s ! %s\n", "", f.Problem)
				}
			}
		}
		if problems > 0 {
			return fmt.Errorf("%d thing(s) above want mending", problems)
		}
		if !*asJSON {
			fmt.Println("everything needed is there")
		}
		return nil
	}
	return cmd
}

func examine() []finding {
	var list []finding
	add := func(what, found, problem string) { list = append(list, finding{what, found, problem}) }
	add("contralens", version.Commit()+", "+runtime.Version(), "")
	add("libtorch", torch.Version(), "")
	if n := torch.CUDADevices(); n > 0 {
		add("devices", fmt.Sprintf("cpu, %d GPU(s) as cuda:0 … cuda:%d", n, n-1), "")
	} else {
		add("devices", "cpu; no GPU (a CUDA build of libtorch is chosen with LIBTORCH=/path make build)", "")
	}
	add("processor", processor(), "")
	add("memory", memory(), "")
	sets, slow := instructions()
	problem := ""
	if slow {
		problem = "without AVX2 training is several times slower; another machine helps"
	}
	add("instructions", sets, problem)
	add("measurements", cacheFile(), "")
	blas, problem := blasLibrary()
	add("BLAS", blas, problem)
	add("JPEG", jpeg.Version(), "")
	if _, err := os.Stat(filepath.Join(data.FashionMNISTFolder, "train-images-idx3-ubyte.gz")); err != nil {
		add("Fashion-MNIST", "not installed (only the demo needs it: apt install dataset-fashion-mnist)", "")
	} else {
		add("Fashion-MNIST", data.FashionMNISTFolder, "")
	}
	return list
}

// instructions lists the processor's vector instructions; slow means that it
// lacks what every fast kernel uses.
func instructions() (sets string, slow bool) {
	known := machine.Vectors()
	sets = strings.Join(append([]string{runtime.GOARCH}, known...), " ")
	if !machine.NativeBF16() {
		sets += " (no bfloat16 instructions: --amp brings no speed, and --precision auto is fp32)"
	}
	return sets, runtime.GOARCH == "amd64" && !slices.Contains(known, "avx2")
}

// processor describes the processor, and how many of it this program uses.
func processor() string {
	cores := humanize.Count(machine.Processors(), "core")
	if n := machine.Affinity(); n > machine.Processors() {
		cores += fmt.Sprintf(" of %d (a control group limits its time to %s of them)", n, humanize.Number(machine.Quota()))
	}
	return fmt.Sprintf("%s, %s, %s", machine.Model(), cores, humanize.Count(torch.Threads(), "compute thread"))
}

// memory describes the memory that this program may use.
func memory() string {
	m := machine.MemorySize()
	if m.Total == 0 {
		return "unknown"
	}
	size := func(bytes int64) string { return fmt.Sprintf("%.1f GB", float64(bytes)/1e9) }
	if m.Limit < m.Total {
		return fmt.Sprintf("%s of %s (a control group limits it)", size(m.Limit), size(m.Total))
	}
	return size(m.Total)
}

// cacheFile says where the measurements of --precision auto are kept.
func cacheFile() string {
	path := autotune.CacheFile()
	if path == "" {
		return "are not kept, since the system has no folder for such files (HOME or XDG_CACHE_HOME)"
	}
	if !isFile(path) {
		return "will be kept in " + path
	}
	return "are kept in " + path
}

// blasLibrary names the library of matrix products, on Debian an alternative.
func blasLibrary() (name, problem string) {
	links, _ := filepath.Glob("/etc/alternatives/libblas.so.3*")
	if len(links) == 0 {
		return "not from Debian's alternatives", ""
	}
	target, err := os.Readlink(links[0])
	if err != nil {
		return "unknown", ""
	}
	if strings.Contains(target, "/blas/") {
		return target, "the reference BLAS makes fp32 matrix products many times slower; mend it with: apt install libopenblas0-openmp"
	}
	return target, ""
}
