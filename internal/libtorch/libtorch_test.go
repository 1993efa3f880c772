package libtorch

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fake makes the folder of a wheel: a libc10.so compiled from source, and a version.
func fake(t *testing.T, version, source string, cuda bool) string {
	t.Helper()
	folder := t.TempDir()
	include := filepath.Join(folder, "include/torch/csrc/api/include/torch")
	for _, d := range []string{include, filepath.Join(folder, "lib")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	numbers := strings.FieldsFunc(version, func(r rune) bool { return r == '.' || r == '+' })
	header := "#pragma once\n"
	for i, name := range []string{"MAJOR", "MINOR", "PATCH"} {
		header += "#define TORCH_VERSION_" + name + " " + numbers[i] + "\n"
	}
	write(t, filepath.Join(include, "version.h"), header)
	write(t, filepath.Join(folder, "version.py"), "__version__ = '"+version+"'\n")
	compile := exec.Command("g++", "-shared", "-fPIC", "-x", "c++", "-", "-o", filepath.Join(folder, "lib/libc10.so"))
	compile.Stdin = strings.NewReader(source)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	names := []string{"libtorch.so"}
	if cuda {
		names = append(names, "libtorch_cuda.so")
	}
	for _, name := range names { // any library will do
		if err := os.Link(filepath.Join(folder, "lib/libc10.so"), filepath.Join(folder, "lib", name)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	newABI = "#include <string>\nnamespace c10 { void f(std::string) {} }"
	oldABI = "#define _GLIBCXX_USE_CXX11_ABI 0\n" + newABI
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, version, source string
		cuda                  bool
		want                  string // part of the error; "" for none
		warn                  bool
	}{
		{"tested", "1.13.1", newABI, false, "", false},
		{"CUDA", "2.15.0+cu132", newABI, true, "", false},
		{"between", "2.3.0", newABI, false, "", true},
		{"newer", "3.1.0", newABI, false, "", true},
		{"old", "1.12.1", newABI, false, "want version 1.13 or newer, got 1.12.1", false},
		{"old CUDA", "2.5.1+cu121", newABI, true, "want version 2.6 or newer of a CUDA build, got 2.5.1+cu121", false},
		{"old ABI", "2.6.0+cu124", oldABI, true, "want a build with the new C++ ABI", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := fake(t, c.version, c.source, c.cuda)
			found, err := Find(folder)
			expect(t, err, c.want)
			if c.want != "" {
				return
			}
			if found.Folder != folder || found.Version.Full != c.version || found.CUDA != c.cuda {
				t.Errorf("got %+v", found)
			}
			if cuda := strings.Contains(strings.Join(found.LDFlags(), " "), "-ltorch_cuda"); cuda != c.cuda {
				t.Errorf("-ltorch_cuda is linked: %v", cuda)
			}
			if !strings.Contains(strings.Join(found.CXXFlags(), " "), "="+c.version) {
				t.Errorf("the version is no flag, so another one would not be noticed: %v", found.CXXFlags())
			}
			if Upgraded(folder, c.version) != "" || Upgraded(folder, "1.0.0") != c.version || Upgraded(t.TempDir(), "1.0.0") != "" {
				t.Errorf("upgraded from 1.0.0 to %q", Upgraded(folder, "1.0.0"))
			}
			if warning := found.Version.Warning(); (warning != "") != c.warn {
				t.Errorf("warning %q", warning)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	empty := t.TempDir()
	_, err := Find(empty)
	expect(t, err, "want a folder with lib/libtorch.so")

	headerless := fake(t, "2.6.0", newABI, false)
	if err := os.RemoveAll(filepath.Join(headerless, "include")); err != nil {
		t.Fatal(err)
	}
	_, err = Find(headerless)
	expect(t, err, "want headers with a version")

	half := fake(t, "2.6.0", newABI, false)
	write(t, filepath.Join(half, "version.py"), "__version__ = '2.7.0+cpu'\n")
	_, err = Find(half)
	expect(t, err, "got 2.7.0+cpu with headers of 2.6.0")

	other := fake(t, "2.6.0", newABI, false)
	machine := elf.EM_AARCH64
	if runtime.GOARCH == "arm64" {
		machine = elf.EM_X86_64
	}
	library := filepath.Join(other, "lib/libc10.so")
	bytes, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint16(bytes[18:], uint16(machine)) // e_machine
	write(t, library, string(bytes))
	_, err = Find(other)
	expect(t, err, "got one for "+architecture(machine))

	cut := fake(t, "2.6.0", newABI, false)
	cpu := filepath.Join(cut, "lib/libtorch_cpu.so")
	write(t, cpu, string(bytes[:len(bytes)-100]))
	_, err = Find(cut)
	expect(t, err, "want "+cpu+" whole, with ")
	write(t, cpu, "not a library")
	expect(t, CheckWhole(filepath.Join(cut, "lib")), "want a library "+cpu+", got another file; install it again")

	write(t, library, "not a library")
	_, err = Find(other)
	expect(t, err, "that is whole, got a damaged one or another file; install it again")

	_, err = Find(filepath.Join(empty, "a folder"))
	expect(t, err, "want a folder whose name has no blanks")
}

// TestAuto asks a python3 that stands first on the PATH, as that of a virtual environment.
func TestAuto(t *testing.T) {
	folder := fake(t, "2.15.0+cpu", newABI, false)
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	_, err := Find(Auto)
	expect(t, err, "want python3 on the PATH")
	for answer, want := range map[string]string{"echo " + folder: "", "echo": "without it; activate", "exit 3": "could not be asked"} {
		if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\n"+answer+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		found, err := Find(Auto)
		expect(t, err, want)
		if want == "" && found.Folder != folder {
			t.Errorf("got %s, want %s", found.Folder, folder)
		}
	}
}

func TestCompiler(t *testing.T) {
	if _, err := Compiler(); err != nil {
		t.Error(err)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	_, err := Compiler()
	expect(t, err, "found no g++")
	old := "#!/bin/sh\ncase $1 in -dump*) echo 9.4.0 ;; *) exit 1 ;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "g++-9"), []byte(old), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CXX", "g++-9")
	_, err = Compiler()
	expect(t, err, "such as g++ 11 or newer, got g++-9 9.4.0")
	t.Setenv("CXX", " ") // as in CXX=$UNSET
	_, err = Compiler()
	expect(t, err, "found no g++")
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]int{"2.15.0+cu132": 2015, "1.13.0a0": 1013, "2.6": 2006, "3.0a1": 3000} {
		if v, err := ParseVersion(text); err != nil || v.number() != want {
			t.Errorf("%s: got %+v, %v", text, v, err)
		}
	}
	if _, err := ParseVersion("new"); err == nil {
		t.Error("want an error")
	}
}

func expect(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q", err, want)
	}
}
