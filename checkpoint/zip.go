package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"contralens/checkpoint/pickle"
)

// parseZip reads the zip format: data.pkl is the object, data/KEY are its storages.
func parseZip(b []byte) (any, error) {
	files, err := zipFiles(b)
	if err != nil {
		return nil, err
	}
	folder := ""
	for name := range files {
		if strings.HasSuffix(name, "/data.pkl") && strings.Count(name, "/") == 1 {
			folder = strings.TrimSuffix(name, "data.pkl")
		}
		if strings.HasSuffix(name, "/constants.pkl") {
			return nil, errors.New("it is a TorchScript program; want a state dict")
		}
	}
	object := files[folder+"data.pkl"]
	if object == nil {
		return nil, errors.New("there is no data.pkl in the zip")
	}
	if f := files[folder+"byteorder"]; f != nil {
		if order, err := stored(b, f); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("want little-endian numbers, got %.20q", order)
		}
	}
	data, err := stored(b, object)
	if err != nil {
		return nil, err
	}
	v, _, err := pickle.Load(data, allowed)
	if err != nil {
		return nil, err
	}
	r := newReader(len(b))
	r.fetch = func(key string) ([]byte, error) {
		f := files[folder+"data/"+key]
		if f == nil {
			return nil, errors.New("it is not in the zip")
		}
		return stored(b, f)
	}
	return r.value(v)
}

func zipFiles(b []byte) (map[string]*zip.File, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	files := map[string]*zip.File{}
	for _, f := range z.File {
		files[f.Name] = f
	}
	return files, nil
}

// stored returns the content of an uncompressed file of the zip b, in b's memory, after
// verifying its checksum.
func stored(b []byte, f *zip.File) ([]byte, error) {
	if f.Method != zip.Store {
		return nil, fmt.Errorf("%.60q is compressed; torch.save never compresses", f.Name)
	}
	start, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("%.60q: %w", f.Name, err)
	}
	if n := f.UncompressedSize64; start < 0 || start > int64(len(b)) || n > uint64(int64(len(b))-start) {
		return nil, fmt.Errorf("%.60q reaches beyond the end of the file", f.Name)
	}
	data := b[start : start+int64(f.UncompressedSize64)]
	if crc32.ChecksumIEEE(data) != f.CRC32 {
		return nil, fmt.Errorf("%.60q has a wrong checksum", f.Name)
	}
	return data, nil
}

// element reads the number of elements in front of a storage of the older format, and
// returns their size in bytes.
func element(b []byte, size int) (int, error) {
	if len(b) < 8 {
		return 0, errors.New("the file ends before it")
	}
	n := binary.LittleEndian.Uint64(b)
	if left := uint64(len(b) - 8); n > left/uint64(size) {
		return 0, fmt.Errorf("want %d values of %d bytes, but the file ends after %d bytes", n, size, left)
	}
	return int(n) * size, nil
}
