package data

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Source is where the bytes of a dataset's files come from. disk is the one
// there is; a store of objects over the network would be another.
type Source interface {
	// Read reads size bytes from offset on of what name names, or to its end with
	// size < 0, into buf's memory where they fit. A file that ends early is an error.
	Read(buf []byte, name string, offset, size int64) ([]byte, error)
}

// disk reads files. Each read opens its file anew: that costs microseconds where
// decoding costs milliseconds, and no dataset needs too many open files.
type disk struct{}

func (disk) Read(buf []byte, name string, offset, size int64) ([]byte, error) {
	// Without O_NONBLOCK opening a pipe that nobody writes to takes forever.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	if size < 0 {
		info, err := f.Stat()
		if err != nil {
			return nil, reason(err)
		}
		if info.IsDir() {
			return nil, fmt.Errorf("it is a folder")
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("it is a pipe or a device")
		}
		size = info.Size() - offset
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if n, err := f.ReadAt(buf, offset); err != nil && (err != io.EOF || int64(n) < size) {
		return nil, fmt.Errorf("it ends after %d of %d bytes", n, size)
	}
	return buf, nil
}
