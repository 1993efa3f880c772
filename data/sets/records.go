package sets

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"contralens/data/store"
	"contralens/views"
)

// records is a dataset in files of fixed-size records, one per image: label bytes, then
// planar RGB of side x side. Images are read on demand.
type records struct {
	name    string
	files   []string
	each    []int // number of records per file
	store   store.Store
	head    int // label bytes before the pixels
	side    int
	columns bool // pixels are stored column by column
	labels  []int
	classes []string
}

func (r *records) Name() string      { return r.name }
func (r *records) Len() int          { return len(r.labels) }
func (r *records) Label(i int) int   { return r.labels[i] }
func (r *records) Classes() []string { return r.classes }

func (r *records) Path(i int) string {
	file, record := r.find(i)
	return fmt.Sprintf("%s#%d", r.files[file], record)
}

// find returns the file of image i, and the image's record in it.
func (r *records) find(i int) (file, record int) {
	for file, record = 0, i; record >= r.each[file]; file++ {
		record -= r.each[file]
	}
	return file, record
}

func (r *records) size() int { return r.head + 3*r.side*r.side }

func (r *records) Image(ctx context.Context, i int, dst *views.Image) error {
	file, record := r.find(i)
	b, err := r.store.ReadAt(ctx, r.files[file], nil, int64(record*r.size()), int64(r.size()))
	if err != nil {
		return fmt.Errorf("image %s: %w", r.Path(i), err)
	}
	b = b[r.head:]
	dst.Resize(r.side, r.side)
	n := r.side * r.side
	for p := range n {
		from := p
		if r.columns {
			from = p%r.side*r.side + p/r.side
		}
		dst.Pix[3*p], dst.Pix[3*p+1], dst.Pix[3*p+2] = b[from], b[n+from], b[2*n+from]
	}
	return nil
}

// add adds a file, whose size must be a whole number of records.
func (r *records) add(ctx context.Context, name string) error {
	info, err := r.store.Stat(ctx, name)
	if err != nil {
		return wrongOption(Name, r.name, "want %s, but %w", name, err)
	}
	size := int64(r.size())
	if info.Size == 0 || info.Size%size != 0 {
		return fmt.Errorf("%s: want a whole number of records of %d bytes, got %d bytes: "+
			"is the file cut short, or not a file of %s?", name, size, info.Size, r.name)
	}
	r.files = append(r.files, name)
	r.each = append(r.each, int(info.Size/size))
	return nil
}

// readLabels reads the labels. The label of a record is its byte at index at.
func (r *records) readLabels(ctx context.Context, at int) error {
	for f, name := range r.files {
		if err := r.readFileLabels(ctx, name, r.each[f], at); err != nil {
			return err
		}
	}
	return nil
}

// readFileLabels reads the labels of a file of n records. It reads the whole file in
// order, because stores are slow at reading single bytes.
func (r *records) readFileLabels(ctx context.Context, name string, n, at int) error {
	file, err := r.store.Open(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer file.Close()
	in, record := bufio.NewReaderSize(file, 1<<18), make([]byte, r.size())
	for i := range n {
		if _, err := io.ReadFull(in, record); err != nil {
			return fmt.Errorf("%s: record %d: %w", name, i, err)
		}
		label := int(record[at])
		if label >= len(r.classes) {
			return fmt.Errorf("%s: record %d: want a label below %d, got %d: is it a file of %s?",
				name, i, len(r.classes), label, r.name)
		}
		r.labels = append(r.labels, label)
	}
	return nil
}
