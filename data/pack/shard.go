package pack

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"contralens/data/store"
)

// shardWriter writes samples to one tar file after another.
type shardWriter struct {
	dir    string
	limit  int64
	shards int
	size   int64 // of the open shard
	total  int64
	file   *os.File
	hash   hash.Hash
	sums   map[string]string // SHA-256 of the closed shards
	buffer *bufio.Writer
	tar    *tar.Writer
}

func (w *shardWriter) add(key, ext string, file []byte, label int) error {
	if w.file == nil {
		var err error
		if w.file, err = os.Create(filepath.Join(w.dir, fmt.Sprintf("%06d.tar", w.shards))); err != nil {
			return err
		}
		w.hash = sha256.New()
		w.buffer = bufio.NewWriterSize(io.MultiWriter(w.file, w.hash), 1<<20)
		w.tar = tar.NewWriter(w.buffer)
		w.shards++
	}
	if err := w.member(key+"."+ext, file); err != nil {
		return err
	}
	if label >= 0 {
		if err := w.member(key+".cls", []byte(strconv.Itoa(label))); err != nil {
			return err
		}
	}
	if w.size >= w.limit {
		return w.close()
	}
	return nil
}

func (w *shardWriter) member(name string, content []byte) error {
	// A fixed time, so that the same images give the same shards.
	h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := w.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.tar.Write(content)
	w.size += 512 + (h.Size+511)/512*512
	return err
}

// close ends the open shard.
func (w *shardWriter) close() error {
	if w.file == nil {
		return nil
	}
	err := w.tar.Close()
	for _, f := range []func() error{w.buffer.Flush, w.file.Sync, w.file.Close} {
		if e := f(); err == nil {
			err = e
		}
	}
	if w.sums == nil {
		w.sums = map[string]string{}
	}
	w.sums[filepath.Base(w.file.Name())] = hex.EncodeToString(w.hash.Sum(nil))
	w.total += w.size + 1024
	w.file, w.size = nil, 0
	if err != nil {
		return fmt.Errorf("%s: %w", w.dir, store.Cause(err))
	}
	return nil
}
