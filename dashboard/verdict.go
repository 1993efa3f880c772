package dashboard

import (
	"time"

	"contralens/rundir"
)

const (
	// judging is how long the check of the files may diagnose runs. The rest waits for the
	// next check, so that many runs do not delay the page.
	judging = 60 * time.Millisecond
	// opinion is how long the diagnoses of a growing run stay.
	opinion = 10 * time.Second
)

// verdict has the diagnoses of a run for the overview.
type verdict struct {
	badges []Badge
	print  string // fingerprint of the files; empty: not diagnosed yet
	at     time.Time
}

// judge diagnoses runs for the next overview, the first rows first, which are seen first.
func (s *Server) judge(rows []Summary, now time.Time) {
	for _, row := range rows {
		if time.Since(now) > judging {
			return
		}
		if r, err := s.get(row.ID); err == nil {
			r.judge(now)
		}
	}
}

// judge diagnoses a run for the overview, if its files have changed since the last time.
func (r *run) judge(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.summary == nil || r.verdict.print == r.print || now.Sub(r.verdict.at) < opinion {
		return
	}
	r.verdict = verdict{badges: []Badge{}, print: r.print, at: now}
	about, err := rundir.ReadRecordFS(folder{r})
	if err != nil {
		return
	}
	source, err := r.scores()
	if err != nil || !r.summary.Scores {
		source = nil
		if r.metrics.refresh(folder{r}) != nil && len(r.metrics.series) == 0 {
			return
		}
	}
	for _, f := range Diagnose(r.evidence(about, source, r.summary.KNN.all)) {
		if f.Kind == "warning" || f.Kind == "hint" {
			r.verdict.badges = append(r.verdict.badges, Badge{f.Rule, f.Kind, f.Title})
		}
	}
}

// judged returns the summary with the last diagnoses.
func (r *run) judged(s Summary) Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.verdict.badges != nil {
		s.Badges = r.verdict.badges
	}
	return s
}
