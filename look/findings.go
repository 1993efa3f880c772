package look

import (
	"fmt"
	"time"

	"contralens/internal/humanize"
)

// Finding is something that stands out, with what to do about it.
type Finding struct {
	Level string // bad: it stops a training or spoils its result; warn; hint
	Text  string
	Where string // anchor on the page
}

const (
	few          = 2000 // images below which contrastive training has little to contrast
	manyCopies   = 0.01 // share of copies that is worth a note
	tooMuchSkew  = 10   // ratio of the largest class to the smallest
	largePhotos  = 1200 // shorter side in pixels from which packing pays
	longTraining = 3 * 24 * time.Hour
)

// Findings lists what stands out, the most serious first.
func (r *Report) Findings() (all []Finding) {
	var bad, warn, hint []Finding
	r.aboutFiles(&bad, &warn, &hint)
	r.aboutDuplicates(&bad, &warn)
	r.aboutTraining(&warn, &hint)
	all = append(append(bad, warn...), hint...)
	return all
}

func add(to *[]Finding, level, where, format string, args ...any) {
	*to = append(*to, Finding{level, fmt.Sprintf(format, args...), where})
}

func (r *Report) aboutFiles(bad, warn, hint *[]Finding) {
	if n := len(r.Broken); n > 0 {
		share := float64(n) / float64(max(1, r.seen()))
		text := "%s cannot be read: remove or replace them"
		if share > 0.01 {
			add(bad, "bad", "broken", text+". A training stops at more than 1 %%, unless --max_bad allows more",
				humanize.Count(n, "image file"))
		} else {
			add(warn, "warn", "broken", text+", or leave them: a training names and skips them",
				humanize.Count(n, "image file"))
		}
	}
	if len(r.Notes) > 0 {
		add(hint, "hint", "there", "some files are left out: see the notes")
	}
	gray, readable, large := 0, 0, false
	for _, s := range r.Splits {
		gray, readable = gray+s.Gray, readable+s.Seen-s.Broken
		large = large || s.Short.Median >= largePhotos
		if n := len(s.Classes); s.Name == "train" && n > 1 {
			most, least := s.Classes[0], s.Classes[n-1]
			if most.Images > tooMuchSkew*max(1, least.Images) {
				add(hint, "hint", "there", "classes differ much in size: %s has %d images, %s has %d",
					most.Name, most.Images, least.Name, least.Images)
			}
		}
	}
	if readable > 0 && 2*gray > readable {
		add(hint, "hint", "views", "%s images have no color: of the color jitter only brightness and contrast "+
			"change them; more blur or smaller crops can replace it", percent(gray, readable))
	}
	if large {
		add(hint, "hint", "there", "the images are large: contralens data pack --short 400 makes a smaller copy, "+
			"from which a training loads faster")
	}
}

func (r *Report) aboutDuplicates(bad, warn *[]Finding) {
	d := r.Duplicates
	if d.Leaks > 0 {
		add(bad, "bad", "duplicates", "%s of duplicates cross from one split to another: a test with them is too easy; "+
			"remove them from one of the two", humanize.Count(d.Leaks, "group"))
	}
	if d.Labels > 0 {
		add(warn, "warn", "duplicates", "%s of duplicates have images of different classes: at least one label in each is wrong",
			humanize.Count(d.Labels, "group"))
	}
	if n := r.seen(); d.Surplus > 0 && float64(d.Surplus) > manyCopies*float64(n) {
		add(warn, "warn", "duplicates", "%d of %d images are copies of others: contrastive training pushes copies "+
			"apart, because it takes them for different images; keep one of each", d.Surplus, n)
	}
	if d.Blank > 0 {
		add(warn, "warn", "there", "%s of one color only: a network learns nothing from them",
			humanize.Count(d.Blank, "image"))
	}
}

func (r *Report) aboutTraining(warn, hint *[]Finding) {
	if n := r.Advice.Sizes.Images; n < few {
		add(hint, "hint", "recipe", "%d images are few: from so little, contrastive training rarely learns more than "+
			"colors and textures. Start from a trained encoder (--init) or collect thousands", n)
	}
	if r.Cost.Whole > longTraining {
		add(warn, "warn", "cost", "the recommended training takes %s here: fewer --epochs, a smaller --width or "+
			"--input_res, or another machine", Duration(r.Cost.Whole))
	}
}

// seen returns how many images were looked at.
func (r *Report) seen() (n int) {
	for _, s := range r.Splits {
		n += s.Seen
	}
	return n
}

// images returns how many images there are.
func (r *Report) images() (n int) {
	for _, s := range r.Splits {
		n += s.Images
	}
	return n
}

func percent(n, of int) string {
	share := 100 * float64(n) / float64(max(1, of))
	if n < of && share > 99 {
		return ">99 %"
	}
	if n > 0 && share < 1 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", share)
}

// Duration describes a time in one unit or two: 40 s, 12 min, 3 h 20 min, 5 days.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		d = d.Round(10 * time.Minute)
		if m := int(d.Minutes()) % 60; m != 0 {
			return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
		}
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// Bytes describes a size: 500 bytes, 12 kB, 33.1 MB, 1.2 GB.
func Bytes(n int64) string {
	switch {
	case n < 1e3:
		return humanize.Count(int(n), "byte")
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return humanize.Number(float64(n)/1e6) + " MB"
	}
	return humanize.Number(float64(n)/1e9) + " GB"
}
