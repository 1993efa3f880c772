package libtorch

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// modern is what libtorch's headers need of the language since 2.14: C++20 as g++ has it
// since version 11.
const modern = `#include <compare>
#include <concepts>
#include <source_location>
#include <span>
enum class kind { a };
template <typename T> requires std::integral<T> T same(T x) { return x; }
int main() { using enum kind; return same(a == kind::a ? 0 : 1) + (1 <=> 2 == 0); }
`

// Compiler returns the C++ compiler, that of the environment variable CXX or g++. The error
// says what is missing.
func Compiler() (string, error) {
	compiler := strings.TrimSpace(os.Getenv("CXX"))
	if compiler == "" {
		compiler = "g++"
	}
	command := strings.Fields(compiler)
	if _, err := exec.LookPath(command[0]); err != nil {
		return "", fmt.Errorf("want a C++ compiler, found no %s on the PATH; apt install g++", command[0])
	}
	check := exec.Command(command[0], append(command[1:], "-std=c++20", "-fsyntax-only", "-x", "c++", "-")...)
	check.Stdin = strings.NewReader(modern)
	if err := check.Run(); err != nil {
		version, _ := exec.Command(command[0], append(command[1:], "-dumpfullversion", "-dumpversion")...).Output()
		return "", fmt.Errorf("want a C++ compiler for C++20, such as g++ 11 or newer, got %s %s; apt install a newer one, "+
			"and name it by the environment variable CXX", compiler, strings.TrimSpace(string(version)))
	}
	return compiler, nil
}
