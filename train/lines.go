package train

import (
	"fmt"
	"strings"
	"time"

	"contralens/contrast"
	"contralens/internal/humanize"
	"contralens/torch"
)

// Widths of lines, in columns.
const (
	terminalWidth = 80  // of the line that a terminal shows in place, and of epochs
	lineWidth     = 100 // elsewhere
)

// window adds up the steps that a line describes.
type window struct {
	begin    time.Time
	images   int
	steps    int
	wait     time.Duration
	loss     float64
	accuracy float64
	chance   float64 // sum of ln(K+1)
}

func (w *window) add(s Step) {
	w.images, w.steps, w.wait = w.images+s.Images, w.steps+1, w.wait+s.waited()
	w.loss, w.accuracy = w.loss+s.Loss, w.accuracy+s.Accuracy
	w.chance += contrast.Chance(s.Negatives)
}

func (w *window) rate() float64 { return float64(w.images) / max(time.Since(w.begin).Seconds(), 1e-9) }

// fit joins the parts with two spaces. It leaves out parts from the end until the line
// has at most width columns.
func fit(width int, parts ...string) string {
	for len(parts) > 1 {
		line := strings.Join(parts, "  ")
		if len([]rune(line)) <= width {
			return line
		}
		parts = parts[:len(parts)-1]
	}
	return parts[0]
}

// stepLine describes the training in a line of at most width columns. The most important
// comes first.
func (p *Progress) stepLine(r *Run, s Step, width int) string {
	w := &p.recent
	n := float64(w.steps)
	loss := fmt.Sprintf("loss %.3f", w.loss/n)
	if s.Negatives > 0 {
		loss += fmt.Sprintf(" (chance %.3f)", w.chance/n)
	}
	parts := []string{
		p.title() + fmt.Sprintf("epoch %d/%d step %d/%d", r.Epoch, r.Config.Epochs, r.StepInEpoch, r.Batches),
		loss,
		fmt.Sprintf("acc %.1f %%", w.accuracy/n),
		"left " + humanize.Duration(p.left(r)),
		fmt.Sprintf("%s img/s", humanize.Number(w.rate())),
	}
	if n := len(s.Ranks); n > 0 {
		parts = append(parts, humanize.Count(n, "rank"))
	}
	if d := r.Model.Device(); !d.IsCPU() {
		parts = append(parts, fmt.Sprintf("%.1f GB", float64(torch.DeviceMemory(d).Peak)/1e9)) // of the device
	}
	if k := r.Model.Method.State().Queue; r.GlobalStep*r.Config.BatchSize < k {
		parts = append(parts, fmt.Sprintf("queue %d %%", 100*r.GlobalStep*r.Config.BatchSize/k))
	}
	if s.Transformed {
		parts = append(parts, "FT")
	}
	parts = append(parts, "lr "+humanize.Digits(s.Rate, 2))
	if s.Jigsaw != nil {
		parts = append(parts, fmt.Sprintf("jigsaw %.3f", s.Jigsaw.Loss))
	}
	return fit(width, parts...)
}

// epochLine describes a finished epoch by its means over all images.
func (p *Progress) epochLine(r *Run) string {
	w := &p.epoch
	loss, accuracy := r.Meter.Means()
	parts := []string{
		p.title() + fmt.Sprintf("epoch %d/%d done", r.Epoch, r.Config.Epochs),
		fmt.Sprintf("loss %.3f", loss),
		fmt.Sprintf("acc %.1f %%", accuracy),
		humanize.Duration(time.Since(w.begin)),
		fmt.Sprintf("%s img/s", humanize.Number(w.rate())),
	}
	if left := p.left(r); left > 0 {
		parts = append(parts, "left "+humanize.Duration(left))
	}
	if share := w.wait.Seconds() / max(time.Since(w.begin).Seconds(), 1e-9); share >= 0.1 {
		parts = append(parts, fmt.Sprintf("waited %.0f %%", 100*share))
	}
	return fit(terminalWidth, parts...)
}

// title begins a line.
func (p *Progress) title() string {
	if p.Title == "" {
		return ""
	}
	return p.Title + "  "
}

// left returns the time that the remaining steps will take, or what Left makes of it.
func (p *Progress) left(r *Run) time.Duration {
	each := float64(time.Since(p.begin)) / float64(max(1, r.GlobalStep-p.first))
	left := time.Duration(each * float64(r.Config.Epochs*r.Batches-r.GlobalStep))
	if p.Left != nil {
		return p.Left(r, left)
	}
	return left
}
