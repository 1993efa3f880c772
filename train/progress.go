package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"contralens/rundir"
	"contralens/setup"
)

// Progress shows a run on Out: on a terminal as a line in place, elsewhere as a line every
// few steps; a line for every epoch stays in both. It writes the lines to log.txt, too.
// Print may be called from any goroutine.
type Progress struct {
	Out       io.Writer // nil: nothing is shown
	Terminal  bool      // Out is a terminal
	Columns   int       // of the terminal; 0: 80
	PrintFreq int       // steps per line; 0: those of the configuration
	Title     string    // begins the lines about steps and epochs, as "1 of 2"; may be empty
	// Left, unless nil, returns the time left that lines show. training is that of this
	// training, of which more may follow.
	Left func(r *Run, training time.Duration) time.Duration

	mu       sync.Mutex // of Out, shown and log
	shown    bool       // a line stands in place
	drawn    time.Time  // when it was written
	log      *os.File
	before   []string // lines that wait for the log
	begin    time.Time
	first    int    // global step at which this process began
	recent   window // the steps since the last line
	epoch    window // the steps of this epoch in this process
	forecast bool   // how long the training takes has been said
}

// Times after which a training that is slow shows something.
const (
	firstLine = 10 * time.Second
	otherLine = 60 * time.Second
	redraw    = 200 * time.Millisecond // of the line in place
)

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
	p.say(fmt.Sprintf(format, args...))
}

func (p *Progress) say(line string) {
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

// clear removes the line in place.
func (p *Progress) clear() {
	if p.shown {
		fmt.Fprint(p.out(), "\r\033[K")
		p.shown = false
	}
}

// draw replaces the line in place.
func (p *Progress) draw(line string) {
	fmt.Fprint(p.out(), "\r\033[K", line) // a terminal that is gone does not end the training
	p.shown, p.drawn = true, time.Now()
}

// Show shows a line about work that goes on: on a terminal in place, now and then. A line that is
// due also stays, in the log and on outputs that are no terminals.
func (p *Progress) Show(line string, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Terminal && (due || time.Since(p.drawn) > redraw) {
		p.draw(cut(line, p.width()))
	}
	if !due {
		return
	}
	if !p.Terminal {
		fmt.Fprintln(p.out(), line)
	}
	p.note(line)
}

// cut returns the first columns of a line.
func cut(line string, columns int) string {
	if runes := []rune(line); len(runes) > columns {
		return string(runes[:columns])
	}
	return line
}

// width returns the columns of the line in place. The last column stays free, because some
// terminals continue on the next line after it.
func (p *Progress) width() int {
	if p.Columns > 0 {
		return min(p.Columns-1, terminalWidth)
	}
	return terminalWidth - 1
}

// Evaluating shows the progress of an evaluation, in images.
func (p *Progress) Evaluating(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Terminal {
		p.draw(fmt.Sprintf("features of %d of %d images", done, total))
		if done == total {
			p.clear()
		}
	}
	p.recent.begin = time.Now()
}

// Hook returns the hook that shows the steps.
func (p *Progress) Hook() Hook {
	return Hook{
		Order: Display,
		Start: func(r *Run) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			now := time.Now()
			p.begin, p.first = now, r.GlobalStep
			p.recent, p.epoch = window{begin: now}, window{begin: now}
			return nil
		},
		Step:  p.step,
		Epoch: p.epochEnd,
		Stop: func(*Run) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.clear()
			return nil
		},
	}
}

func (p *Progress) step(r *Run, s Step) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch.steps == 0 { // evaluations between epochs are no part of them
		start := time.Now().Add(-s.Wait - s.Compute)
		p.epoch.begin = start
		if r.GlobalStep == p.first+1 { // what comes once, before the first step, does not come again
			p.begin = start
		}
		if p.recent.steps == 0 {
			p.recent.begin = start
		}
	}
	p.recent.add(s)
	p.epoch.add(s)
	if p.Terminal && time.Since(p.drawn) > redraw {
		p.draw(p.stepLine(r, s, p.width()))
	}
	patience := otherLine
	if r.GlobalStep-p.first == p.recent.steps { // no line yet
		patience = firstLine
	}
	if s.Step%p.PrintFreq != 0 && time.Since(p.recent.begin) < patience {
		return nil
	}
	p.estimate(r)
	if r.StepInEpoch < r.Batches { // or else the line of the epoch follows
		line := p.stepLine(r, s, lineWidth)
		if !p.Terminal {
			fmt.Fprintln(p.out(), line)
		}
		p.note(line)
	}
	p.recent = window{begin: time.Now()}
	return nil
}

func (p *Progress) epochEnd(r *Run) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(p.epochLine(r))
	p.recent, p.epoch = window{begin: time.Now()}, window{begin: time.Now()}
	return nil
}

// Forecast tells how long the training will take, from a measurement.
func (p *Progress) Forecast(f setup.Forecast) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.foretell(f)
}

// estimate tells how long the training will take after its first steps, unless a
// measurement has told it.
func (p *Progress) estimate(r *Run) {
	if !p.forecast {
		p.foretell(setup.Forecast{Images: r.Train.Len(), Epochs: r.Config.Epochs, Rate: p.recent.rate()})
	}
}

// short is the time of a training that ends before anyone would read how long it takes.
const short = time.Minute

func (p *Progress) foretell(f setup.Forecast) {
	p.forecast = true
	if f.Time() >= short {
		p.say(f.At(time.Now()))
	}
	if w := f.Warning(); w != "" {
		p.say("note: " + w)
	}
}
