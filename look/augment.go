package look

import (
	"context"
	"fmt"
	"html/template"

	"contralens/setup"
	"contralens/views"
	"contralens/viz"
)

// Views shows what the augmentations of the recommended recipe do to some of the images.
type Views struct {
	Side    int      // of a view, in pixels
	Columns []string // names of the columns after the photo itself
	Rows    []ViewRow
}

// ViewRow is an image and its views.
type ViewRow struct {
	Picture Picture
	Views   []View
}

// View is one view of an image.
type View struct {
	Thumb template.URL
	Small bool
	Drawn string // what was drawn at random
}

// viewRows is the number of images whose views are shown.
const viewRows = 5

// alone has the augmentations one by one, each of which changes the draw of a view of the
// central square. usual is a draw with everything in it.
var alone = []struct {
	name  string
	apply func(d, usual *views.Draw)
}{
	{"crop", func(d, usual *views.Draw) { d.Crop = usual.Crop }},
	{"flip", func(d, _ *views.Draw) { d.Flip = true }},
	{"color jitter", func(d, usual *views.Draw) { d.Jitter, d.Order, d.Factors = true, usual.Order, usual.Factors }},
	{"gray", func(d, _ *views.Draw) { d.Gray = true }},
	{"blur", func(d, usual *views.Draw) { d.Sigma = usual.Sigma }},
}

// views draws the augmentations of the recommended recipe.
func (l *looking) views(ctx context.Context) error {
	l.Show("drawing views …")
	specs, err := setup.Views(l.report.Advice.Config, 2)
	if err != nil {
		return err
	}
	spec := specs[0]
	spec.Colors = views.RGB
	possible := []bool{true, spec.FlipP > 0, spec.JitterP > 0, spec.GrayP > 0, spec.BlurP > 0}
	v := Views{Side: spec.Size}
	for i, a := range alone {
		if possible[i] {
			v.Columns = append(v.Columns, a.name)
		}
	}
	v.Columns = append(v.Columns, "one view", "its positive")
	end := l.budget.share(viewsShare)
	var r room
	for n, p := range l.spread(viewRows) {
		if n > 0 && end.passed() {
			l.budget.cut("the views of %d images are shown instead of %d", n, viewRows)
			break
		}
		row := ViewRow{Picture: pictureOf(l.splits, p)}
		if err := row.Picture.draw(ctx, l.splits, &r); err != nil {
			return err
		}
		row.draw(&spec, possible, &r, l.Seed, n)
		v.Rows = append(v.Rows, row)
	}
	l.report.Views = v
	return nil
}

// draw makes the views of the image in r.
func (row *ViewRow) draw(spec *views.Spec, possible []bool, r *room, seed uint64, n int) {
	m := &r.image
	certain := *spec // everything happens
	certain.JitterP, certain.BlurP = 1, 1
	certain.BlurMin = (spec.BlurMin + spec.BlurMax) / 2 // one that can be seen
	usual := certain.Draw(m.W, m.H, views.NewRand(seed, 1, n, 0))
	add := func(d views.Draw, drawn string) {
		values := make([]float32, spec.Len())
		spec.Render(values, views.Whole(m), &d, &r.scratch)
		thumb, small := thumbnail(viz.ViewPicture(values, spec.Shape()), thumbSide)
		row.Views = append(row.Views, View{thumb, small, drawn})
	}
	for i, a := range alone {
		if possible[i] {
			d := views.Draw{Crop: square(m)}
			a.apply(&d, &usual)
			add(d, describeDraw(a.name, &d, m))
		}
	}
	for i := range 2 {
		d := spec.Draw(m.W, m.H, views.NewRand(seed, 2, n, i))
		text := share(d.Crop, m)
		if more := d.String(); more != "" {
			text += ", " + more
		}
		add(d, text)
	}
}

// describeDraw describes the view of one augmentation.
func describeDraw(name string, d *views.Draw, m *views.Image) string {
	switch name {
	case "crop":
		return share(d.Crop, m)
	case "blur":
		return fmt.Sprintf("σ %.1f px", d.Sigma)
	}
	return ""
}

// share says how much of an image a crop covers.
func share(b views.Box, m *views.Image) string {
	return fmt.Sprintf("%.0f %% of the area", 100*float64(b.W*b.H)/float64(m.W*m.H))
}
