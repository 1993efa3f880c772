package viz

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"hash/crc32"
	"image/png"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// densePNG writes a PNG that says how many dots it has per inch, so that programs place it
// in its size.
type densePNG struct {
	*vgimg.Canvas
	dpi int
}

// WriteTo writes the picture.
func (p densePNG) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, p.Image()); err != nil {
		return 0, err
	}
	// The chunk belongs between the header, which is 33 bytes long with the signature, and
	// the pixels (PNG specification, section 11.3.5.3).
	chunk := binary.BigEndian.AppendUint32(nil, 9)
	chunk = append(chunk, "pHYs"...)
	perMeter := uint32(math.Round(float64(p.dpi) / 0.0254))
	chunk = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(chunk, perMeter), perMeter)
	chunk = append(chunk, 1)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	n, err := w.Write(bytes.Join([][]byte{b.Bytes()[:33], chunk, b.Bytes()[33:]}, nil))
	return int64(n), err
}

// titled writes an SVG with a title, which programs read aloud or show under the pointer,
// and with fonts that a machine without Liberation Sans has.
type titled struct {
	*vgsvg.Canvas
	title string
}

// WriteTo writes the picture.
func (s titled) WriteTo(w io.Writer) (int64, error) {
	var b, title bytes.Buffer
	if _, err := s.Canvas.WriteTo(&b); err != nil {
		return 0, err
	}
	if err := xml.EscapeText(&title, []byte(s.title)); err != nil {
		return 0, err
	}
	text := strings.ReplaceAll(b.String(), "font-family:Liberation Sans",
		"font-family:Liberation Sans,Arial,Helvetica,sans-serif")
	open := strings.Index(text, "<svg")
	end := open + strings.Index(text[open:], ">") + 1
	n, err := io.WriteString(w, text[:end]+"\n<title>"+title.String()+"</title>"+text[end:])
	return int64(n), err
}
