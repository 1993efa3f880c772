package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"contralens/internal/version"
)

// The version can be a tag, and the citation has the same one.
func TestVersion(t *testing.T) {
	want := regexp.MustCompile(`^contralens \d+\.\d+\.\d+(-[0-9a-z.]+)? \(commit \S+, libtorch \S+, go\S+\)\n$`)
	if got := must(t, "version"); !want.MatchString(got) {
		t.Errorf("got %q", got)
	}
	citation, err := os.ReadFile("../../CITATION.cff")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(citation), "\nversion: "+version.Number()+"\n") {
		t.Errorf("CITATION.cff has another version than %s", version.Number())
	}
}
