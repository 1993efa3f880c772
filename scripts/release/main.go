// Command release packs a built contralens for the Debian it runs on: an archive, a package
// for apt, a list of what is inside, and checksums. `make release` calls it.
//
// The same commit gives the same bytes: times come from the commit, names are sorted, and
// everything belongs to root.
package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	var binary, engine, number, out string
	flag.StringVar(&binary, "binary", "", "the program to pack, built with -trimpath")
	flag.StringVar(&engine, "engine", "", "the library with libtorch behind it that lies in the program")
	flag.StringVar(&number, "version", "", "the release, such as 1.2.3; empty: the program's own, and the commit")
	flag.StringVar(&out, "o", "build/release", "folder for the files")
	flag.Parse()
	if err := run(binary, engine, number, out); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// A Release is what all files of a release have in common.
type Release struct {
	Version      string    // for example 0.9.0+git20261128.601cb6e5a1b2
	System       string    // "debian12"
	Architecture string    // as dpkg says it: "amd64"
	Time         time.Time // of the commit
	Binary       string    // path of the program
	Engine       string    // path of the library that lies in it
}

// Base returns the name of the archive without its ending.
func (r Release) Base() string {
	return "contralens-" + r.Version + "-" + r.System + "-" + r.Architecture
}

func run(binary, engine, number, out string) error {
	r, err := describe(binary, number)
	if err != nil {
		return err
	}
	r.Engine = engine
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	depends, err := sharedLibraries(r.Binary, r.Engine)
	if err != nil {
		return err
	}
	inventory, err := r.inventory()
	if err != nil {
		return err
	}
	files, err := r.files(depends, inventory)
	if err != nil {
		return err
	}
	archive, err := pack(r.Base(), files, r.Time)
	if err != nil {
		return err
	}
	made := map[string][]byte{r.Base() + ".tar.gz": archive, r.Base() + ".cdx.json": inventory}
	for name, content := range made {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return err
		}
	}
	deb, err := r.debian(out, files, depends)
	if err != nil {
		return err
	}
	names := []string{filepath.Base(deb), r.Base() + ".cdx.json", r.Base() + ".tar.gz"}
	sums, err := checksums(out, names)
	if err != nil {
		return err
	}
	fmt.Print(sums)
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums), 0o644)
}

// describe asks the program, git and the system what is being released.
func describe(binary, number string) (Release, error) {
	r := Release{Binary: binary}
	said, err := output(binary, "version")
	if err != nil {
		return r, fmt.Errorf("%s: want a program that runs here: %w", binary, err)
	}
	// contralens 0.9.0 (commit 601cb6e5a1b2, libtorch 1.13.0, go1.26.8)
	fields := strings.FieldsFunc(said, func(c rune) bool { return c == ' ' || c == ',' || c == '(' })
	if len(fields) < 4 || fields[0] != "contralens" || fields[2] != "commit" {
		return r, fmt.Errorf("%s: want a line such as \"contralens 0.9.0 (commit …\", got %q", binary, said)
	}
	seconds, err := output("git", "log", "-1", "--format=%ct")
	if err != nil {
		return r, fmt.Errorf("want a git repository: %w", err)
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return r, err
	}
	r.Time = time.Unix(unix, 0).UTC()
	if r.Version = strings.TrimPrefix(number, "v"); r.Version == "" {
		r.Version = fields[1] + "+git" + r.Time.Format("20060102") + "." + strings.ReplaceAll(fields[3], "+", ".")
	}
	if r.Architecture, err = output("dpkg", "--print-architecture"); err != nil {
		return r, fmt.Errorf("want Debian: %w", err)
	}
	system, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return r, err
	}
	id, version := value(string(system), "ID"), value(string(system), "VERSION_ID")
	if id == "" || version == "" {
		return r, fmt.Errorf("/etc/os-release: want ID and VERSION_ID, got %q and %q; "+
			"build on a release of Debian, such as 12 or 13", id, version)
	}
	r.System = id + version
	return r, nil
}

// value returns the value of a key in a file such as /etc/os-release.
func value(file, key string) string {
	for line := range strings.Lines(file) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

// checksums returns the lines that `sha256sum -c` reads.
func checksums(folder string, names []string) (string, error) {
	var b strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), name)
	}
	return b.String(), nil
}

// output runs a program and returns what it prints, without the last line break.
func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimRight(string(out), "\n"), nil
}
