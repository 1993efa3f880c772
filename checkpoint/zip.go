package checkpoint

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"
)

// archive is a file in the zip format: FOLDER/data.pkl is the object, FOLDER/data/KEY are
// its storages.
type archive struct {
	bytes  []byte
	files  map[string]*zip.File
	folder string // "" or with a slash at its end
	budget uint64 // bytes that compressed files may still take
}

// openZip reads the pickle of a zip container. The container may be another program's: its
// files may be compressed, in any order and any folder.
func openZip(b []byte) (*reader, any, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if errors.Is(err, zip.ErrFormat) {
		return nil, nil, fmt.Errorf("the list of contents at its end is missing after %d bytes; a download or a copy that "+
			"was cut short looks like this: fetch the file again", len(b))
	}
	if err != nil {
		return nil, nil, err
	}
	a := archive{bytes: b, files: map[string]*zip.File{}, budget: 100*uint64(len(b)) + 64<<20}
	object := ""
	for _, f := range z.File {
		a.files[f.Name] = f
		depth := strings.Count(f.Name, "/")
		if path.Base(f.Name) == "data.pkl" && (object == "" || depth < strings.Count(object, "/")) {
			object = f.Name
		}
	}
	if object == "" {
		return nil, nil, &notOurs{otherZip(z.File)}
	}
	a.folder = strings.TrimSuffix(object, "data.pkl")
	if a.files[a.folder+"constants.pkl"] != nil {
		return nil, nil, &notOurs{"it is a TorchScript program: save the model's state_dict() with torch.save instead"}
	}
	if f := a.files[a.folder+"byteorder"]; f != nil {
		if order, err := a.content(f); err != nil || strings.TrimSpace(string(order)) != "little" {
			return nil, nil, &notOurs{fmt.Sprintf("its numbers have the byte order %.20q: save it on a machine with "+
				"little-endian numbers", order)}
		}
	}
	data, err := a.content(a.files[object])
	if err != nil {
		return nil, nil, err
	}
	root, _, err := load(data)
	if err != nil {
		return nil, nil, err
	}
	r := newReader(len(b))
	r.fetch = func(key string) ([]byte, error) {
		f := a.files[a.folder+"data/"+key]
		if f == nil {
			return nil, errors.New("it is not in the zip")
		}
		return a.content(f)
	}
	return r, root, nil
}

// otherZip says what a zip container without an object of torch.save is.
func otherZip(files []*zip.File) string {
	var names []string
	for _, f := range files {
		switch base := path.Base(f.Name); {
		case strings.HasSuffix(base, ".npy"):
			return "it is NumPy's .npz: give it a name that ends in .npz"
		case base == "[Content_Types].xml":
			return "it is a document of an office program"
		case base == "metadata.json" || base == "model.weights.h5":
			return "it is a model of Keras, which is not read"
		case !strings.HasSuffix(f.Name, "/") && len(names) < 3:
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return "it is a zip archive without files"
	}
	return fmt.Sprintf("it is a zip archive with %s in it, and no data.pkl: unpack it, and name the checkpoint in it",
		strings.Join(names, ", "))
}

// content returns the content of a file of the container, after verifying its checksum. It
// is in the container's memory unless it is compressed.
func (a *archive) content(f *zip.File) ([]byte, error) {
	if f.Method != zip.Store {
		return a.decompress(f)
	}
	start, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("%.60q: %w", f.Name, err)
	}
	b := a.bytes
	if n := f.UncompressedSize64; start < 0 || start > int64(len(b)) || n > uint64(int64(len(b))-start) {
		return nil, fmt.Errorf("%.60q reaches beyond the end of the file", f.Name)
	}
	data := b[start : start+int64(f.UncompressedSize64)]
	if crc32.ChecksumIEEE(data) != f.CRC32 {
		return nil, fmt.Errorf("%.60q has a wrong checksum", f.Name)
	}
	return data, nil
}

func (a *archive) decompress(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > a.budget {
		return nil, fmt.Errorf("%.60q claims to have %d bytes, far more than the file", f.Name, f.UncompressedSize64)
	}
	a.budget -= f.UncompressedSize64
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%.60q: %w", f.Name, err)
	}
	defer r.Close()
	// The size is a claim, so memory grows with what comes.
	var out bytes.Buffer
	if _, err := io.Copy(&out, r); err != nil { // verifies the checksum
		return nil, fmt.Errorf("%.60q: %w", f.Name, err)
	}
	return out.Bytes(), nil
}
