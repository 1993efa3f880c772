package nvrtc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// candidates are the places where NVRTC may be, the likeliest first: beside libtorch_cuda
// (an archive of libtorch), in the packages of NVIDIA that a wheel of PyTorch depends on,
// where the system's loader looks, and where CUDA's installer puts it.
func candidates() []string {
	var found []string
	if lib := folderOf("libtorch_cuda.so"); lib != "" {
		found = append(found, beside(lib)...)
		packages := filepath.Join(lib, "..", "..", "nvidia", "*", "lib")
		found = append(found, beside(packages)...)
	}
	found = append(found, "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so")
	return append(found, beside("/usr/local/cuda*/lib64")...)
}

// beside returns the copies of NVRTC in a folder, which may be a pattern, newest names
// first.
func beside(folder string) []string {
	found, _ := filepath.Glob(filepath.Join(folder, "libnvrtc*.so*"))
	found = slices.DeleteFunc(found, func(path string) bool {
		name := filepath.Base(path)
		return strings.Contains(name, "builtins") || strings.Contains(name, ".alt.")
	})
	slices.Sort(found)
	slices.Reverse(found)
	return found
}

// folderOf returns the folder of a library that is loaded into this process, or "".
func folderOf(library string) string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(maps)) {
		if i := strings.Index(line, "/"); i >= 0 {
			path := strings.TrimSpace(line[i:])
			if strings.HasPrefix(filepath.Base(path), library) {
				return filepath.Dir(path)
			}
		}
	}
	return ""
}
