package look

import (
	"context"

	"contralens/data"
	"contralens/views"
)

// selected is a dataset of photos of any splits.
type selected struct {
	splits []split
	photos []*photo
}

func (s selected) of(i int) (d data.Dataset, index int) {
	p := s.photos[i]
	return s.splits[p.split].data, p.index
}

// Name is "photos".
func (s selected) Name() string { return "photos" }

// Len returns the number of photos.
func (s selected) Len() int { return len(s.photos) }

// Classes returns nil: labels are not needed.
func (s selected) Classes() []string { return nil }

// Label returns -1.
func (s selected) Label(int) int { return -1 }

// Path returns the path of photo i.
func (s selected) Path(i int) string {
	d, index := s.of(i)
	return d.Path(index)
}

// Image decodes photo i.
func (s selected) Image(ctx context.Context, i int, dst *views.Image) error {
	d, index := s.of(i)
	return d.Image(ctx, index, dst)
}
