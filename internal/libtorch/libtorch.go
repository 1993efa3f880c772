// Package libtorch finds an installation of libtorch on this machine and checks whether the
// engine can be built for it. It reads files only; nothing is loaded.
package libtorch

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Names that Find takes in place of a folder.
const (
	Auto   = "auto"   // the torch of the python3 on the PATH
	Debian = "debian" // Debian's package libtorch-dev; the same as no name
)

// An Install is a libtorch with the headers that the engine needs.
type Install struct {
	Folder  string // as given or found: of a wheel or an archive, with lib/ and include/; /usr for Debian's packages
	Include string // the folder with ATen/ and torch/
	Lib     string // the folder with libtorch.so
	Version Version
	CUDA    bool // whether it is a build with CUDA
}

// Find returns the libtorch in a folder, or that of Auto or Debian. The error is a sentence
// that says why the engine cannot be built for it.
func Find(where string) (Install, error) {
	switch where {
	case "", Debian:
		return debian()
	case Auto:
		folder, err := python()
		if err != nil {
			return Install{}, err
		}
		return open(folder)
	}
	return open(where)
}

func open(folder string) (Install, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return Install{}, err
	}
	if strings.ContainsAny(folder, " \t\n'\"$#:") {
		return Install{}, fmt.Errorf("libtorch in %q: want a folder whose name has no blanks, quotes, colons, $ or #, "+
			"because compilers and make read it; a symbolic link with a plain name helps", folder)
	}
	i := Install{Folder: folder, Include: filepath.Join(folder, "include"), Lib: filepath.Join(folder, "lib")}
	target, err := filepath.EvalSymlinks(filepath.Join(i.Lib, "libtorch.so"))
	if err == nil && strings.HasPrefix(target, "/usr/lib/") {
		return debian() // Debian's python3-torch has links to it
	}
	if err != nil {
		return i, fmt.Errorf("libtorch in %s: want a folder with lib/libtorch.so, such as pip's …/site-packages/torch "+
			"or an unpacked libtorch, got none there", folder)
	}
	return i, i.check()
}

// debian returns the libtorch of Debian's package libtorch-dev.
func debian() (Install, error) {
	i := Install{Folder: "/usr", Include: "/usr/include"}
	found, err := filepath.Glob("/usr/lib/*/libtorch.so")
	if err != nil || len(found) == 0 {
		return i, errors.New("libtorch: want Debian's package libtorch-dev or the folder of another libtorch, got none; " +
			"apt install libtorch-dev, or pip install torch")
	}
	i.Lib = filepath.Dir(found[0])
	return i, i.check()
}

// python asks python3 for the folder of its torch, without importing it.
func python() (string, error) {
	const program = `import importlib.util as u
s = u.find_spec("torch")
print(s.submodule_search_locations[0] if s and s.origin else "")`
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("libtorch auto: want python3 on the PATH, found none; name the folder of a libtorch instead")
	}
	ask := exec.Command(path, "-c", program)
	ask.Dir = "/" // python would take a folder torch here for a package
	out, err := ask.Output()
	if err != nil {
		return "", fmt.Errorf("libtorch auto: %s could not be asked for its torch: %w", path, err)
	}
	folder := strings.TrimSpace(string(out))
	if folder == "" {
		return "", fmt.Errorf("libtorch auto: want a python3 with torch, got %s without it; activate the virtual "+
			"environment that has it, pip install torch, or name a folder", path)
	}
	return folder, nil
}

// check fills Version and CUDA and refuses what the engine cannot be built for.
func (i *Install) check() error {
	core := filepath.Join(i.Lib, "libc10.so")
	library, err := elf.Open(core)
	if err != nil {
		return fmt.Errorf("libtorch in %s: want a library lib/libc10.so that is whole, got %s; install it again",
			i.Folder, damage(err))
	}
	defer library.Close()
	if want := machines[runtime.GOARCH]; library.Machine != want {
		return fmt.Errorf("libtorch in %s: want one for %s, got one for %s", i.Folder, architecture(want),
			architecture(library.Machine))
	}
	if err := CheckWhole(i.Lib); err != nil {
		return err
	}
	i.CUDA = exists(filepath.Join(i.Lib, "libtorch_cuda.so"))
	if i.Version, err = readVersion(*i); err != nil {
		return err
	}
	if err := i.Version.check(i.Folder, i.CUDA); err != nil {
		return err
	}
	symbols, err := library.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("libtorch in %s: the symbols of %s: %w", i.Folder, core, err)
	}
	if !newStrings(symbols) {
		return fmt.Errorf("libtorch in %s (%s): want a build with the new C++ ABI (_GLIBCXX_USE_CXX11_ABI=1), got one "+
			"with the old; pip's builds have the new one from 2.7 on, archives where the name has cxx11-abi",
			i.Folder, i.Version)
	}
	return nil
}

// CheckWhole returns an error if a library of the libtorch in a folder lib is none or was cut off,
// as by a full disk or an installation that was stopped: loading it would end the program.
// What is not there is left to the loader.
func CheckWhole(lib string) error {
	for _, name := range []string{"c10", "torch", "torch_cpu", "c10_cuda", "torch_cuda"} {
		found, err := filepath.Glob(filepath.Join(lib, "lib"+name+".so*"))
		if err != nil {
			continue
		}
		for _, path := range found {
			if err := checkWhole(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkWhole is CheckWhole of one library.
func checkWhole(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	var e struct { // the end of an ELF file is that of its section headers, or near it
		Magic    [4]byte
		_        [36]byte
		Sections uint64
		_        [10]byte
		Size     uint16
		Count    uint16
		_        uint16
	}
	if binary.Read(file, binary.LittleEndian, &e) != nil || string(e.Magic[:]) != elf.ELFMAG {
		return fmt.Errorf("libtorch: want a library %s, got another file; install it again", path)
	}
	if want := int64(e.Sections) + int64(e.Size)*int64(e.Count); info.Size() < want {
		return fmt.Errorf("libtorch: want %s whole, with %d bytes or more, got %d; install it again",
			path, want, info.Size())
	}
	return nil
}

// damage says why a file is not a library.
func damage(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return "none that can be read (" + path.Err.Error() + ")"
	}
	return "a damaged one or another file"
}

// newStrings reports whether libc10's functions take the std::string of the new C++ ABI.
func newStrings(symbols []elf.Symbol) bool {
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "_ZN3c10") && strings.Contains(s.Name, "NSt7__cxx1112basic_string") &&
			s.Section != elf.SHN_UNDEF {
			return true
		}
	}
	return false
}

// machines are the architectures of processors as ELF files name them.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "ppc64le": elf.EM_PPC64,
	"riscv64": elf.EM_RISCV, "s390x": elf.EM_S390}

func architecture(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "x86-64"
	case elf.EM_AARCH64:
		return "arm64"
	}
	return m.String()
}

// CXXFlags are the flags with which C++ that includes libtorch's headers is compiled.
// The version is one of them, so that a build cache notices another libtorch in the folder.
func (i Install) CXXFlags() []string {
	flags := []string{"-I" + i.Include, "-I" + filepath.Join(i.Include, "torch/csrc/api/include"),
		"-DCONTRALENS_LIBTORCH=" + i.Version.Full}
	for _, folder := range i.nvidia() {
		flags = append(flags, "-isystem", folder)
	}
	return flags
}

// nvidia returns the folders with the headers of CUDA and NCCL that pip installs beside a
// libtorch for CUDA, or nothing if NCCL's are not among them. Triton has those that NVIDIA's
// packages lack.
func (i Install) nvidia() []string {
	beside := filepath.Join(filepath.Dir(i.Folder), "nvidia")
	if !i.CUDA || !exists(filepath.Join(beside, "nccl", "include", "nccl.h")) {
		return nil
	}
	found, err := filepath.Glob(filepath.Join(beside, "*", "include"))
	if err != nil {
		return nil
	}
	return append(found, filepath.Join(filepath.Dir(i.Folder), "triton", "backends", "nvidia", "include"))
}

// LDFlags are the flags with which a library or a program is linked to it.
//
// Without --no-as-needed the linker drops the CUDA backend, since nothing names a symbol of
// it. A wheel keeps CUDA's own libraries where only libtorch finds them, which
// --allow-shlib-undefined accepts.
func (i Install) LDFlags() []string {
	flags := []string{"-L" + i.Lib, "-Wl,-rpath," + i.Lib, "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10"}
	if i.CUDA {
		flags = append(flags, "-ltorch_cuda", "-lc10_cuda")
	}
	return append(flags, "-Wl,--allow-shlib-undefined")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
