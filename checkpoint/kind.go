package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Kind is a kind of file that is not written by torch.save, by its content.
type Kind struct {
	Name string // such as "an HTML page"; "" if the content may be torch.save's
	Do   string // what to do with it
	// Format is the format of this program that reads it, or "".
	Format string
	// Unknown is set if the content tells nothing but that it isn't torch.save's.
	Unknown bool
}

func (k Kind) String() string { return fmt.Sprintf("it is %s: %s", k.Name, k.Do) }

const (
	fetchAgain = "fetch the file itself again, for example with curl -L or from the page's download button"
	unpack     = "unpack it, and name the checkpoint in it"
	notRead    = "this program does not read it; convert it with the program that wrote it"
)

// starts are what files of other kinds start with.
var starts = []struct {
	bytes string
	kind  Kind
}{
	{"version https://git-lfs.github.com/spec", Kind{Name: "a Git LFS pointer, not the file that it stands for",
		Do: "fetch the file with git lfs pull"}},
	{"version https://hawser.github.com/spec", Kind{Name: "a Git LFS pointer, not the file that it stands for",
		Do: "fetch the file with git lfs pull"}},
	{"\x1f\x8b", Kind{Name: "compressed with gzip", Do: "decompress it with gunzip (tar xzf, if it is an archive)"}},
	{"BZh", Kind{Name: "compressed with bzip2", Do: "decompress it with bunzip2"}},
	{"\xfd7zXZ\x00", Kind{Name: "compressed with xz", Do: "decompress it with unxz"}},
	{"\x28\xb5\x2f\xfd", Kind{Name: "compressed with Zstandard", Do: "decompress it with unzstd"}},
	{"7z\xbc\xaf\x27\x1c", Kind{Name: "a 7-Zip archive", Do: unpack}},
	{"Rar!\x1a\x07", Kind{Name: "a RAR archive", Do: unpack}},
	{"\x89HDF\r\n\x1a\n", Kind{Name: "an HDF5 file, as of Keras or h5py", Do: notRead}},
	{"GGUF", Kind{Name: "a GGUF file, as of llama.cpp", Do: notRead}},
	{"\x93NUMPY", Kind{Name: "one array of NumPy (.npy)", Do: "save the arrays of a network with numpy.savez as .npz"}},
	{"PAR1", Kind{Name: "a Parquet file", Do: "name the checkpoint of an encoder"}},
	{"SQLite format 3\x00", Kind{Name: "an SQLite database", Do: "name the checkpoint of an encoder"}},
	{"%PDF-", Kind{Name: "a PDF document", Do: fetchAgain}},
	{"\x89PNG\r\n\x1a\n", Kind{Name: "a PNG image", Do: "name the checkpoint of an encoder"}},
	{"\xff\xd8\xff", Kind{Name: "a JPEG image", Do: "name the checkpoint of an encoder"}},
	{"\x7fELF", Kind{Name: "a program", Do: "name the checkpoint of an encoder"}},
	{"<?xml", Kind{Name: "an XML document", Do: fetchAgain}},
}

// KindOf tells the kind of a file by its content b. Name is "" if the content may be
// torch.save's or a pickle.
func KindOf(b []byte) Kind {
	switch {
	case len(b) == 0:
		return Kind{Name: "empty", Do: "fetch or write the file again"}
	case bytes.HasPrefix(b, []byte("PK")):
		return Kind{}
	case b[0] == 0x80 && !isSafetensors(b):
		return Kind{}
	case b[0] != 0x80 && strings.IndexByte("(}]c", b[0]) >= 0 && b[len(b)-1] == '.': // a pickle of protocol 0 or 1
		return Kind{}
	}
	for _, s := range starts {
		if bytes.HasPrefix(b, []byte(s.bytes)) {
			return s.kind
		}
	}
	return kindWithin(b)
}

// kindWithin tells kinds that more than the first bytes tell.
func kindWithin(b []byte) Kind {
	head := bytes.TrimLeft(bytes.TrimPrefix(b[:min(len(b), 4096)], []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := bytes.ToLower(head)
	switch {
	case bytes.HasPrefix(lower, []byte("<!doctype")), bytes.HasPrefix(lower, []byte("<html")),
		bytes.HasPrefix(head, []byte("<")) && bytes.Contains(lower, []byte("<html")):
		return Kind{Name: "an HTML page, as a site sends in place of a download", Do: fetchAgain}
	case bytes.HasPrefix(head, []byte("<?xml")):
		return Kind{Name: "an XML document", Do: fetchAgain}
	case isSafetensors(b):
		return Kind{Name: "a safetensors file", Do: "give it a name that ends in .safetensors", Format: "safetensors"}
	case len(b) > 262 && string(b[257:262]) == "ustar":
		return Kind{Name: "a tar archive", Do: unpack}
	case len(b) > 8 && string(b[4:8]) == "TFL3":
		return Kind{Name: "a TensorFlow Lite model", Do: notRead}
	case len(b) >= 48 && binary.LittleEndian.Uint64(b[len(b)-8:]) == 0xdb4775248b80fb57:
		return Kind{Name: "the index of a TensorFlow checkpoint", Do: notRead}
	case bytes.Contains(head, []byte("saved_model_schema")), bytes.Contains(head, []byte("\x12\x05serve")):
		return Kind{Name: "a SavedModel of TensorFlow", Do: notRead}
	case isONNX(b):
		return Kind{Name: "an ONNX model", Do: "give it a name that ends in .onnx", Format: "onnx"}
	case bytes.HasPrefix(head, []byte("{")), bytes.HasPrefix(head, []byte("[")):
		if isText(head) {
			return Kind{Name: "JSON text", Do: "name the file with the weights, which is often beside it"}
		}
	}
	if isText(head) && len(head) > 0 {
		line, _, _ := strings.Cut(string(head), "\n")
		return Kind{Name: fmt.Sprintf("text that begins with %.40q", line), Do: fetchAgain}
	}
	return Kind{Name: fmt.Sprintf("of an unknown kind that begins with %.16q", string(b[:min(len(b), 8)])),
		Do: "name a checkpoint written by torch.save, or .safetensors, .npz or .onnx", Unknown: true}
}

// isSafetensors reports whether b starts with the length of a header in JSON.
func isSafetensors(b []byte) bool {
	if len(b) < 10 {
		return false
	}
	n := binary.LittleEndian.Uint64(b)
	return n >= 2 && n <= uint64(len(b)-8) && b[8] == '{' && (b[9] == '"' || b[9] == '}' || b[9] == ' ') &&
		bytes.IndexByte(b[8:8+n], '}') >= 0
}

// isONNX reports whether b starts as a ModelProto: its version of ONNX's format, and then
// the name of the producer or a graph.
func isONNX(b []byte) bool {
	return len(b) > 4 && b[0] == 0x08 && b[1] < 0x20 && (b[2] == 0x12 || b[2] == 0x3a || b[2] == 0x42)
}

func isText(b []byte) bool {
	for _, c := range b {
		if c == 0x7f || (c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 0x1b) {
			return false
		}
	}
	return true
}
