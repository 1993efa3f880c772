package data

import (
	"fmt"
	"os"

	"contralens/views"
)

// records is a dataset in files of fixed-size records, one an image: planar RGB
// of side x side, after some label bytes. Images are read when they are asked
// for.
type records struct {
	name    string
	files   []string
	each    []int // records of each file
	source  Source
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

// find says in which file image i is, and where in it.
func (r *records) find(i int) (file, record int) {
	for file, record = 0, i; record >= r.each[file]; file++ {
		record -= r.each[file]
	}
	return file, record
}

func (r *records) size() int { return r.head + 3*r.side*r.side }

func (r *records) Image(i int, dst *views.Image) error {
	file, record := r.find(i)
	b, err := r.source.Read(nil, r.files[file], int64(record*r.size()), int64(r.size()))
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
func (r *records) add(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("--dataset %s: want %s, but %w", r.name, path, reason(err))
	}
	size := int64(r.size())
	if info.Size() == 0 || info.Size()%size != 0 {
		return fmt.Errorf("%s: want a whole number of records of %d bytes, got %d bytes: is the file cut short, or no file of %s?", path, size, info.Size(), r.name)
	}
	r.files = append(r.files, path)
	r.each = append(r.each, int(info.Size()/size))
	return nil
}

// readLabels reads the label that each record has as its byte at.
func (r *records) readLabels(at int) error {
	for f, path := range r.files {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		b := make([]byte, 1)
		for i := range r.each[f] {
			if _, err := file.ReadAt(b, int64(i*r.size()+at)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if int(b[0]) >= len(r.classes) {
				return fmt.Errorf("%s: record %d: want a label below %d, got %d: is it a file of %s?", path, i, len(r.classes), b[0], r.name)
			}
			r.labels = append(r.labels, int(b[0]))
		}
	}
	return nil
}
