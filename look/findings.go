package look

import (
	"fmt"
	"slices"
	"strings"

	"contralens/data/codec"
	"contralens/internal/humanize"
)

// Finding is something that stands out, with what to do about it.
type Finding struct {
	Level string // bad: it stops a training or spoils its result; warn; hint
	Text  string
	Where string // anchor on the page
}

const (
	few         = 2000 // images below which contrastive training has little to contrast
	manyCopies  = 0.01 // share of copies that is worth a note
	tooMuchSkew = 10   // ratio of the largest class to the smallest
	largePhotos = 1200 // shorter side in pixels from which packing pays
)

// levels are the levels of findings, the most serious first.
var levels = []string{"bad", "warn", "hint"}

// Findings lists what stands out, the most serious first.
func (r *Report) Findings() (all []Finding) {
	add := func(level, where, format string, args ...any) {
		all = append(all, Finding{level, fmt.Sprintf(format, args...), where})
	}
	r.aboutFiles(add)
	r.aboutDuplicates(add)
	r.aboutTraining(add)
	slices.SortStableFunc(all, func(a, b Finding) int {
		return slices.Index(levels, a.Level) - slices.Index(levels, b.Level)
	})
	return all
}

// adder adds a finding.
type adder func(level, where, format string, args ...any)

func (r *Report) aboutFiles(add adder) {
	if n := len(r.Broken); n > 0 {
		files := humanize.Count(n, "image file")
		if float64(n) > 0.01*float64(max(1, r.seen())) {
			add("bad", "broken", "%s cannot be read: remove or replace them. A training stops at more than 1 %%, "+
				"unless --max_bad allows more", files)
		} else {
			add("warn", "broken", "%s cannot be read: remove or replace them, or leave them: a training names and "+
				"skips them", files)
		}
	}
	if len(r.Repaired) > 0 {
		n := 0
		for _, k := range r.Repaired {
			n += k.Count
		}
		add("hint", "broken", "%s damaged, but all of their pixels can be read", humanize.Count(n, "image file"))
	}
	if n := len(r.Notes); n > 0 {
		more := ""
		if n > 1 {
			more = fmt.Sprintf("; and %d more", n-1)
		}
		add("hint", "there", "some files are left out: %s%s", strings.TrimSuffix(r.Notes[0], ": left out"), more)
	}
	gray, deep, readable, large := 0, 0, 0, false
	for _, s := range r.Splits {
		gray, deep, readable = gray+s.Gray, deep+s.Deep, readable+s.Seen-s.Broken
		large = large || s.Short.Median >= largePhotos
		if n := len(s.Classes); s.Name == "train" && n > 1 {
			most, least := s.Classes[0], s.Classes[n-1]
			if most.Images > tooMuchSkew*max(1, least.Images) {
				add("hint", "there", "classes differ much in size: %s has %s images, %s has %s",
					most.Name, humanize.Grouped(most.Images), least.Name, humanize.Grouped(least.Images))
			}
		}
	}
	if how := codec.Gray16(r.Advice.Config.Gray16); deep > 0 && (how == "" || how == codec.ClipGray16) {
		add("warn", "there", "%s with 16-bit gray: values above 255 become white; --gray16 range or high keeps them",
			humanize.Count(deep, "image"))
	}
	if readable > 0 && 2*gray > readable {
		add("hint", "views", "%s of the images have no color: of the color jitter only brightness and contrast "+
			"change them; more blur or smaller crops can replace it", percent(gray, readable))
	}
	if large {
		add("hint", "there", "the images are large: contralens data pack --short 400 makes a smaller copy, "+
			"from which a training loads faster")
	}
}

func (r *Report) aboutDuplicates(add adder) {
	d := r.Duplicates
	if d.Leaks > 0 {
		add("bad", "duplicates", "%s of duplicates with images in several splits: a test with them is too easy; "+
			"remove them from one of the splits", humanize.Count(d.Leaks, "group"))
	}
	if d.Labels > 0 {
		add("warn", "duplicates", "%s of duplicates with images of different classes: a label is wrong, or they only "+
			"look alike", humanize.Count(d.Labels, "group"))
	}
	if n := r.seen(); d.Surplus > 0 && float64(d.Surplus) > manyCopies*float64(n) {
		add("warn", "duplicates", "%s of %s images are copies of others: contrastive training pushes copies "+
			"apart, because it takes them for different images; keep one of each",
			humanize.Grouped(d.Surplus), humanize.Grouped(n))
	}
	if d.Blank > 0 {
		add("warn", "there", "%s of one color only: a network learns nothing from them", humanize.Count(d.Blank, "image"))
	}
}

func (r *Report) aboutTraining(add adder) {
	if n := r.Advice.Sizes.Images; n < few {
		add("hint", "recipe", "%d images are few: from so little, contrastive training rarely learns more than "+
			"colors and textures. Start from a trained encoder (--init) or collect thousands", n)
	}
	if r.Cost.Endless {
		add("warn", "cost", "the recommended training takes %s here: fewer --epochs, a smaller --width or "+
			"--input_res, or another machine", humanize.Duration(r.Cost.Whole))
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

// percent returns a share that never rounds to none or all of them.
func percent(n, of int) string {
	share := 100 * float64(n) / float64(max(1, of))
	if n < of && share > 99 {
		return ">99\u00a0%"
	}
	if n > 0 && share < 1 {
		return "<1\u00a0%"
	}
	return fmt.Sprintf("%.0f\u00a0%%", share)
}
