package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func example(t *testing.T) Release {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Release{Version: "1.2.3", System: "debian12", Architecture: "amd64", Time: time.Unix(1e9, 0).UTC(), Binary: self}
}

// needs skips a test where Debian's tools are missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(err)
		}
	}
}

// The package has the fields that apt needs, and only files with a place.
func TestDebianPackage(t *testing.T) {
	needs(t, "dpkg-deb")
	r := example(t)
	files := []File{
		{"bin/contralens", "usr/bin/contralens", 0o755, []byte("program")},
		{"INSTALL.txt", "", 0o644, []byte("archive only")},
		{"LICENSE", documents + "copyright", 0o644, []byte("license")},
	}
	out := t.TempDir()
	made, err := r.debian(out, files, "libc6 (>= 2.34), libtorch1.13")
	if err != nil {
		t.Fatal(err)
	}
	if want := "contralens_1.2.3+debian12_amd64.deb"; filepath.Base(made) != want {
		t.Errorf("got %s, want %s", filepath.Base(made), want)
	}
	for field, want := range map[string]string{"Package": "contralens", "Version": "1.2.3+debian12",
		"Architecture": "amd64", "Depends": "libc6 (>= 2.34), libtorch1.13", "Installed-Size": "1"} {
		if got, err := output("dpkg-deb", "-f", made, field); err != nil || got != want {
			t.Errorf("%s: got %q (%v), want %q", field, got, err, want)
		}
	}
	listed, err := output("dpkg-deb", "-c", made)
	if err != nil || !strings.Contains(listed, "-rwxr-xr-x root/root") || strings.Contains(listed, "INSTALL") {
		t.Errorf("%v: %s", err, listed)
	}
	first, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.debian(out, files, "libc6 (>= 2.34), libtorch1.13"); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(made); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the same files give other bytes (%v)", err)
	}
}

// The archive holds its files in one folder, with the commit's time, and can be run.
func TestArchive(t *testing.T) {
	r := example(t)
	packed, err := pack(r.Base(), []File{{"bin/contralens", "", 0o755, []byte("program")}}, r.Time)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(z)
	h, err := in.Next()
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != "contralens-1.2.3-debian12-amd64/bin/contralens" || h.Mode != 0o755 || !h.ModTime.Equal(r.Time) || h.Uid != 0 {
		t.Errorf("got %+v", h)
	}
	if content, err := io.ReadAll(in); err != nil || string(content) != "program" {
		t.Errorf("got %q, %v", content, err)
	}
}

// The inventory names the Go modules, with versions, and the Debian packages of libraries.
func TestInventory(t *testing.T) {
	needs(t, "dpkg-query", "ldd")
	r := example(t)
	content, err := r.inventory()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []Component
	}
	if err := json.Unmarshal(content, &read); err != nil {
		t.Fatal(err)
	}
	if read.BOMFormat != "CycloneDX" || read.Metadata.Component.Version != "1.2.3" || len(read.Components) == 0 || read.Components[0].Name != "std" {
		t.Errorf("got %+v", read)
	}
	r.Binary = "/usr/bin/dpkg"
	found, err := r.packages()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if c.Name == "libc6" && c.Version != "" && strings.HasPrefix(c.PURL, "pkg:deb/debian/libc6@") {
			return
		}
	}
	t.Errorf("want libc6 among the libraries of dpkg, got %+v", found)
}

// Checksums are what sha256sum reads.
func TestChecksums(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := checksums(folder, []string{"a"})
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"; err != nil || got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestInstallNamesPackages(t *testing.T) {
	got := example(t).install("libc6 (>= 2.34), libtorch1.13 (>= 1.13.1+dfsg), " + blas)
	if want := "apt-get install libc6 libtorch1.13 libopenblas0-openmp\n"; !strings.Contains(got, want) {
		t.Errorf("want %q in\n%s", want, got)
	}
}

func TestManualPage(t *testing.T) {
	page := string(example(t).manual("Usage:\n.dot --flag\n"))
	for _, want := range []string{".TH CONTRALENS 1 2001-09-09", `\&.dot \-\-flag`} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
}
