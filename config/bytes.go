package config

import (
	"math"
	"strconv"
	"strings"
)

// byteUnits are what may follow the number of a size, as on disks and in clouds: powers of ten.
var byteUnits = []struct {
	unit  string
	bytes float64
}{{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"pb", 1e15}, {"b", 1}, {"", 1}}

func (k *Keeping) check() error {
	_, err := k.Limit()
	return err
}

// Limit returns the limit of the folder of kept files in bytes: 0 for auto, and -1 for none.
func (k *Keeping) Limit() (int64, error) { return cacheBytes(k.CacheBytes) }

// cacheBytes reads the option cache_bytes: 0 for auto, and -1 for none.
func cacheBytes(text string) (int64, error) {
	switch text {
	case "auto", "":
		return 0, nil
	case "none", "0":
		return -1, nil
	}
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(lower, u.unit)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bytes := x * u.bytes; err == nil && bytes >= 1 && bytes < math.MaxInt64 {
			return int64(bytes), nil
		}
		break
	}
	return 0, &ValueError{Option: "cache_bytes", Want: "a size such as 500GB or 2TB, auto or none", Got: text}
}
