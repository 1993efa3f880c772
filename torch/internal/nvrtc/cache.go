package nvrtc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"contralens/internal/durable"
	"contralens/internal/usercache"
)

// cacheFile returns where the image with a key is kept, or "" if the system has no folder
// for caches.
func cacheFile(key [sha256.Size]byte) string {
	path, err := usercache.Path("kernels", hex.EncodeToString(key[:16]))
	if err != nil {
		return ""
	}
	return path
}

// load returns the image of a file, or nil if there is none or it is damaged. A file has
// the image's SHA-256 and the image.
func load(file string) []byte {
	data, err := os.ReadFile(file)
	if err != nil || len(data) <= sha256.Size {
		return nil
	}
	sum, image := data[:sha256.Size], data[sha256.Size:]
	if got := sha256.Sum256(image); !bytes.Equal(got[:], sum) {
		return nil
	}
	return image
}

// store writes the image of a file. Without a cache the next process compiles again, in
// some seconds, so a failure is ignored.
func store(file string, image []byte) {
	if file == "" || usercache.Make(filepath.Dir(file)) != nil {
		return
	}
	_ = durable.Write(file, func(w io.Writer) error {
		sum := sha256.Sum256(image)
		if _, err := w.Write(sum[:]); err != nil {
			return err
		}
		_, err := w.Write(image)
		return err
	})
}
