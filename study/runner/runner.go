// Package runner trains and evaluates the cells of a study (package study): each is an ordinary
// pre-training in a run directory of its own, followed by evaluations. A cell that was killed
// resumes from its checkpoint, bit for bit.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/internal/version"
	"contralens/rundir"
	"contralens/setup"
	"contralens/study"
	"contralens/study/jobs"
	"contralens/train"
)

// Runner works on a study in a folder. Several may work on the same one, on machines that share
// the folder.
type Runner struct {
	Study    *study.Study
	Dir      string
	Out      io.Writer       // nil: nothing is shown
	Terminal bool            // Out is a terminal
	Columns  int             // of the terminal; 0: 80
	Tuner    *autotune.Tuner // splits the processors where options leave that open; may be nil
	Note     func(string)    // receives notes, each once; may be nil
	Retry    bool            // cells that failed are tried again
	Begin    func() error    // is called by Run when all images could be opened; may be nil

	mu       sync.Mutex
	progress *train.Progress // of the current training; nil between trainings
	noted    map[string]bool
	opened   map[string]seen
	smallest map[string]class // of the images for evaluations, by the keys of opened
	pace     study.Pace
	title    string // of the current cell, such as "3 of 15"
	cells    map[string]study.Cell
	done     map[string]jobs.Outcome
	checked  map[string]bool      // devices and checkpoints that were
	begun    time.Time            // of the current cell
	before   time.Time            // when the one before began
	working  map[string]time.Time // when a process was last seen to work on a cell
}

// Run trains and evaluates all cells, and keeps the report up to date. If ctx ends, everything is
// saved and the error is jobs.ErrStopped; another call resumes.
func (r *Runner) Run(ctx context.Context) error {
	if _, err := r.trained(); err != nil {
		return err
	}
	if err := r.Prepare(ctx); err != nil {
		return err
	}
	if r.Begin != nil {
		if err := r.Begin(); err != nil {
			return err
		}
	}
	if err := r.sameImages(ctx); err != nil {
		return err
	}
	return r.work(ctx)
}

// work trains and evaluates all cells, whose images could be opened.
func (r *Runner) work(ctx context.Context) error {
	q := jobs.Queue{Dir: r.state(), Work: r.cell, Print: r.print}
	done, err := r.trained()
	if err != nil {
		return err
	}
	if err := r.Study.CheckDrawn(r.Dir, done); err != nil {
		return err // before anything there changes
	}
	if err := r.renewScores(done, true); err != nil {
		return err
	}
	if others := study.Commits(done); len(others) > 0 && !slices.Equal(others, []string{version.Commit()}) {
		r.note(fmt.Sprintf("trainings that are done here are by contralens of commit %s, and this one is of %s: options of "+
			"the same name may do something else", strings.Join(others, ", "), version.Commit()))
	}
	if r.Retry {
		for name, o := range done {
			if o.Failed() {
				if err := jobs.Forget(q.Dir, name); err != nil {
					return err
				}
			}
		}
	}
	q.Jobs = r.names
	q.Changed = func(done map[string]jobs.Outcome) error { return r.Study.Report(r.Dir, done).Write(r.Dir) }
	return q.Do(ctx)
}

// names returns the names of all cells that are known, and forgets the outcomes of those that tuning gives
// another setting now, which a retry can do.
func (r *Runner) names(done map[string]jobs.Outcome) (names []string, err error) {
	if err := r.Study.CheckDrawn(r.Dir, done); err != nil {
		return nil, err // also while another process works here
	}
	r.cells = map[string]study.Cell{}
	for _, c := range r.Study.Cells(done) {
		if o, ok := done[c.Name]; ok && r.Study.Outdated(c, o) {
			r.print("%s: tuning chooses %s now, and not %s: it is trained again", c.Name, r.Study.SettingOf(c), o.Setting)
			if err := jobs.Forget(r.state(), c.Name); err != nil {
				return nil, err
			}
			delete(done, c.Name)
		}
		r.cells[c.Name] = c
		names = append(names, c.Name)
	}
	r.done = done
	return names, nil
}

// outcomes returns the outcomes of cells. If the folder has none, as where results were published without them,
// they are those of its report, and published is true.
func (r *Runner) outcomes() (done map[string]jobs.Outcome, published bool, err error) {
	if done, err = jobs.Outcomes(r.state()); err != nil || len(done) > 0 {
		return done, false, err
	}
	reported, err := study.Published(r.Dir)
	if err != nil {
		return nil, false, err
	}
	if done, err = jobs.Outcomes(r.state()); err != nil || len(done) > 0 { // of another process, which reported them
		return done, false, err
	}
	for _, o := range reported {
		if !o.Failed() {
			return reported, true, nil
		}
	}
	return done, false, nil
}

// trained returns the outcomes of cells, or an error if the folder has results without them: training would replace
// these.
func (r *Runner) trained() (map[string]jobs.Outcome, error) {
	done, published, err := r.outcomes()
	if published {
		return nil, fmt.Errorf("%s: want the outcomes of its trainings in %s, but there are none, and %s has results: "+
			"restore them, print the tables (--report), choose another folder (-o), or remove %s to train again here", r.Dir,
			study.StateDir, study.ReportFile, study.ReportFile)
	}
	return done, err
}

// toDo returns the outcomes of cells that are not to be trained.
func (r *Runner) toDo() (map[string]jobs.Outcome, error) {
	done, err := r.trained()
	if r.Retry {
		maps.DeleteFunc(done, func(_ string, o jobs.Outcome) bool { return o.Failed() })
	}
	return done, err
}

// Report returns the report of what is done. It changes no file. published says that its outcomes are those of an
// earlier report, because the folder has no others.
func (r *Runner) Report() (report study.Report, published bool, err error) {
	done, published, err := r.outcomes()
	if err == nil {
		err = r.Study.CheckDrawn(r.Dir, done)
	}
	if err == nil {
		err = r.renewScores(done, false)
	}
	return r.Study.Report(r.Dir, done), published, err
}

func (r *Runner) state() string { return filepath.Join(r.Dir, study.StateDir) }

// images returns how many images a cell is trained on, epoch by epoch.
func (r *Runner) images(ctx context.Context, c study.Cell) float64 {
	if r.Study.Arms[c.Arm].Untrained {
		return 0
	}
	c.Setting = max(0, c.Setting)
	options, _, err := r.Study.Training(r.Dir, c)
	if err != nil {
		return 0 // it was checked when the study was read
	}
	s, err := r.open(ctx, options)
	if err != nil {
		return 0 // likewise by Prepare
	}
	return float64(s.Train) * float64(options.Epochs)
}

// print shows a line, in the log of the current training too.
func (r *Runner) print(format string, args ...any) {
	r.mu.Lock()
	p := r.progress
	r.mu.Unlock()
	switch {
	case p != nil:
		p.Print(format, args...)
	case r.Out != nil:
		fmt.Fprintf(r.Out, format+"\n", args...)
	}
}

// note passes on a note that was not passed on before.
func (r *Runner) note(text string) {
	r.mu.Lock()
	known := r.noted[text]
	if r.noted == nil {
		r.noted = map[string]bool{}
	}
	r.noted[text] = true
	r.mu.Unlock()
	if !known && r.Note != nil {
		r.Note(text)
	}
}

// cell trains and evaluates a cell.
func (r *Runner) cell(ctx context.Context, name string) (o jobs.Outcome, err error) {
	cell := r.cells[name]
	r.before, r.begun = r.begun, time.Now()
	planned := r.Study.Planned(r.done)
	ended := 0
	for _, c := range planned {
		if _, ok := r.done[c.Name]; ok {
			ended++
		}
	}
	about := ""
	if left, known := r.left(""); known {
		about = fmt.Sprintf("; about %s left", humanize.Duration(left))
	}
	r.print("== %d of %d: %s%s", ended+1, len(planned), name, about)
	begin := time.Now()
	o.Machine, o.Commit, o.Setting = machine.Kind(), version.Commit(), r.Study.SettingOf(cell)
	r.title = fmt.Sprintf("%d of %d", ended+1, len(planned))
	c, notes, err := r.Study.Training(r.Dir, cell)
	if err != nil {
		return o, err
	}
	if !r.Study.Arms[cell.Arm].Untrained {
		for _, n := range notes {
			r.note(n)
		}
	}
	switch arm := r.Study.Arms[cell.Arm]; {
	case arm.Untrained:
	case arm.Program != nil:
		o.Images, err = r.program(ctx, cell, c, &o)
	default:
		o.Commands = [][]string{r.Study.Command(r.Dir, cell)}
		if o.Images, o.Seconds, err = r.train(ctx, cell, c); err == nil {
			o.Chosen, err = chosen(filepath.Join(r.Dir, study.RunsDir, cell.Name), &c)
		}
	}
	if err == nil {
		err = r.evaluate(ctx, cell, c, &o)
	}
	o.Seconds += time.Since(begin).Seconds()
	switch {
	case errors.Is(err, rundir.ErrInUse):
		return o, jobs.ErrBusy
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS):
		return o, &jobs.Fatal{Err: err}
	case err != nil && ctx.Err() == nil:
		_, lost := setup.Splits(ctx, c, func(string) {})
		if lost == nil {
			lost = r.openAnnotated(ctx)
		}
		if lost != nil && ctx.Err() == nil {
			return o, &jobs.Fatal{Err: fmt.Errorf("%s: the images cannot be opened any more: %w", name, lost)}
		}
		r.print("%s failed: %v", name, err)
	}
	return o, err
}

// left returns how long the study takes without a cell, or with it: the time of all cells that are not
// done, divided among the processes that work on them.
func (r *Runner) left(without string) (left time.Duration, known bool) {
	done := maps.Clone(r.done)
	if without != "" {
		supposed := jobs.Outcome{}
		if t := r.Study.Tuning; t != nil {
			supposed.Scores = map[string]float64{t.By: 0} // a trial without a score counts as failed
		}
		done[without] = supposed
	}
	left, known = r.Study.Left(r.pace, done)
	names := slices.Collect(maps.Keys(r.cells))
	return left / time.Duration(r.processes(jobs.Active(r.state(), names), time.Now())), known
}

// processes returns how many processes work on the study: those that work on a cell now, and those that did since this
// one began the cell before, because they may be between two.
func (r *Runner) processes(active []string, now time.Time) (n int) {
	if r.working == nil {
		r.working = map[string]time.Time{}
	}
	for _, process := range active {
		r.working[process] = now
	}
	for _, last := range r.working {
		if !last.Before(r.before) {
			n++
		}
	}
	return max(1, n)
}

// train trains a cell. It returns the number of images that it was trained on, epoch by epoch, and the seconds
// that its training had taken before this session.
func (r *Runner) train(ctx context.Context, cell study.Cell, c config.Contrast) (images, earlier float64, err error) {
	dir := filepath.Join(r.Dir, study.RunsDir, cell.Name)
	if err := r.drop(dir, cell, c); err != nil {
		return 0, 0, err
	}
	p := &train.Progress{Out: r.Out, Terminal: r.Terminal, Columns: r.Columns, Title: r.title}
	rest, known := r.left(cell.Name) // once: it opens many files
	if detecting, timed := r.Study.Detecting(r.done); timed && !cell.Validates() {
		rest += detecting
	}
	if known {
		p.Left = func(_ *train.Run, training time.Duration) time.Duration { return training + rest }
	}
	r.show(p)
	defer r.show(nil)
	defer p.Close()
	resumes := rundir.IsRun(dir)
	if resumes {
		c.Resume = "auto"
	}
	first := math.Inf(1) // step of this session
	count := train.Hook{Order: train.Display, Step: func(_ *train.Run, s train.Step) error {
		images, first = images+float64(s.Images), min(first, float64(s.Step))
		return nil
	}}
	_, err = train.Pretrain(ctx, c, train.Options{
		Progress: p, Tuner: r.Tuner, Hooks: []train.Hook{count}, Command: r.Study.Command(r.Dir, cell),
		GoOn: "the same command resumes the study",
	})
	if err == nil && resumes {
		return r.images(ctx, cell), trainedBefore(dir, first), nil
	}
	return images, 0, damaged(dir, err)
}

// damaged replaces the error of a run directory whose checkpoints cannot be read by one that says what to do in a
// study.
func damaged(dir string, err error) error {
	if errors.Is(err, rundir.ErrDamaged) {
		return fmt.Errorf("run directory %s: %w; copy them again or remove the directory, and give --retry", dir,
			rundir.ErrDamaged)
	}
	return err
}

// trainedBefore returns the seconds that the steps of a run before a step took.
func trainedBefore(dir string, step float64) (seconds float64) {
	var f rundir.Follower[rundir.Metrics]
	f.Follow(os.DirFS(dir).(fs.StatFS), rundir.MetricsFile, func(m rundir.Metrics) {
		if m.Compute != nil && m.Wait != nil && m.Step != nil && *m.Step < step {
			seconds += *m.Compute + *m.Wait
		}
	}, func() { seconds = 0 })
	return seconds
}

// drop removes what an earlier session has trained of a cell with a setting that tuning does not choose any more.
func (r *Runner) drop(dir string, cell study.Cell, c config.Contrast) error {
	record, err := rundir.ReadRecord(dir)
	if err != nil {
		return fmt.Errorf("%w; copy it again or remove the directory, and give --retry", err)
	}
	if record == nil {
		return nil
	}
	now := config.Values(&c)
	for _, name := range r.Study.Tuned(cell) {
		if was, ok := record.Config[name]; ok && was != now[name] {
			r.print("%s: tuning does not choose %s %s any more: it is trained again", cell.Name, name, was)
			return rundir.Remove(dir)
		}
	}
	return nil
}

// show makes the display of a training that of the study; nil ends it.
func (r *Runner) show(p *train.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = p
}

// checkpoint is the file with the encoder of a cell.
func (r *Runner) checkpoint(c study.Cell) string {
	return filepath.Join(r.Dir, study.RunsDir, c.Name, rundir.CurrentFile)
}

// made makes a folder.
func made(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%s: want a folder that can be created: %w", dir, err)
	}
	return nil
}
