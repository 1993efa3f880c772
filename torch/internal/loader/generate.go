//go:build ignore

// Command generate writes functions.h, the list of the functions that the headers of the
// shim declare.
package main

import (
	"log"
	"os"

	"contralens/torch/internal/loader/list"
)

func main() {
	text, err := list.Header()
	if err == nil {
		err = os.WriteFile("functions.h", text, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
