package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// Our files end with a seal: the comment of the zip container has the SHA-256 of
// everything before it. PyTorch ignores the comment. Unlike the checksums of the
// container, the seal also covers headers and padding.
const sealPrefix = "contralens sha256 "

const sealSize = len(sealPrefix) + 2*sha256.Size

// placeholder is a comment of the seal's size, for the zip writer.
func placeholder() string { return string(make([]byte, sealSize)) }

// sealer forwards what is written to it, except for the last sealSize bytes. These are
// the placeholder, which Seal replaces by the seal.
type sealer struct {
	w    io.Writer
	hash hash.Hash
	held []byte
}

func newSealer(w io.Writer) *sealer { return &sealer{w: w, hash: sha256.New()} }

func (s *sealer) Write(b []byte) (int, error) {
	// Forward all but the last sealSize of the held bytes and b.
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

// Seal writes the seal. Nothing may be written afterwards.
func (s *sealer) Seal() error {
	_, err := io.WriteString(s.w, sealPrefix+hex.EncodeToString(s.hash.Sum(nil)))
	return err
}

// verify compares a zip container with its seal. It accepts containers without one, such
// as PyTorch's.
func verify(b []byte) error {
	const recordSize = 22 // of the container's last record, which has the length of the comment
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
