package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A File is one file of the archive, and of the package if it has a place there.
type File struct {
	Name    string // in the archive, below its folder
	Place   string // in the package, below /; "" if the package lacks it
	Mode    int64
	Content []byte
}

// documents is where the package keeps what people read.
const documents = "usr/share/doc/contralens/"

// files returns everything in a release, sorted by name.
func (r Release) files(depends string, inventory []byte) ([]File, error) {
	program, err := os.ReadFile(r.Binary)
	if err != nil {
		return nil, err
	}
	files := []File{
		{"bin/contralens", "usr/bin/contralens", 0o755, program},
		{"INSTALL.txt", "", 0o644, []byte(r.install(depends))},
		{"sbom.cdx.json", documents + "sbom.cdx.json", 0o644, inventory},
		{"LICENSE", documents + "copyright", 0o644, nil},
	}
	tracked, err := output("git", "ls-files", "-z", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "CITATION.cff",
		"docs", "recipes")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(strings.Trim(tracked, "\x00"), "\x00") {
		if strings.HasSuffix(name, ".go") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if name == "LICENSE" {
			files[3].Content = content
			continue
		}
		files = append(files, File{name, documents + name, 0o644, content})
	}
	for _, c := range []struct{ shell, name, place string }{
		{"bash", "contralens.bash", "usr/share/bash-completion/completions/contralens"},
		{"zsh", "_contralens", "usr/share/zsh/vendor-completions/_contralens"},
		{"fish", "contralens.fish", "usr/share/fish/vendor_completions.d/contralens.fish"},
	} {
		script, err := output(r.Binary, "completion", c.shell)
		if err != nil {
			return nil, err
		}
		files = append(files, File{"completions/" + c.name, c.place, 0o644, []byte(script + "\n")})
	}
	help, err := output(r.Binary, "--help")
	if err != nil {
		return nil, err
	}
	page := r.manual(help)
	packed, err := squeeze(page)
	if err != nil {
		return nil, err
	}
	files = append(files, File{"man/contralens.1.gz", "usr/share/man/man1/contralens.1.gz", 0o644, packed})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// install says what the archive needs.
func (r Release) install(depends string) string {
	return fmt.Sprintf(`contralens %s for %s on %s

The program needs libraries of this release of Debian. As root:

    apt-get install %s

Then bin/contralens runs from any folder. To have it on the PATH:

    install -m 755 bin/contralens /usr/local/bin/
    install -D -m 644 completions/contralens.bash /usr/local/share/bash-completion/completions/contralens

The package %s does all of this with apt.
bin/contralens doctor says what is linked, and bin/contralens demo shows a first result.
`, r.Version, r.System, r.Architecture, names(depends), r.debName())
}

// names leaves the packages' names of a line of dependencies.
func names(depends string) string {
	var list []string
	for d := range strings.SplitSeq(depends, ",") {
		list = append(list, strings.Fields(d)[0])
	}
	return strings.Join(list, " ")
}

// manual returns a manual page with the program's own words.
func (r Release) manual(help string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH CONTRALENS 1 %s \"contralens %s\"\n", r.Time.Format("2006-01-02"), r.Version)
	b.WriteString(".SH NAME\ncontralens \\- contrastive self-supervised learning that you can look into\n")
	b.WriteString(".SH SYNOPSIS\n.B contralens\n.I COMMAND\n[OPTION...]\n.SH DESCRIPTION\n.nf\n")
	for line := range strings.Lines(help) {
		line = strings.ReplaceAll(strings.ReplaceAll(line, `\`, `\e`), "-", `\-`)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		b.WriteString(line)
	}
	b.WriteString("\n.fi\n.SH SEE ALSO\n.B contralens COMMAND \\-\\-help\n.br\n/usr/share/doc/contralens/docs\n")
	return b.Bytes()
}

// pack returns a compressed tar of the files in a folder.
func pack(folder string, files []File, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Join(folder, f.Name), Mode: f.Mode, Size: int64(len(f.Content)),
			ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// squeeze compresses one file, without a name or a time.
func squeeze(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
