package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"contralens/config"
)

// Group is the group of a result: a hash of the protocol, the dataset, the epoch
// of the encoder, and the options of the evaluation and of the encoder's
// training, without those that make no difference and without seeds.
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
