package sets

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"contralens/data"
	"contralens/data/store"
	"contralens/views"
)

// FashionMNISTFolder is the folder of Debian's package dataset-fashion-mnist.
const FashionMNISTFolder = "/usr/share/datasets/fashion-mnist"

var fashionClasses = []string{"T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
	"Bag", "Ankle boot"}

// idx is a dataset in MNIST's format: 8-bit gray images in one file, labels in another.
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

func (d *idx) Image(_ context.Context, i int, dst *views.Image) error {
	dst.Resize(d.w, d.h)
	n := d.w * d.h
	for j, v := range d.pixels[i*n : (i+1)*n] {
		dst.Pix[3*j], dst.Pix[3*j+1], dst.Pix[3*j+2] = v, v, v
	}
	return nil
}

// FindFashionMNIST returns an error if a folder does not have the files of Fashion-MNIST.
// Opening the dataset takes those of the Debian package then.
func FindFashionMNIST(ctx context.Context, s store.Store, folder string) error {
	if _, err := findIDX(ctx, s, folder, trainImages); err != nil {
		return &OptionError{Option: Folder, Value: folder, Err: err}
	}
	return nil
}

// openFashionMNIST reads Fashion-MNIST from the options' folder or from its Debian
// package.
func openFashionMNIST(ctx context.Context, o Options) (data.Splits, error) {
	if _, err := findIDX(ctx, o.Store, o.Folder, trainImages); err == nil {
		return readIDXSplits(ctx, o)
	}
	o.Store = store.Disk{}
	if _, err := findIDX(ctx, o.Store, FashionMNISTFolder, trainImages); err != nil {
		return data.Splits{}, wrongOption(Name, o.Name, "want train-images-idx3-ubyte(.gz) in the folder %q or in %s: "+
			"apt install dataset-fashion-mnist", o.Folder, FashionMNISTFolder)
	}
	o.Folder = FashionMNISTFolder
	return readIDXSplits(ctx, o)
}

// openIDX reads a folder with the four files of MNIST or a similar dataset. Its classes
// are numbered.
func openIDX(ctx context.Context, o Options) (data.Splits, error) {
	if _, err := findIDX(ctx, o.Store, o.Folder, trainImages); err != nil {
		return data.Splits{}, &OptionError{Option: Name, Value: o.Name, Err: err}
	}
	return readIDXSplits(ctx, o)
}

func readIDXSplits(ctx context.Context, o Options) (p data.Splits, err error) {
	a, err := readIDX(ctx, o, "train")
	if err != nil {
		return p, err
	}
	b, err := readIDX(ctx, o, "t10k")
	if err != nil {
		return p, err
	}
	if len(b.classes) > len(a.classes) {
		return p, fmt.Errorf("%s: want labels below %d, as in the training images, got %d",
			b.path, len(a.classes), len(b.classes)-1)
	}
	b.classes = a.classes
	return data.Splits{Train: a, Test: b}, nil
}

const trainImages = "train-images-idx3-ubyte"

// findIDX returns the path of a file, compressed or not.
func findIDX(ctx context.Context, s store.Store, folder, name string) (string, error) {
	for _, suffix := range []string{".gz", ""} {
		if file := store.Join(folder, name+suffix); store.Exists(ctx, s, file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("want %s(.gz) in %s, found none", name, folder)
}

func readIDX(ctx context.Context, o Options, split string) (*idx, error) {
	d := &idx{name: o.Name}
	var err error
	if d.path, err = findIDX(ctx, o.Store, o.Folder, split+"-images-idx3-ubyte"); err != nil {
		return nil, err
	}
	labels, err := findIDX(ctx, o.Store, o.Folder, split+"-labels-idx1-ubyte")
	if err != nil {
		return nil, err
	}
	var shape []int
	if shape, d.pixels, err = readIDXFile(ctx, o.Store, d.path, 3); err != nil {
		return nil, err
	}
	d.h, d.w = shape[1], shape[2]
	if _, d.labels, err = readIDXFile(ctx, o.Store, labels, 1); err != nil {
		return nil, err
	}
	if len(d.labels) != shape[0] {
		return nil, fmt.Errorf("%s: want %d labels, one per image, got %d", labels, shape[0], len(d.labels))
	}
	classes := 0
	for _, l := range d.labels {
		classes = max(classes, int(l)+1)
	}
	d.classes = numbers(classes)
	if o.Name == "fashion-mnist" {
		if classes > len(fashionClasses) {
			return nil, fmt.Errorf("%s: want labels below %d, got %d", labels, len(fashionClasses), classes-1)
		}
		d.classes = fashionClasses
	}
	return d, nil
}

// readIDXFile reads an array of unsigned bytes with dims dimensions.
func readIDXFile(ctx context.Context, s store.Store, name string, dims int) (shape []int, values []uint8, err error) {
	f, err := s.Open(ctx, name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, nil, fmt.Errorf("%s: want a file compressed by gzip, but %w", name, err)
		}
	}
	head := make([]byte, 4+4*dims)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, fmt.Errorf("%s: the header is cut short", name)
	}
	if head[2] != 8 || int(head[3]) != dims {
		return nil, nil, fmt.Errorf("%s: want an IDX file of bytes with %d dimensions, got type %d with %d",
			name, dims, head[2], head[3])
	}
	total := 1
	for i := range dims {
		shape = append(shape, int(binary.BigEndian.Uint32(head[4+4*i:])))
		if total *= shape[i]; shape[i] == 0 || total > 1<<32 { // checked each time, because the product of three can overflow
			return nil, nil, fmt.Errorf("%s: want values that a file can hold, got a shape of %v", name, shape)
		}
	}
	values, err = io.ReadAll(io.LimitReader(r, int64(total)+1))
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, ctx.Err())
	}
	if err != nil || len(values) != total {
		return nil, nil, fmt.Errorf("%s: want %d values, got %d", name, total, len(values))
	}
	return shape, values, nil
}
