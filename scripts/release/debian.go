package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// blas is loaded through libtorch. With the reference BLAS, matrix products would be many
// times slower.
const blas = "libopenblas0-openmp"

// sharedLibraries returns the packages that the libraries of a program and of its engine
// come from, with the versions that they need, as a line of dependencies.
func sharedLibraries(files ...string) (string, error) {
	if _, err := exec.LookPath("dpkg-shlibdeps"); err != nil {
		return "", fmt.Errorf("want dpkg-shlibdeps, found none: apt-get install dpkg-dev")
	}
	arguments := []string{"-O"}
	for _, file := range files {
		absolute, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		arguments = append(arguments, "-e"+absolute)
	}
	// dpkg-shlibdeps reads the source package's control file, and nothing in it.
	folder, err := os.MkdirTemp("", "release")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	if err := os.Mkdir(filepath.Join(folder, "debian"), 0o755); err != nil {
		return "", err
	}
	control := "Source: contralens\n\nPackage: contralens\nArchitecture: any\n"
	if err := os.WriteFile(filepath.Join(folder, "debian", "control"), []byte(control), 0o644); err != nil {
		return "", err
	}
	c := exec.Command("dpkg-shlibdeps", arguments...)
	c.Dir = folder
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("dpkg-shlibdeps: %w; every library has to come from a package of this Debian", err)
	}
	depends, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "shlibs:Depends=")
	if !ok {
		return "", fmt.Errorf("dpkg-shlibdeps: want shlibs:Depends=…, got %q", out)
	}
	return depends + ", " + blas, nil
}

func (r Release) debVersion() string { return r.Version + "+" + r.System }

func (r Release) debName() string {
	return "contralens_" + r.debVersion() + "_" + r.Architecture + ".deb"
}

// control returns the description that apt reads.
func (r Release) control(depends string, bytes int64) string {
	return fmt.Sprintf(`Package: contralens
Version: %s
Architecture: %s
Maintainer: the contralens authors <authors@contralens.invalid>
Installed-Size: %d
Depends: %s
Recommends: dataset-fashion-mnist
Section: science
Priority: optional
Description: contrastive self-supervised learning that you can look into
 Pre-trains image encoders without labels: MoCo v1 and v2 and their relatives,
 with the feature transformation of "Improving Contrastive Learning by
 Visualizing Feature Transformation" (ICCV 2021). It records and shows the
 positive and negative scores of every step, evaluates the features, and reads
 and writes the files of PyTorch programs.
`, r.debVersion(), r.Architecture, (bytes+1023)/1024, depends)
}

// debian writes the package to a folder and returns its path.
func (r Release) debian(out string, files []File, depends string) (string, error) {
	tree, err := os.MkdirTemp("", "release")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tree)
	if err := os.Chmod(tree, 0o755); err != nil { //nolint:gosec // the root of a package
		return "", err
	}
	size := int64(0)
	write := func(place string, mode int64, content []byte) error {
		to := filepath.Join(tree, filepath.FromSlash(place))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, content, os.FileMode(mode)) //nolint:gosec // modes are constants
	}
	for _, f := range files {
		if f.Place == "" {
			continue
		}
		size += int64(len(f.Content))
		if err := write(f.Place, f.Mode, f.Content); err != nil {
			return "", err
		}
	}
	if err := write("DEBIAN/control", 0o644, []byte(r.control(depends, size))); err != nil {
		return "", err
	}
	to := filepath.Join(out, r.debName())
	c := exec.Command("dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, to)
	c.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.Time.Unix(), 10))
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("dpkg-deb: %w: %s", err, said)
	}
	return to, nil
}
