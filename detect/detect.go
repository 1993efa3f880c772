// Package detect has the types that all of object detection shares: images with annotated
// objects, batches for a network, and detections. It knows no tensors and no files.
//
// Its subpackages go from files to scores: sets reads annotations, loader makes batches, mask
// has the arithmetic of masks, score judges detections, draw shows them. Networks lie in
// subpackages of their own.
//
// A box is (x1, y1, x2, y2) in continuous coordinates: pixel (i, j) covers [j, j+1] × [i, i+1],
// and an image of W × H pixels is the box (0, 0, W, H). With K classes, class K is the
// background.
package detect

import (
	"strings"

	"contralens/detect/mask"
)

// Object is an annotated object of an image.
type Object struct {
	Class     int        // index into Set.Classes
	Box       [4]float64 // x1, y1, x2, y2 in pixels of the image
	Area      float64    // in square pixels, as annotated; without that, of the box
	Difficult bool       // VOC: neither wanted nor punished in evaluation, used in training
	Crowd     bool       // COCO: a group of objects, not used in training
	Shape     mask.Shape // empty without a segmentation
}

// Image is an image with its annotated objects.
type Image struct {
	ID            string // VOC: the file's name without extension; COCO: the number
	Path          string // of the file in its store
	Width, Height int    // as annotated, in pixels
	Objects       []Object
}

// The formats of annotations.
const (
	VOC  = "voc"
	COCO = "coco"
)

// Set is a list of images with objects.
type Set struct {
	Name    string
	Format  string // VOC or COCO
	Classes []string
	// ElevenPoint says that the images are of VOC2007, which is judged by the 11-point rule.
	ElevenPoint bool
	// Categories are the numbers of the classes in result files: those of a COCO JSON, or else
	// 1, 2, ….
	Categories []int64
	// NumericIDs says that the ID of each image is a number, as in COCO.
	NumericIDs bool
	Images     []Image
}

// Sample is an image of a batch, resized and perhaps mirrored, and its objects in the
// coordinates of the result.
type Sample struct {
	Index         int  // of the image in its Set
	Width, Height int  // in pixels, without padding
	Flip          bool // mirrored left to right
	// Unreadable says that the image could not be read, in a loader that must not replace it:
	// its pixels are those of padding, and it has no objects.
	Unreadable bool
	Boxes      [][4]float32
	Classes    []int32      // one per box
	Shapes     []mask.Shape // one per box; nil if the loader makes no masks
}

// Batch has the pixels of samples, padded at the right and at the bottom to a common size.
type Batch struct {
	Samples []Sample
	// First is the place of the first sample in the batch of all processes; 0 in one process.
	First         int
	Width, Height int // of the padded images
	// Values are normalized colors with zeros as padding, [N, 3, Height, Width]. They are nil
	// if the loader makes Pixels.
	Values []float32
	// Pixels are the 8-bit RGB colors, [N, 3, Height, Width], or nil. Their padding is 0, and
	// must become 0 again after the colors are normalized.
	Pixels []uint8
}

// Detection is an object that a network found.
type Detection struct {
	Box   [4]float32
	Class int32
	Score float32
	Mask  *mask.RLE // in the size of the image; nil without masks
}

// IsNorm reports whether a tensor of a detector belongs to a norm, by Detectron2's name of it.
// Weight decay spares them.
func IsNorm(name string) bool {
	parts := strings.Split(name, ".")
	return len(parts) > 1 && parts[len(parts)-2] == "norm"
}
