// Command libtorch checks the libtorch that make is to build with, and prints one line for
// make: "found", its folder, its version, and the linker's flags; or else a sentence that
// says what is wrong.
//
//	go run ./scripts/libtorch [-compiler] FOLDER|auto
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"contralens/internal/libtorch"
)

func main() {
	compiler := flag.Bool("compiler", false, "check the C++ compiler as well, and warn of versions that were not tested")
	flag.Parse()
	line, err := find(flag.Arg(0), *compiler)
	if err != nil {
		fmt.Println(err)
		return // what make prints is the sentence, not the exit status
	}
	fmt.Println(line)
}

func find(where string, compiler bool) (string, error) {
	if compiler {
		if _, err := libtorch.Compiler(); err != nil {
			return "", err
		}
	}
	found, err := libtorch.Find(where)
	if err != nil {
		return "", err
	}
	if warning := found.Version.Warning(); compiler && warning != "" {
		fmt.Fprintln(os.Stderr, "setup: "+warning)
	}
	return strings.Join([]string{"found", found.Folder, found.Version.Full, strings.Join(found.CXXFlags(), " "),
		strings.Join(found.LDFlags(), " ")}, " "), nil
}
