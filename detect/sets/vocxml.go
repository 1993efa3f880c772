package sets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// vocAnnotation is an annotation file of VOC.
type vocAnnotation struct {
	XMLName xml.Name
	Size    struct {
		Width  string `xml:"width"`
		Height string `xml:"height"`
	} `xml:"size"`
	Objects []vocObject `xml:"object"`

	width, height int
}

// vocObject is an object in it. Parts of an object, such as a head, have boxes of their own
// below <part>, which are not read.
type vocObject struct {
	Name      string `xml:"name"`
	Difficult string `xml:"difficult"`
	Box       *struct {
		X0 string `xml:"xmin"`
		Y0 string `xml:"ymin"`
		X1 string `xml:"xmax"`
		Y1 string `xml:"ymax"`
	} `xml:"bndbox"`

	box       [4]float64
	difficult bool
	problem   error
}

// parseVOC reads an annotation file. Coordinates in the file are pixels counted from 1, both
// ends included, so 1 is subtracted from the smaller ones. Objects have their own errors.
func parseVOC(file []byte) (a vocAnnotation, err error) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xEF\xBB\xBF"))))
	d.CharsetReader = charset
	if err := d.Decode(&a); err != nil {
		var syntax *xml.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			err = errors.New("want an XML file, got an empty one")
		case errors.As(err, &syntax):
			err = fmt.Errorf("want an XML file, but line %d: %s", syntax.Line, syntax.Msg)
		}
		return a, err
	}
	if a.XMLName.Local != "annotation" {
		return a, fmt.Errorf("want <annotation>, got <%s>", a.XMLName.Local)
	}
	a.width, err = side("width", a.Size.Width)
	if err != nil {
		return a, err
	}
	if a.height, err = side("height", a.Size.Height); err != nil {
		return a, err
	}
	for i := range a.Objects {
		a.Objects[i].parse()
	}
	return a, nil
}

// side reads a side of the image. Some programs write 640.0.
func side(name, text string) (int, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v >= 1 && v <= maxSide) || v != float64(int(v)) {
		return 0, fmt.Errorf("want a %s from 1 to %d in <size>, got %q", name, maxSide, text)
	}
	return int(v), nil
}

func (o *vocObject) parse() {
	o.Name = strings.TrimSpace(o.Name)
	o.difficult = strings.TrimSpace(o.Difficult) == "1"
	switch {
	case o.Name == "":
		o.problem = errors.New("want a <name>, found none")
		return
	case o.Box == nil:
		o.problem = errors.New("want a <bndbox>, found none")
		return
	}
	for i, text := range []string{o.Box.X0, o.Box.Y0, o.Box.X1, o.Box.Y1} {
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			o.problem = fmt.Errorf("want a number as %s, got %q", [4]string{"xmin", "ymin", "xmax", "ymax"}[i], text)
			return
		}
		if i < 2 {
			v--
		}
		o.box[i] = v
	}
}

// charset decodes files in a character set of one byte, such as ISO-8859-1.
func charset(name string, r io.Reader) (io.Reader, error) {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", " ", "", "_", "", "latin1", "iso88591").Replace(strings.ToLower(s))
	}
	if plain(name) == "usascii" || plain(name) == "ascii" {
		return r, nil
	}
	for _, e := range charmap.All {
		if c, ok := e.(*charmap.Charmap); ok && plain(c.String()) == plain(name) {
			return c.NewDecoder().Reader(r), nil
		}
	}
	return nil, fmt.Errorf("want UTF-8 or a character set of one byte, got %q", name)
}
