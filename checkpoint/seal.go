package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// A file of ours ends with a seal, the comment of its zip container: the SHA-256
// of everything before it. PyTorch passes over the comment. The container's own
// checksums leave its headers and padding open; the seal covers every byte.
const sealPrefix = "contralens sha256 "

const sealSize = len(sealPrefix) + 2*sha256.Size

// placeholder is the comment that the zip writer is told of.
func placeholder() string { return string(make([]byte, sealSize)) }

// sealer passes on what is written to it, except the last sealSize bytes: they are a
// placeholder, which Seal replaces by the seal.
type sealer struct {
	w    io.Writer
	hash hash.Hash
	held []byte
}

func newSealer(w io.Writer) *sealer { return &sealer{w: w, hash: sha256.New()} }

func (s *sealer) Write(b []byte) (int, error) {
	// Of the held bytes and b, all but the last sealSize are passed on.
	pass := max(0, len(s.held)+len(b)-sealSize)
	held := min(pass, len(s.held))
	for _, p := range [][]byte{s.held[:held], b[:pass-held]} {
		s.hash.Write(p)
		if _, err := s.w.Write(p); err != nil {
			return 0, err
		}
	}
	s.held = append(append(s.held[:0], s.held[held:]...), b[pass-held:]...)
	return len(b), nil
}

// Seal ends the file.
func (s *sealer) Seal() error {
	_, err := io.WriteString(s.w, sealPrefix+hex.EncodeToString(s.hash.Sum(nil)))
	return err
}

// verify compares a zip container with its seal. One without a seal, as PyTorch
// writes it, passes.
func verify(b []byte) error {
	const recordSize = 22 // of the container's last record, which says how long its comment is
	if len(b) < recordSize+sealSize {
		return nil
	}
	seal := b[len(b)-sealSize:]
	record := b[len(b)-sealSize-recordSize:][:recordSize]
	announced := bytes.HasPrefix(record, []byte("PK\x05\x06")) && record[recordSize-2] == byte(sealSize)
	if !announced && !bytes.HasPrefix(seal, []byte(sealPrefix)) {
		return nil
	}
	sum := sha256.Sum256(b[:len(b)-sealSize])
	if string(seal) != sealPrefix+hex.EncodeToString(sum[:]) {
		return errors.New("its checksum is wrong, so the file was changed after it was written")
	}
	return nil
}
