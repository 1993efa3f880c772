package viz

import (
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Tile is a picture of a contact sheet with two lines of text below it.
type Tile struct {
	Picture        image.Image
	Title, Caption string
	Marked         bool // has a frame, for the picture that others are compared with
}

const (
	sheetGap  = 12
	sheetLine = 16
)

// Sheet draws a contact sheet: tiles row by row, each picture scaled to fit a square of
// side pixels. Text that is too long loses its beginning, because paths differ at their
// ends.
func Sheet(tiles []Tile, columns, side int) (image.Image, error) {
	bold, err := face(gobold.TTF)
	if err != nil {
		return nil, err
	}
	regular, err := face(goregular.TTF)
	if err != nil {
		return nil, err
	}
	columns = max(1, min(columns, len(tiles)))
	rows := (len(tiles) + columns - 1) / columns
	height := side + 2*sheetLine + 4
	m := image.NewRGBA(image.Rect(0, 0, sheetGap+columns*(side+sheetGap), sheetGap+rows*(height+sheetGap)))
	draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
	for i, t := range tiles {
		x, y := sheetGap+i%columns*(side+sheetGap), sheetGap+i/columns*(height+sheetGap)
		cell := image.Rect(x, y, x+side, y+side)
		if t.Marked {
			draw.Draw(m, cell.Inset(-4), image.NewUniform(color.RGBA{220, 90, 20, 255}), image.Point{}, draw.Src)
		}
		draw.Draw(m, cell, image.NewUniform(color.Gray{238}), image.Point{}, draw.Src)
		b := t.Picture.Bounds()
		w, h := side, side
		if b.Dx() > b.Dy() {
			h = max(1, side*b.Dy()/b.Dx())
		} else {
			w = max(1, side*b.Dx()/b.Dy())
		}
		at := image.Rect(0, 0, w, h).Add(image.Pt(x+(side-w)/2, y+(side-h)/2))
		var scaler xdraw.Scaler = xdraw.CatmullRom
		if b.Dx() < side/2 { // small pictures keep their pixels
			scaler = xdraw.NearestNeighbor
		}
		scaler.Scale(m, at, t.Picture, b, draw.Src, nil)
		line(m, bold, t.Title, x, y+side+sheetLine, side)
		line(m, regular, t.Caption, x, y+side+2*sheetLine, side)
	}
	return m, nil
}

func face(ttf []byte) (font.Face, error) {
	f, err := opentype.Parse(ttf)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: 12, DPI: 72, Hinting: font.HintingFull})
}

// line writes text on the baseline y, with its beginning cut off to fit width.
func line(m draw.Image, f font.Face, text string, x, y, width int) {
	runes := []rune(text)
	for cut := 0; font.MeasureString(f, text).Ceil() > width && cut < len(runes); {
		cut++
		text = "…" + string(runes[cut:])
	}
	d := font.Drawer{Dst: m, Src: image.NewUniform(color.Gray{30}), Face: f, Dot: fixed.P(x, y)}
	d.DrawString(text)
}
