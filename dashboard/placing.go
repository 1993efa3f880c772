package dashboard

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"contralens/features/layout"
	"contralens/features/probe"
	"contralens/internal/npy"
)

// placing computes the layouts of a run's probe set, beside what the page asks for.
type placing struct {
	mu      sync.Mutex
	layouts *layout.Layouts
	jobs    map[string]*placingJob // by method, the last ones
}

// placingJob computes the layouts of all epochs.
type placingJob struct {
	done chan struct{} // closed at the end

	mu  sync.Mutex
	now layout.Progress
	err error
}

// placingTurn lets one run compute its layouts at a time, on all processors.
var placingTurn = make(chan struct{}, 1)

// of returns the run's layouts.
func (l *placing) of(r *run) *layout.Layouts {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.layouts == nil {
		l.layouts = layout.Open(probe.Dir(filepath.Join(r.server.path, filepath.FromSlash(r.id))))
		l.jobs = map[string]*placingJob{}
	}
	return l.layouts
}

// answer returns the layout of an epoch. If it is not there, the layouts are computed from the first epoch
// on, and the answer says how far that is. While a page is saved, the answer waits for the layout.
func (l *placing) answer(r *run, p *probe.Probe, method string, epoch int) (placed, error) {
	layouts := l.of(r)
	patience := time.After(placedPatience)
	if r.server.saving {
		patience = nil
	}
	for tries := 0; ; tries++ {
		if place, ok := layouts.At(p, method, epoch); ok {
			if place.Bad != "" {
				return placed{}, fmt.Errorf("%s: %s", r.id, place.Bad)
			}
			points := npy.Append(nil, place.Points)
			return placed{Epoch: epoch, Points: points, Explained: place.Explained}, nil
		}
		job := l.start(r, p, method, tries == 0)
		select {
		case <-job.done:
			job.mu.Lock()
			err := job.err
			job.mu.Unlock()
			if err != nil {
				return placed{}, fmt.Errorf("%s: %w", r.id, r.relative(err))
			}
			if _, ok := layouts.At(p, method, epoch); !ok && tries > 1 {
				return placed{}, fmt.Errorf("%s: the features after epoch %d change while they are read", r.id, epoch)
			}
		case <-time.After(20 * time.Millisecond):
			tries = min(tries, 1)
		case <-patience:
			return placed{Epoch: epoch, Pending: job.said(method)}, nil
		}
	}
}

// start starts the computation, unless one runs. again is whether one that has ended is repeated.
func (l *placing) start(r *run, p *probe.Probe, method string, again bool) *placingJob {
	layouts := l.of(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if job := l.jobs[method]; job != nil {
		select {
		case <-job.done:
			if !again {
				return job
			}
		default:
			return job
		}
	}
	job := &placingJob{done: make(chan struct{})}
	l.jobs[method] = job
	r.server.working.Add(1)
	go func() {
		defer r.server.working.Done()
		defer close(job.done)
		select {
		case placingTurn <- struct{}{}:
			defer func() { <-placingTurn }()
		case <-r.server.ended.Done():
			return
		}
		err := layouts.Follow(r.server.ended, p, method, func(now layout.Progress) {
			job.mu.Lock()
			defer job.mu.Unlock()
			job.now = now
		})
		job.mu.Lock()
		defer job.mu.Unlock()
		if job.err = err; context.Cause(r.server.ended) != nil {
			job.err = fmt.Errorf("the dashboard ends")
		}
	}()
	return job
}

// said says how far the computation is.
func (j *placingJob) said(method string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.now.Of == 0 {
		return "waiting for the layout of another run"
	}
	name := map[string]string{layout.ByPCA: "principal components", layout.ByUMAP: "UMAP"}[method]
	return fmt.Sprintf("%s: epoch %d of %d is being computed, %.0f %%", name, min(j.now.Done+1, j.now.Of), j.now.Of,
		100*j.now.Share)
}
