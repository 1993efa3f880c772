package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"contralens/checkpoint/pickle"
)

// Read reads a file written by torch.save, in the zip format or the older one, or a plain
// pickle as in Detectron2's model zoo. It never runs code from the file: values other than
// tensors, arrays and plain containers become a [Foreign]. The file is in memory once.
// Tensors share that memory unless their strides differ from C order, or the file was
// compressed. Read returns an error if the file is damaged, if its root is no dictionary,
// list or tuple (whose elements get the keys "0", "1" …), or if it has foreign values and
// no tensor.
func Read(path string) (Dict, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("checkpoint %s: want a checkpoint file, but it is a folder%s", path, inside(path))
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: want a checkpoint file, but it does not exist", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	root, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return root, nil
}

// notOurs is the error of a sound file of another kind.
type notOurs struct{ problem string }

func (e *notOurs) Error() string { return e.problem }

// Parse is Read for the content b of a file. The tensors share its memory.
func Parse(b []byte) (Dict, error) {
	const want = "want a file written by torch.save or contralens, but "
	if kind := KindOf(b); kind.Name != "" {
		return nil, errors.New(want + kind.String())
	}
	v, err := parse(b)
	if other := (*notOurs)(nil); errors.As(err, &other) {
		return nil, errors.New(want + other.problem)
	}
	if err != nil {
		return nil, fmt.Errorf(want+"it is damaged: %w", err)
	}
	root := asRoot(v)
	if root == nil {
		return nil, fmt.Errorf("want a dictionary of tensors, got %s; save the model's state_dict() instead", describeRoot(v))
	}
	if foreign := root.Foreign(); len(foreign) > 0 && !hasTensor(root) {
		more := ""
		if len(foreign) > 3 {
			foreign, more = foreign[:3], fmt.Sprintf("; and %d more", len(foreign)-3)
		}
		return nil, fmt.Errorf("want a file with tensors, but there are only values that are not read because they could "+
			"run code (%s%s); save the model's state_dict() alone to move its weights", strings.Join(foreign, "; "), more)
	}
	return root, nil
}

func parse(b []byte) (any, error) {
	r, root, err := open(b)
	if err != nil {
		return nil, err
	}
	return r.value(root)
}

// asRoot returns the dictionary of a whole file, or nil if it is another value.
func asRoot(v any) Dict {
	list, ok := v.([]any)
	if !ok {
		return AsDict(v)
	}
	d := Dict{}
	for i, x := range list {
		d = append(d, Item{fmt.Sprint(i), x})
	}
	return d
}

func describeRoot(v any) string {
	switch v := v.(type) {
	case Foreign:
		return v.What + ", which is not read because it could run code"
	case *Tensor:
		return fmt.Sprintf("one tensor of shape %v", v.Shape)
	}
	return fmt.Sprintf("%.60q", fmt.Sprint(v))
}

// open reads the pickle of a file. The reader converts its values.
func open(b []byte) (*reader, any, error) {
	if bytes.HasPrefix(b, []byte("PK")) {
		if err := verify(b); err != nil {
			return nil, nil, err
		}
		return openZip(b)
	}
	return openPickles(b)
}

// load reads a pickle at the start of b. Classes are names alone.
func load(b []byte) (v any, size int, err error) { return pickle.Load(b, nil) }

// inside names a checkpoint in a folder, or "".
func inside(folder string) string {
	for _, pattern := range []string{"current.pth", "*.pth", "*.pth.tar", "*.pt", "*.ckpt"} {
		if found, _ := filepath.Glob(filepath.Join(folder, pattern)); len(found) > 0 {
			return "; use " + found[0]
		}
	}
	return ""
}
