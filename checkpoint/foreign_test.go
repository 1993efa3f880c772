package checkpoint

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// beside returns the pickle of {"t": a tensor of 1, 2, 3, "x": value}, where value is text
// instructions.
func beside(value string) string {
	t := strings.TrimSuffix(tensorPickle("3", "0", "I3\n", "I1\n"), "s.")
	return t + "sX\x01\x00\x00\x00x" + value + "s."
}

var three = []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40}

// One value of any class never refuses a file: the tensor beside it is read, and the value
// is named.
func TestForeignValues(t *testing.T) {
	call := func(class, args string) string { return "c" + class + "\n" + args + "R" }
	array := func(dtype, order string) string {
		return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR(K\x01(K\x01t" +
			"cnumpy\ndtype\n(X\x02\x00\x00\x00" + dtype + "\x89\x88tR(K\x03X\x01\x00\x00\x00" + order +
			"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89C\x08\x00\x00\x00\x00\x00\x00\x00\x00tb"
	}
	for name, c := range map[string]struct{ value, want string }{
		"a class":              {"comegaconf.nodes\nAnyNode\n", "x: the class omegaconf.nodes.AnyNode"},
		"an object":            {call("omegaconf.dictconfig\nDictConfig", ")") + "}X\x01\x00\x00\x00aK\x01sb", "x: an object of the class omegaconf.dictconfig.DictConfig"},
		"a call that runs":     {call("posix\nsystem", "(X\x01\x00\x00\x00at"), "x: an object of the class posix.system"},
		"a function's result":  {call("builtins\ngetattr", "(cm\nc\nX\x01\x00\x00\x00at") + ")R", "x: an object of the class result of builtins.getattr"},
		"keyword arguments":    {"cm\nc\n)}X\x01\x00\x00\x00aK\x01s\x92", "x: an object of the class m.c with keyword arguments"},
		"within containers":    {"](N}K\x07cdatetime\ndatetime\nC\x01a\x85Rse", "x.1.7: an object of the class datetime.datetime"},
		"a range":              {call("__builtin__\nxrange", "(K\x00K\x03K\x01t"), "x: an object of the class __builtin__.xrange"},
		"uint32":               {array("u4", "<"), `x: a NumPy array of the element type "u4"`},
		"big-endian":           {array("f8", ">"), "x: a big-endian NumPy array"},
		"a storage":            {"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x03tQ", "x: a storage without a tensor"},
		"a sparse tensor":      {call("torch._utils\n_rebuild_sparse_tensor", "(N)t"), "x: an object of the class torch._utils._rebuild_sparse_tensor"},
		"a complex tensor":     {call("torch._utils\n_rebuild_tensor_v2", "((X\x07\x00\x00\x00storagectorch\nComplexFloatStorage\nX\x01\x00\x00\x001X\x03\x00\x00\x00cpuK\x01tQK\x00(K\x01t(K\x01t\x89Nt"), "x: a tensor of torch.ComplexFloatStorage"},
		"an expansion":         {strings.Trim(strings.TrimPrefix(tensorPickle("3", "0", "I900000000\n", "I0\n"), "\x80\x02}X\x01\x00\x00\x00t"), "s."), "x: a tensor of shape [900000000] that repeats 3 values"},
		"subclass of dict":     {call("easydict\nEasyDict", ")") + "(X\x01\x00\x00\x00aK\x01u", "{a: int 1}"},
		"subclass of list":     {call("collections\ndeque", "()Nt") + "(K\x01K\x02e", "int 1,int 2,"},
		"a counter":            {call("collections\nCounter", "(}K\x1eK\x01st"), "{30: int 1}"},
		"keys of any type":     {"}(cm\nc\nK\x01C\x01bK\x02(K\x01K\x02tK\x03NK\x04u", "{m.c: int 1}{b: int 2}{[1 2]: int 3}{<nil>: int 4}"},
		"an element type":      {"ctorch\nfloat32\n", "string torch.float32"},
		"a size":               {call("torch\nSize", "((K\x01K\x02tt"), "int 1,int 2,"},
		"an empty set":         {call("__builtin__\nset", "(]t"), ""},
		"bytes of protocol 2":  {call("_codecs\nencode", "(X\x02\x00\x00\x00abX\x06\x00\x00\x00latin1t"), "string 6162"},
		"a string of Python 2": {"S'a\\xe9\\n\\''\n", "string aé\n'"},
		"a Unicode line":       {"Va\\u00e9\\n\n", `string aé\n`},
		"a large number":       {"L123456789012345678901234567890L\n", "string 123456789012345678901234567890"},
	} {
		d, err := Parse(zipOf(t, beside(c.value), three))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if x := d.Tensor("t"); x == nil || fmt.Sprint(x.Float32s()) != "[1 2 3]" {
			t.Errorf("%s: the tensor is %v", name, x)
		}
		got := describe(d.Get("x"))
		if foreign := d.Foreign(); len(foreign) > 0 {
			got = strings.Join(foreign, ";")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A foreign value without any tensor beside it is an error that names it, as is a file
// whose root is one.
func TestNothingButForeign(t *testing.T) {
	for value, want := range map[string]string{
		"\x80\x02}X\x01\x00\x00\x00xcos\nsystem\nX\x01\x00\x00\x00a\x85Rs.": "x: an object of the class os.system",
		"\x80\x02cmodels\nNet\n)\x81}X\x01\x00\x00\x00xK\x01sb.":            "got an object of the class models.Net, which is not read",
	} {
		if _, err := Parse([]byte(value)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "damaged") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Expanded tensors, whose strides are 0, are read. The elements of a list at the root get
// numbers.
func TestExpanded(t *testing.T) {
	object := tensorPickle("3", "1", "I2\nI2\n", "I1\nI0\n")
	list := "\x80\x02](" + strings.TrimSuffix(strings.TrimPrefix(object, "\x80\x02}X\x01\x00\x00\x00t"), "s.") + "NK\x01e."
	d, err := Parse(zipOf(t, object, three))
	if err != nil || describe(d) != "{t: float32[2 2] [2 2 3 3]}" {
		t.Errorf("%s (%v)", describe(d), err)
	}
	if d, err = Parse(zipOf(t, list, three)); err != nil || describe(d) != "{0: float32[2 2] [2 2 3 3]}{1: <nil> <nil>}{2: int 1}" {
		t.Errorf("%s (%v)", describe(d), err)
	}
}

// A list of millions of numbers is read.
func TestLongList(t *testing.T) {
	d, err := Parse(zipOf(t, beside("]("+strings.Repeat("K\x05", 6e6)+"e"), three))
	if err != nil {
		t.Fatal(err)
	}
	if list, _ := d.Get("x").([]any); len(list) != 6e6 || list[6e6-1] != 5 {
		t.Errorf("%d values", len(list))
	}
}

// A file that was unzipped and zipped again has compressed entries, in another order and
// without a folder or in a deeper one.
func TestZippedAgain(t *testing.T) {
	for _, folder := range []string{"", "archive/", "down/load/archive/"} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 9) })
		for _, entry := range []struct{ name, content string }{
			{"version", "3\n"}, {"data/0", string(three)}, {"data/", ""}, {"byteorder", "little\n"}, {"data.pkl", beside("N")},
		} {
			w, err := z.Create(folder + entry.name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, entry.content); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if d, err := Parse(b.Bytes()); err != nil || describe(d) != "{t: float32[3] [1 2 3]}{x: <nil> <nil>}" {
			t.Errorf("in %q: %s (%v)", folder, describe(d), err)
		}
	}
}

// A compressed entry that claims or has far more bytes than the file is an error.
func TestZipBomb(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string][]byte{"a/data.pkl": []byte(beside("N")), "a/data/0": make([]byte, 80<<20)} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err := Parse(b.Bytes()); err == nil || !strings.Contains(err.Error(), "far more than the file") {
		t.Errorf("%s (%v)", describe(d), err)
	}
}

// What torch.save did not write is called by its name, with what to do.
func TestOtherKinds(t *testing.T) {
	zipped := func(names ...string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range names {
			if _, err := z.Create(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	whole := string(zipOf(t, beside("N"), three))
	tar := slices.Concat(make([]byte, 257), []byte("ustar\x0000"), make([]byte, 300))
	copy(tar, "current.pth")
	for content, want := range map[string]string{
		"":                        "it is empty",
		"<!DOCTYPE html>\n<html>": "an HTML page", "\n <HTML lang=en>": "an HTML page", "\xef\xbb\xbf<html>": "an HTML page",
		"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n": "git lfs pull",
		"\x1f\x8b\x08\x00abc": "gunzip", "BZh91AY": "bunzip2", "\xfd7zXZ\x00a": "unxz", "\x28\xb5\x2f\xfda": "unzstd",
		"7z\xbc\xaf\x27\x1ca": "7-Zip", string(tar): "a tar archive", zipped("a/current.pth"): "a zip archive with a/current.pth in it",
		zipped("x.npy"): "ends in .npz", zipped("x/constants.pkl", "x/data.pkl"): "TorchScript", zipped("metadata.json"): "Keras",
		zipped():                             "a zip archive without files",
		"\x02\x00\x00\x00\x00\x00\x00\x00{}": "ends in .safetensors", "\x80\x00\x00\x00\x00\x00\x00\x00{\"a\":" + strings.Repeat(" ", 122) + "}": "ends in .safetensors",
		"\x08\x07\x12\x07pytorch": "ends in .onnx", "\x89HDF\r\n\x1a\n": "HDF5", "GGUF\x03": "GGUF", "\x93NUMPY\x01": "one array of NumPy",
		"abcdTFL3ab": "TensorFlow Lite", strings.Repeat("\x00", 48) + "\x57\xfb\x80\x8b\x24\x75\x47\xdb": "the index of a TensorFlow checkpoint",
		"{\"architectures\": 1}": "JSON", "Access denied\n": `text that begins with "Access denied"`, "\x00\x01\x02\x03": "of an unknown kind",
		whole[:len(whole)-30]: "cut short",
	} {
		d, err := Parse([]byte(content))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q (read as %.100s)", content, err, want, describe(d))
		} else if damaged := strings.Contains(err.Error(), "damaged"); damaged != (want == "cut short") {
			t.Errorf("%.20q: %v", content, err)
		}
	}
}
