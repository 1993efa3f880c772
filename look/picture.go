package look

import (
	"bytes"
	"context"
	"encoding/base64"
	"html/template"
	"image"
	"image/jpeg"
	"image/png"
	"path/filepath"
	"slices"
	"strings"

	xdraw "golang.org/x/image/draw"

	"contralens/views"
)

// Picture is an image that the page shows.
type Picture struct {
	Path  string // below the folder
	Split string
	Class string       // "" without classes
	Thumb template.URL // a data URI; empty until it is drawn
	Small bool         // it has so few pixels that each of them should be seen
	photo *photo
}

// pictureOf describes a photo.
func pictureOf(all []split, p *photo) Picture {
	d := all[p.split].data
	c := Picture{Path: d.Path(p.index), Split: all[p.split].name, photo: p}
	if label := d.Label(p.index); label >= 0 && label < len(d.Classes()) {
		c.Class = d.Classes()[label]
	}
	return c
}

// Label returns the class unless a folder in the path has its name.
func (c Picture) Label() string {
	if slices.Contains(strings.Split(filepath.ToSlash(c.Path), "/"), c.Class) {
		return ""
	}
	return c.Class
}

// below returns a path relative to the folder that was looked at. Of an image in a file of
// many elsewhere, it returns the file's name and the image's number.
func below(folder, path string) string {
	if r, err := filepath.Rel(folder, path); err == nil && !strings.HasPrefix(r, "..") && r != "." {
		return filepath.ToSlash(r)
	}
	if base := filepath.Base(path); strings.Contains(base, "#") {
		return base
	}
	return path
}

const (
	thumbSide    = 144 // longest side of a thumbnail in pixels
	thumbQuality = 78  // of its JPEG
)

// draw reads the photo again and makes its thumbnail.
func (c *Picture) draw(ctx context.Context, all []split, r *room) error {
	if err := all[c.photo.split].data.Image(ctx, c.photo.index, &r.image); err != nil {
		return err
	}
	c.Thumb, c.Small = thumbnail(r.image.Picture(), thumbSide)
	return nil
}

// thumbnail returns a picture as a data URI, at most side pixels wide and high. small
// reports whether it has its own pixels, to be shown enlarged.
func thumbnail(m image.Image, side int) (uri template.URL, small bool) {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > side {
		w, h = max(1, w*side/long), max(1, h*side/long)
		scaled := image.NewNRGBA(image.Rect(0, 0, w, h))
		xdraw.CatmullRom.Scale(scaled, scaled.Bounds(), m, b, xdraw.Src, nil)
		m = scaled
	}
	var out bytes.Buffer
	kind := "jpeg"
	if small = max(w, h) <= side/2; small {
		kind = "png"
		if err := png.Encode(&out, m); err != nil {
			return "", small
		}
	} else if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: thumbQuality}); err != nil {
		return "", small
	}
	return template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(out.Bytes())), small
}

// square returns the largest central square of an image.
func square(m *views.Image) views.Box {
	n := min(m.W, m.H)
	return views.Box{X: (m.W - n) / 2, Y: (m.H - n) / 2, W: n, H: n}
}
