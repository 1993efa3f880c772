package data

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
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

func openFashionMNIST(folder string) (train, test Dataset, err error) {
	if _, err := findIDX(folder, "train-images-idx3-ubyte"); err != nil {
		folder = FashionMNISTFolder
		if _, err := findIDX(folder, "train-images-idx3-ubyte"); err != nil {
			return nil, nil, fmt.Errorf("--dataset fashion-mnist: want train-images-idx3-ubyte(.gz) in --data_folder or in %s: apt install dataset-fashion-mnist", FashionMNISTFolder)
		}
	}
	a, err := readIDX(folder, "train")
	if err != nil {
		return nil, nil, err
	}
	b, err := readIDX(folder, "t10k")
	if err != nil {
		return nil, nil, err
	}
	return a, b, nil
}

func findIDX(folder, name string) (string, error) {
	for _, suffix := range []string{".gz", ""} {
		path := filepath.Join(folder, name+suffix)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: no %s(.gz)", folder, name)
}

func readIDX(folder, part string) (*idx, error) {
	d := &idx{name: "fashion-mnist", classes: fashionClasses}
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
	for _, l := range d.labels {
		if int(l) >= len(d.classes) {
			return nil, fmt.Errorf("%s: want labels below %d, got %d", labels, len(d.classes), l)
		}
	}
	return d, nil
}

// readIDXFile reads an array of unsigned bytes with that many dimensions.
func readIDXFile(path string, dims int) (shape []int, values []uint8, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
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
		total *= shape[i]
	}
	if total < 0 || total > 1<<32 {
		return nil, nil, errors.New(path + ": the header names more values than a file can hold")
	}
	values, err = io.ReadAll(io.LimitReader(r, int64(total)+1))
	if err != nil || len(values) != total {
		return nil, nil, fmt.Errorf("%s: want %d values, got %d", path, total, len(values))
	}
	return shape, values, nil
}
