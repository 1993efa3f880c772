package loader

import (
	"bytes"
	"os"
	"testing"

	"contralens/torch/internal/loader/list"
)

// TestFunctions holds functions.h to the headers. A function that it lacks could not be
// linked with the tag engine.
func TestFunctions(t *testing.T) {
	want, err := list.Header()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("functions.h")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("functions.h is not what the headers declare; run: go generate ./torch/internal/loader")
	}
}
