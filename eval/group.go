package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"contralens/config"
)

// repeated are further options that results of one group may differ in: seeds, by
// which they are repeated, and what only names or checks the encoder.
var repeated = []string{"seed", "label_seed", "imbalance_seed", "exp_iter", "ckpt", "strict"}

// Group is the group of a result: a hash of the protocol, the dataset, the epoch
// of the encoder, and the options of the evaluation and of the encoder's
// training, without those that make no difference and without seeds.
func Group(protocol, dataset, epoch string, options ...map[string]string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", protocol, dataset, epoch)
	for _, o := range options {
		fmt.Fprint(h, "\n")
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if !slices.Contains(config.Incidental, name) && !slices.Contains(repeated, name) {
				fmt.Fprintf(h, "%q %q ", name, o[name])
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
