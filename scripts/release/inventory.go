package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Component is one library in the inventory.
type Component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl,omitempty"`
}

// inventory returns what the program consists of as a software bill of materials
// (CycloneDX 1.5): the Go modules that were compiled in, and the Debian packages of the
// libraries that it loads.
func (r Release) inventory() ([]byte, error) {
	info, err := buildinfo.ReadFile(r.Binary)
	if err != nil {
		return nil, fmt.Errorf("%s: want a Go program: %w", r.Binary, err)
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	list := []Component{{"library", "std", std, "pkg:golang/std@" + std}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, Component{"library", m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
	}
	packages, err := r.packages()
	if err != nil {
		return nil, err
	}
	list = append(list, packages...)
	program, err := os.ReadFile(r.Binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(program)
	id := sum
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8: made from the content
	out, err := json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"serialNumber": fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		"metadata": map[string]any{
			"timestamp": r.Time.Format("2006-01-02T15:04:05Z"),
			"component": map[string]any{
				"type": "application", "name": "contralens", "version": r.Version,
				"licenses": []any{map[string]any{"license": map[string]any{"id": "Apache-2.0"}}},
				"hashes":   []any{map[string]any{"alg": "SHA-256", "content": fmt.Sprintf("%x", sum)}},
			},
		},
		"components": list,
	}, "", "  ")
	return append(out, '\n'), err
}

// packages returns the Debian packages of the libraries that the program and its engine
// name.
func (r Release) packages() ([]Component, error) {
	var found []Component
	for _, file := range []string{r.Binary, r.Engine} {
		libraries, err := libraries(file)
		if err != nil {
			return nil, err
		}
		for _, library := range libraries {
			c, err := owner(library)
			if err != nil {
				return nil, err
			}
			c.PURL = fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s&distro=%s",
				c.Name, strings.ReplaceAll(c.Version, "+", "%2B"), r.Architecture, r.System)
			if !slices.Contains(found, c) {
				found = append(found, c)
			}
		}
	}
	slices.SortFunc(found, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// libraries returns the paths of the libraries that an ELF file names; none for no file.
func libraries(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	wanted, err := f.ImportedLibraries()
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	loaded, err := output("ldd", file)
	if err != nil {
		return nil, err
	}
	var paths []string
	for line := range strings.Lines(loaded) {
		// libjpeg.so.62 => /lib/x86_64-linux-gnu/libjpeg.so.62 (0x00007f08aac5f000)
		fields := strings.Fields(line)
		if len(fields) >= 3 && fields[1] == "=>" && slices.Contains(wanted, fields[0]) {
			paths = append(paths, fields[2])
		}
	}
	return paths, nil
}

// owner returns the Debian package of a library. Where /lib is a link to /usr/lib, dpkg may
// know the file under either name.
func owner(library string) (Component, error) {
	c := Component{Type: "library"}
	resolved, err := filepath.EvalSymlinks(library)
	if err != nil {
		return c, err
	}
	var said string
	for _, name := range []string{resolved, strings.TrimPrefix(resolved, "/usr"), library} {
		if said, err = output("dpkg-query", "-S", name); err == nil {
			break
		}
	}
	if err != nil {
		return c, fmt.Errorf("%s: want a file of a Debian package: %w", library, err)
	}
	c.Name, _, _ = strings.Cut(said, ":")
	c.Version, err = output("dpkg-query", "-W", "-f", "${Version}", c.Name)
	return c, err
}
