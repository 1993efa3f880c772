// Package mask has the arithmetic of instance masks as COCO defines it: run-length codes, the
// masks of polygons, targets for a mask head, and masks pasted back into an image. It equals
// pycocotools' maskApi and Detectron2 bit by bit: conversions around products keep a processor from
// fusing two roundings into one.
package mask

// RLE is a mask as run lengths, column by column from the left, each from the top: runs of 0
// and 1 in turn, beginning with 0. The first run may be empty.
type RLE struct {
	Height, Width int
	Counts        []uint32
}

// Shape is the region of an object: polygons, or a mask. The zero value is no region.
type Shape struct {
	Polygons [][]float64 // x0, y0, x1, y1, … of each; the region is their union
	RLE      *RLE        // instead of polygons; in the size of the image
}

// Empty reports whether s has neither polygons nor a mask.
func (s Shape) Empty() bool { return len(s.Polygons) == 0 && s.RLE == nil }
