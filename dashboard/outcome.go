package dashboard

import (
	"path/filepath"
	"slices"
	"strings"

	"contralens/rundir"
)

// Accuracy is a top-1 accuracy in percent, after an epoch.
type Accuracy struct {
	Value float64 `json:"value"`
	Epoch int     `json:"epoch"`
}

// Accuracies are the k-NN accuracies of a run. That of the untrained network is no result,
// but what others compare with.
type Accuracies struct {
	Best      *Accuracy `json:"best"`      // of those after training; nil without one
	Last      *Accuracy `json:"last"`      // likewise
	Untrained *float64  `json:"untrained"` // percent; nil if unknown
	all       []Accuracy
}

// Evaluation is the best result of a protocol, or the last AP of a detector in training.
type Evaluation struct {
	Protocol string `json:"protocol"`
	Accuracy
	Run string `json:"run"` // the run of the classifier; empty: this run
}

// readResults takes the accuracies from results.jsonl, and from the last lines of
// metrics.jsonl for programs that write none.
func (r *run) readResults(s *Summary, lines []rundir.Metrics) {
	byEpoch := map[int]float64{}
	for _, l := range lines {
		if l.KNN != nil {
			byEpoch[int(l.Epoch)] = *l.KNN
		}
	}
	var tests []Evaluation // of the detector that this run trains
	for _, result := range rundir.LastResults[rundir.Result](folder{r}) {
		top1, ok := result.Metrics["top1"].(float64)
		detector := result.Protocol == rundir.DetectVOC || result.Protocol == rundir.DetectCOCO
		switch {
		case detector && result.Metrics["train_images"] != nil: // not those of detect eval, perhaps on other images
			if ap, ok := result.Metrics["AP"].(float64); ok {
				tests = append(tests, Evaluation{Protocol: "AP", Accuracy: Accuracy{ap, result.Epoch}})
			}
		case !ok:
		case result.Protocol != "knn":
			s.evaluated(Evaluation{Protocol: result.Protocol, Accuracy: Accuracy{top1, result.Epoch}})
			if result.Checkpoint != "" {
				s.encoder = filepath.Dir(result.Checkpoint)
			}
		case result.Metrics["standardized"] != true: // another measure
			byEpoch[result.Epoch] = top1
		}
	}
	s.Evaluations = append(s.Evaluations, tests[max(0, len(tests)-1):]...)
	for epoch, value := range byEpoch {
		s.KNN.all = append(s.KNN.all, Accuracy{value, epoch})
	}
	slices.SortFunc(s.KNN.all, func(a, b Accuracy) int { return a.Epoch - b.Epoch })
	for _, a := range s.KNN.all {
		if a.Epoch == 0 {
			s.KNN.Untrained = &a.Value
			continue
		}
		s.KNN.Last = &a
		if s.KNN.Best == nil || a.Value > s.KNN.Best.Value {
			s.KNN.Best = &a
		}
	}
}

// evaluated adds a result, if it is the best of its protocol.
func (s *Summary) evaluated(e Evaluation) {
	i := slices.IndexFunc(s.Evaluations, func(have Evaluation) bool { return have.Protocol == e.Protocol })
	if i < 0 {
		s.Evaluations = append(s.Evaluations, e)
	} else if e.Value > s.Evaluations[i].Value {
		s.Evaluations[i] = e
	}
}

// shareEvaluations adds the results of classifiers to the runs of their encoders. root is
// the absolute path of the directory of all runs.
func shareEvaluations(runs []Summary, root string) {
	for _, from := range runs {
		i := encoderOf(from, runs, root)
		if i < 0 || runs[i].ID == from.ID {
			continue
		}
		to := &runs[i]
		to.Evaluations = slices.Clone(to.Evaluations) // the run keeps its own
		for _, e := range from.Evaluations {
			e.Run = from.ID
			to.evaluated(e)
		}
	}
}

// evaluated adds the results of classifiers to the summary of a run, as far as the other
// runs have been looked at.
func (s *Server) evaluated(of Summary) Summary {
	runs := []Summary{of}
	for _, r := range s.all() {
		if r.id == of.ID {
			continue
		}
		r.mu.Lock()
		if r.summary != nil {
			runs = append(runs, *r.summary)
		}
		r.mu.Unlock()
	}
	shareEvaluations(runs, s.path)
	return runs[0]
}

// encoderOf returns the index of the run whose encoder a run evaluates, or -1. A path in
// results.jsonl may be relative, or older than the place of the runs. Then the run with
// the longest ID at the end of the path is meant.
func encoderOf(from Summary, runs []Summary, root string) int {
	best, path := -1, filepath.ToSlash(from.encoder)
	if path == "" {
		return best
	}
	for i, r := range runs {
		if from.encoder == filepath.Join(root, filepath.FromSlash(r.ID)) {
			return i
		}
		ends := path == r.ID || strings.HasSuffix(path, "/"+r.ID)
		if ends && (best < 0 || len(r.ID) > len(runs[best].ID)) {
			best = i
		}
	}
	return best
}
