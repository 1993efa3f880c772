package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"contralens/internal/durable"
)

// An engine is one file, so that nothing in it can be replaced alone: the library, then what
// it was made for as JSON, its length in 8 bytes, and the mark. The system's loader reads
// no further than the library.
const mark = "contralens-engine"

// pack returns the file of a library and of what it was made for.
func pack(library []byte, e Engine) ([]byte, error) {
	facts, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	file := append(bytes.Clone(library), facts...)
	return append(binary.LittleEndian.AppendUint64(file, uint64(len(facts))), mark...), nil
}

// errPart is the error of a file without the end of an engine.
var errPart = errors.New("want a file that ends with what the engine was built for")

// unpack returns the library of an engine's file, and what it was made for.
func unpack(file []byte) (library []byte, e Engine, err error) {
	rest, ok := bytes.CutSuffix(file, []byte(mark))
	if !ok || len(rest) < 8 {
		return nil, e, errPart
	}
	rest, length := rest[:len(rest)-8], binary.LittleEndian.Uint64(rest[len(rest)-8:])
	if length > uint64(len(rest)) {
		return nil, e, errPart
	}
	at := len(rest) - int(length)
	if err := json.Unmarshal(rest[at:], &e); err != nil {
		return nil, e, fmt.Errorf("what the engine was built for: %w", err)
	}
	if e.Libtorch == "" || e.Folder == "" || e.Sources == "" {
		return nil, e, errors.New("want libtorch, folder and sources in what the engine was built for")
	}
	return rest[:at], e, nil
}

// Parse reads what an engine was made for from its file.
func Parse(file []byte) (Engine, error) {
	_, e, err := unpack(file)
	return e, err
}

// Open reads what the engine at a path was made for.
func Open(path string) (Engine, error) {
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Engine{}, fmt.Errorf("engine %s: want the library of an engine, got none there", path)
	} else if err != nil {
		return Engine{}, fmt.Errorf("engine %s: want the library of an engine that can be read: %w", path,
			durable.Explain(err))
	}
	e, err := Parse(file)
	if err != nil {
		return Engine{}, fmt.Errorf("engine %s: want one that contralens engine build made, got a damaged file or one of an "+
			"older version; run contralens engine build again", path)
	}
	e.Path = path
	return e, nil
}

// Whole returns an error if the library is not the one that was built: loading a part of one
// can end the program.
func (e Engine) Whole() error {
	file, err := os.ReadFile(e.Path)
	if err != nil {
		return fmt.Errorf("engine %s: %w", e.Path, durable.Explain(err))
	}
	if library, _, err := unpack(file); err != nil || e.Hash != hash(library) {
		return fmt.Errorf("engine %s: want the library that was built for %s, got a damaged one or another; %s",
			e.Path, e, e.again())
	}
	return nil
}

// write packs a library into a file that does not exist yet.
func (e Engine) write(path string, library []byte) error {
	file, err := pack(library, e)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, file, 0o755); err != nil {
		return fmt.Errorf("engine: %w", durable.Explain(err))
	}
	return nil
}

// Copy copies the engine to a folder, without the time, so that the same engine gives the
// same bytes.
func (e Engine) Copy(folder string) error {
	file, err := os.ReadFile(e.Path)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	library, _, err := unpack(file)
	if err != nil {
		return fmt.Errorf("engine %s: %w", e.Path, err)
	}
	e.Built = time.Time{}
	return e.write(filepath.Join(folder, Library), library)
}
