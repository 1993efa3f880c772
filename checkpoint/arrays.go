package checkpoint

import (
	"encoding/binary"
	"fmt"
	"io"
)

// WriteArrays writes a plain pickle whose tensors are NumPy arrays, which Detectron2 can
// read. bfloat16, which NumPy lacks, is written as float32.
func WriteArrays(w io.Writer, root Dict) error {
	p := &pickler{arrays: true}
	p.raw("\x80\x03")
	if err := p.value(root); err != nil {
		return err
	}
	p.raw(".")
	_, err := w.Write(p.b.Bytes())
	return err
}

// array writes a tensor the way numpy.ndarray pickles itself.
func (p *pickler) array(t *Tensor) error {
	code := ""
	for numpy, dtype := range dtypes {
		if dtype == t.Dtype {
			code = numpy
		}
	}
	if code == "" {
		t, code = FromFloat32(t.Float32s(), t.Shape...), "f4"
	}
	if uint64(len(t.Data)) > 1<<32-1 {
		return fmt.Errorf("want arrays below 4 GB, the limit of pickle protocol 3, got %d bytes", len(t.Data))
	}
	p.raw("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR(K\x01")
	p.ints(t.Shape)
	p.raw("cnumpy\ndtype\n(")
	p.text(code)
	p.raw("\x89\x88tR(K\x03")
	order := "<"
	if storages[t.Dtype].size == 1 {
		order = "|"
	}
	p.text(order)
	p.raw("NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89B")
	p.b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(t.Data))))
	p.b.Write(t.Data)
	p.raw("tb")
	return nil
}
