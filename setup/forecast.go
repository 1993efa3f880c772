package setup

import (
	"fmt"
	"time"

	"contralens/internal/humanize"
)

// Forecast is how long a training will take.
type Forecast struct {
	Images, Epochs int
	Rate           float64 // images per second; 0 if unknown
}

// Time returns the time of the training, or 0 if it is unknown.
func (f Forecast) Time() time.Duration {
	if !(f.Rate > 0) {
		return 0
	}
	seconds := float64(f.Images) * float64(f.Epochs) / f.Rate
	return time.Duration(min(seconds, 1e9) * float64(time.Second)) // a duration holds 292 years
}

// At describes the forecast of a training that starts now: "300 images × 50 epochs at 5
// images/s: about 50 min, done at 14:20".
func (f Forecast) At(now time.Time) string {
	epochs := humanize.Count(f.Epochs, "epoch")
	done := now.Add(f.Time())
	layout := "15:04"
	if f.Time() >= 20*time.Hour {
		layout = "on Mon 2 Jan 2006"
	} else {
		layout = "at " + layout
	}
	return fmt.Sprintf("%d images × %s at %s images/s: about %s, done %s",
		f.Images, epochs, humanize.Number(f.Rate), humanize.Duration(f.Time()), done.Format(layout))
}

// endless is the time from which a training on a CPU is worth a warning.
const endless = 48 * time.Hour

// Warning returns what to do about a training that will take days, or "".
func (f Forecast) Warning() string {
	if f.Time() < endless {
		return ""
	}
	return fmt.Sprintf("this training will take %s here: a smaller --arch, --width or --input_res makes every epoch "+
		"shorter, --epochs and --limit make fewer or smaller ones, and a GPU (--device cuda:0) is many times faster; "+
		"without --method and --config, sizes that suit this machine are chosen", humanize.Duration(f.Time()))
}
