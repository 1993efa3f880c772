package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// maxRecord is the size of the largest run.json that ReadRecordFS reads, in bytes.
const maxRecord = 1 << 20

// regular is an open regular file.
type regular interface {
	fs.File
	io.ReaderAt
}

// openRegular opens a regular file of a folder. Other files, such as pipes, are errors,
// because they could block.
func openRegular(folder fs.StatFS, name string) (f regular, size int64, err error) {
	info, err := folder.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New(name + ": want a file")
	}
	opened, err := folder.Open(name)
	if err != nil {
		return nil, 0, err
	}
	f, ok := opened.(regular)
	if !ok {
		opened.Close()
		return nil, 0, fmt.Errorf("%s: want a file that can be read from anywhere, got %T", name, opened)
	}
	return f, info.Size(), nil
}

// ReadRecordFS reads the run.json, of at most 1 MiB, of a folder that is not trusted.
// If there is none, as in the runs of other programs, the record is empty.
func ReadRecordFS(folder fs.StatFS) (Record, error) {
	f, size, err := openRegular(folder, RecordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", RecordFile, err)
	}
	defer f.Close()
	if size > maxRecord {
		return Record{}, fmt.Errorf("%s: want at most %d bytes, got %d", RecordFile, maxRecord, size)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", RecordFile, err)
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("%s: want JSON as contralens writes it: %w", RecordFile, err)
	}
	return r, nil
}

// tail reads the last lines of a file of JSON lines, the oldest first, from at most
// bytesBack bytes. It skips lines that are not a T.
func tail[T any](folder fs.StatFS, name string, bytesBack int64) []T {
	f, size, err := openRegular(folder, name)
	if err != nil {
		return nil
	}
	defer f.Close()
	start := max(0, size-bytesBack)
	b := make([]byte, size-start)
	n, err := f.ReadAt(b, start)
	if err != nil && err != io.EOF {
		return nil
	}
	b = b[:n]
	if start > 0 {
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	var lines []T
	for text := range bytes.Lines(b) {
		var line T
		if json.Unmarshal(text, &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines
}
