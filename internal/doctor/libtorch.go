package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/torch"
	"contralens/torch/engine"
)

// libtorch says which libtorch is loaded, from where, and by what. maps is the list of the
// files in this process's memory. failed is why none could be loaded.
func libtorch(version, maps string, e *engine.Engine, failed error) []Finding {
	if failed != nil {
		return []Finding{{"libtorch", "none", failed.Error()}}
	}
	found := Finding{What: "libtorch", Found: version}
	if files := mapped(maps, "libtorch_cpu"); len(files) > 0 {
		found.Found += " from " + strings.Join(files, ", ")
	}
	if len(mapped(maps, "libtorch_cuda")) > 0 {
		found.Found += ", a build with CUDA"
	}
	by := Finding{What: "engine", Found: "linked into the program"}
	if e != nil {
		place := "inside the program"
		if e.Path != "" {
			place = e.Path
		}
		by.Found = place + ", built for " + e.String()
	}
	copies := openMP(mapped(maps, "libgomp"), mapped(maps, "libomp"), mapped(maps, "libiomp"))
	return append([]Finding{found, by}, copies...)
}

// openMP warns of several copies of OpenMP in the process.
func openMP(copies ...[]string) []Finding {
	files := slices.Concat(copies...)
	if len(files) < 2 {
		return nil
	}
	return []Finding{{"OpenMP", strings.Join(files, ", "), "these copies each start threads that wait for work on the " +
		"same processors, which makes steps slower; run contralens engine build, which takes libtorch's copy"}}
}

// mapped returns the libraries in a process's memory whose file name begins with name.
func mapped(maps, name string) []string {
	var files []string
	for line := range strings.Lines(maps) {
		// 7f08aac5f000-7f08aac60000 r-xp 00000000 fe:00 1234    /usr/lib/libtorch_cpu.so.1.13.0
		_, path, ok := strings.Cut(line, "/")
		path = "/" + strings.TrimSpace(path)
		base := filepath.Base(path)
		if rest, is := strings.CutPrefix(base, name); ok && is && strings.ContainsAny(rest[:min(1, len(rest))], ".-") &&
			!slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	return files
}

// loaded is libtorch of this process.
func loaded() (found []Finding, ok bool) {
	e, err := torch.Engine()
	maps, _ := os.ReadFile("/proc/self/maps") // elsewhere than on Linux there are no paths
	return libtorch(torch.Version(), string(maps), e, err), err == nil
}
