// Command fake makes a CUDA runtime without a GPU, on which a CUDA build of libtorch runs:
//
//	go run ./scripts/gpu/fake -torch FOLDER -o OUT
//	LD_PRELOAD=$(cat OUT/preload) contralens bench step --device cuda
//
// FOLDER is that of pip's torch, or another one with lib/libtorch_cuda.so. The runtime's own functions are
// the C files in runtime/; every other function of CUDA's libraries that this libtorch asks for becomes one
// that is counted and returns 0. CUDA 12 and 13 are served. docs/gpu.md says what it shows and what not.
package main

import (
	"debug/elf"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed runtime
var sources embed.FS

// nvidia matches names of CUDA's libraries, entry those of their functions. compute are functions
// that compute, unless notCompute matches as well.
var (
	nvidia = regexp.MustCompile(`^lib(cuda|cudart|cudnn|cublas|cublasLt|cusolver|cusparse|cusparseLt|cufft|curand|` +
		`nccl|nvrtc|nvJitLink|nvToolsExt|cupti|cufile|nvshmem_host|nvidia-ml)\.so(\.\d+)?$`)
	entry = regexp.MustCompile(`^(__cuda[A-Z]|cu[A-Z]|cuda[A-Z]|cudnn|cublas|cusolver|cusparse|cufft|curand|p?nccl[A-Z]|` +
		`nvrtc|nvJitLink|nvtx|nvshmem|cupti[A-Z]|nvml[A-Z])`)
	compute = regexp.MustCompile(`^(cublas\w*(gemm|Gemm|Matmul|gemv|Dot|dot|axpy|scal|trsm|ger|syrk)\w*|` +
		`cudnn(BatchNormalization(Forward(Training|Inference)|Backward)(Ex)?|Convolution\w+|Pooling\w+|` +
		`RNN(Forward|Backward\w*)|CTCLoss\w*|Softmax\w+)|` +
		`nccl(AllReduce|AllGather|Broadcast|ReduceScatter|Reduce|Send|Recv)|cusolver\w+(f|d|s|v))$`)
	notCompute = regexp.MustCompile(`(Create|Set|Get|Init|Preference|Layout|Desc|Algo|bufferSize)`)
)

// needs are what a libtorch asks of CUDA's libraries.
type needs struct {
	libraries map[string]map[string]bool // by name, as libcudart.so.13, the versions of symbols in it
	functions map[string]bool
	provided  map[string]bool // what libtorch's own libraries define
}

func main() {
	torch := flag.String("torch", "", "`folder` of libtorch: pip's torch, or one with lib/libtorch_cuda.so")
	extra := flag.String("libs", "", "another `folder` whose libraries run on the runtime, as that of libgloo_cuda.so")
	out := flag.String("o", "build/fakegpu", "`folder` to make")
	flag.Parse()
	if err := run(*torch, *extra, *out); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(1)
	}
}

func run(torch, extra, out string) error {
	folder := filepath.Join(torch, "lib")
	if _, err := os.Stat(filepath.Join(folder, "libtorch_cuda.so")); err != nil {
		return fmt.Errorf("-torch %s: want a folder with lib/libtorch_cuda.so, as pip's torch: %w", torch, err)
	}
	n := needs{map[string]map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, pattern := range []string{filepath.Join(folder, "lib*.so*"), filepath.Join(extra, "lib*_cuda.so*")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := n.read(f); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	version, err := n.cuda()
	if err != nil {
		return err
	}
	if err := n.leaveReal(folder); err != nil {
		return err
	}
	out, err = filepath.Abs(out)
	if err != nil {
		return err
	}
	return n.make(out, version)
}

// read adds what the shared library at path needs.
func (n needs) read(path string) error {
	f, err := elf.Open(path)
	if errors.As(err, new(*elf.FormatError)) {
		return nil // a script of the linker
	} else if err != nil {
		return err
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, l := range libraries {
		if nvidia.MatchString(l) && n.libraries[l] == nil {
			n.libraries[l] = map[string]bool{}
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return err
	}
	for _, s := range symbols {
		switch {
		case s.Section != elf.SHN_UNDEF:
			n.provided[s.Name] = true
		case entry.MatchString(s.Name):
			n.functions[s.Name] = true
			if nvidia.MatchString(s.Library) {
				n.libraries[s.Library][s.Version] = true
			}
		}
	}
	return nil
}

// cuda is the version of CUDA that libtorch was built with, as 13000, from the name of its runtime.
func (n needs) cuda() (int, error) {
	for l := range n.libraries {
		if s, ok := strings.CutPrefix(l, "libcudart.so."); ok {
			major, err := strconv.Atoi(s)
			if err != nil || major < 12 || major > 13 {
				return 0, fmt.Errorf("this libtorch needs %s; the fake runtime knows those of CUDA 12 and 13", l)
			}
			return map[int]int{12: 12040, 13: 13000}[major], nil
		}
	}
	return 0, errors.New("this libtorch needs no libcudart.so: is it a CUDA build?")
}

// leaveReal takes the compiler NVRTC out if the real one lies where libtorch looks for it, since that works
// without a GPU.
func (n needs) leaveReal(folder string) error {
	found, err := filepath.Glob(filepath.Join(folder, "../../nvidia/*/lib/libnvrtc.so.*"))
	if err != nil || len(found) == 0 {
		return err
	}
	maps.DeleteFunc(n.libraries, func(l string, _ map[string]bool) bool { return strings.HasPrefix(l, "libnvrtc.") })
	maps.DeleteFunc(n.functions, func(f string, _ bool) bool { return strings.HasPrefix(f, "nvrtc") })
	return nil
}

// make writes the libraries to out/lib, and their paths to out/preload.
func (n needs) make(out string, version int) error {
	lib, src := filepath.Join(out, "lib"), filepath.Join(out, "src")
	if err := os.RemoveAll(lib); err != nil {
		return err
	}
	for _, folder := range []string{lib, src} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	files, err := n.unpack(src)
	if err != nil {
		return err
	}
	core := filepath.Join(lib, "libfakecuda.so")
	flags := []string{"-shared", "-fPIC", "-O1", "-pthread", "-Wl,-soname,libfakecuda.so", "-o", core,
		"-DCUDA_VERSION=" + strconv.Itoa(version)}
	if err := compile(append(flags, files...)...); err != nil {
		return err
	}
	stubs, count, err := n.stubs(core)
	if err != nil {
		return err
	}
	path := filepath.Join(src, "stubs.c")
	if err := os.WriteFile(path, stubs, 0o644); err != nil {
		return err
	}
	if err := compile(append(append(flags, files...), path, "-ldl")...); err != nil {
		return err
	}
	preload := []string{core}
	for _, name := range slices.Sorted(maps.Keys(n.libraries)) {
		path, err := n.shell(lib, src, name)
		if err != nil {
			return err
		}
		preload = append(preload, path)
	}
	fmt.Printf("%s: CUDA %d, %d libraries, %d functions written by hand, %d that only count\n", out, version/1000,
		len(n.libraries), len(n.functions)-count, count)
	return os.WriteFile(filepath.Join(out, "preload"), []byte(strings.Join(preload, ":")), 0o644)
}

// unpack writes the C files to folder and returns those to compile.
func (n needs) unpack(folder string) ([]string, error) {
	var files []string
	err := fs.WalkDir(sources, "runtime", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Name() == "nvrtc.c" && !n.functions["nvrtcVersion"] {
			return nil
		}
		text, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(folder, d.Name())
		if strings.HasSuffix(to, ".c") {
			files = append(files, to)
		}
		return os.WriteFile(to, text, 0o644)
	})
	return files, err
}

// stubs is the C text of the functions that core lacks, and their number.
func (n needs) stubs(core string) ([]byte, int, error) {
	f, err := elf.Open(core)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, 0, err
	}
	have := maps.Clone(n.provided)
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF {
			have[s.Name] = true
		}
	}
	b := []byte("#include \"fake.h\"\n")
	count := 0
	for _, name := range slices.Sorted(maps.Keys(n.functions)) {
		if have[name] {
			continue
		}
		kind := "call"
		if compute.MatchString(name) && !notCompute.MatchString(name) {
			kind = "kernel"
		}
		b = fmt.Appendf(b, "int %s(void) { return fake_count(%q, %q, 0), 0; }\n", name, kind, name)
		count++
	}
	return b, count, nil
}

// shell makes an empty library of the given name that stands for one of CUDA's: it has the versions that
// libtorch's symbols name, and brings the core.
func (n needs) shell(lib, src, name string) (string, error) {
	path := filepath.Join(lib, name)
	args := []string{"-shared", "-fPIC", "-o", path, "-Wl,-soname," + name, "-Wl,--no-as-needed", "-L" + lib,
		"-lfakecuda", "-Wl,-rpath,$ORIGIN", "-x", "c", "/dev/null"}
	if versions := n.libraries[name]; len(versions) > 0 {
		var b strings.Builder
		for _, v := range slices.Sorted(maps.Keys(versions)) {
			fmt.Fprintf(&b, "%s { };\n", v)
		}
		script := filepath.Join(src, name+".map")
		if err := os.WriteFile(script, []byte(b.String()), 0o644); err != nil {
			return "", err
		}
		args = append([]string{"-Wl,--version-script=" + script}, args...)
	}
	return path, compile(args...)
}

func compile(args ...string) error {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "gcc"
	}
	if text, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cc, err, text)
	}
	return nil
}
