package data

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"contralens/views"
)

// FashionMNISTFolder is where Debian's package dataset-fashion-mnist puts it.
const FashionMNISTFolder = "/usr/share/datasets/fashion-mnist"

var fashionClasses = []string{"T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"}

// idx is a dataset in MNIST's format: 8-bit gray images in one file, labels in
// another.
type idx struct {
	name, path string
	w, h       int
	pixels     []uint8
	labels     []uint8
	classes    []string
}

func (d *idx) Name() string      { return d.name }
func (d *idx) Len() int          { return len(d.labels) }
func (d *idx) Label(i int) int   { return int(d.labels[i]) }
func (d *idx) Classes() []string { return d.classes }
func (d *idx) Path(i int) string { return fmt.Sprintf("%s#%d", d.path, i) }

func (d *idx) Image(i int, dst *views.Image) error {
	dst.Resize(d.w, d.h)
	n := d.w * d.h
	for j, v := range d.pixels[i*n : (i+1)*n] {
		dst.Pix[3*j], dst.Pix[3*j+1], dst.Pix[3*j+2] = v, v, v
	}
	return nil
}

// openIDX reads a folder with the four files of MNIST and its kin. Fashion-MNIST
// is found in its Debian package, too; other datasets' classes are numbered.
func openIDX(o Options, name string) (p Parts, err error) {
	folder := o.Folder
	_, err = findIDX(folder, "train-images-idx3-ubyte")
	switch {
	case err == nil:
	case name == "idx":
		return p, fmt.Errorf("--dataset idx: %w", err)
	default:
		folder = FashionMNISTFolder
		if _, err := findIDX(folder, "train-images-idx3-ubyte"); err != nil {
			return p, fmt.Errorf("--dataset fashion-mnist: want train-images-idx3-ubyte(.gz) in --data_folder or in %s: apt install dataset-fashion-mnist", FashionMNISTFolder)
		}
	}
	a, err := readIDX(folder, "train", name)
	if err != nil {
		return p, err
	}
	b, err := readIDX(folder, "t10k", name)
	if err != nil {
		return p, err
	}
	if len(b.classes) > len(a.classes) {
		return p, fmt.Errorf("%s: want labels below %d, as the training images', got %d", b.path, len(a.classes), len(b.classes)-1)
	}
	b.classes = a.classes
	return Parts{Train: a, Test: b}, nil
}

func findIDX(folder, name string) (string, error) {
	for _, suffix := range []string{".gz", ""} {
		path := filepath.Join(folder, name+suffix)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("want %s(.gz) in %s, found none", name, folder)
}

func readIDX(folder, part, name string) (*idx, error) {
	d := &idx{name: name}
	var err error
	if d.path, err = findIDX(folder, part+"-images-idx3-ubyte"); err != nil {
		return nil, err
	}
	labels, err := findIDX(folder, part+"-labels-idx1-ubyte")
	if err != nil {
		return nil, err
	}
	var shape []int
	if shape, d.pixels, err = readIDXFile(d.path, 3); err != nil {
		return nil, err
	}
	d.h, d.w = shape[1], shape[2]
	if _, d.labels, err = readIDXFile(labels, 1); err != nil {
		return nil, err
	}
	if len(d.labels) != shape[0] {
		return nil, fmt.Errorf("%s: want %d labels, one an image, got %d", labels, shape[0], len(d.labels))
	}
	classes := 0
	for _, l := range d.labels {
		classes = max(classes, int(l)+1)
	}
	d.classes = numbers(classes)
	if name == "fashion-mnist" {
		if classes > len(fashionClasses) {
			return nil, fmt.Errorf("%s: want labels below %d, got %d", labels, len(fashionClasses), classes-1)
		}
		d.classes = fashionClasses
	}
	return d, nil
}

// readIDXFile reads an array of unsigned bytes with that many dimensions.
func readIDXFile(path string, dims int) (shape []int, values []uint8, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, nil, fmt.Errorf("%s: want a file compressed by gzip, but %w", path, err)
		}
	}
	head := make([]byte, 4+4*dims)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, fmt.Errorf("%s: the header is cut short", path)
	}
	if head[2] != 8 || int(head[3]) != dims {
		return nil, nil, fmt.Errorf("%s: want an IDX file of bytes with %d dimensions, got type %d with %d", path, dims, head[2], head[3])
	}
	total := 1
	for i := range dims {
		shape = append(shape, int(binary.BigEndian.Uint32(head[4+4*i:])))
		if total *= shape[i]; shape[i] == 0 || total > 1<<32 { // checked each time: the product of three can overflow
			return nil, nil, fmt.Errorf("%s: want values that a file can hold, got a shape of %v", path, shape)
		}
	}
	values, err = io.ReadAll(io.LimitReader(r, int64(total)+1))
	if err != nil || len(values) != total {
		return nil, nil, fmt.Errorf("%s: want %d values, got %d", path, total, len(values))
	}
	return shape, values, nil
}
