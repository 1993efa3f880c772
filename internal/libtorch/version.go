package libtorch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Version is that of a libtorch.
type Version struct {
	Major, Minor int
	Full         string // such as 2.15.0+cu132
}

func (v Version) String() string { return v.Full }

// number orders versions.
func (v Version) number() int { return v.Major*1000 + v.Minor }

// Tested are the versions with which all tests have passed on the CPU, oldest first. An older
// one than the first is refused.
var Tested = []Version{
	{1, 13, "1.13"}, // Debian 12
	{2, 6, "2.6"},   // Debian 13
	{2, 15, "2.15"}, // pip
}

// oldestCUDA is the oldest version whose CUDA build is accepted: streams, events and pinned
// memory are used through interfaces that older ones lack.
var oldestCUDA = Version{2, 6, "2.6"}

func (v Version) check(folder string, cuda bool) error {
	switch {
	case v.number() < Tested[0].number():
		return fmt.Errorf("libtorch in %s: want version %s or newer, got %s", folder, Tested[0], v)
	case cuda && v.number() < oldestCUDA.number():
		return fmt.Errorf("libtorch in %s: want version %s or newer of a CUDA build, got %s", folder, oldestCUDA, v)
	}
	return nil
}

// Warning says that a version has not been tested; "" if it has.
func (v Version) Warning() string {
	if slices.ContainsFunc(Tested, func(t Version) bool { return t.number() == v.number() }) {
		return ""
	}
	var names []string
	for _, t := range Tested {
		names = append(names, t.Full)
	}
	if v.number() > Tested[len(Tested)-1].number() {
		return fmt.Sprintf("libtorch %s is newer than all that were tested (%s): if it does not build or a test fails, "+
			"take one of these", v, strings.Join(names, ", "))
	}
	return fmt.Sprintf("libtorch %s was not tested; those that were are %s", v, strings.Join(names, ", "))
}

// ParseVersion reads a version such as 2.15.0+cu132.
func ParseVersion(text string) (Version, error) {
	if m := numbers.FindStringSubmatch(text); m != nil {
		major, err := strconv.Atoi(m[1])
		minor, err2 := strconv.Atoi(m[2])
		if err == nil && err2 == nil {
			return Version{major, minor, text}, nil
		}
	}
	return Version{}, fmt.Errorf("libtorch: want a version such as 2.15.0, got %q", text)
}

var (
	define        = regexp.MustCompile(`(?m)^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) (\d+)`)
	numbers       = regexp.MustCompile(`^(\d+)\.(\d+)`)
	pythonVersion = regexp.MustCompile(`(?m)^__version__ = '([\w.+-]+)'`)
)

// named is the version that a wheel's version.py or an archive's build-version names, or "".
func named(folder string) string {
	text, err := os.ReadFile(filepath.Join(folder, "version.py"))
	if m := pythonVersion.FindSubmatch(text); err == nil && m != nil {
		return string(m[1])
	}
	if text, err = os.ReadFile(filepath.Join(folder, "build-version")); err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Upgraded returns the version of the libtorch in a folder if its first two numbers are not
// those of the version that was there, or "". Versions that differ there do not work for each
// other. It is "" for a folder that does not name its version.
func Upgraded(folder, was string) string {
	now := named(folder)
	a, err := ParseVersion(now)
	b, err2 := ParseVersion(was)
	if err != nil || err2 != nil || a.number() == b.number() {
		return ""
	}
	return now
}

// readVersion reads the version of an installation, as named, or else from the headers.
func readVersion(i Install) (Version, error) {
	var header string
	// The first has the numbers since 2.9, the second had them before.
	for _, name := range []string{"torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"} {
		text, err := os.ReadFile(filepath.Join(i.Include, name))
		if err != nil {
			continue
		}
		if m := define.FindAllSubmatch(text, -1); len(m) == 3 {
			header = fmt.Sprintf("%s.%s.%s", m[0][2], m[1][2], m[2][2])
			break
		}
	}
	if header == "" {
		return Version{}, fmt.Errorf("libtorch in %s: want headers with a version (torch/version.h under %s), got none; "+
			"the engine is compiled with them", i.Folder, i.Include)
	}
	compiled, err := ParseVersion(header)
	if err != nil || i.Folder == "/usr" {
		return compiled, err
	}
	text := named(i.Folder)
	if text == "" {
		return compiled, nil
	}
	named, err := ParseVersion(text)
	if err != nil {
		return Version{}, err
	}
	if named.number() != compiled.number() {
		return Version{}, fmt.Errorf("libtorch in %s: want headers of its own version, got %s with headers of %s; "+
			"install it again", i.Folder, named, compiled)
	}
	return named, nil
}
