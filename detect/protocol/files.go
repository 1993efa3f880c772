package protocol

import (
	"io"
	"path/filepath"

	"contralens/detect"
	"contralens/detect/score"
	"contralens/internal/durable"
)

// foundFile is the file with everything that a detector found in the test images, in COCO's
// format of results.
const foundFile = "detections.json"

// writeFound writes what was found to a folder.
func writeFound(dir string, set *detect.Set, found [][]detect.Detection) error {
	return durable.Write(filepath.Join(dir, foundFile), func(w io.Writer) error {
		return score.WriteResults(w, set, score.Entries(set, found))
	})
}
