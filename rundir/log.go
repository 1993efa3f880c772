package rundir

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
)

// failed begins the last line of the log if its session ended with an error.
const failed = "failed: "

// FailedLine returns the line that ends the log of a session that failed. Failure finds it.
func FailedLine(err error) string { return failed + strings.ReplaceAll(err.Error(), "\n", " ") }

// Failure returns the error with which the last session of a run ended, according to its
// log, or "" if it did not fail or has no log. A session that resumes the run adds lines,
// which ends the failure.
func Failure(folder fs.StatFS) string {
	part, err := ReadLog(folder, -1, 1<<14)
	if err != nil {
		return ""
	}
	text := strings.TrimRight(part.Text, "\n")
	why, found := strings.CutPrefix(text[strings.LastIndexByte(text, '\n')+1:], failed)
	if !found {
		return ""
	}
	return why
}

// LogPart is a part of a log: whole lines from one byte to another.
type LogPart struct {
	Text string `json:"text"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Size int64  `json:"size"` // of the whole log
}

// ReadLog reads at most the given number of bytes of the log in a folder that is not
// trusted: from the byte from, or the last lines if from is negative. It leaves a line
// that has not ended to the next call. Without a log, the part is empty.
func ReadLog(folder fs.StatFS, from int64, most int) (LogPart, error) {
	f, size, err := openRegular(folder, LogFile)
	if errors.Is(err, fs.ErrNotExist) {
		return LogPart{}, nil
	}
	if err != nil {
		return LogPart{}, err
	}
	defer f.Close()
	last := from < 0
	if last {
		from = max(0, size-int64(most))
	}
	from = min(from, size)
	b := make([]byte, min(int64(most), size-from))
	n, err := f.ReadAt(b, from)
	if err != nil && err != io.EOF {
		return LogPart{}, err
	}
	b = b[:n]
	if start := bytes.IndexByte(b, '\n') + 1; last && from > 0 {
		b, from = b[start:], from+int64(start)
	}
	if end := bytes.LastIndexByte(b, '\n') + 1; end > 0 || n < most {
		b = b[:end]
	}
	return LogPart{Text: strings.ToValidUTF8(string(b), "\uFFFD"), From: from, To: from + int64(len(b)), Size: size}, nil
}
