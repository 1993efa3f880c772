package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"contralens/config"
)

// Group returns the group of a result: a hash of the protocol, the dataset, the
// encoder's epoch, and the options of the evaluation and of the encoder's training,
// except for seeds and options that do not affect the result.
func Group(protocol, dataset, epoch string, options ...map[string]string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", protocol, dataset, epoch)
	for _, o := range options {
		fmt.Fprint(h, "\n")
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if f, _ := config.Lookup(name); !f.Runtime && !f.Repeat {
				fmt.Fprintf(h, "%q %q ", name, o[name])
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
