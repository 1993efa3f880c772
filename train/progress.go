package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"contralens/contrast"
	"contralens/rundir"
)

// Progress shows a run on Out: as a bar on a terminal, as lines elsewhere. It writes the
// lines to log.txt, too. Print may be called from any goroutine.
type Progress struct {
	Out       io.Writer // nil: nothing is shown
	Terminal  bool      // Out is a terminal
	PrintFreq int       // steps per line; 0: those of the configuration

	mu     sync.Mutex // of Out, bar and log
	bar    *progressbar.ProgressBar
	log    *os.File
	before []string // lines that wait for the log
	begin  time.Time
	first  int // global step at which this process began
	mark   time.Time
	images int
	wait   time.Duration
	comp   time.Duration
	loss   float64
	acc    float64
	chance float64 // sum of ln(K+1)
	steps  int
}

// complete sets PrintFreq where the caller left it open.
func (p *Progress) complete(printFreq int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.PrintFreq == 0 {
		p.PrintFreq = printFreq
	}
}

func (p *Progress) out() io.Writer {
	if p.Out == nil {
		return io.Discard
	}
	return p.Out
}

// Print writes a line to the display and the log.
func (p *Progress) Print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	p.clear()
	fmt.Fprintln(p.out(), line)
	p.note(line)
}

// Log writes a line to the log alone.
func (p *Progress) Log(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(fmt.Sprintf(format, args...))
}

// Open begins or continues the log of a run directory. Lines that were printed earlier
// are written first.
func (p *Progress) Open(dir string) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	path := filepath.Join(dir, rundir.LogFile)
	if p.log, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
		return err
	}
	for _, line := range p.before {
		p.note(line)
	}
	p.before = nil
	return nil
}

// Close ends the log.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if p.log != nil {
		p.log.Close()
		p.log = nil
	}
}

// note writes a line to the log. Errors are ignored: a full disk must not end the display.
func (p *Progress) note(line string) {
	if p.log == nil {
		p.before = append(p.before, line)
		return
	}
	fmt.Fprintln(p.log, line)
}

func (p *Progress) clear() {
	if p.bar != nil {
		p.bar.Clear()
	}
}

// Evaluating shows the progress of an evaluation, in images.
func (p *Progress) Evaluating(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Terminal {
		fmt.Fprintf(p.out(), "\r\033[Kfeatures of %d of %d images", done, total)
		if done == total {
			fmt.Fprint(p.out(), "\r\033[K")
		}
	}
	p.mark = time.Now()
}

// Hook returns the hook that shows the steps.
func (p *Progress) Hook() Hook {
	return Hook{
		Order: Display,
		Start: func(r *Run) error {
			p.begin, p.mark, p.first = time.Now(), time.Now(), r.GlobalStep
			return nil
		},
		Step: p.step,
		Epoch: func(*Run) error {
			p.endBar()
			p.reset()
			return nil
		},
		Stop: func(*Run) error { p.endBar(); return nil },
	}
}

func (p *Progress) endBar() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.bar = nil
}

func (p *Progress) reset() {
	p.mark, p.images, p.wait, p.comp, p.loss, p.acc, p.chance, p.steps = time.Now(), 0, 0, 0, 0, 0, 0, 0
}

func (p *Progress) step(r *Run, s Step) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.images, p.wait, p.comp = p.images+s.Images, p.wait+s.Wait, p.comp+s.Compute
	p.loss, p.acc, p.steps = p.loss+s.Loss, p.acc+s.Accuracy, p.steps+1
	p.chance += contrast.Chance(s.Negatives)
	report := s.Step%p.PrintFreq == 0 || r.StepInEpoch == r.Batches
	if p.Terminal {
		if p.bar == nil {
			p.bar = progressbar.NewOptions(r.Batches, progressbar.OptionSetWriter(p.out()), progressbar.OptionSetWidth(20),
				progressbar.OptionThrottle(200*time.Millisecond),
				progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false))
		}
		p.bar.Describe(p.line(r, s))
		p.bar.Set(r.StepInEpoch) // a terminal that is gone does not end the training
	}
	if report {
		line := p.line(r, s)
		if !p.Terminal {
			fmt.Fprintln(p.out(), line)
		}
		p.note(line)
		p.reset()
	}
	return nil
}

// line describes the run in one line. Its means are over the steps since the last line.
func (p *Progress) line(r *Run, s Step) string {
	spent := time.Since(p.mark)
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / max(spent.Seconds(), 1e-9) }
	aStep := float64(time.Since(p.begin)) / float64(r.GlobalStep-p.first)
	left := time.Duration(aStep * float64(r.Config.Epochs*r.Batches-r.GlobalStep)).Round(time.Second)
	loss := fmt.Sprintf("loss %.3f", p.loss/float64(p.steps))
	if s.Negatives > 0 {
		loss += fmt.Sprintf(" (chance %.3f)", p.chance/float64(p.steps))
	}
	parts := []string{
		fmt.Sprintf("epoch %d/%d step %d/%d", r.Epoch, r.Config.Epochs, r.StepInEpoch, r.Batches),
		loss,
		fmt.Sprintf("acc %.1f %%", p.acc/float64(p.steps)),
		fmt.Sprintf("lr %.4g", s.Rate),
		fmt.Sprintf("%.0f img/s", float64(p.images)/spent.Seconds()),
		fmt.Sprintf("wait %.0f %% compute %.0f %% rest %.0f %%",
			share(p.wait), share(p.comp), max(0, 100-share(p.wait)-share(p.comp))),
		fmt.Sprintf("left %s", left),
	}
	if s.Jigsaw != nil {
		parts = slices.Insert(parts, 3, fmt.Sprintf("jigsaw loss %.3f acc %.1f %%", s.Jigsaw.Loss, s.Jigsaw.Accuracy))
	}
	if k := r.Model.Method.State().Queue; r.GlobalStep*r.Config.BatchSize < k {
		parts = append(parts, fmt.Sprintf("queue %d %%", 100*r.GlobalStep*r.Config.BatchSize/k))
	}
	if s.Transformed {
		parts = append(parts, "FT")
	}
	return strings.Join(parts, "  ")
}
